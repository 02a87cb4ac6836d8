"""Everything of mine: `me` and `me/liked` over real HTTP, what ends, what goes wrong, and how many requests it takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.analysis.coverage import coverage
from chalicelib.cli.doctor import examine
from chalicelib.errors import QuotaExceeded, SignInNeeded
from chalicelib.handlers import fan_out
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.settings import Settings
from chalicelib.snapshots.following import Followed, follow_list
from chalicelib.snapshots.outcome import Run
from chalicelib.snapshots.pipeline import open_pipeline
from chalicelib.snapshots.purge import purge, wish
from chalicelib.snapshots.replay import replay
from chalicelib.snapshots.verify import verify
from simulator import DEVELOPMENT, EXTENDED, GRANDFATHERED, App, Fault, Simulator
from simulator.playlists import LIKED, liked_songs

from .conftest import Clock

TODAY = date(2026, 11, 23)
LIKES = "liked:listener"
SCOPES = "playlist-read-private playlist-read-collaborative"
# The simulator's longest lists say nothing here that shorter ones do not.
LONG = ("huge", "large")


class Home:
    """Somebody's lake beside a simulated Spotify, and what they follow."""

    def __init__(self, simulator: Simulator, server: Any, lake: Lake, clock: Clock, folder: Path) -> None:
        self.simulator, self.lake, self.clock = simulator, lake, clock
        self.settings = Settings(
            lake=str(folder / "lake"), api_url=server.api_url, accounts_url=server.accounts_url, rate=1000
        )
        self.sign_in()
        for name in LONG:
            simulator.unfollow(self.id(name))

    def sign_in(self, app: App = EXTENDED, **options: Any) -> None:
        self.use(app, self.simulator.refresh_token(app=app, **options))

    def use(self, app: App, refresh_token: str = "") -> None:
        names = {"client_id": app.client_id, "client_secret": app.client_secret, "refresh_token": refresh_token}
        self.settings = Settings(**{**self.settings.__dict__, **names})

    def id(self, name: str) -> str:
        return self.simulator.playlist_id(name)

    def run(self, *lines: str) -> tuple[Followed, Run]:
        """The scheduled job's work with these lines in the lake's list."""
        settings = Settings(**{**self.settings.__dict__, "playlists": "\n".join(lines or ("me",))})
        pipeline = open_pipeline(settings, self.clock.world(), self.lake)
        found = pipeline.followed(follow_list(settings, self.lake))
        return found, pipeline.extract(found.playlist_ids)

    def mine(self) -> list[str]:
        return [one.id for one in self.simulator.lists_of("listener")]

    def row(self, playlist_id: str, day: date = TODAY) -> dict[str, Any]:
        found = self.lake.snapshot(playlist_id, day)
        assert found is not None, playlist_id
        return found

    def asked(self, path: str = "/v1/") -> int:
        return sum(one.path.startswith(path) for one in self.simulator.requests)


def wrong_of(found: Followed) -> str:
    """What a run says of its list of playlists, with the advice."""
    return f"{found.wrong.message} {found.wrong.advice}" if found.wrong else ""


@pytest.fixture
def home(lake: Lake, clock: Clock, tmp_path: Path) -> Iterator[Home]:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        yield Home(simulator, server, lake, clock, tmp_path)


# All playlists of mine.


def test_every_list_of_mine_is_taken_and_a_new_one_from_the_next_run_on(home: Home) -> None:
    home.simulator.unfollow(home.id("fifty"))
    found, run = home.run()
    assert found.playlist_ids == home.mine()
    assert {home.id("followed"), home.id("collaborative")} < set(found.playlist_ids)
    assert (run.complete, found.wrong, found.ended) == (True, None, ())
    home.simulator.follow(home.id("fifty"))
    home.clock.advance(days=1)
    found, run = home.run()
    assert (home.id("fifty") in found.playlist_ids, run.complete) == (True, True)


def test_what_a_minus_takes_out_is_not_taken(home: Home) -> None:
    out, both = home.id("empty"), home.id("one")
    found, _ = home.run("me", f"-https://open.spotify.com/playlist/{out}", both)
    assert set(found.playlist_ids) == set(home.mine()) - {out}
    assert found.playlist_ids.count(both) == 1
    assert home.lake.snapshot(out, TODAY) is None


def test_a_list_that_is_unfollowed_ends_with_a_day_that_says_so(home: Home) -> None:
    home.run()
    gone, stays = home.id("fifty"), home.id("one")
    home.simulator.unfollow(gone)
    home.simulator.unfollow(stays)
    home.clock.advance(days=1)
    found, run = home.run("me", stays)
    assert ([one.playlist_id for one in found.ended], run.complete) == ([gone], True)
    assert stays in found.playlist_ids
    home.clock.advance(days=3)
    assert home.run("me", stays)[0].ended == ()
    row = home.row(gone, TODAY + timedelta(days=1))
    assert (row["status"], "deleted, or not followed" in row["reason"]) == ("ended", True)
    (told,) = coverage(home.lake, home.clock.now().date(), [gone])
    assert [day.status for day in told.days] == ["ok", "ended"]
    assert len(home.lake.entries(gone, TODAY)) == 50
    assert not verify(home.lake).findings


def test_a_list_that_has_its_snapshot_of_today_ends_tomorrow(home: Home) -> None:
    home.run()
    home.simulator.unfollow(home.id("fifty"))
    assert home.run()[0].ended == ()
    assert home.row(home.id("fifty"))["status"] == "ok"
    home.clock.advance(days=1)
    assert [one.playlist_id for one in home.run()[0].ended] == [home.id("fifty")]


def test_a_list_that_comes_back_goes_on(home: Home) -> None:
    home.run()
    home.simulator.unfollow(home.id("fifty"))
    home.clock.advance(days=1)
    home.run()
    home.simulator.follow(home.id("fifty"))
    home.run()
    assert home.row(home.id("fifty"), TODAY + timedelta(days=1))["status"] == "ok"


def test_an_exclusion_ends_a_list_too_and_says_so(home: Home) -> None:
    home.run()
    home.clock.advance(days=1)
    (ended,) = home.run("me", f"-{home.id('fifty')}")[0].ended
    assert (ended.playlist_id, "excluded" in ended.row["reason"]) == (home.id("fifty"), True)


def test_most_of_them_gone_at_once_is_believed_only_the_second_time(home: Home) -> None:
    home.run()
    before = home.mine()
    for one in before[1:]:
        home.simulator.unfollow(one)
    home.clock.advance(days=1)
    found, run = home.run()
    assert (sorted(found.playlist_ids), found.ended, run.complete) == (sorted(before), (), True)
    home.clock.advance(days=1)
    found, _ = home.run()
    assert (found.playlist_ids, len(found.ended)) == (before[:1], len(before) - 1)


@pytest.mark.parametrize("app", [EXTENDED, GRANDFATHERED, DEVELOPMENT], ids=lambda app: app.dialect)
def test_each_kind_of_app_lists_the_same(home: Home, app: App) -> None:
    home.sign_in(app)
    found, run = home.run("me", "me/liked")
    assert found.playlist_ids == [*home.mine(), LIKES]
    assert {one.playlist_id for one in run.outcomes if not one.published} == (
        {home.id("followed")} if app is DEVELOPMENT else set()
    )
    assert home.row(LIKES)["entry_count"] == 60


# What goes wrong while they are listed.


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500, on="my_playlists", times=None),
        Fault("status", status=403, on="my_playlists", times=None),
        Fault("html", on="my_playlists", times=None),
        Fault("truncated", on="my_playlists", times=None),
        Fault("body", body={"items": [{"id": None}], "total": 1}, on="my_playlists", times=None),
        Fault("body", body={"items": []}, on="my_playlists", times=None),
        Fault("body", body={"items": [], "total": 7}, on="my_playlists", times=None),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status if fault.kind == 'status' else fault.body}",
)
def test_a_day_on_which_spotify_does_not_tell_loses_no_list(home: Home, fault: Fault) -> None:
    home.run()
    home.clock.advance(days=1)
    home.simulator.faults.add(fault)
    found, run = home.run()
    assert (found.playlist_ids, found.ended, run.complete) == (home.mine(), (), True)
    assert "signed-in user's playlists" in wrong_of(found)


def test_passing_trouble_is_waited_for(home: Home) -> None:
    for kind in (
        Fault.rate_limited(3, on="my_playlists"),
        Fault("reset", on="my_playlists"),
        Fault.bad_gateway(on="me"),
    ):
        home.simulator.faults.add(kind)
    found, run = home.run("me", "me/liked")
    assert (found.playlist_ids, run.complete) == ([*home.mine(), LIKES], True)


def test_a_ban_met_while_listing_is_kept_and_explains_every_known_list(home: Home) -> None:
    home.run("me", "me/liked")
    home.clock.advance(days=1)
    home.simulator.faults.add(Fault.quota_exceeded(on="my_playlists", times=None))
    _, run = home.run("me", "me/liked")
    assert isinstance(run.stopped, QuotaExceeded)
    assert {one.status for one in run.outcomes} == {"deferred"}
    assert [one.playlist_id for one in run.outcomes] == [*home.mine(), LIKES]
    before = home.asked()
    home.run("me", "me/liked")
    assert home.asked() == before


def test_null_in_place_of_a_list_is_none(home: Home) -> None:
    first = home.mine()[0]
    body = {"items": [None, {"id": first}], "total": 2}
    home.simulator.faults.add(Fault("body", body=body, on="my_playlists", times=1))
    assert home.run()[0].playlist_ids == [first]


# The sign-in.


@pytest.mark.parametrize("line", ["me", "me/liked"])
def test_an_app_without_a_user_is_told_to_sign_in_and_asks_nothing(home: Home, line: str) -> None:
    home.use(EXTENDED)
    with pytest.raises(SignInNeeded, match="no user is signed in") as caught:
        home.run(line)
    assert "chartlake login" in caught.value.advice
    assert home.asked() == 0
    # What is named besides is read all the same.
    found, run = home.run(line, home.id("one"))
    assert isinstance(found.wrong, SignInNeeded)
    assert [one.published for one in run.outcomes] == [True]


def test_a_sign_in_that_covers_less_is_told_with_the_scope(home: Home) -> None:
    home.sign_in(scope=SCOPES)
    found, run = home.run("me", "me/liked")
    assert "user-library-read" in wrong_of(found)
    assert "chartlake login" in wrong_of(found)
    assert (found.playlist_ids, run.complete) == (home.mine(), True)
    home.sign_in(scope="user-library-read")
    found, _ = home.run("me", "me/liked")
    assert "playlist-read-private" in wrong_of(found)
    assert found.ended == ()


def test_the_doctor_tells_what_is_mine(home: Home) -> None:
    settings = Settings(**{**home.settings.__dict__, "playlists": f"me, me/liked, -{home.id('fifty')}"})
    checks = {one.name: one for one in examine(lambda: settings, home.clock.world())}
    assert checks["playlists me"].message == f"{len(home.mine())} playlists of the signed-in user, 1 of them excluded."
    assert LIKES in checks["playlists me/liked"].message
    home.sign_in(scope=SCOPES)
    settings = Settings(**{**home.settings.__dict__, "playlists": "me/liked"})
    checks = {one.name: one for one in examine(lambda: settings, home.clock.world())}
    assert (checks["playlists me/liked"].mark, "login" in checks["playlists me/liked"].advice) == ("bad", True)


# The Liked Songs.


def test_the_liked_songs_are_a_list_of_their_own_read_whole(home: Home) -> None:
    home.simulator.liked = liked_songs(130)
    _, run = home.run("me/liked")
    row = home.row(LIKES)
    assert (run.complete, row["total"], row["entry_count"], row["requests"]) == (True, 130, 130, 1 + 3 + 1)
    assert (row["name"], row["owner_id"], row["public"], row["followers"]) == ("Liked Songs", "listener", False, None)
    assert (row["snapshot_id"], "no snapshot_id" in row["reason"]) == (None, True)
    entries = home.lake.entries(LIKES, TODAY)
    assert [entry["position"] for entry in entries] == list(range(1, 131))
    added = [entry["added_at"] for entry in entries]
    assert added == sorted(added, reverse=True)
    assert not verify(home.lake).findings


@pytest.mark.parametrize("edit", [{"insert_at": 0}, {"remove_at": 3}, {"remove_at": 70}], ids=str)
def test_a_like_in_the_middle_of_a_reading_is_noticed(home: Home, edit: dict[str, int]) -> None:
    home.simulator.liked = liked_songs(130)
    home.simulator.faults.add(Fault("edit", on="liked", playlist=LIKED, after=2, **edit))
    _, run = home.run("me/liked")
    count = 131 if "insert_at" in edit else 129
    entries = home.lake.entries(LIKES, TODAY)
    assert (run.complete, len(entries), len({entry["uri"] for entry in entries})) == (True, count, count)
    assert home.row(LIKES)["requests"] > 5


def test_one_liked_and_one_no_longer_keep_the_total_and_are_noticed_by_the_head(home: Home) -> None:
    home.simulator.liked = liked_songs(130)
    for edit in ({"remove_at": 129}, {"insert_at": 0}):
        home.simulator.faults.add(Fault("edit", on="liked", playlist=LIKED, after=1, **edit))
    _, run = home.run("me/liked")
    entries = home.lake.entries(LIKES, TODAY)
    assert (run.complete, len({entry["uri"] for entry in entries})) == (True, 130)
    assert home.row(LIKES)["requests"] == 2 * (1 + 3 + 1)


def test_liked_songs_that_never_hold_still_are_incomplete(home: Home) -> None:
    home.simulator.faults.add(Fault("edit", on="liked", playlist=LIKED, insert_at=0, times=None))
    _, run = home.run("me/liked")
    assert [one.status for one in run.outcomes] == ["incomplete"]
    assert home.lake.entries(LIKES, TODAY) == []


def test_no_likes_at_all_are_a_complete_day(home: Home) -> None:
    home.simulator.liked = liked_songs(0)
    assert home.run("me/liked")[1].complete
    assert home.row(LIKES)["entry_count"] == 0


def test_another_user_is_another_list_and_the_first_one_ends(home: Home) -> None:
    home.run("me/liked")
    home.sign_in(user="stranger")
    home.clock.advance(days=1)
    found, _ = home.run("me/liked")
    assert found.playlist_ids == ["liked:stranger"]
    assert [(one.playlist_id, "Another user" in one.row["reason"]) for one in found.ended] == [(LIKES, True)]
    # Somebody else signing in between the question who it is and the reading cannot mix them.
    home.clock.advance(days=1)
    pipeline = open_pipeline(home.settings, home.clock.world(), home.lake)
    assert [one.status for one in pipeline.extract([LIKES]).outcomes] == ["suspect"]


def test_liked_songs_are_replayed_and_purged_with_their_user(home: Home) -> None:
    home.run("me", "me/liked")
    before = home.lake.entries(LIKES, TODAY)
    for key in list(home.lake.store.list("tables/")):
        home.lake.store.delete(key)
    world = home.clock.world()
    replay(home.lake, world)
    assert home.lake.entries(LIKES, TODAY) == before
    purge(home.lake, world, wish(home.lake, TODAY, None, "listener", None), dry_run=False)
    assert home.lake.entries(LIKES, TODAY) == []
    assert not [key for key in home.lake.store.list("") if "liked" in key]
    assert home.lake.read_state(keys.MINE)["liked"] == []
    assert not verify(home.lake).findings


# How many requests it takes.


def test_300_lists_and_12_000_likes_take_the_requests_that_the_docs_count(home: Home) -> None:
    for one in home.mine():
        home.simulator.unfollow(one)
    simulator = Simulator(now=home.clock.now, crowd=300)
    for number in range(1, 301):
        home.simulator.add(simulator.playlist_names[f"crowd-{number}"])
    home.simulator.liked = liked_songs(12_000)
    found, run = home.run("me", "me/liked")
    assert (len(found.playlist_ids), run.complete) == (301, True)
    assert home.row(LIKES)["entry_count"] == 12_000
    # docs/playlists.md: one for who you are; one for each 50 lists; one a list; for the likes one, one for each 50, one.
    assert home.asked() == 1 + 300 // 50 + 300 + (1 + 12_000 // 50 + 1)
    assert home.asked("/v1/me/tracks") == 241


# With a queue.


def test_the_scheduled_job_puts_each_of_them_into_the_queue(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Queue:
        def __init__(self, *_: Any) -> None:
            pass

        def send(self, bodies: Any, delay: float = 0) -> None:
            sent.extend(bodies)

    monkeypatch.setattr(fan_out, "Queue", Queue)
    names = {"queue": "lists", "playlists": f"me, me/liked, -{home.id('one')}"}

    def send(event_id: str) -> None:
        settings = Settings(**{**home.settings.__dict__, **names})
        fan_out.send_lists(settings, home.lake, home.clock.world(), event_id)

    for _ in range(2):
        send("first")
    lists = [body["playlist"] for body in sent if "playlist" in body]
    assert lists == [one for one in home.mine() if one != home.id("one")] + [LIKES]
    home.use(EXTENDED)
    with pytest.raises(SignInNeeded):
        send("second")
    # Those of the last time are in the queue all the same.
    assert [body["playlist"] for body in sent if "playlist" in body] == lists * 2
