"""The handlers as AWS calls them: Chalice's own test client, moto's S3 and SSM, the simulator over HTTP."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from chalice.test import Client

from chalicelib import __version__
from chalicelib.errors import ConsentExpired
from chalicelib.handlers import http, scheduled
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.time_and_chance import World
from simulator import DEVELOPMENT, EXTENDED, TOP_50, Fault, Simulator
from tests.conftest import Clock

from .chalice_local import chalice_local

ROOT = Path(__file__).parents[1]
LAKE = "s3://charts/lake"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
def deployed(simulator: Simulator, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with simulator.serve() as server:
        for name, value in {
            "CHARTLAKE_LAKE": LAKE,
            "CHARTLAKE_PLAYLISTS": f"{TOP_50}, {simulator.playlist_id('fifty')}",
            "CHARTLAKE_SECRET": "/chartlake/spotify",
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
        }.items():
            monkeypatch.setenv(name, value)
        secret = json.dumps({"client_id": EXTENDED.client_id, "client_secret": EXTENDED.client_secret})
        boto3.client("ssm").put_parameter(Name="/chartlake/spotify", Type="SecureString", Value=secret, Overwrite=True)
        monkeypatch.chdir(ROOT)
        from app import app

        with Client(app) as client:
            yield client


def daily(client: Client) -> Any:
    event = client.events.generate_cw_event(
        source="aws.events",
        detail_type="Scheduled Event",
        detail={},
        resources=["arn:aws:events:eu-west-1:123456789012:rule/chartlake-dev-daily-event"],
        region="eu-west-1",
    )
    return client.lambda_.invoke("daily", event).payload


def post(client: Client, body: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.http.post("/backfill", headers={"Content-Type": "application/json"}, body=data)


def snapshots() -> list[str]:
    return list(open_store(LAKE, World()).list(keys.SNAPSHOTS))


def test_the_scheduled_event_takes_todays_snapshots_once(deployed: Client, simulator: Simulator) -> None:
    first = daily(deployed)
    assert (first["complete"], first["published"]) == (True, 2)
    assert len(snapshots()) == 2
    asked = len(simulator.requests)
    second = daily(deployed)
    assert [one["already"] for one in second["snapshots"]] == [True, True]
    assert not any(request.path.startswith("/v1/") for request in simulator.requests[asked:])


def test_what_a_run_took_is_kept_in_lambda_only(deployed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    daily(deployed)
    assert open_store(LAKE, World()).get(keys.MEASURED) is None
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    monkeypatch.setenv("CHARTLAKE_PLAYLISTS", TOP_50)
    assert post(deployed, {"again": True}).status_code == 200
    kept = open_store(LAKE, World()).get(keys.MEASURED)
    assert kept
    (run,) = json.loads(kept.data)["runs"]
    assert (run["requests"], run["memory_mb"], 0 < run["seconds_in_playlists"] < run["seconds"]) == (1, 512, True)
    assert (run["pages"], 0 < run["seconds_in_pages"] < run["seconds"] - run["seconds_in_playlists"]) == (1, True)
    daily(deployed)
    assert open_store(LAKE, World()).get(keys.MEASURED) == kept, "a run that asked nothing tells nothing of a request"


def test_the_followed_playlists_may_stand_in_the_lake(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHARTLAKE_PLAYLISTS")
    text = f"\ufeff# mine\r\nhttps://open.spotify.com/playlist/{simulator.playlist_id('one')}?si=1\r\n"
    open_store(LAKE, World()).create(keys.PLAYLISTS, text.encode())
    assert [one["playlist_id"] for one in daily(deployed)["snapshots"]] == [simulator.playlist_id("one")]


def test_a_run_that_was_stopped_fails_so_that_the_alarm_rings(deployed: Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault.quota_exceeded(50_000))
    with pytest.raises(Exception, match="quota"):
        daily(deployed)


def test_a_wrong_link_fails_the_run_only_after_the_others_are_kept(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLAKE_PLAYLISTS", f"https://open.spotify.com/album/{'0' * 22},{TOP_50}")
    with pytest.raises(Exception, match=r"CHARTLAKE_PLAYLISTS: .*album"):
        daily(deployed)
    assert [one.removeprefix(keys.RAW).split("/")[0] for one in open_store(LAKE, World()).list(keys.RAW)] == [
        f"playlist_id={TOP_50}"
    ]
    assert keys.playlist_page(TOP_50) in pages()


def test_one_bad_playlist_does_not_fail_the_run(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLAKE_PLAYLISTS", f"{'0' * 22},{TOP_50}")
    found = daily(deployed)
    assert (found["complete"], [one["status"] for one in found["snapshots"]]) == (False, ["not_found", "ok"])


def pages() -> list[str]:
    """The index and the pages of playlists."""
    kept = open_store(LAKE, World()).list(keys.SITE)
    return [key for key in kept if key == keys.INDEX_PAGE or key.startswith("site/playlists/")]


def test_a_run_renders_the_pages_of_its_playlists_also_where_one_failed(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily(deployed)
    followed = [keys.playlist_page(one) for one in (TOP_50, simulator.playlist_id("fifty"))]
    assert pages() == [keys.INDEX_PAGE, *sorted(followed)]
    found = deployed.lambda_.invoke("extract", {"playlists": [simulator.playlist_id("one")]}).payload
    assert found["published"] == 1
    assert keys.playlist_page(simulator.playlist_id("one")) in pages()
    monkeypatch.setenv("CHARTLAKE_PLAYLISTS", f"{'0' * 22},{TOP_50}")
    daily(deployed)
    index = open_store(LAKE, World()).get(keys.INDEX_PAGE).data.decode()
    assert "Needs attention" in index
    assert "failed: not found" in index


def test_a_page_that_cannot_be_rendered_fails_no_run(deployed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr("chalicelib.report.site.render", broken)
    warned: list[str] = []
    monkeypatch.setattr(
        logging.getLogger("chalicelib.handlers.invocation"), "warning", lambda text, **more: warned.append(text)
    )
    assert daily(deployed)["complete"] is True
    assert pages() == []
    assert warned == ["the pages could not be rendered; the rows are not affected"]


def test_without_time_left_nothing_is_rendered_and_the_run_is_whole(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chartlake-dev-daily")
    assert scheduled.daily(lambda: 14_000)["complete"] is True
    assert pages() == []
    assert scheduled.daily(lambda: 600_000)["complete"] is True
    assert len(pages()) == 3


def test_backfill_takes_a_snapshot_and_answers_with_a_summary(deployed: Client, simulator: Simulator) -> None:
    link = f"https://open.spotify.com/playlist/{simulator.playlist_id('one')}?si=x"
    answer = post(deployed, {"playlists": [link]})
    assert answer.status_code == 200
    assert answer.json_body["snapshots"][0]["status"] == "ok"
    assert post(deployed, {"playlists": [link]}).json_body["snapshots"][0]["already"] is True
    assert post(deployed, {"playlists": [link], "again": True}).json_body["snapshots"][0]["already"] is False
    assert post(deployed, b"").json_body["published"] == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"playlist": [TOP_50]}, "'playlist'"),
        ({"playlists": TOP_50}, "'playlists'"),
        ({"playlists": []}, "'playlists'"),
        ({"playlists": [7]}, "'playlists'"),
        ({"playlists": ["nonsense"]}, "'nonsense'"),
        ({"again": "yes"}, "'again'"),
        ([TOP_50], "JSON object"),
        (b"{not json", "not JSON"),
        (b"[" * 60_000, "not JSON"),
    ],
)
def test_backfill_names_the_field_that_is_wrong(deployed: Client, simulator: Simulator, body: Any, words: str) -> None:
    answer = post(deployed, body)
    assert answer.status_code == 400
    assert words in answer.json_body["message"]
    assert answer.json_body["advice"]
    assert simulator.requests == []


def test_backfill_refuses_a_body_that_no_honest_caller_sends(deployed: Client, simulator: Simulator) -> None:
    answer = post(deployed, b" " * 65_537)
    assert (answer.status_code, "65536" in answer.json_body["message"]) == (413, True)
    assert simulator.requests == []


def test_backfill_passes_on_that_spotify_refuses(deployed: Client, simulator: Simulator) -> None:
    simulator.faults.add(Fault.premium_required(on="playlist", times=None))
    answer = post(deployed, {})
    assert (answer.status_code, answer.json_body["stopped"]) == (502, "PremiumRequired")
    assert "Premium" in answer.json_body["advice"]


def test_backfill_says_that_the_lake_cannot_be_used(deployed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", "s3://no-such-bucket-here/lake")
    answer = post(deployed, {})
    assert (answer.status_code, "Create the bucket" in answer.json_body["advice"]) == (503, True)


def test_no_answer_and_no_log_line_holds_a_secret(
    deployed: Client, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    secret = {"client_id": EXTENDED.client_id, "client_secret": "canary-secret", "refresh_token": "canary-token"}
    boto3.client("ssm").put_parameter(
        Name="/chartlake/canary", Type="SecureString", Value=json.dumps(secret), Overwrite=True
    )
    caplog.set_level("DEBUG")
    os.environ["CHARTLAKE_SECRET"] = "/chartlake/canary"  # the fixture's monkeypatch puts it back
    answers = [post(deployed, {}), deployed.http.get("/health")]
    assert [answer.status_code for answer in answers] == [502, 503]
    assert answers[0].json_body["stopped"] == "CredentialsRefused"
    assert "canary" not in "".join(answer.body.decode() for answer in answers).replace("/chartlake/canary", "")
    assert "canary" not in caplog.text.replace("/chartlake/canary", "")


def test_every_route_but_health_asks_for_iam(deployed: Client) -> None:
    from app import app

    routes = {(path, method): entry for path, methods in app.routes.items() for method, entry in methods.items()}
    assert {where for where, entry in routes.items() if entry.authorizer is None} == {("/health", "GET")}
    assert all(
        entry.authorizer.to_swagger()["x-amazon-apigateway-authtype"] == "awsSigv4"
        for entry in routes.values()
        if entry.authorizer
    )
    assert app.debug is False


def test_every_answer_of_every_route_forbids_what_a_browser_might_do_with_it(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import HEADERS, app
    from chalicelib.api import answers

    def break_down(*_: Any) -> None:
        raise RuntimeError("canary-in-the-traceback")

    for broken in (False, True):
        if broken:
            for view in (entry.view_name for methods in app.routes.values() for entry in methods.values()):
                monkeypatch.setattr(http if hasattr(http, view) else answers, view, break_down)
        for path, methods in app.routes.items():
            for method in methods:
                answer = deployed.http.request(method, path, headers={"Content-Type": "application/json"}, body=b"{}")
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS
                assert answer.headers["Cache-Control"].startswith("no-store" if broken else ("no-store", "private"))
                assert (answer.status_code == 500) is broken
                assert b"canary" not in answer.body


def test_version_says_which_chartlake_answers(deployed: Client) -> None:
    answer = deployed.http.get("/version")
    assert (answer.status_code, answer.json_body["chartlake"]) == (200, __version__)


def counted(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines() if line.startswith('{"_aws"')]


def test_a_run_counts_itself_in_the_metric_format_of_cloudwatch(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    daily(deployed)
    assert counted(capsys.readouterr().out) == []  # not asked for, so nothing to pay
    monkeypatch.setenv("CHARTLAKE_METRICS", "chartlake-prod")
    daily(deployed)
    (found,) = counted(capsys.readouterr().out)
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Chartlake", [["stack"]])
    # The format's own rules: a member for each dimension and each metric, numbers, milliseconds since 1970.
    assert found["stack"] == "chartlake-prod"
    named = [one["Name"] for one in directive["Metrics"]]
    assert {name: found[name] for name in named} == {"PlaylistsKept": 2, "PlaylistsFailed": 0, "RunsCompleted": 1}
    assert all(one["Unit"] in ("Count", "None") for one in directive["Metrics"])
    assert abs(found["_aws"]["Timestamp"] / 1000 - time.time()) < 60


def test_a_run_over_some_playlists_completes_no_day_and_a_stopped_one_neither(
    deployed: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARTLAKE_METRICS", "chartlake-prod")
    deployed.lambda_.invoke("extract", {"playlists": [TOP_50]})
    simulator.faults.add(Fault.quota_exceeded(50_000))
    with pytest.raises(Exception, match="quota"):
        daily(deployed)
    some, stopped = counted(capsys.readouterr().out)
    assert "RunsCompleted" not in some
    assert (stopped["RunsCompleted"], stopped["PlaylistsFailed"]) == (0, 1)
    # A first run by hand, right after the deployment, is over all of them.
    open_store(LAKE, World()).replace(keys.NOT_BEFORE, b"{}", open_store(LAKE, World()).get(keys.NOT_BEFORE).etag)
    deployed.lambda_.invoke("extract", {})
    assert [one["RunsCompleted"] for one in counted(capsys.readouterr().out)] == [1]


def ringing(metrics: dict[str, Any]) -> set[str]:
    """The stack's alarms on one value of a metric that these values set off."""
    found = set()
    for name, one in json.loads((ROOT / ".chalice" / "resources.json").read_text())["Resources"].items():
        alarm = one.get("Properties", {})
        if alarm.get("MetricName") in metrics and alarm["Namespace"] == "Chartlake":
            value, threshold = metrics[alarm["MetricName"]], alarm["Threshold"]
            sets_off = {
                "LessThanOrEqualToThreshold": value <= threshold,
                "GreaterThanOrEqualToThreshold": value >= threshold,
            }
            if sets_off[alarm["ComparisonOperator"]]:
                found.add(name)
    return found


def test_a_sign_in_is_warned_of_rung_for_ended_and_renewed(
    aws: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = Simulator(now=clock.now)

    def sign_in() -> None:
        app = {"client_id": DEVELOPMENT.client_id, "client_secret": DEVELOPMENT.client_secret}
        consent = {"refresh_token": simulator.refresh_token(app=DEVELOPMENT), "consented_at": str(clock.now().date())}
        boto3.client("ssm").put_parameter(
            Name="/chartlake/moved", Type="SecureString", Value=json.dumps(app | consent), Overwrite=True
        )

    def run() -> dict[str, Any]:
        try:
            scheduled.daily(lambda: 900_000, clock.world())
        finally:
            (found,) = counted(capsys.readouterr().out)
            told.append((found["ConsentDaysLeft"], found["RunsCompleted"], ringing(found)))
        return found

    told: list[tuple[int, int, set[str]]] = []
    with simulator.serve() as server:
        for name, value in {
            "CHARTLAKE_LAKE": f"{LAKE}/moved",
            "CHARTLAKE_PLAYLISTS": simulator.playlist_id("one"),
            "CHARTLAKE_SECRET": "/chartlake/moved",
            "CHARTLAKE_METRICS": "chartlake-prod",
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
        }.items():
            monkeypatch.setenv(name, value)
        sign_in()
        run()
        clock.advance(days=170)
        run()
        clock.advance(days=15)
        with pytest.raises(ConsentExpired, match="sign-in has ended"):
            run()
        sign_in()
        run()
    month, fortnight, days = "ConsentEndsInAMonth", "ConsentEndsInAFortnight", "ConsentEndsInDays"
    assert told == [
        (180, 1, set()),
        (10, 1, {month, fortnight}),
        (-5, 0, {month, fortnight, days, "PlaylistsFailed"}),
        (180, 1, set()),
    ]
    kept = Lake(open_store(f"{LAKE}/moved", clock.world()), clock.world())
    last = kept.snapshots(simulator.playlist_id("one"), clock.now().year)[-1]
    assert (last["snapshot_date"], last["status"]) == (clock.now().date(), "ok"), "the next run makes up for the day"


def test_health_tells_fresh_or_stale_and_nothing_else(deployed: Client) -> None:
    answer = deployed.http.get("/health")
    assert (answer.status_code, answer.json_body) == (503, {"status": "stale", "age_hours": None})
    daily(deployed)
    answer = deployed.http.get("/health")
    assert (answer.status_code, answer.json_body["status"], set(answer.json_body)) == (
        200,
        "fresh",
        {"status", "age_hours"},
    )
    assert answer.json_body["age_hours"] < 1
    tomorrow = World(now=lambda: datetime.now(UTC) + timedelta(hours=27))
    assert http.health(tomorrow).status == 503


def test_health_of_a_broken_lake_is_stale_and_tells_no_details(
    deployed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", "s3://no-such-bucket-here/lake")
    answer = deployed.http.get("/health")
    assert (answer.status_code, answer.json_body) == (503, {"status": "stale", "age_hours": None})


def test_a_wrong_schedule_is_refused_before_anything_is_deployed() -> None:
    environment = os.environ | {"CHARTLAKE_SCHEDULE": "every day"}
    found = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert found.returncode != 0
    assert "CHARTLAKE_SCHEDULE='every day'" in found.stderr
    assert "rate(1 day)" in found.stderr


def test_a_secret_that_is_not_there_is_explained(deployed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_SECRET", "/chartlake/nothing")
    answer = post(deployed, {})
    assert answer.status_code == 502
    assert "put-parameter" in answer.json_body["advice"]


def test_each_playlist_and_each_run_is_one_json_line(deployed: Client, simulator: Simulator) -> None:
    code = "import app, chalicelib.handlers.scheduled as s; s.daily(lambda: 900_000)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in found.stderr.splitlines()]
    ours = [line for line in lines if line["logger"] == "chalicelib.snapshots.pipeline"]
    assert [line["message"].split(" ")[0] for line in ours] == ["snapshot", "snapshot", "run"]
    assert (ours[0]["playlist_id"], ours[0]["status"], ours[0]["entry_count"]) == (TOP_50, "ok", 50)
    assert (ours[2]["complete"], ours[2]["published"], ours[2]["level"]) == (True, 2, "INFO")


def test_chalice_local_serves_the_same_routes_over_http(simulator: Simulator, tmp_path: Path) -> None:
    with simulator.serve() as server:
        environment = {
            "CHARTLAKE_LAKE": str(tmp_path / "lake"),
            "CHARTLAKE_PLAYLISTS": TOP_50,
            "SPOTIFY_API_URL": server.api_url,
            "SPOTIFY_ACCOUNTS_URL": server.accounts_url,
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
        }
        with chalice_local(environment, tmp_path / "log") as url:
            assert requests.get(f"{url}/health", timeout=10).status_code == 503
            answer = requests.post(f"{url}/backfill", json={}, timeout=60)
            assert (answer.status_code, answer.json()["snapshots"][0]["entry_count"]) == (200, 50)
            assert requests.get(f"{url}/health", timeout=10).json()["status"] == "fresh"
            assert requests.post(f"{url}/backfill", json={"x": 1}, timeout=10).status_code == 400
            found = requests.get(f"{url}/playlists/{TOP_50}/chart", timeout=10)
            assert len(found.json()["entries"]) == 50
            held = {"If-None-Match": found.headers["ETag"]}
            again = requests.get(f"{url}/playlists/{TOP_50}/chart", headers=held, timeout=10)
            assert (again.status_code, again.content) == (304, b"")
            # A web page's own name may lead to this machine too; then its script may read what is answered.
            for path in ("health", f"playlists/{TOP_50}/chart"):
                rebound = requests.get(f"{url}/{path}", headers={"Host": "evil.example:8000"}, timeout=10)
                assert (rebound.status_code, rebound.json()["message"]) == (
                    403,
                    "This address is no name of this machine.",
                )
                assert "127.0.0.1" in rebound.json()["advice"]
                assert rebound.headers["X-Content-Type-Options"] == "nosniff"
            assert requests.get(f"{url}/version", headers={"Host": "localhost:8000"}, timeout=10).status_code == 200
