"""chartlake on AWS: what starts when, and which function of `chalicelib` it starts. Nothing else."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from chalice import Chalice, IAMAuthorizer, Response
from chalice.app import CloudWatchEvent, SQSEvent

from chalicelib import logs
from chalicelib.api import answers
from chalicelib.handlers import http, lists, scheduled, uploads, worker
from chalicelib.settings import parse_schedule, upload_pattern

# Chalice's own logging swallows INFO of every logger below the app's name; Lambda's JSON logging is better.
app = Chalice(app_name="chartlake", configure_logs=False)
logs.configure()

SCHEDULE = parse_schedule(os.environ.get("CHARTLAKE_SCHEDULE") or "rate(1 day)")
UPLOADS = upload_pattern(os.environ.get("CHARTLAKE_LAKE", ""))
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000",
    "X-Content-Type-Options": "nosniff",
}


# Every day (or as CHARTLAKE_SCHEDULE says, in UTC): today's snapshot of every followed playlist. Running it twice, or
# Lambda retrying it, skips what is there.
@app.schedule(SCHEDULE)
def daily(event: CloudWatchEvent) -> dict:
    return scheduled.daily(event.context.get_remaining_time_in_millis, event_id=event.to_dict()["id"])


# With a queue the scheduled job only fills it, and these workers take the lists out; see docs/deploy.md. Chalice cannot
# tell Lambda which messages of a batch failed, so a batch is one message here, and ten in .chalice/queue.json.
if QUEUE := os.environ.get("CHARTLAKE_QUEUE"):

    @app.on_sqs_message(queue=QUEUE, batch_size=1, maximum_concurrency=4, name="lists")
    def take_lists(event: SQSEvent) -> dict:
        return lists.lists(event.to_dict(), event.context.get_remaining_time_in_millis)


# A history file was dropped below imports/ in the lake: into the tables with it. What became of it is told in
# state/imports/<key>.json. S3 tells EventBridge of it (the bucket must be set to), and may tell twice.
@app.on_cw_event(UPLOADS)
def upload(event: CloudWatchEvent) -> dict:
    return uploads.upload(event.detail, event.context.get_remaining_time_in_millis)


# What POST /backfill cannot finish within API Gateway's 29 seconds; also `chalice invoke -n extract`.
@app.lambda_function(name="extract")
def extract(event: dict, context) -> dict:
    return worker.extract(event or {}, context.get_remaining_time_in_millis)


# Take snapshots now: {"playlists": ["<id, URI or link>", …], "again": false}; or rebuild tables from raw: {"mode":
# "replay", "playlists": […], "from": "2026-11-01", "to": "2026-11-30"}. All optional; with a "key" it is done once.
@app.route("/backfill", methods=["POST"], authorizer=IAMAuthorizer(), content_types=["application/json"])
def backfill() -> Response:
    return _response(http.backfill(app.current_request.raw_body, app.lambda_context.get_remaining_time_in_millis))


# How far a run of POST /backfill is, and what came of it.
@app.route("/runs/{run_id}", methods=["GET"], authorizer=IAMAuthorizer())
def run(run_id: str) -> Response:
    return _response(http.run(run_id))


# Fresh or stale: public, so it tells nothing of what is followed.
@app.route("/health", methods=["GET"])
def health() -> Response:
    return _response(http.health())


# Which chartlake answers here.
@app.route("/version", methods=["GET"], authorizer=IAMAuthorizer())
def version() -> Response:
    return _response(http.version())


# What is kept, and how fresh it is.
@app.route("/playlists", methods=["GET"], authorizer=IAMAuthorizer())
def playlists() -> Response:
    return _response(answers.playlists(_asked()))


# A list on a day: ?date=, without it on its newest known one.
@app.route("/playlists/{playlist_id}/chart", methods=["GET"], authorizer=IAMAuthorizer())
def chart(playlist_id: str) -> Response:
    return _response(answers.chart(_asked(playlist_id=playlist_id)))


# Which days of a list are known, and why the others are not.
@app.route("/playlists/{playlist_id}/coverage", methods=["GET"], authorizer=IAMAuthorizer())
def coverage(playlist_id: str) -> Response:
    return _response(answers.coverage(_asked(playlist_id=playlist_id)))


# A track's time on every list, or on ?playlist=.
@app.route("/tracks/{track_id}/history", methods=["GET"], authorizer=IAMAuthorizer())
def history(track_id: str) -> Response:
    return _response(answers.history(_asked(track_id=track_id)))


# An artist across lists.
@app.route("/artists/{artist_id}", methods=["GET"], authorizer=IAMAuthorizer())
def artist(artist_id: str) -> Response:
    return _response(answers.artist(_asked(artist_id=artist_id)))


# What became of a list: ?playlist=&from=&to=.
@app.route("/compare", methods=["GET"], authorizer=IAMAuthorizer())
def compare() -> Response:
    return _response(answers.compare(_asked()))


# What happened, on the newest known day or ?since=&until=: of all lists, or of ?playlist=.
@app.route("/events", methods=["GET"], authorizer=IAMAuthorizer())
def events() -> Response:
    return _response(answers.events(_asked()))


# A link to the page, good for an hour.
@app.route("/report", methods=["GET"], authorizer=IAMAuthorizer())
def report() -> Response:
    return _response(answers.report(_asked()))


# All of these routes, for machines.
@app.route("/openapi.json", methods=["GET"], authorizer=IAMAuthorizer())
def openapi() -> Response:
    return _response(answers.openapi(_asked()))


# Every answer of every route, Chalice's own refusals and failures too.
@app.middleware("http")
def secure(event: Any, get_response: Callable[[Any], Response]) -> Response:
    refused = http.refusal_of_host(event.headers.get("host", ""))
    response = _response(refused) if refused else get_response(event)
    response.headers = {"Cache-Control": "no-store", **response.headers, **HEADERS}
    return response


def _asked(**path: str) -> answers.Request:
    # Neither API Gateway nor Chalice decodes what stands in the path: https://github.com/aws/chalice/issues/511
    request = app.current_request
    query = request.query_params or {}
    return answers.Request(
        {name: unquote(text) for name, text in path.items()},
        {name: query.getlist(name) for name in query},
        request.headers.get("if-none-match", ""),
    )


def _response(answer: http.Answer) -> Response:
    headers = {"Content-Type": "application/json", **answer.headers}
    return Response(body=answer.body, status_code=answer.status, headers=headers)
