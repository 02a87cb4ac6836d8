"""chartlake on AWS: what starts when, and which function of `chalicelib` it starts. Nothing else."""

import os
from collections.abc import Callable
from typing import Any

from chalice import Chalice, IAMAuthorizer, Response
from chalice.app import CloudWatchEvent

from chalicelib import logs, service
from chalicelib.settings import parse_schedule, upload_pattern

# Chalice's own logging swallows INFO of every logger below the app's name; Lambda's JSON logging is better.
app = Chalice(app_name="chartlake", configure_logs=False)
logs.configure()

SCHEDULE = parse_schedule(os.environ.get("CHARTLAKE_SCHEDULE") or "rate(1 day)")
UPLOADS = upload_pattern(os.environ.get("CHARTLAKE_LAKE", ""))
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
}


# Every day (or as CHARTLAKE_SCHEDULE says, in UTC): today's snapshot of every followed playlist. Running it twice, or
# Lambda retrying it, skips what is there.
@app.schedule(SCHEDULE)
def daily(event: CloudWatchEvent) -> dict:
    return service.daily(event.context.get_remaining_time_in_millis)


# A history file was dropped below imports/ in the lake: into the tables with it. What became of it is told in
# state/imports/<key>.json. S3 tells EventBridge of it (the bucket must be set to), and may tell twice.
@app.on_cw_event(UPLOADS)
def upload(event: CloudWatchEvent) -> dict:
    return service.upload(event.detail, event.context.get_remaining_time_in_millis)


# What POST /backfill cannot finish within API Gateway's 29 seconds; also `chalice invoke -n extract`.
@app.lambda_function(name="extract")
def extract(event: dict, context) -> dict:
    return service.extract(event or {}, context.get_remaining_time_in_millis)


# Take snapshots now: {"playlists": ["<id, URI or link>", …], "again": false}; or rebuild tables from raw: {"mode":
# "replay", "playlists": […], "from": "2026-11-01", "to": "2026-11-30"}. All optional; with a "key" it is done once.
@app.route("/backfill", methods=["POST"], authorizer=IAMAuthorizer(), content_types=["application/json"])
def backfill() -> Response:
    return _response(service.backfill(app.current_request.raw_body, app.lambda_context.get_remaining_time_in_millis))


# How far a run of POST /backfill is, and what came of it.
@app.route("/runs/{run_id}", methods=["GET"], authorizer=IAMAuthorizer())
def run(run_id: str) -> Response:
    return _response(service.run(run_id))


# Fresh or stale: public, so it tells nothing of what is followed.
@app.route("/health", methods=["GET"])
def health() -> Response:
    return _response(service.health())


# Which chartlake answers here.
@app.route("/version", methods=["GET"], authorizer=IAMAuthorizer())
def version() -> Response:
    return _response(service.version())


# Every answer of every route, Chalice's own refusals and failures too.
@app.middleware("http")
def secure(event: Any, get_response: Callable[[Any], Response]) -> Response:
    response = get_response(event)
    response.headers.update(HEADERS)
    return response


def _response(answer: service.Answer) -> Response:
    return Response(body=answer.body, status_code=answer.status, headers={"Content-Type": "application/json"})
