"""The simulator as somebody meets it over HTTP."""

from __future__ import annotations

import ast
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from click.testing import CliRunner

import simulator
from simulator import DEVELOPMENT, EXTENDED, GRANDFATHERED, TOP_50, VIRAL_50, App, Fault, Simulator
from simulator.__main__ import main
from simulator.faults import parse_fault
from simulator.server import Server

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class World:
    """A running simulator with a clock to turn and a client for each app."""

    def __init__(self, **options: Any) -> None:
        self.now = NOON
        self.slept: list[float] = []
        self.sim = Simulator(now=lambda: self.now, sleep=self.slept.append, **options)
        self.server: Server = self.sim.serve()

    def token(self, app: App = EXTENDED, refresh_token: str | None = None, **form: str) -> requests.Response:
        form = form or {"grant_type": "client_credentials"}
        if refresh_token:
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        url = f"{self.server.accounts_url}/api/token"
        return requests.post(url, data=form, auth=(app.client_id, app.client_secret), timeout=5)

    def headers(self, app: App = EXTENDED, user: str | None = None) -> dict[str, str]:
        answer = self.token(app, self.sim.refresh_token(user, app) if user else None)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **query: str | int) -> requests.Response:
        headers = self.headers() if headers is None else headers
        return requests.get(f"{self.server.api_url}/{path}", params=query, headers=headers, timeout=5)

    def playlist(self, name: str, headers: dict[str, str] | None = None, **query: str | int) -> Any:
        return self.get(f"playlists/{self.sim.playlist_id(name)}", headers, **query).json()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    with world.server:
        yield world


def message(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


def song_ids(playlist: dict[str, Any]) -> list[str | None]:
    return [(entry["track"] or {}).get("id") for entry in playlist["tracks"]["items"]]


# --- accounts


def test_an_access_token_dies_after_its_lifetime(world: World) -> None:
    headers = world.headers()
    world.now += timedelta(seconds=3599)
    assert world.get(f"playlists/{TOP_50}", headers).status_code == 200
    world.now += timedelta(seconds=1)
    assert message(world.get(f"playlists/{TOP_50}", headers)) == (401, "Missing/invalid/expired access token")
    assert world.get(f"playlists/{TOP_50}", world.headers()).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_no_answer_without_a_token(world: World, headers: dict[str, str]) -> None:
    assert world.get(f"playlists/{TOP_50}", headers).status_code == 401


def test_a_refresh_token_lives_six_calendar_months_from_consent(world: World) -> None:
    token = world.sim.refresh_token(consented_at=datetime(2026, 8, 31, 12, tzinfo=UTC))
    world.now = datetime(2027, 2, 28, 11, 59, 59, tzinfo=UTC)
    assert world.token(DEVELOPMENT, token).status_code == 200
    world.now = datetime(2027, 2, 28, 12, tzinfo=UTC)
    answer = world.token(DEVELOPMENT, token)
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "Refresh token expired"}


def test_a_refresh_brings_no_new_refresh_token_and_belongs_to_its_app(world: World) -> None:
    token = world.sim.refresh_token(app=DEVELOPMENT)
    assert "refresh_token" not in world.token(DEVELOPMENT, token).json()
    assert world.token(GRANDFATHERED, token).json()["error"] == "invalid_grant"
    world.sim.revoke(token)
    assert world.token(DEVELOPMENT, token).json()["error_description"] == "Refresh token revoked"


@pytest.mark.parametrize(
    ("app", "form", "expected"),
    [
        (App("f" * 32, "x", ""), {}, {"error": "invalid_client", "error_description": "Invalid client"}),
        (
            App(EXTENDED.client_id, "x", ""),
            {},
            {"error": "invalid_client", "error_description": "Invalid client secret"},
        ),
        (App("", "", ""), {}, {"error": "invalid_client"}),
        (EXTENDED, {"grant_type": "password"}, None),
    ],
)
def test_token_endpoint_errors(world: World, app: App, form: dict[str, str], expected: dict[str, str] | None) -> None:
    answer = world.token(app, **form)
    assert answer.status_code == 400
    if expected:
        assert answer.json() == expected
    else:
        assert answer.json()["error"] == "unsupported_grant_type"


# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
CALLBACK = "http://127.0.0.1:9/callback"


def authorize(world: World, answer: str = "", **changes: str) -> requests.Response:
    """The consent page, or what a person's answer on it brings."""
    asked = {"client_id": DEVELOPMENT.client_id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s&1"}
    url = f"{world.server.accounts_url}/authorize"
    query = asked | {"scope": "playlist-read-private"} | changes
    if not answer:
        return requests.get(url, params=query, timeout=5)
    return requests.post(url, params=query, data={"answer": answer}, timeout=5, allow_redirects=False)


def sent_back(answer: requests.Response) -> dict[str, str]:
    assert answer.status_code == 303
    address, _, query = answer.headers["Location"].partition("?")
    assert address == CALLBACK
    return dict(parse_qsl(query))


def test_a_consent_gives_tokens_for_its_scopes_once(world: World) -> None:
    page = authorize(world)
    assert "(simulated)" in page.text
    assert "Agree" in page.text
    found = sent_back(authorize(world, "agree"))
    assert found["state"] == "s&1"
    form = {"grant_type": "authorization_code", "code": found["code"], "redirect_uri": CALLBACK}
    tokens = world.token(DEVELOPMENT, **form).json()
    assert tokens["scope"] == "playlist-read-private"
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert world.get("me", headers).json()["id"] == "listener"
    assert world.token(DEVELOPMENT, tokens["refresh_token"]).json()["scope"] == "playlist-read-private"
    assert world.token(DEVELOPMENT, **form).json()["error"] == "invalid_grant"


def test_who_cancels_is_sent_back_without_a_code(world: World) -> None:
    assert sent_back(authorize(world, "cancel")) == {"error": "access_denied", "state": "s&1"}


@pytest.mark.parametrize(
    ("verifier", "pkce", "expected"),
    [(VERIFIER, True, 200), ("x" * 43, True, 400), ("", True, 400), (VERIFIER, False, 400)],
)
def test_without_a_secret_only_the_right_verifier_counts(
    world: World, verifier: str, pkce: bool, expected: int
) -> None:
    asked = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"} if pkce else {}
    form = {
        "grant_type": "authorization_code",
        "code": sent_back(authorize(world, "agree", **asked))["code"],
        "redirect_uri": CALLBACK,
        "client_id": DEVELOPMENT.client_id,
        "code_verifier": verifier,
    }
    answer = requests.post(f"{world.server.accounts_url}/api/token", data=form, timeout=5)
    assert answer.status_code == expected


@pytest.mark.parametrize(
    ("app", "changes", "later", "error"),
    [
        (GRANDFATHERED, {}, 0, "Invalid authorization code"),
        (DEVELOPMENT, {"redirect_uri": "http://127.0.0.1:10/callback"}, 0, "Invalid redirect URI"),
        (DEVELOPMENT, {"code": "made-up"}, 0, "Invalid authorization code"),
        (DEVELOPMENT, {"code": ""}, 0, "code must be supplied"),
        (DEVELOPMENT, {}, 600, "Authorization code expired"),
    ],
)
def test_codes_that_are_not_redeemed(world: World, app: App, changes: dict[str, str], later: int, error: str) -> None:
    code = sent_back(authorize(world, "agree"))["code"]
    world.now += timedelta(seconds=later)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK} | changes
    answer = world.token(app, **form)
    assert (answer.status_code, answer.json()["error_description"]) == (400, error)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": "f" * 32}, "Invalid client"),
        ({"redirect_uri": "http://localhost:9/callback"}, "Insecure redirect URI"),
        ({"redirect_uri": "http://127.0.0.1.example.org/"}, "Insecure redirect URI"),
        ({"redirect_uri": "nowhere"}, "Invalid redirect URI"),
        ({"response_type": "token"}, "response_type must be code"),
        ({"code_challenge": CHALLENGE}, "code_challenge_method must be S256"),
    ],
)
def test_a_wrong_request_is_shown_to_the_person_and_sends_nobody_back(
    world: World, changes: dict[str, str], words: str
) -> None:
    for answer in ("", "agree"):
        page = authorize(world, answer, **changes)
        assert page.status_code == 400
        assert words in page.text


@pytest.mark.parametrize("uri", ["https://example.org/back?x=1", "http://[::1]:9/callback"])
def test_addresses_that_a_person_may_be_sent_back_to(world: World, uri: str) -> None:
    assert authorize(world, "agree", redirect_uri=uri).headers["Location"].startswith(uri)


def test_a_pkce_app_refreshes_with_its_id_alone(world: World) -> None:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": world.sim.refresh_token(),
        "client_id": DEVELOPMENT.client_id,
    }
    url = f"{world.server.accounts_url}/api/token"
    assert requests.post(url, data=form, timeout=5).status_code == 200
    form["grant_type"] = "client_credentials"
    assert requests.post(url, data=form, timeout=5).status_code == 400


# --- dialects and who may read what


@pytest.mark.parametrize(
    ("app", "wrappers", "keys"),
    [
        (EXTENDED, {"tracks"}, {"track"}),
        (GRANDFATHERED, {"tracks", "items"}, {"track", "item"}),
        (DEVELOPMENT, {"items"}, {"item"}),
    ],
)
def test_each_dialect_has_its_names(world: World, app: App, wrappers: set[str], keys: set[str]) -> None:
    headers = world.headers(app, "listener")
    playlist = world.playlist("fifty", headers)
    assert wrappers == {"tracks", "items"} & set(playlist)
    page = world.get(f"playlists/{playlist['id']}/items", headers).json()
    for entry in page["items"] + playlist[next(iter(wrappers))]["items"]:
        assert keys == {"track", "item"} & set(entry)
        assert all(entry[key]["track"] is True and entry[key] == entry[min(keys)] for key in keys)


def test_development_leaves_fields_out_and_keeps_the_rest(world: World) -> None:
    whole = world.playlist("fifty", world.headers(EXTENDED, "listener"))
    reduced = world.playlist("fifty", world.headers(DEVELOPMENT, "listener"))
    assert set(whole) - set(reduced) == {"followers", "tracks"}
    track, item = whole["tracks"]["items"][0]["track"], reduced["items"]["items"][0]["item"]
    assert set(track) - set(item) == {"popularity", "available_markets"}
    assert set(track["album"]) - set(item["album"]) == {"available_markets"}
    assert (track["id"], track["name"], track["external_ids"]) == (item["id"], item["name"], item["external_ids"])


@pytest.mark.parametrize("name", ["fifty", "collaborative"])
def test_development_reads_what_its_user_owns_or_shares(world: World, name: str) -> None:
    assert world.playlist(name, world.headers(DEVELOPMENT, "listener"))["items"]["total"] > 0


@pytest.mark.parametrize(("name", "user"), [("followed", "listener"), ("fifty", "stranger"), ("fifty", None)])
def test_development_sees_only_the_cover_of_other_peoples_lists(world: World, name: str, user: str | None) -> None:
    headers = world.headers(DEVELOPMENT, user)
    playlist = world.playlist(name, headers)
    assert playlist["snapshot_id"]
    assert "items" not in playlist
    assert "tracks" not in playlist
    assert message(world.get(f"playlists/{playlist['id']}/items", headers)) == (403, "Forbidden")


def test_the_old_endpoint_is_gone_for_development_only(world: World) -> None:
    path = f"playlists/{world.sim.playlist_id('fifty')}/tracks"
    assert message(world.get(path, world.headers(DEVELOPMENT, "listener"))) == (403, "Forbidden")
    assert len(world.get(path, world.headers(GRANDFATHERED)).json()["items"]) == 50


@pytest.mark.parametrize("name", ["top-50", "restless"])
def test_spotifys_own_lists_exist_for_extended_apps_only(world: World, name: str) -> None:
    path = f"playlists/{world.sim.playlist_id(name)}"
    assert world.get(path, world.headers(EXTENDED)).status_code == 200
    for app in (GRANDFATHERED, DEVELOPMENT):
        assert message(world.get(path, world.headers(app, "listener"))) == (404, "Resource not found")
        assert world.get(f"{path}/items", world.headers(app, "listener")).status_code == 404


def test_private_unknown_and_malformed(world: World) -> None:
    private = f"playlists/{world.sim.playlist_id('private')}"
    assert message(world.get(private, world.headers(EXTENDED, "listener"))) == (404, "Resource not found")
    assert world.get(private, world.headers(EXTENDED, "stranger")).json()["tracks"]["total"] == 12
    assert message(world.get("playlists/" + "0" * 22)) == (404, "Resource not found")
    assert message(world.get("playlists/not-an-id")) == (400, "Invalid base62 id")


def test_my_playlists_count_and_do_not_show(world: World) -> None:
    headers = world.headers(DEVELOPMENT, "listener")
    page = world.get("me/playlists", headers).json()
    listed = {one["id"]: one for one in page["items"]}
    assert listed[world.sim.playlist_id("large")]["items"]["total"] == 2500
    assert world.sim.playlist_id("followed") in listed
    assert world.sim.playlist_id("private") not in listed
    assert TOP_50 not in listed
    assert world.get("me", headers).json()["id"] == "listener"
    assert world.get("me").status_code == 401


# --- paging


@pytest.mark.parametrize("app", [EXTENDED, DEVELOPMENT])
def test_2500_entries_page_by_page(world: World, app: App) -> None:
    headers = world.headers(app, "listener")
    url: str | None = f"{world.server.api_url}/playlists/{world.sim.playlist_id('large')}/items?limit=50"
    seen: list[str | None] = []
    pages = 0
    while url:
        page = requests.get(url, headers=headers, timeout=5).json()
        assert (page["total"], page["offset"], len(page["items"])) == (2500, pages * 50, 50)
        contents = [entry.get("item") or entry.get("track") for entry in page["items"]]
        seen += [content["uri"] for content in contents if content]
        url, pages = page["next"], pages + 1
    assert pages == 50
    assert len(seen) == len(set(seen)) == 2500 - 25


def test_the_playlist_object_embeds_a_hundred_and_its_next_can_be_followed(world: World) -> None:
    for app, wrapper in ((EXTENDED, "tracks"), (GRANDFATHERED, "tracks"), (DEVELOPMENT, "items")):
        headers = world.headers(app, "listener")
        page = world.playlist("hundred-and-one", headers, additional_types="track,episode")[wrapper]
        assert (len(page["items"]), page["limit"], page["total"]) == (100, 100, 101)
        assert page["next"].startswith(world.server.api_url)
        assert "additional_types=track,episode" in page["next"]
        last = requests.get(page["next"], headers=headers, timeout=5).json()
        assert (len(last["items"]), last["offset"], last["next"]) == (1, 100, None)
    assert world.playlist("fifty")["tracks"]["next"] is None


@pytest.mark.parametrize(
    ("endpoint", "limit", "status"),
    [("items", 50, 200), ("items", 51, 400), ("tracks", 100, 200), ("tracks", 101, 400), ("items", 0, 400)],
)
def test_limits(world: World, endpoint: str, limit: int, status: int) -> None:
    answer = world.get(f"playlists/{world.sim.playlist_id('large')}/{endpoint}", limit=limit)
    assert answer.status_code == status
    if status == 400:
        assert message(answer) == (400, "Invalid limit")


def test_default_limits_and_an_offset_past_the_end(world: World) -> None:
    path = f"playlists/{world.sim.playlist_id('large')}"
    assert len(world.get(f"{path}/items").json()["items"]) == 20
    assert len(world.get(f"{path}/tracks").json()["items"]) == 100
    past = world.get(f"{path}/items", offset=2500).json()
    assert (past["items"], past["total"], past["next"]) == ([], 2500, None)


def test_fields_pick_and_leave_out(world: World) -> None:
    playlist = world.playlist("fifty", fields="snapshot_id,name")
    assert set(playlist) == {"snapshot_id", "name"}
    nested = world.playlist("fifty", fields="tracks.items(added_at,track(id,album(!images))),nonsense")
    assert set(nested) == {"tracks"}
    assert set(nested["tracks"]) == {"items"}
    entry = nested["tracks"]["items"][49]
    assert set(entry) == {"added_at", "track"}
    assert set(entry["track"]) == {"id", "album"}
    assert "images" not in entry["track"]["album"]
    assert entry["track"]["album"]["name"]


def test_a_market_tells_what_plays_there(world: World) -> None:
    tracks = [entry["track"] for entry in world.playlist("hundred-and-one", market="SE")["tracks"]["items"]]
    plain = [entry["track"] for entry in world.playlist("hundred-and-one")["tracks"]["items"]]
    assert {track["is_playable"] for track in tracks} == {True, False}
    for track, before in zip(tracks, plain, strict=True):
        assert "available_markets" not in track
        assert "is_playable" not in before
        assert track["is_playable"] == ("SE" in before["available_markets"])
        assert track["is_playable"] == ("restrictions" not in track)
        assert track.get("linked_from", track)["id"] == before["id"]
    assert any("linked_from" in track for track in tracks)
    assert message(world.get(f"playlists/{TOP_50}", market="XX")) == (400, "Invalid market code")


# --- content


def top_50(world: World, days: int = 0) -> dict[str, Any]:
    world.now = NOON + timedelta(days=days)
    found: dict[str, Any] = world.playlist("top-50", additional_types="track,episode")
    return found


def test_the_top_50_holds_every_awkward_thing_every_day(world: World) -> None:
    for days in (0, 1, 9, 200, -700):
        entries = top_50(world, days)["tracks"]["items"]
        assert len(entries) == 50
        contents = [entry["track"] for entry in entries]
        assert contents.count(None) == 1
        ids = [content["id"] for content in contents if content and content["type"] == "track"]
        assert len(ids) - len(set(ids)) == 1
        assert sum(content["type"] == "episode" for content in contents if content) == 1
        assert sum(entry["is_local"] for entry in entries) == 1
        assert all(content and content["type"] == "track" and content["id"] for content in contents[:30])
        sentinels = [entry["added_at"].startswith("1970") for entry in entries]
        assert any(sentinels)
        assert sum(sentinels) < 25
        assert {entry["added_by"]["id"] for entry in entries} == {""}
        assert all(entry["added_at"] <= f"{world.now:%Y-%m-%dT%H:%M:%SZ}" for entry in entries)


def test_the_top_50_moves_by_the_day_and_rests_within_it(world: World) -> None:
    today = top_50(world)
    world.now += timedelta(hours=11)
    assert world.playlist("top-50", additional_types="track,episode") == today
    days = [song_ids(top_50(world, day)) for day in range(30)]
    snapshots = {top_50(world, day)["snapshot_id"] for day in range(30)}
    assert len(snapshots) == 30
    pairs = list(pairwise(days))
    assert all(before[:30] != after[:30] for before, after in pairs)
    stayed = [len(set(before) & set(after)) for before, after in pairs]
    assert min(stayed) >= 38
    gone: set[str | None] = set()
    debuts = returns = 0
    known = set(days[0])
    for before, after in pairs:
        gone |= set(before) - set(after)
        returns += len((set(after) - set(before)) & gone)
        debuts += len(set(after) - known)
        known |= set(after)
    assert debuts >= 15
    assert returns >= 1


def over_days(world: World, name: str, days: int) -> list[dict[str, Any]]:
    """The playlist object on each of so many days."""
    found = []
    for _ in range(days):
        found.append(world.playlist(name, additional_types="track,episode"))
        world.now += timedelta(days=1)
    return found


def test_over_90_days_the_top_50_has_what_charts_are_looked_at_for(world: World) -> None:
    places: dict[str, dict[int, int]] = {}
    for day in range(90):
        for place, entry in enumerate(world.sim.playlists[TOP_50].state(NOON + timedelta(days=day)).entries, start=1):
            places.setdefault(str(entry.content), {}).setdefault(day, place)
    runs = [[day for day, place in one.items() if place == 1] for one in places.values()]
    longest_reign = max(len(run) for run in runs)
    climbs = [min(one, key=lambda day, one=one: (one[day], day)) - min(one) for one in places.values() if min(one)]
    absences = [later - earlier for one in places.values() for earlier, later in pairwise(one)]
    assert longest_reign >= 10
    assert sum(bool(run) for run in runs) >= 5
    assert max(climbs) >= 20
    assert sum(days > 14 for days in absences) >= 3
    assert max(len(one) for one in places.values()) >= 60


def test_the_viral_50_turns_over_faster_and_never_says_when(world: World) -> None:
    viral = over_days(world, "viral-50", 20)
    world.now = NOON
    chart = over_days(world, "top-50", 20)
    assert viral[0]["id"] == VIRAL_50
    assert viral[0]["id"].startswith("37i9dQ")
    assert {entry["added_at"] for entry in viral[0]["tracks"]["items"]} == {"1970-01-01T00:00:00Z"}
    days = [song_ids(one) for one in viral]
    assert {len(set(day)) for day in days} == {50}
    seen = [len({song for one in days for song in song_ids(one)}) for days in (viral, chart)]
    assert seen[0] > seen[1] * 1.2
    assert len({one["snapshot_id"] for one in viral}) == 20
    assert len({one["followers"]["total"] for one in viral}) > 10


def test_a_persons_list_grows_is_cleared_out_and_renamed(world: World) -> None:
    days = over_days(world, "curated", 92)
    sizes = [one["tracks"]["total"] for one in days]
    assert min(sizes) in range(20, 30)
    assert max(sizes) in range(55, 75)
    assert len({(one["name"], one["description"]) for one in days}) == 2
    assert all("(simulated)" in one["name"] for one in days)
    cleared = [place for place, (before, after) in enumerate(pairwise(sizes)) if after < before - 20]
    renamed = [place for place, (before, after) in enumerate(pairwise(days)) if before["name"] != after["name"]]
    assert cleared == renamed
    assert len(cleared) == 1
    before, after = ({entry["added_at"] for entry in days[cleared[0] + n]["tracks"]["items"]} for n in (0, 1))
    assert {added_at[:10] for added_at in after - before} <= {f"{NOON + timedelta(days=cleared[0] + 1):%Y-%m-%d}"}
    assert days[-1]["followers"]["total"] > days[0]["followers"]["total"] * 1.3


def test_a_persons_list_has_days_of_work_and_days_of_rest(world: World) -> None:
    added = removed = to_the_top = rests = 0
    by_weekday = dict.fromkeys(range(7), 0)
    for before, after in pairwise(over_days(world, "curated", 92)):
        old, new = ([(e["added_at"], e["track"]["uri"]) for e in one["tracks"]["items"]] for one in (before, after))
        assert (old == new and before["name"] == after["name"]) == (before["snapshot_id"] == after["snapshot_id"])
        rests += old == new
        fresh = sorted(set(new) - set(old))
        for added_at, _ in fresh:
            by_weekday[date.fromisoformat(added_at[:10]).weekday()] += 1
        added, removed = added + len(fresh), removed + len(set(old) - set(new))
        to_the_top += new[0] != old[0] and new[0] in old
    assert rests > 20
    assert added > 40
    assert removed > 50
    assert to_the_top >= 5
    assert max(by_weekday, key=lambda weekday: by_weekday[weekday]) == 4


def test_every_day_of_every_list_is_in_the_past_of_its_moment(world: World) -> None:
    for name in ("top-50", "viral-50", "curated"):
        for day in range(0, 400, 7):
            moment = datetime(2026, 1, 1, 23, tzinfo=UTC) + timedelta(days=day)
            entries = world.sim.playlist_names[name].state(moment).entries
            assert all((entry.added_at or "") <= f"{moment:%Y-%m-%dT%H:%M:%SZ}" for entry in entries)


def test_equal_seeds_make_equal_worlds_and_others_differ() -> None:
    for name in ("top-50", "viral-50", "curated"):
        found = []
        for seed in (4, 4, 5):
            world = World(seed=seed)
            with world.server:
                found.append(song_ids(world.playlist(name)))
        assert found[0] == found[1] != found[2]


def test_a_day_is_the_same_whatever_was_asked_before(world: World) -> None:
    for name in ("top-50", "viral-50", "curated"):
        fresh = Simulator(now=lambda: NOON).playlist_names[name].state(NOON)
        for day in (400, -200, 90, 0):
            state = world.sim.playlist_names[name].state(NOON + timedelta(days=day))
        assert state == fresh


def test_records_come_out_together_on_a_friday(world: World) -> None:
    day = next(
        n for n in range(NOON.date().toordinal(), 10**6) if date.fromordinal(n).weekday() == 4 and n // 7 % 3 == 0
    )
    songs = [world.sim.catalogue.song(day * 3 + place) for place in range(3)]
    assert len({song.album for song in songs}) == 1
    assert [song.track_number for song in songs] == [1, 2, 3]
    assert (songs[0].album.total_tracks, songs[0].album.kind) == (3, "single")
    assert len({song.name for song in songs}) == 3
    single = world.sim.catalogue.song((day + 1) * 3)
    assert (single.album.total_tracks, single.name) == (1, single.album.name)


def test_names_that_pages_stumble_over_are_in_the_charts_every_day(world: World) -> None:
    for day in range(0, 90, 10):
        found = ""
        for playlist_id in (TOP_50, VIRAL_50):
            world.now = NOON + timedelta(days=day)
            for entry in world.get(f"playlists/{playlist_id}").json()["tracks"]["items"]:
                track = entry["track"] or {"name": "", "artists": []}
                found += "\n".join([track["name"], *(artist["name"] for artist in track["artists"])])
        assert any(one in found for one in ("<script>", "<b>", "<i>", "<img"))
        assert any("\u0590" < letter < "\u0700" for letter in found)
        assert any(letter > "\uffff" for letter in found)


def test_the_date_header_is_of_the_simulated_day(world: World) -> None:
    assert world.token().headers["Date"] == "Mon, 23 Nov 2026 12:00:00 GMT"


def test_an_episode_comes_in_the_clothes_of_a_track_unless_asked_for(world: World) -> None:
    def episode(**query: Any) -> dict[str, Any]:
        entries = world.playlist("top-50", **query)["tracks"]["items"]
        return next(entry["track"] for entry in entries if entry["track"] and entry["track"]["type"] == "episode")

    full, shaped = episode(additional_types="track,episode"), episode()
    assert (full["episode"], full["track"], shaped["episode"], shaped["track"]) == (True, False, False, True)
    assert "show" in full
    assert "album" not in full
    assert "album" in shaped
    assert "show" not in shaped
    assert full["uri"] == shaped["uri"]
    assert set(shaped["external_ids"]) == {"spotify"}


def test_local_files_as_spotify_words_them(world: World) -> None:
    entries = world.playlist("oddities", additional_types="track,episode")["tracks"]["items"]
    local = [entry["track"] for entry in entries if entry["is_local"]]
    assert local[0]["uri"] == "spotify:local:Garage+Choir:Demos+%26+Dust:Take+Four%3A+Reprise:273"
    assert local[1]["uri"] == "spotify:local:::untitled:0"
    assert local[0]["duration_ms"] == 273_000
    assert local[0]["id"] is None
    assert local[0]["album"]["release_date"] is None
    assert "track" not in local[0]
    assert "episode" not in local[0]


def test_oddities_hold_each_known_damage(world: World) -> None:
    entries = world.playlist("oddities", additional_types="track,episode")["tracks"]["items"]
    contents = [entry["track"] for entry in entries if entry["track"]]
    types = {content["type"] for content in contents}
    assert types == {"track", "episode", "chapter", "hologram"}
    assert any(one["id"] is None and one["name"] == "" and not one["is_local"] for one in contents if "is_local" in one)
    dates = {one["album"]["release_date"] for one in contents if one.get("album")}
    assert {"0000", "1998", "1998-03", None} <= dates
    assert {entry["added_at"] for entry in entries} >= {None, "1970-01-01T00:00:00Z", "2022-05-17T09:30:00.123Z"}
    assert None in [entry["added_by"] for entry in entries]
    assert sum(entry["track"] is None for entry in entries) == 2
    assert entries[0] == entries[1]


def test_a_restless_list_changes_its_snapshot_and_nothing_else(world: World) -> None:
    first, second = world.playlist("restless"), world.playlist("restless")
    assert first.pop("snapshot_id") != second.pop("snapshot_id")
    assert first == second


def test_sizes(world: World) -> None:
    expected = {"empty": 0, "one": 1, "fifty": 50, "hundred-and-one": 101, "large": 2500, "huge": 10_000}
    totals = {name: world.playlist(name, fields="tracks.total")["tracks"]["total"] for name in expected}
    assert totals == expected


def test_every_answer_is_labelled_as_simulated(world: World) -> None:
    for answer in (world.token(), world.get("nothing/here"), world.get(f"playlists/{TOP_50}", {})):
        assert answer.headers["X-Chartlake-Simulator"] == "1"
    playlist = world.playlist("top-50")
    for text in (playlist["name"], playlist["description"], playlist["owner"]["display_name"]):
        assert "(simulated)" in text
    assert playlist["name"] == "Top 50 - Global (simulated)"


def test_edits_change_content_and_snapshot(world: World) -> None:
    before = world.playlist("fifty")
    playlist_id = before["id"]
    world.sim.edit(playlist_id, remove_at=3)
    removed = world.playlist("fifty")
    assert song_ids(removed) == song_ids(before)[:3] + song_ids(before)[4:]
    world.sim.edit(playlist_id, insert_at=0)
    assert song_ids(world.playlist("fifty"))[1:] == song_ids(removed)
    world.sim.edit(playlist_id, rename="Other")
    renamed = world.playlist("fifty")
    assert renamed["name"] == "Other"
    assert len({before["snapshot_id"], removed["snapshot_id"], renamed["snapshot_id"]}) == 3
    with pytest.raises(KeyError):
        world.sim.edit("0" * 22, remove_at=0)


# --- faults


def test_a_fault_strikes_where_when_and_as_often_as_told(world: World) -> None:
    headers = world.headers()
    path = f"playlists/{world.sim.playlist_id('large')}"
    other = f"playlists/{world.sim.playlist_id('huge')}/items"
    world.sim.faults.add(
        Fault("status", status=503, on="items", playlist=world.sim.playlist_id("large"), after=1, times=2)
    )
    assert [world.get(path, headers).status_code, world.get(other, headers).status_code] == [200, 200]
    statuses = [world.get(f"{path}/items", headers).status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    world.sim.faults.add(Fault("status", status=500, times=None))
    assert {world.get(path, headers).status_code for _ in range(3)} == {500}
    assert world.token().status_code == 500
    world.sim.faults.clear()
    assert world.get(path, headers).status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "retry_after", "text"),
    [
        (Fault.rate_limited(7), 429, "7", "API rate limit exceeded"),
        (Fault.rate_limited(None), 429, None, "API rate limit exceeded"),
        (Fault.quota_exceeded(52_531), 429, "52531", '"reason": "QUOTA_EXCEEDED"'),
        (Fault.bad_gateway(), 502, None, "Bad gateway."),
        (Fault("status", status=400, body=""), 400, None, ""),
        (Fault("status", status=500, body=["a", "list"]), 500, None, '["a", "list"]'),
    ],
)
def test_the_errors_spotify_is_known_for(
    world: World, fault: Fault, status: int, retry_after: str | None, text: str
) -> None:
    headers = world.headers()
    world.sim.faults.add(fault)
    answer = world.get(f"playlists/{TOP_50}", headers)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert text in answer.text
    assert bool(answer.text) == bool(text)


@pytest.mark.parametrize("fault", [Fault.premium_required(), Fault.not_registered()])
def test_refusals_in_plain_text(world: World, fault: Fault) -> None:
    headers = world.headers()
    world.sim.faults.add(fault)
    answer = world.get(f"playlists/{TOP_50}", headers)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"].startswith("text/plain")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_200_and_yet_nothing_to_read(world: World) -> None:
    headers = world.headers()
    for fault in (Fault("empty"), Fault("html"), Fault("body", body='{"cut": '), Fault("truncated", clean=True)):
        world.sim.faults.add(fault)
        answer = world.get(f"playlists/{TOP_50}", headers)
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(answer.content)
        with pytest.raises(requests.JSONDecodeError):
            answer.json()


def test_a_truncated_answer_promises_more_than_it_sends(world: World) -> None:
    headers = world.headers()
    world.sim.faults.add(Fault("truncated"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        world.get(f"playlists/{TOP_50}", headers)
    assert world.get(f"playlists/{TOP_50}", headers).status_code == 200


def test_a_reset_leaves_no_answer(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    headers = world.headers()
    world.sim.faults.add(Fault("reset", on="playlist"))
    with pytest.raises(requests.ConnectionError, match="reset"):
        world.get(f"playlists/{TOP_50}", headers)
    assert world.get(f"playlists/{TOP_50}", headers).status_code == 200
    assert [served.status for served in world.sim.requests] == [200, 0, 200]
    assert capfd.readouterr() == ("", "")


def test_slowness_goes_through_the_given_sleep() -> None:
    world = World(latency=0.12)
    with world.server:
        headers = world.headers()
        world.sim.faults.add(Fault("slow", seconds=30, on="playlist"))
        assert world.get(f"playlists/{TOP_50}", headers).status_code == 200
    assert world.slept == [0.12, 0.12, 30]


def test_an_edit_between_two_pages_shifts_what_follows(world: World) -> None:
    headers = world.headers()
    playlist_id = world.sim.playlist_id("large")
    before = world.playlist("large", headers)["snapshot_id"]
    undisturbed = world.get(f"playlists/{playlist_id}/items", headers, limit=2, offset=50).json()
    world.sim.faults.add(Fault("edit", on="items", after=1))
    first = world.get(f"playlists/{playlist_id}/items", headers, limit=50).json()
    second = world.get(f"playlists/{playlist_id}/items", headers, limit=50, offset=50).json()
    assert (first["total"], second["total"]) == (2500, 2499)
    assert second["items"][0] == undisturbed["items"][1]
    assert world.playlist("large", headers)["snapshot_id"] != before


def test_a_delay_and_a_failure_can_meet(world: World) -> None:
    headers = world.headers()
    for fault in (Fault.bad_gateway(), Fault("slow", seconds=2), Fault("empty")):
        world.sim.faults.add(fault)
    answers = [world.get(f"playlists/{TOP_50}", headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [502, 200]
    assert world.slept == [2]
    assert answers[1].content == b""


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("429:retry-after=7200@items*3", Fault.rate_limited(7200, on="items", times=3)),
        ("502@playlist", Fault("status", status=502, on="playlist")),
        ("reset@items*", Fault("reset", on="items", times=None)),
        ("empty", Fault("empty")),
        ("slow=2.5", Fault("slow", seconds=2.5)),
        ("drip=0.5@playlist", Fault("drip", seconds=0.5, on="playlist")),
        ("truncated:clean,after=2@token", Fault("truncated", clean=True, after=2, on="token")),
        ("edit:insert-at=0,rename=New", Fault("edit", insert_at=0, rename="New")),
        ("quota-exceeded:retry-after=9", Fault.quota_exceeded(9)),
    ],
)
def test_faults_in_words(spec: str, fault: Fault) -> None:
    assert parse_fault(spec) == fault


@pytest.mark.parametrize("spec", ["", "what", "502@moon", "429:retry-after=soon", "429:colour=red", "502*x", "502*0"])
def test_words_that_are_no_fault(spec: str) -> None:
    with pytest.raises(ValueError, match=r"fault|option|number"):
        parse_fault(spec)


def test_requests_are_written_down(world: World) -> None:
    headers = world.headers()
    world.get(f"playlists/{TOP_50}/items", headers, limit=5)
    world.get("playlists/x", {})
    token, page, refused = world.sim.requests
    assert (token.method, token.path, token.status) == ("POST", "/api/token", 200)
    assert (page.path, page.query, page.authorized) == (f"/v1/playlists/{TOP_50}/items", {"limit": "5"}, True)
    assert (refused.authorized, refused.status) == (False, 401)


def test_imports_go_up_the_order_in_which_the_files_are_read() -> None:
    lines = re.findall(r"^  (?:\S+ )+ +(\S.*)$", simulator.__doc__ or "", re.MULTILINE)
    order = ", ".join(lines).split(", ")
    files = {path.stem: path for path in (ROOT / "simulator").glob("*.py") if path.stem != "__init__"}
    assert sorted(order) == sorted(files)
    for number, name in enumerate(order):
        imports = [one for one in ast.walk(ast.parse(files[name].read_text())) if isinstance(one, ast.ImportFrom)]
        own = {one.module or alias.name for one in imports if one.level for alias in one.names}
        assert own <= set(order[:number]), f"{name} imports what comes later"


# --- from outside the process


def test_a_person_with_a_terminal_can_break_and_mend_it_and_turn_the_clock(world: World) -> None:
    base = f"{world.server.accounts_url}/_simulator"
    overview = requests.get(f"{base}/", timeout=5).json()
    assert overview["playlists"]["top-50"] == {
        "id": TOP_50,
        "name": "Top 50 - Global (simulated)",
        "owner": "spotify",
        "entries": 50,
    }
    headers = world.headers()
    fault = {"kind": "status", "status": 502, "times": None}
    assert requests.post(f"{base}/faults", json=fault, timeout=5).status_code == 201
    assert world.get(f"playlists/{TOP_50}", headers).status_code == 502
    assert requests.delete(f"{base}/faults", timeout=5).status_code == 200
    today = world.get(f"playlists/{TOP_50}", headers).json()["snapshot_id"]
    told = requests.post(f"{base}/clock", json={"advance_days": 1}, timeout=5).json()
    assert told["now"] == "2026-11-24T12:00:00+00:00"
    assert world.playlist("top-50")["snapshot_id"] != today
    requests.post(f"{base}/clock", json={"now": "2026-11-23T05:00:00Z"}, timeout=5)
    assert world.playlist("top-50")["snapshot_id"] == today


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("faults", '{"kind": "plague"}'),
        ("faults", "?"),
        ("faults", '{"kind": "empty", "x": 1}'),
        ("faults", '{"kind": "empty", "times": "2"}'),
        ("clock", "[]"),
    ],
)
def test_nonsense_from_the_terminal_is_told_apart(world: World, page: str, body: str) -> None:
    answer = requests.post(f"{world.server.accounts_url}/_simulator/{page}", data=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]


# --- recorded answers


def _page(playlist_id: str, names: list[str], total: int) -> dict[str, Any]:
    base = f"https://api.spotify.com/v1/playlists/{playlist_id}/tracks"
    entries = [{"added_at": None, "track": {"name": name}} for name in names]
    following = f"{base}?offset={len(names)}&limit=100" if total > len(names) else None
    return {"href": base, "items": entries, "limit": 100, "next": following, "offset": 0, "total": total}


def test_a_folder_of_recordings(tmp_path: Path) -> None:
    whole, paged, cut = "A" * 22, "B" * 22, "C" * 22
    playlist = {"id": whole, "name": "Real", "snapshot_id": "s", "tracks": _page(whole, ["x", "y"], 2)}
    (tmp_path / "a_older.json").write_text(json.dumps(playlist | {"name": "Older"}))
    (tmp_path / "b_newer.json").write_text(json.dumps([playlist]))
    (tmp_path / "c_page.json.gz").write_bytes(gzip.compress(json.dumps(_page(paged, ["z"], 1)).encode()))
    (tmp_path / "d_cut.json").write_text(json.dumps({"id": cut, "name": "Cut", "tracks": _page(cut, list("abc"), 9)}))
    (tmp_path / "e_broken.json").write_text("{")
    (tmp_path / "f_other.json").write_text('{"status": 200}')
    (tmp_path / "g_nameless.json").write_text(json.dumps({"items": [{"item": None}]}))
    world = World(recorded=tmp_path)
    with world.server:
        assert message(world.get(f"playlists/{whole}", {}))[0] == 401
        assert world.get(f"playlists/{whole}").json() == playlist
        assert world.get(f"playlists/{paged}").json()["tracks"] == _page(paged, ["z"], 1)
        first = world.get(f"playlists/{cut}").json()["tracks"]
        assert first["next"] == f"{world.server.api_url}/playlists/{cut}/tracks?offset=3&limit=100"
        assert world.get(f"playlists/{cut}/items", offset=3).status_code == 404
        short = world.get(f"playlists/{cut}/items", offset=1, limit=50).json()
        assert ([entry["track"]["name"] for entry in short["items"]], short["total"]) == (["b", "c"], 9)
    assert len(world.sim.recorded.lists) == 4
    remarks = " | ".join(world.sim.recorded.remarks)
    assert all(name in remarks for name in ("a_older.json", "e_broken.json", "f_other.json"))


def test_the_real_recording_of_may_2024_comes_out_as_it_went_in() -> None:
    folder = DATA / "api_track"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here: it holds third-party recordings kept outside the repository")
    (file,) = folder.glob("global_top50__2024-05-11*.json")
    (recorded,) = json.loads(file.read_bytes())
    world = World(recorded=folder)
    with world.server:
        assert world.get(f"playlists/{recorded['id']}").json() == recorded
        page = world.get(f"playlists/{recorded['id']}/items", limit=50).json()
        assert page["items"] == recorded["tracks"]["items"]
        assert page["total"] == 50
        for playlist_id in world.sim.recorded.lists:
            assert world.get(f"playlists/{playlist_id}").status_code == 200


# --- the command and the server


def test_the_server_gives_its_port_back_and_is_only_on_this_machine() -> None:
    sim = Simulator()
    with sim.serve() as server:
        assert server.api_url == f"http://127.0.0.1:{server.port}/v1"
        with pytest.raises(OSError, match="in use"):
            sim.serve(server.port)
    with sim.serve(server.port) as again:
        assert requests.get(f"{again.accounts_url}/_simulator/", timeout=5).status_code == 200


def test_help_explains_itself() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    for word in ("--recorded", "429:retry-after=7200@items*3", "8711", "never Spotify", "advance_days"):
        assert word in text


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = CliRunner().invoke(main, ["--port", str(taken.getsockname()[1])])
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert "in use" in found.stderr


def test_a_fault_that_is_none_is_refused_before_starting() -> None:
    found = CliRunner().invoke(main, ["--fault", "502@moon"])
    assert found.exit_code == 2
    assert "moon" in found.stderr


def test_the_command_serves_on_the_day_it_was_told_and_stops_cleanly() -> None:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--today", "2026-03-01", "--app", "development"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        exports: dict[str, str] = {}
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                exports[name] = value
            if "followed" in line:
                break
        base = exports["SPOTIFY_ACCOUNTS_URL"]
        overview = requests.get(f"{base}/_simulator/", timeout=5).json()
        form = {"grant_type": "refresh_token", "refresh_token": exports["SPOTIPY_REFRESH_TOKEN"]}
        basic = (exports["SPOTIPY_CLIENT_ID"], exports["SPOTIPY_CLIENT_SECRET"])
        token = requests.post(f"{base}/api/token", data=form, auth=basic, timeout=5)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(5) == 0
    assert datetime.fromisoformat(overview["now"]).date() == date(2026, 3, 1)
    assert token.status_code == 200
    assert "Stopped." in rest
