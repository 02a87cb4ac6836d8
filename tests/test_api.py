"""What is answered over HTTP: figures, pages, tags, and words for what is wrong."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import boto3
import pytest
import requests
from chalice.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.analysis.charts import open_charts
from chalicelib.api import answers, schemas
from chalicelib.api.answers import Request
from chalicelib.api.openapi import document
from chalicelib.handlers.http import Answer
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.store import ObjectStore

from .conftest import Clock, put_entries
from .test_imports import CHART, write
from .test_lake import row

ROOT = Path(__file__).parents[1]
LIST, OTHER = "p" * 22, "q" * 22
TODAY = date(2026, 11, 23)
LAMBDA_TAKES = 6_291_556
HOSTILE = '"<script>\\ עברית \u202e🎵' * 20


def day(number: int) -> date:
    """Day 1, 2, … of the lists here; day 6 is today."""
    return TODAY + timedelta(days=number - 6)


def item_id(code: str) -> str:
    return code.rjust(22, "x")


def uri(code: str) -> str:
    return f"spotify:track:{item_id(code)}"


def song(code: str, /, **facts: Any) -> dict[str, Any]:
    base = {"item_type": "track", "name": code, "artists": [{"id": "a", "name": "Ann"}], "is_local": False}
    return base | {"item_id": item_id(code), "uri": uri(code)} | facts


def keep(lake: Lake, on: date, *songs: dict[str, Any] | str, playlist_id: str = LIST) -> None:
    """Make these the list of that day."""
    moment = datetime(on.year, on.month, on.day, 6, tzinfo=UTC)
    captured = {"captured_at": moment.isoformat(), "capture_id": str(on), "source": "spotify"}
    rows = [
        dict.fromkeys(ENTRIES)
        | {"snapshot_date": on.isoformat(), "playlist_id": playlist_id, "position": position}
        | (song(one) if isinstance(one, str) else one)
        | captured
        for position, one in enumerate(songs, 1)
    ]
    key = put_entries(lake, playlist_id, on, moment, "spotify", rows)
    facts = {"playlist_id": playlist_id, "name": f"List {playlist_id[0]}", "entries_key": key}
    lake.put_snapshot(row(day=on, captured_at=moment, entry_count=len(songs), total=len(songs), **facts))


def keep_some_days(lake: Lake) -> None:
    """Two known days, one that failed, one that nobody tried, and two known ones again."""
    keep(lake, day(1), "A", "B", "C")
    keep(lake, day(2), "B", "A", "D")
    lake.put_snapshot(row("unavailable", day(3), playlist_id=LIST, reason="Spotify answered 502."))
    keep(lake, day(5), "D", song("C", added_at="2026-11-20T08:30:00Z"), "A")
    keep(lake, day(6), "D", "A", "E")


class Api:
    """The routes of one lake, asked at one moment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, ask: Any, tag: str = "", *, path: dict[str, str] | None = None, **query: Any) -> Answer:
        texts = {name.rstrip("_"): [str(value)] for name, value in query.items()}
        answer: Answer = ask(Request(path or {}, texts, tag), self.clock.world())
        return answer

    def read(self, ask: Any, **asked: Any) -> dict[str, Any]:
        answer = self(ask, **asked)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = json.loads(str(answer.body))
        return found

    def pages(self, ask: Any, **asked: Any) -> list[dict[str, Any]]:
        found = [self.read(ask, **asked)]
        while cursor := found[-1]["next_cursor"]:
            found.append(self.read(ask, cursor=cursor, **asked))
        return found


@pytest.fixture
def api(lake: Lake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("CHARTLAKE_LAKE", lake.store.locate(""))
    return Api(clock)


@pytest.fixture
def http(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The routes as Chalice serves them."""
    monkeypatch.chdir(ROOT)
    from app import app

    with Client(app) as client:
        yield client


def on(playlist_id: str = LIST) -> dict[str, str]:
    return {"playlist_id": playlist_id}


# What is told.


def test_a_chart_tells_what_moved_what_came_back_and_what_left(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    found = api.read(answers.chart, path=on(), date=day(5))
    assert (found["snapshot_date"], found["previous_date"], found["gap_days"]) == (str(day(5)), str(day(2)), 2)
    told = [
        (one["position"], one["name"], one["change"], one["movement"], one["peak_position"]) for one in found["entries"]
    ]
    assert told == [(1, "D", "up", 2, 1), (2, "C", "re-entry", None, 2), (3, "A", "down", -1, 1)]
    assert [(one["name"], one["last_position"], one["days"]) for one in found["leavers"]] == [("B", 1, 2)]
    assert found["entries"][1]["added_at"] == "2026-11-20T08:30:00Z"
    assert (found["playlist"]["name"], found["playlist"]["last_date"], found["next_cursor"]) == (
        "List p",
        str(TODAY),
        None,
    )


def test_without_a_day_the_newest_known_one_is_told(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    assert api.read(answers.chart, path=on())["snapshot_date"] == str(TODAY)
    lake.put_snapshot(row("forbidden", TODAY + timedelta(days=1), playlist_id=LIST))
    api.clock.advance(days=1)
    assert api.read(answers.chart, path=on())["snapshot_date"] == str(TODAY)


def test_every_list_is_told_with_what_is_kept_of_it(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    keep(lake, day(4), "A", playlist_id=OTHER)
    first, second = api.read(answers.playlists)["playlists"]
    assert (first["playlist_id"], first["name"], first["last_date"], first["days_known"], first["days_failed"]) == (
        *(LIST, "List p", str(TODAY)),
        *(4, 1),
    )
    assert (second["playlist_id"], second["last_date"], second["entry_count"]) == (OTHER, str(day(4)), 1)


def test_coverage_tells_every_day_and_why_it_is_not_known(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    found = api.read(answers.coverage, path=on())
    assert [one["status"] for one in found["days"]] == ["ok", "ok", "unavailable", "missed", "ok", "ok"]
    assert found["counts"] == {"ok": 4, "unavailable": 1, "missed": 1}
    assert found["days"][2]["reason"] == "Spotify answered 502."
    assert found["days"][0]["captured_at"] == f"{day(1)}T06:00:00Z"


def test_two_days_are_compared(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    found = api.read(answers.compare, playlist=LIST, from_=day(1), to=day(6))
    assert (found["from_date"], found["to_date"], found["unknown_days"]) == (str(day(1)), str(day(6)), 2)
    assert [(one["name"], one["change"], one["from_position"], one["to_position"]) for one in found["items"]] == [
        ("D", "entered", None, 1),
        ("A", "down", 1, 2),
        ("E", "entered", None, 3),
        ("B", "left", 2, None),
        ("C", "left", 3, None),
    ]


def test_what_happened_is_told_of_the_newest_day_or_of_others(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    keep(lake, day(5), "X", playlist_id=OTHER)
    keep(lake, day(6), "Y", playlist_id=OTHER)

    def told(**asked: Any) -> list[tuple[Any, ...]]:
        found = api.read(answers.events, **asked)["events"]
        names = ("playlist_name", "kind", "name", "snapshot_date", "after_date", "number")
        return [tuple(one[name] for name in names) for one in found]

    newest, before = str(day(6)), str(day(5))
    assert told(playlist=LIST) == [
        ("List p", "entered", "E", newest, before, None),
        ("List p", "left", "C", newest, before, None),
        ("List p", "moved", "A", newest, before, 1),
    ]
    assert told(kind="entered") == [
        ("List p", "entered", "E", newest, before, None),
        ("List q", "entered", "Y", newest, before, None),
    ]
    # Somewhere between the second day and the fifth.
    assert told(playlist=LIST, since=day(3), until=day(5), kind="left") == [
        ("List p", "left", "B", before, str(day(2)), None)
    ]
    assert told(playlist=LIST, since=day(1), kind="gap_began") == [
        ("List p", "gap_began", None, str(day(3)), str(day(2)), 2)
    ]
    # Places between two known days, whatever lies between them.
    assert told(playlist=LIST, since=day(1), kind="moved", min_move=2) == [
        ("List p", "moved", "D", before, str(day(2)), 2)
    ]


def relinked(lake: Lake) -> None:
    """A recording under two ids on two lists, and other songs around it, one of which shares its title."""
    first = song("one", name="Song", isrc="GBAYE6800011")
    second = song("two", name="Song", isrc="gb-aye-68-00011")
    keep(lake, day(1), "A", first, song("double", name="Song"))
    keep(lake, day(2), second, "A")
    keep(lake, day(5), song("two", name="Song"), first)
    keep(lake, day(1), "B", playlist_id=OTHER)
    keep(
        lake, day(2), second, song("file", name="My song", uri=None, item_id=None, item_type="local"), playlist_id=OTHER
    )


@pytest.mark.parametrize(
    "name",
    [
        *("GBAYE6800011", "gb-aye-68-00011", item_id("one"), uri("two")),
        f"https://open.spotify.com/track/{item_id('two')}?si=1",
    ],
)
def test_a_track_is_found_by_every_name_it_has_under_all_of_its_ids(lake: Lake, api: Api, name: str) -> None:
    relinked(lake)
    found = api.read(answers.history, path={"track_id": name})
    assert found["track"]["track_key"] == "GBAYE6800011"
    assert [one["playlist"]["playlist_id"] for one in found["playlists"]] == [LIST, OTHER]
    places = [[(one["snapshot_date"], one["position"]) for one in one["positions"]] for one in found["playlists"]]
    assert places == [[(str(day(1)), 2), (str(day(2)), 1), (str(day(5)), 1)], [(str(day(2)), 1)]]
    # Read from fewer rows, it is what all of the lake tells.
    with open_charts(lake, TODAY) as charts:
        (track,) = (one for one in charts.find_tracks("Song") if one["track_key"] == "GBAYE6800011")
        assert charts.history(track).to_json() == {key: found[key] for key in ("track", "playlists")}


def test_a_track_may_be_asked_for_on_one_list_alone(lake: Lake, api: Api) -> None:
    relinked(lake)
    everywhere = api.read(answers.history, path={"track_id": "GBAYE6800011"})
    only = api.read(answers.history, path={"track_id": "GBAYE6800011"}, playlist=OTHER)
    assert only["playlists"] == everywhere["playlists"][1:]


@pytest.mark.parametrize("name", ["a", "Ann", "spotify:artist:" + "a" * 22])
def test_an_artist_is_told_by_id_by_key_and_by_uri_alone(lake: Lake, api: Api, name: str) -> None:
    key = name.removeprefix("spotify:artist:")
    known = {"id": key if key != "Ann" else None, "name": "Ann"}
    keep(lake, day(1), "A", song("B", artists=[{"id": "x", "name": "Annabel"}]))
    keep(lake, day(5), song("D", artists=[known]), "C")
    keep(lake, day(5), song("E", artists=[known]), playlist_id=OTHER)
    found = api.read(answers.artist, path={"artist_id": name})
    assert found["artist"]["artist_key"] == key
    seen = [[one["name"] for one in listing["runs"]] for listing in found["playlists"]]
    assert seen == ([["A", "C", "D"], ["E"]] if name == "a" else [["D"], ["E"]])
    assert found["first_seen"]["is_certain"] is False
    assert api(answers.artist, path={"artist_id": "Annabe"}).status == 404


def test_a_file_of_the_users_is_found_by_its_key(lake: Lake, api: Api) -> None:
    relinked(lake)
    found = api.read(answers.history, path={"track_id": "local:Ann:My song"})
    assert (found["track"]["name"], found["track"]["uri"]) == ("My song", None)


def test_ids_come_percent_encoded(lake: Lake, http: Client, tmp_path: Path) -> None:
    list(import_path(lake, write(tmp_path, day(1))))
    for name in (CHART, quote(CHART, safe="")):
        assert http.http.get(f"/playlists/{name}/chart").json_body["playlist"]["playlist_id"] == CHART
    found = http.http.get(f"/playlists/{quote(CHART, safe='')}/chart?{urlencode({'date': day(1), 'limit': 2})}")
    assert [one["streams"] for one in found.json_body["entries"]] == [1000, 1000]
    first = found.json_body["entries"][0]["uri"]
    assert http.http.get(f"/tracks/{quote(first, safe='')}/history").json_body["track"]["uri"] == first


def test_names_are_told_as_they_are(lake: Lake, http: Client) -> None:
    keep(lake, day(1), song("x", name=HOSTILE))
    answer = http.http.get(f"/playlists/{LIST}/chart")
    assert answer.json_body["entries"][0]["name"] == HOSTILE
    assert answer.headers["Content-Type"] == "application/json"


# What is wrong is named.


@pytest.mark.parametrize(
    ("path", "words", "advice"),
    [
        ("/playlists?limit=0", "Parameter 'limit': '0'", "500"),
        ("/playlists?limit=1001", "Parameter 'limit': '1001'", "500"),
        ("/playlists?limit=ten", "Parameter 'limit': 'ten'", "500"),
        ("/playlists?limit=5&limit=6", "Parameter 'limit' is given more than once", "50"),
        ("/playlists?date=2026-11-23", "Unknown parameter 'date'", "'cursor', 'limit'"),
        ("/playlists?cursor=next", "Parameter 'cursor': 'next'", "next_cursor"),
        (f"/playlists/{LIST}/chart?date=23.11.2026", "Parameter 'date': '23.11.2026'", "2026-11-23"),
        (f"/playlists/{LIST}/chart?date=2026-02-30", "Parameter 'date': '2026-02-30'", "2026-11-23"),
        (f"/playlists/{LIST}/chart?date=", "Parameter 'date': ''", "2026-11-23"),
        (f"/playlists/{LIST}/chart?day=2026-11-23", "Unknown parameter 'day'", "'cursor', 'date', 'limit'"),
        ("/playlists/top50/chart", "Parameter 'playlist_id': 'top50'", "chart:regional-global-daily"),
        (
            "/playlists/chart%3ATop 50/coverage",
            "Parameter 'playlist_id': 'chart:Top 50'",
            "chart:regional-global-daily",
        ),
        ("/playlists/spotify:album:1/coverage", "is a link to an album", "chart:regional-global-daily"),
        ("/tracks/Yesterday/history", "Parameter 'track_id': 'Yesterday'", "GBAYE6800011"),
        (f"/artists/spotify:album:{LIST}", "is a link to album, not to artist", "spotify:artist:"),
        (f"/tracks/{LIST}/history?playlist=x", "Parameter 'playlist': 'x'", "chart:regional-global-daily"),
        (f"/compare?playlist={LIST}&from=2026-11-23", "Parameter 'to' is missing", "2026-11-23"),
        ("/compare?from=2026-11-22&to=2026-11-23", "Parameter 'playlist' is missing", "37i9dQ"),
        ("/events?kind=gone", "Parameter 'kind': 'gone'", "entered"),
        ("/events?min_move=0", "Parameter 'min_move': '0'", "5"),
        ("/report?days=3", "Unknown parameter 'days'", "takes none"),
        ("/openapi.json?format=yaml", "Unknown parameter 'format'", "takes none"),
    ],
)
def test_a_wrong_parameter_is_named_with_a_right_value(http: Client, path: str, words: str, advice: str) -> None:
    answer = http.http.get(path)
    assert (answer.status_code, answer.json_body["error"]) == (400, "BadSetting")
    assert words in answer.json_body["message"]
    assert advice in answer.json_body["advice"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"/playlists/{OTHER}/chart", f"playlist {OTHER} is not in the lake"),
        (f"/playlists/{OTHER}/coverage", f"playlist {OTHER} is not in the lake"),
        (f"/playlists/{LIST}/chart?date={day(3)}", f"{day(3)} is not known: unavailable (Spotify answered 502.)"),
        (f"/playlists/{LIST}/chart?date={day(4)}", f"{day(4)} is not known: missed"),
        (f"/playlists/{LIST}/chart?date=2020-01-01", "outside of what was followed"),
        (f"/playlists/{LIST}/chart?date=9999-12-31", "outside of what was followed"),
        (f"/compare?playlist={LIST}&from={day(1)}&to={day(4)}", f"{day(4)} is not known"),
        (f"/events?playlist={OTHER}", "No day of any of these lists is known"),
        (f"/artists/{OTHER}", f"artist {OTHER} was never seen on any list"),
        ("/tracks/GBAYE6800011/history", "track GBAYE6800011 was never seen on any list"),
        (f"/tracks/{quote('spotify:track:A')}/history?playlist={LIST}", f"never seen on playlist {LIST}"),
    ],
)
def test_what_is_not_kept_is_named(lake: Lake, http: Client, path: str, words: str) -> None:
    keep_some_days(lake)
    answer = http.http.get(path)
    assert (answer.status_code, answer.json_body["error"]) == (404, "NotKept")
    assert words in answer.json_body["message"]
    assert answer.json_body["advice"]


def test_a_song_of_that_title_is_not_the_track_of_that_name(lake: Lake, api: Api) -> None:
    keep(lake, day(1), song("x", name="GBAYE6800011 (remix)"))
    assert api(answers.history, path={"track_id": "GBAYE6800011"}).status == 404


def test_the_days_around_an_unknown_one_are_told(lake: Lake, http: Client) -> None:
    keep_some_days(lake)
    answer = http.http.get(f"/playlists/{LIST}/chart?date={day(4)}")
    assert f"{day(2)} and {day(5)}" in answer.json_body["advice"]


def test_a_list_of_which_no_day_is_known_says_why(lake: Lake, api: Api) -> None:
    lake.put_snapshot(row("not_found", day(1), playlist_id=LIST, reason="Spotify answered 404."))
    answer = api(answers.chart, path=on())
    assert (answer.status, "Spotify answered 404." in answer.body["message"]) == (404, True)


def test_a_lake_that_fails_is_no_fault_of_the_callers(
    lake: Lake, http: Client, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_some_days(lake)
    key = keys.snapshots(LIST, 2026)
    lake.store.replace(key, b"no Parquet", lake.store.get(key).etag)
    answer = http.http.get(f"/playlists/{LIST}/chart")
    assert (answer.status_code, answer.json_body["error"]) == (500, "DamagedFile")
    monkeypatch.setenv("CHARTLAKE_LAKE", "s3://no-such-bucket-here/lake")
    answer = http.http.get(f"/playlists/{LIST}/chart")
    assert (answer.status_code, "Create the bucket" in answer.json_body["advice"]) == (503, True)
    monkeypatch.setenv("CHARTLAKE_LAKE", "gs://elsewhere")
    answer = http.http.get("/playlists")
    assert (answer.status_code, "CHARTLAKE_LAKE" in answer.json_body["message"]) == (500, True)


def test_a_list_too_large_for_an_answers_time_is_refused(lake: Lake, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_some_days(lake)
    monkeypatch.setattr(answers, "MOST_ENTRIES", 11)
    answer = api(answers.chart, path=on())
    assert (answer.status, answer.body["error"], "12 entries" in answer.body["message"]) == (422, "TooLarge", True)
    monkeypatch.setattr(answers, "MOST_ENTRIES", 12)
    assert api(answers.chart, path=on()).status == 200


# What did not change is not sent again.


def test_what_the_caller_has_already_is_not_sent_again(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    first = api(answers.chart, path=on())
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for held in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api(answers.chart, held, path=on())
        assert (again.status, again.body, again.headers) == (304, "", first.headers)
    assert api(answers.chart, '"other"', path=on()).status == 200
    keep(lake, TODAY, "E", "A", "D")
    changed = api(answers.chart, tag, path=on())
    assert (changed.status, changed.headers["ETag"] == tag) == (200, False)


def test_not_modified_reaches_the_caller_through_chalice(lake: Lake, http: Client) -> None:
    keep_some_days(lake)
    first = http.http.get(f"/playlists/{LIST}/coverage")
    again = http.http.get(f"/playlists/{LIST}/coverage", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.body) == (304, b"")
    assert again.headers["Cache-Control"] == "private, no-cache"


def test_only_days_that_are_over_may_be_kept_for_a_while(lake: Lake, api: Api) -> None:
    keep_some_days(lake)

    def kept(ask: Any, **asked: Any) -> str:
        return api(ask, **asked).headers["Cache-Control"]

    closed, open_ = "private, max-age=3600", "private, no-cache"
    assert kept(answers.chart, path=on(), date=day(5)) == closed
    assert kept(answers.chart, path=on(), date=TODAY) == open_
    # Kept for an hour it would go on with a cursor that an import may have made another answer's.
    assert kept(answers.chart, path=on(), date=day(5), limit=1) == open_
    assert kept(answers.chart, path=on()) == open_
    assert kept(answers.compare, playlist=LIST, from_=day(5), to=day(1)) == closed
    assert kept(answers.compare, playlist=LIST, from_=TODAY, to=day(1)) == open_
    assert kept(answers.coverage, path=on()) == kept(answers.playlists) == open_
    assert kept(answers.history, path={"track_id": uri("A")}) == open_
    assert kept(answers.artist, path={"artist_id": "a"}) == open_
    api.clock.advance(days=1)
    assert kept(answers.chart, path=on(), date=TODAY) == closed


# Pages.


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_pages_hold_what_one_answer_would_in_its_order(lake: Lake, api: Api, limit: int) -> None:
    keep_some_days(lake)
    keep(lake, day(2), "A", playlist_id=OTHER)
    for ask, parts, asked in (
        (answers.playlists, ["playlists"], {}),
        (answers.chart, ["entries", "leavers"], {"path": on(), "date": day(5)}),
        (answers.coverage, ["days"], {"path": on()}),
        (answers.compare, ["items"], {"playlist": LIST, "from_": day(1), "to": day(6)}),
        (answers.history, ["playlists"], {"path": {"track_id": uri("A")}}),
        (answers.artist, ["playlists"], {"path": {"artist_id": "a"}}),
        (answers.events, ["events"], {"since": day(1)}),
    ):
        whole, pages = api.read(ask, **asked), api.pages(ask, limit=limit, **asked)
        sizes = [sum(len(page[part]) for part in parts) for page in pages]
        assert set(sizes[:-1]) <= {limit}
        assert 0 < sizes[-1] <= limit
        for part in parts:
            assert [one for page in pages for one in page[part]] == whole[part]
        facts = [{name: value for name, value in page.items() if name not in (*parts, "next_cursor")} for page in pages]
        assert all(one == facts[0] for one in facts)


def test_pages_of_two_different_answers_are_never_put_together(lake: Lake, api: Api) -> None:
    keep_some_days(lake)
    cursor = api.read(answers.chart, path=on(), limit=2)["next_cursor"]
    keep(lake, TODAY, "E", "A", "D", "F")
    answer = api(answers.chart, path=on(), limit=2, cursor=cursor)
    assert (answer.status, answer.body["error"]) == (409, "AnswerChanged")
    assert "without the cursor" in answer.body["advice"]
    other_day = api(answers.chart, path=on(), date=day(1), cursor=cursor)
    assert other_day.status == 409


def test_lists_can_be_paged_while_a_run_brings_them_up_to_date(lake: Lake, api: Api) -> None:
    for name in "abc":
        keep(lake, day(5), "A", playlist_id=name * 22)
    first = api.read(answers.playlists, limit=1)
    keep(lake, TODAY, "A", playlist_id="c" * 22)
    second = api.read(answers.playlists, limit=2, cursor=first["next_cursor"])
    assert [one["playlist_id"][0] for one in second["playlists"]] == ["b", "c"]


def test_no_page_is_larger_than_lambda_answers(lake: Lake, http: Client) -> None:
    songs = [song(str(number), name=HOSTILE, album_name=HOSTILE * 5) for number in range(1_500)]
    keep(lake, day(1), *songs)
    keep(lake, day(2), "A")
    sizes, names = [], []
    for on_day, part in ((day(1), "entries"), (day(2), "leavers")):
        query: dict[str, Any] = {"date": on_day, "limit": 1000}
        while query.get("cursor", "first"):
            answer = http.http.get(f"/playlists/{LIST}/chart?{urlencode(query)}")
            # What the function gives to Lambda: the body as a text in JSON, at worst in ASCII.
            sizes.append(len(json.dumps({"body": answer.body.decode(), "headers": answer.headers})))
            names += [one["item_id"] for one in answer.json_body[part]]
            query["cursor"] = answer.json_body["next_cursor"]
    assert max(sizes) < LAMBDA_TAKES
    assert names == [one["item_id"] for one in songs] * 2


# What it costs, and where the page is.


@pytest.fixture
def s3_calls() -> Iterator[Counter[str]]:
    """How often each operation of S3 was asked for, whoever asked."""
    counted: Counter[str] = Counter()

    def count(event_name: str, **_: Any) -> None:
        counted[event_name.rsplit(".", 1)[-1]] += 1

    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("before-send.s3.*", count)
    yield counted
    boto3.DEFAULT_SESSION.events.unregister("before-send.s3.*", count)


def keep_a_year(lake: Lake) -> None:
    """365 days of fifty songs, up to today."""
    days = [TODAY - timedelta(days=ago) for ago in range(365)]
    moments = {one: datetime(one.year, one.month, one.day, 6, tzinfo=UTC) for one in days}
    rows = [
        dict.fromkeys(ENTRIES)
        | {"snapshot_date": str(one), "playlist_id": LIST, "position": position, "source": "spotify"}
        | song(str((position + one.toordinal() // 7) % 80))
        | {"captured_at": moments[one].isoformat(), "capture_id": str(one)}
        for one in days
        for position in range(1, 51)
    ]
    placed = lake.put_days(LIST, {one: rank("spotify", moments[one]) for one in days}, rows).keys
    for year in {one.year for one in days}:
        of_year = [one for one in days if one.year == year]
        facts = {"playlist_id": LIST, "entry_count": 50, "total": 50}
        commits = [row(day=one, captured_at=moments[one], entries_key=placed[one], **facts) for one in of_year]
        lake.put_snapshots(LIST, year, commits)


@pytest.mark.parametrize("address", ["s3"], indirect=True)
def test_a_year_of_a_top_50_is_answered_with_at_most_six_gets(
    store: ObjectStore, address: str, clock: Clock, s3_calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_a_year(Lake(store, clock.world()))
    monkeypatch.setenv("CHARTLAKE_LAKE", address)
    for ask, asked in (
        (answers.chart, {"path": on()}),
        (answers.coverage, {"path": on()}),
        (answers.compare, {"playlist": LIST, "from_": day(1), "to": day(6)}),
        (answers.history, {"path": {"track_id": uri("7")}}),
        (answers.history, {"path": {"track_id": uri("7")}, "playlist": LIST}),
        (answers.artist, {"path": {"artist_id": "a"}}),
        (answers.playlists, {}),
        (answers.events, {"playlist": LIST, "since": TODAY}),
    ):
        s3_calls.clear()
        assert Api(clock).read(ask, **asked)
        assert set(s3_calls) <= {"GetObject", "ListObjectsV2"}
        assert 0 < s3_calls["GetObject"] <= 6, (ask.__name__, s3_calls)
        assert s3_calls["ListObjectsV2"] <= 3


def test_the_page_is_reached_by_a_link_that_ends_within_the_hour(
    store: ObjectStore, address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", address)
    api = Api(clock)
    missing = api(answers.report)
    assert (missing.status, missing.body["error"]) == (404, "NotKept")
    assert "chartlake report" in missing.body["advice"]
    store.create(keys.INDEX_PAGE, b'<!doctype html><a href="playlists/one.html">charts</a>')
    store.create("site/playlists/one.html", b"<!doctype html>")
    answer = api(answers.report)
    found = json.loads(str(answer.body))
    assert answer.headers == {}  # so it is "no-store": whoever holds the link needs no signature
    assert found["expires_at"] == "2026-11-23T13:00:00Z"
    # The pages cannot be read by their own names, so the links to them are signed too.
    index = opened(found["url"]).decode()
    assert opened(unescape(index.split('href="')[1].split('"')[0])) == b"<!doctype html>"


def opened(url: str) -> bytes:
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path)).read_bytes()
    assert "X-Amz-Expires=3600" in url
    answer = requests.get(url, timeout=10)
    answer.raise_for_status()
    return answer.content


# The description.


def test_the_description_is_openapi_and_covers_exactly_the_routes(http: Client) -> None:
    from app import app

    served = http.http.get("/openapi.json")
    assert served.json_body == document()
    assert list(OpenAPIV31SpecValidator(served.json_body).iter_errors()) == []
    described = {
        (path, method.upper()): operation
        for path, methods in served.json_body["paths"].items()
        for method, operation in methods.items()
    }
    there = {(path, method): entry for path, methods in app.routes.items() for method, entry in methods.items()}
    assert set(described) == set(there)
    for where, operation in described.items():
        assert (operation.get("security") == []) is (there[where].authorizer is None), where
        in_path = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert in_path == set(there[where].view_args)
    names = [operation["operationId"] for operation in described.values()]
    assert len(set(names)) == len(names)


def test_every_schema_is_used_and_every_column_of_the_views_has_a_meaning() -> None:
    text = json.dumps(document())
    assert {f"#/components/schemas/{name}" for name in document()["components"]["schemas"]} == set(
        re.findall(r"#/components/schemas/\w+", text)
    )
    told = {
        name
        for kind in schemas.row_types()
        for name, schema in document()["components"]["schemas"][kind]["properties"].items()
        if "description" not in schema
    }
    assert told <= set(ENTRIES) | set(SNAPSHOTS)


def test_the_documents_name_every_route_and_parameter() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            (line,) = (one for one in text.splitlines() if one.startswith(f"| `{method.upper()} {path}` |"))
            in_query = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
            assert all(f"`{name}`" in line for name in in_query)
    examples = re.findall(r"`'?(/[^`]*?)'?`", text.split("\n## On your machine\n", 1)[1].split("\n## ", 1)[0])
    assert len(examples) > 5
    for name in examples:
        assert any(re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), name.split("?")[0]) for path in document()["paths"])
