"""Answers that say something against themselves, or of which nobody knows what they mean: never a kept day."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import request

from chalicelib.history.importing import import_path
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import Status
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from chalicelib.spotify.entries import Page
from chalicelib.spotify.reader import LONGEST_LIST, ROUNDS
from simulator import GRANDFATHERED, TOP_50, Fault

from .test_extract import Rig, rig

__all__ = ["rig"]

TODAY = date(2026, 11, 23)
Json = dict[str, Any]


def entry(number: int, **facts: Any) -> Json:
    identity = f"{number:022}"
    track = {"id": identity, "uri": f"spotify:track:{identity}", "name": f"Song {number}", "type": "track"}
    return {"added_at": "2026-11-01T00:00:00Z", "track": track | facts}


def answer(entries: list[Any], playlist_id: str = TOP_50, total: int | None = None, **page: Any) -> Json:
    contents = {"items": entries, "offset": 0, "total": len(entries) if total is None else total} | page
    return {"id": playlist_id, "name": "Top 50", "snapshot_id": "s", "owner": {"id": "spotify"}, "tracks": contents}


FIFTY = [entry(number) for number in range(1, 51)]


def served(rig: Rig, body: Any, **facts: Any) -> Any:
    """What becomes of a day on which Spotify answers so, and of the lake."""
    rig.simulator.faults.clear()
    rig.simulator.faults.add(Fault("body", on="playlist", times=None, body=json.dumps(body)))
    return rig.one(**facts)


def raw_of(lake: Lake, row: Json) -> str:
    found = lake.store.get(row["raw_key"])
    assert found is not None
    return gzip.decompress(found.data).decode()


def all_raw(lake: Lake) -> list[str]:
    return [gzip.decompress(lake.read_raw(key)).decode() for *_, key in lake.raw_keys()]


# Entries that have lost their identity.

LOST: dict[str, Callable[[Json], Any]] = {
    "only its length": lambda track: {"type": "track", "duration_ms": 1000},
    "nothing": lambda track: {},
    "renamed keys": lambda track: {f"track_{name}": value for name, value in track.items()},
    "renamed but for the name": lambda track: {"trackId": track["id"], "trackUri": track["uri"], "name": track["name"]},
    "a wrapper": lambda track: {"track": track},
    "numbers": lambda track: track | {"id": 7, "uri": 8},
    "without id": lambda track: {name: value for name, value in track.items() if name != "id"},
    "without uri": lambda track: {name: value for name, value in track.items() if name != "uri"},
}


@pytest.mark.parametrize("share", [50, 1], ids=["all", "one"])
@pytest.mark.parametrize("first_day", [False, True], ids=["later", "first"])
@pytest.mark.parametrize("lost", LOST, ids=list(LOST))
def test_an_entry_whose_identity_is_not_understood_is_never_a_kept_day(
    rig: Rig, lost: str, first_day: bool, share: int
) -> None:
    if not first_day:
        assert served(rig, answer(FIFTY)).status == Status.OK
        rig.clock.advance(days=1)
    changed = [one | {"track": LOST[lost](one["track"])} for one in FIFTY[:share]]
    for _ in range(3):
        # Said twice it is no better understood.
        outcome = served(rig, answer(changed + FIFTY[share:]))
        assert (outcome.status, outcome.error.kind) == (Status.SUSPECT, "UnknownShape")
        assert TOP_50 in outcome.row["reason"]
        assert rig.lake.entries(TOP_50, outcome.snapshot_date) == []
        rig.clock.advance(days=1)
    assert "added_at" in raw_of(rig.lake, outcome.row)
    assert verify(rig.lake).findings == ()


def in_pages(rig: Rig, songs: list[Any], size: int = 50) -> None:
    """Let Spotify embed 50 of these, and give the others in pages of that size."""

    class Pages:
        def take(self, place: str, playlist: str | None) -> list[Fault]:
            if place == "token":
                return []
            if place == "playlist":
                return [Fault("body", body=json.dumps(answer(songs[:50], total=len(songs))))]
            offset = int(request.args["offset"])
            found = page(songs[offset : offset + size], offset=offset, total=len(songs))
            return [Fault("body", body=json.dumps(found))]

    rig.simulator.faults = Pages()  # type: ignore[assignment]


@pytest.mark.parametrize("lost", ["renamed keys", "numbers"])
def test_an_entry_that_is_not_understood_far_down_a_long_list_leaves_all_its_answers_in_raw(
    rig: Rig, lost: str
) -> None:
    songs = [entry(number) for number in range(1, 181)]
    songs[120] = songs[120] | {"track": LOST[lost](songs[120]["track"])}
    in_pages(rig, songs)
    outcome = rig.one()
    assert (outcome.status, outcome.error.kind) == (Status.SUSPECT, "UnknownShape")
    answers = json.loads(raw_of(rig.lake, outcome.row))["answers"]
    assert len(answers) == 5
    assert [json.loads(one["body"])["items"] for one in answers[1:4]] == [songs[50:100], songs[100:150], songs[150:]]
    row = rig.lake.snapshot(TOP_50, TODAY)
    replay(rig.lake, rig.clock.world(1))
    assert rig.lake.snapshot(TOP_50, TODAY) == row


def test_a_defect_that_a_long_list_meets_leaves_its_answers_in_raw(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(page: Page) -> None:
        raise ZeroDivisionError

    in_pages(rig, [entry(number) for number in range(1, 101)])
    monkeypatch.setattr(Page, "gist", broken)
    outcome = rig.one()
    assert not outcome.published
    assert "defect" in outcome.error.advice
    assert [len(json.loads(raw)["answers"]) for raw in all_raw(rig.lake)] == [3]


def test_pages_that_overlap_are_one_list(rig: Rig) -> None:
    songs = [entry(number) for number in range(1, 181)]
    in_pages(rig, songs, size=70)
    assert rig.one().status == Status.OK
    assert rig.names("top-50") == [f"Song {number}" for number in range(1, 181)]
    assert verify(rig.lake).findings == ()


GONE: dict[str, Callable[[Json], Any]] = {
    "null": lambda track: None,
    "half dead": lambda track: track | {"id": None, "uri": None, "name": ""},
    "only a name": lambda track: track | {"id": None, "uri": None},
}


@pytest.mark.parametrize("first_day", [False, True], ids=["later", "first"])
@pytest.mark.parametrize("gone", GONE, ids=list(GONE))
def test_a_list_that_loses_most_of_its_identity_is_believed_when_it_is_said_again(
    rig: Rig, gone: str, first_day: bool
) -> None:
    if not first_day:
        assert served(rig, answer(FIFTY)).status == Status.OK
        rig.clock.advance(days=1)
    changed = answer([one | {"track": GONE[gone](one["track"])} for one in FIFTY[:26]] + FIFTY[26:])
    outcome = served(rig, changed)
    assert outcome.status == Status.SUSPECT
    assert "of 50 slots 26" in outcome.row["reason"]
    for _ in range(3):
        assert served(rig, changed).status == Status.OK
        rig.clock.advance(days=1)
    assert verify(rig.lake).findings == ()


def test_half_of_a_list_may_be_gone(rig: Rig) -> None:
    assert served(rig, answer([{"track": None}] * 25 + FIFTY[25:])).status == Status.OK


# Proofs.


def in_two(items: Json, tracks: Json) -> Json:
    body = answer([])
    return body | {"items": items, "tracks": tracks}


def page(entries: list[Any], **facts: Any) -> Json:
    return {"items": entries, "offset": 0, "total": len(entries)} | facts


CONTRADICTIONS: dict[str, Json] = {
    "offset 5": answer(FIFTY, offset=5),
    "offset 5 of 55": answer(FIFTY, offset=5, total=55),
    "offset -5": answer(FIFTY, offset=-5),
    "offset as text": answer(FIFTY, offset="5"),
    "another id": answer(FIFTY, playlist_id="9" * 22),
    "an id that is a number": answer(FIFTY) | {"id": 9},
    "10 beside 50": in_two(page(FIFTY[:10]), page(FIFTY)),
    "50 beside 10": in_two(page(FIFTY), page(FIFTY[:10])),
    "none beside 50": in_two(page([]), page(FIFTY)),
    "none beside a count of 50": in_two(page([]), {"href": "x", "total": 50}),
    "another order": in_two(page(FIFTY), page(FIFTY[::-1])),
    "another place": in_two(page(FIFTY), page(FIFTY, offset=1)),
    "two songs in one entry": answer([FIFTY[0] | {"item": FIFTY[1]["track"]}]),
    "10 million": answer(FIFTY, total=10**7),
    "a thousand million": answer(FIFTY, total=10**9),
    "less than none": answer([], total=-1),
    "no total": answer(FIFTY, total=None) | {"tracks": {"items": FIFTY}},
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
@pytest.mark.parametrize("first_day", [False, True], ids=["later", "first"])
def test_an_answer_that_contradicts_itself_is_suspect_and_kept(rig: Rig, case: str, first_day: bool) -> None:
    if not first_day:
        assert served(rig, answer(FIFTY)).status == Status.OK
        rig.clock.advance(days=1)
    asked = rig.asked()
    for _ in range(2):
        outcome = served(rig, CONTRADICTIONS[case])
        assert (outcome.status, outcome.error.kind) == (Status.SUSPECT, "UnknownShape")
    assert rig.asked() - asked == 2
    assert json.dumps(CONTRADICTIONS[case])[1:40].replace('"', '\\"') in raw_of(rig.lake, outcome.row)
    assert rig.lake.entries(TOP_50, outcome.snapshot_date) == []
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize("case", ["offset 5", "another id", "10 beside 50"])
def test_a_long_list_is_not_called_unchanged_by_an_answer_that_contradicts_itself(rig: Rig, case: str) -> None:
    rig.one("hundred-and-one")
    rig.clock.advance(days=1)
    body = CONTRADICTIONS[case] | {"snapshot_id": rig.lake.snapshot(rig.id("hundred-and-one"), TODAY)["snapshot_id"]}
    if case != "another id":
        body["id"] = rig.id("hundred-and-one")
    body["tracks"] = body["tracks"] | {"total": 101}
    assert served(rig, body, name="hundred-and-one").status == Status.SUSPECT


def test_both_names_of_one_list_are_one_list(rig: Rig) -> None:
    assert served(rig, in_two(page(FIFTY), page(FIFTY))).row["entry_count"] == 50
    rig.simulator.faults.clear()
    rig.sign_in(GRANDFATHERED)
    assert rig.one("hundred-and-one").status == Status.OK


@pytest.mark.parametrize("case", ["10 beside 50", "none beside 50", "another order"])
def test_a_saved_answer_that_contradicts_itself_is_refused(rig: Rig, tmp_path: Path, case: str) -> None:
    saved = tmp_path / f"saved-{TODAY}.json"
    saved.write_text(json.dumps(CONTRADICTIONS[case]))
    (imported,) = import_path(rig.lake, saved)
    assert imported.error is not None
    assert (saved.name in imported.error.message, "two different lists" in imported.error.message) == (True, True)
    assert rig.lake.entries(TOP_50, TODAY) == []


def test_the_closing_check_is_about_the_same_playlist(rig: Rig) -> None:
    name = "hundred-and-one"
    body = json.dumps({"id": "9" * 22, "snapshot_id": "x"})
    rig.simulator.faults.add(Fault("body", on="playlist", after=1, times=None, body=body))
    assert not rig.one(name).published


@pytest.mark.parametrize(("total", "believed"), [(LONGEST_LIST, True), (LONGEST_LIST + 1, False)])
def test_a_total_is_believed_up_to_a_bound_that_no_list_meets(rig: Rig, total: int, believed: bool) -> None:
    rig.simulator.faults.add(Fault("status", on="items", times=None, status=404))
    assert (served_pages(rig, total) > 0) is believed


def served_pages(rig: Rig, total: int) -> int:
    rig.simulator.faults.add(Fault("body", on="playlist", times=None, body=json.dumps(answer(FIFTY, total=total))))
    rig.one()
    return rig.asked(f"/v1/playlists/{TOP_50}/items")


@pytest.mark.parametrize(("entries", "status"), [(10, Status.OK), (1, Status.INCOMPLETE)])
def test_short_pages_are_read_on_but_not_for_ever(rig: Rig, entries: int, status: Status) -> None:
    songs = [entry(number) for number in range(1, 101)]
    in_pages(rig, songs, size=entries)
    outcome = rig.one()
    assert outcome.status == status
    assert rig.asked(f"/v1/playlists/{TOP_50}/items") <= 4 * ROUNDS


# Statuses.

KINDS = {
    400: ("NotFound", "not_found"),
    401: ("CredentialsRefused", "forbidden"),
    403: ("NotReadable", "forbidden"),
    404: ("NotFound", "not_found"),
    408: ("SpotifyUnavailable", "unavailable"),
    429: ("RateLimited", "deferred"),
}


def meaning_of(status: int) -> tuple[str, str]:
    return (
        ("SpotifyUnavailable", "unavailable") if status >= 500 else KINDS.get(status, ("UnexpectedStatus", "suspect"))
    )


@pytest.mark.parametrize("status", range(201, 600))
def test_every_status_has_an_error_with_its_number_its_words_and_its_evidence(rig: Rig, status: int) -> None:
    words = {"error": {"status": status, "message": "Words of\nSpotify"}}
    rig.simulator.faults.add(Fault("status", on="playlist", times=None, status=status, body=words))
    outcome = rig.one()
    assert outcome.error is not None
    assert (outcome.error.kind, str(outcome.status)) == meaning_of(status)
    assert (str(status) in outcome.error.message, bool(outcome.error.advice)) == (True, True)
    if status not in (204, 304):
        assert "“Words of Spotify”" in outcome.error.message
    if outcome.status == Status.SUSPECT:
        assert TOP_50 in outcome.error.message
        assert f'"status": {status}' in raw_of(rig.lake, outcome.row)
    assert verify(rig.lake).findings == ()


@pytest.mark.parametrize("status", [204, 304, 405, 410, 418, 422, 451])
def test_an_unexpected_status_is_one_lists_trouble_on_every_page_and_replays_to_the_same(rig: Rig, status: int) -> None:
    name = "hundred-and-one"
    rig.simulator.faults.add(
        Fault("status", on="items", times=None, status=status, body="Words", playlist=rig.id(name))
    )
    run = rig.extract(name, "fifty")
    assert [str(one.status) for one in run.outcomes] == ["suspect", "ok"]
    assert run.stopped is None
    assert replay(rig.lake, rig.clock.world()).changed == ()
    rig.simulator.faults.clear()
    assert rig.one(name).status == Status.OK


@pytest.mark.parametrize("location", [None, "", "/v1/playlists/x", "http://127.0.0.1:9/", "//", "gopher://x"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_nowhere_is_told_with_its_status(rig: Rig, status: int, location: str | None) -> None:
    headers = {} if location is None else {"Location": location}
    rig.simulator.faults.add(Fault("status", times=None, on="playlist", status=status, body="Moved", headers=headers))
    outcome = rig.one()
    assert outcome.error is not None
    if location != "/v1/playlists/x":
        assert (outcome.error.kind, outcome.status) == ("UnexpectedStatus", Status.SUSPECT)
        assert str(status) in outcome.error.message
        assert f'"status": {status}' in raw_of(rig.lake, outcome.row)
    assert rig.asked() <= 5


# Words.


@pytest.mark.parametrize(
    "words",
    [
        "Check settings on developer.spotify.com/dashboard, the user may not be registered.",
        "User not registered in the Developer Dashboard",
        "User not approved for app",
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_user_who_may_not_be_registered_stops_the_run(rig: Rig, words: str, as_json: bool) -> None:
    body = {"error": {"status": 403, "message": words}} if as_json else words
    rig.simulator.faults.add(Fault("status", on="playlist", times=None, status=403, body=body))
    run = rig.extract("fifty", "one", "top-50")
    assert run.stopped is not None
    assert (run.stopped.kind, rig.asked()) == ("CredentialsRefused", 2)
    assert "User Management" in run.stopped.advice
    assert words in run.stopped.message


PASSING = [
    Fault.premium_required(),
    Fault("status", status=403, body={"error": {"status": 403, "message": "Premium required"}}),
    Fault.not_registered(),
    Fault("status", status=401, body={"error": {"status": 401, "message": "Missing/invalid/expired access token"}}),
    Fault("status", status=401, body={"error": {"status": 401, "message": "Permissions missing"}}),
    Fault(
        "status", status=400, body={"error": {"status": 400, "message": "Only valid bearer authentication supported"}}
    ),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.status}-{str(fault.body)[:12]}")
@pytest.mark.parametrize("on", ["playlist", "items"])
def test_a_refusal_of_the_whole_app_is_asked_about_once_more(rig: Rig, fault: Fault, on: str) -> None:
    rig.simulator.faults.add(Fault(**{**fault.__dict__, "on": on}))
    run = rig.extract("hundred-and-one", "fifty")
    assert run.complete


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.status}-{str(fault.body)[:12]}")
def test_a_refusal_of_the_whole_app_that_is_said_twice_ends_the_run(rig: Rig, fault: Fault) -> None:
    rig.simulator.faults.add(Fault(**{**fault.__dict__, "times": 2, "on": "playlist"}))
    run = rig.extract("fifty", "one")
    assert run.stopped is not None
    assert (run.stopped.stops_run, [str(one.status) for one in run.outcomes]) == (True, ["forbidden"] * 2)
    assert rig.asked() == 2


def test_a_refused_token_does_not_confirm_a_lapsed_subscription(rig: Rig) -> None:
    rig.simulator.faults.add(Fault("status", on="playlist", status=401))
    rig.simulator.faults.add(Fault.premium_required(on="playlist"))
    assert rig.one("fifty").status == Status.OK
