"""`chartlake watch` on a real lake, and that a scheduled run tells."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from click.testing import CliRunner, Result

from chalicelib import cli
from chalicelib.analysis.events import read_events
from chalicelib.analysis.watchlist import ALL
from chalicelib.cli.demo_lake import take_days
from chalicelib.handlers import invocation, scheduled
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.folder import FolderStore
from chalicelib.lake.lake import Lake
from chalicelib.snapshots.purge import purge, wish
from chalicelib.time_and_chance import World
from simulator import EXTENDED, TOP_50, Simulator

from .channels import SECRET, receiver
from .conftest import NOON, Clock


@pytest.fixture(scope="module")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watch") / "lake"
    for _ in take_days(str(folder), 5, NOON, UTC):  # type: ignore[arg-type]
        pass
    return folder


@pytest.fixture
def kept(five_days: Path, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake of five days, the last of which is today."""
    shutil.copytree(five_days, tmp_path / "kept")
    monkeypatch.setattr("chalicelib.time_and_chance._utc_now", clock.now)
    monkeypatch.setattr("chalicelib.cli.commands.watch.World", clock.world)
    monkeypatch.setattr("chalicelib.cli.lookup.World", clock.world)
    return Lake(FolderStore(str(tmp_path / "kept")), clock.world())


def call(lake: Lake, *arguments: str, code: int = 0) -> Result:
    environment = {"CHARTLAKE_LAKE": lake.store.locate(""), "CHARTLAKE_WEBHOOK_SECRET": SECRET}
    found = CliRunner(env=environment).invoke(cli.main, ["watch", *arguments])
    assert found.exit_code == code, found.output
    return found


def lines(lake: Lake) -> list[str]:
    found = lake.store.get(keys.WATCH)
    return found.data.decode().splitlines()[1:] if found else []


def an_artist(lake: Lake) -> tuple[str, str]:
    row = lake.entries(TOP_50, NOON.date())[0]
    return row["artists"][0]["id"], row["artists"][0]["name"]


def test_what_is_named_is_found_and_written_by_its_id(kept: Lake) -> None:
    artist_id, artist = an_artist(kept)
    song = kept.entries(TOP_50, NOON.date())[0]
    call(kept, "add", "artist", artist_id)
    call(kept, "add", "artist", f"https://open.spotify.com/artist/{artist_id}")
    call(kept, "add", "track", song["isrc"], "--only", "entered, moved 3")
    call(kept, "add", "list", TOP_50)
    call(kept, "add", "all", "--only", "gap_began")
    first, track, of_list, of_all = lines(kept)
    assert first == f"artist {artist_id}  # {artist}"
    assert track.startswith(f"track {song['item_id']} | entered, moved 3  # {song['name']} by ")
    assert of_list.startswith(f"list {TOP_50}  # ")
    assert of_all == "all | gap_began"
    call(kept, "remove", "artist", artist.upper())
    call(kept, "remove", "all")
    assert lines(kept) == [track, of_list]
    assert "No artist" in call(kept, "remove", "artist", artist, code=1).output


def test_a_name_with_a_bar_or_a_number_sign_is_watched_and_no_other(kept: Lake, tmp_path: Path) -> None:
    chart = tmp_path / "regional-us-daily-2026-11-20.csv"
    head = "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams"
    labels = ["A|B", "X # One", "X"]
    rows = [f"{n},spotify:track:{n:022d},Ann,Song {n},{label},1,-1,1,9" for n, label in enumerate(labels, start=1)]
    chart.write_text("\n".join([head, *rows]))
    assert [one.error for one in import_path(kept, chart)] == [None]
    for name in labels[:2]:
        call(kept, "add", "label", name)
    assert json.loads(call(kept, "list", "--json").output)["watches"] == ['label "A|B"', 'label "X # One"']
    call(kept, "remove", "label", "x # one")
    assert lines(kept) == ['label "A|B"']
    assert "Another name is watched by a line" in call(kept, "add", "label", "Nobody", code=1).output


def test_a_name_that_several_have_is_asked_about(kept: Lake) -> None:
    asked = call(kept, "add", "artist", "a", code=2).output
    assert "is in the names of" in asked
    assert "Name one by its id:" in asked
    assert "more" in asked
    assert lines(kept) == []
    assert "is called 'Nobody at all'" in call(kept, "add", "artist", "Nobody at all", code=1).output


def test_the_file_stays_a_persons_own(kept: Lake) -> None:
    kept.store.create(keys.WATCH, b"# mine\nwrong line\nall\n")
    call(kept, "on", "mail", "weekly")
    call(kept, "on", "webhook", "http://127.0.0.1:9/", code=2)
    call(kept, "off", "feeds", code=1)
    assert kept.store.get(keys.WATCH).data == b"# mine\nwrong line\nall\ntell mail weekly\n"  # type: ignore[union-attr]
    listed = json.loads(call(kept, "list", "--json").output)
    assert listed["watches"] == ["all"]
    assert "line 2" in listed["wrong"][0]
    call(kept, "off", "mail")
    assert kept.store.get(keys.WATCH).data == b"# mine\nwrong line\nall\n"  # type: ignore[union-attr]


def test_what_happened_is_shown_told_and_told_once(kept: Lake, clock: Clock) -> None:
    since = NOON.date() - timedelta(days=1)
    happened = [event for event in read_events(kept, since=since, today=NOON.date()) if event.is_news]
    news = {event.event_id for event in happened if ALL.wants(event)}
    assert len(news) > 10
    with receiver(clock.now) as server:
        call(kept, "add", "all")
        call(kept, "on", "feeds")
        call(kept, "on", "webhook", server.url, "private")
        before = list(kept.store.list(""))
        shown = json.loads(call(kept, "tell", "--dry-run", "--json").output)
        assert set(shown["events"]) == news
        assert "would be told" in call(kept, "tell", "--dry-run").output
        assert (list(kept.store.list("")), server.asked) == (before, 0)
        assert "feeds was told" in call(kept, "tell").output
        found = feedparser.parse(kept.store.get(keys.ALL_FEED).data)  # type: ignore[union-attr]
        entries = {entry.id[-32:] for entry in found.entries}
        assert entries <= news
        assert len(entries) == len(found.entries) == min(len(news), 200)
        assert sorted(server.ids) == sorted(news)
        assert len(news) < len(happened), "small moves are not told"
        asked = server.asked
        assert "was told 0 events" in call(kept, "tell").output
        assert server.asked == asked
    assert "all.xml" in call(kept, "list").output


def test_a_dead_channel_is_shown_and_the_others_are_told(kept: Lake, clock: Clock) -> None:
    with receiver(clock.now) as server:
        server.answers = [(410, {})]
        call(kept, "add", "all")
        call(kept, "on", "feeds")
        call(kept, "on", "webhook", server.url, "private")
        assert "answered 410" in call(kept, "tell", code=3).output
    assert "fails since 2026-11-23T12:00: 127.0.0.1 answered 410." in call(kept, "list").output


def test_a_purge_takes_the_feeds_and_no_other_file(kept: Lake, clock: Clock) -> None:
    call(kept, "on", "feeds")
    call(kept, "tell")
    kept.store.create("site/feeds/mine.xml", b"mine")
    purge(kept, clock.world(), wish(kept, NOON.date(), TOP_50, None, None), dry_run=False)
    assert list(kept.store.list(keys.FEEDS)) == ["site/feeds/mine.xml"]


def test_a_scheduled_run_tells_and_is_never_failed_by_it(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator = Simulator(now=clock.now)
    lake = Lake(FolderStore(str(tmp_path)), clock.world())
    with simulator.serve() as spotify, receiver(clock.now) as server:
        for name, value in {
            "CHARTLAKE_LAKE": str(tmp_path),
            "CHARTLAKE_PLAYLISTS": TOP_50,
            "CHARTLAKE_METRICS": "chartlake-prod",
            "CHARTLAKE_WEBHOOK_SECRET": SECRET,
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
            "SPOTIFY_API_URL": spotify.api_url,
            "SPOTIFY_ACCOUNTS_URL": spotify.accounts_url,
        }.items():
            monkeypatch.setenv(name, value)
        hook = f"tell webhook {server.url} private"
        lake.store.create(keys.WATCH, f"all | entered\ntell feeds\n{hook}\n".encode())
        scheduled.daily(lambda: 900_000, clock.world())
        assert server.taken == [], "a first day is no news"
        clock.advance(days=1)
        server.answers = [(500, {})] * 4
        scheduled.daily(lambda: 900_000, clock.world())
        clock.advance(days=1)
        server.answers = [(400, {})]
        capsys.readouterr()
        scheduled.daily(lambda: 900_000, clock.world())
        assert '"ChannelsDead": 1' in capsys.readouterr().out
        scheduled.daily(lambda: 900_000, clock.world())
        assert '"ChannelsDead": 0' in capsys.readouterr().out
        entered = [one.event_id for one in read_events(lake, kinds=["entered"], today=date.max)]
        assert server.ids == entered != []
        monkeypatch.setattr("chalicelib.handlers.telling.read_events", lambda *_, **__: 1 / 0)
        clock.advance(days=1)
        assert scheduled.daily(lambda: 900_000, clock.world())["complete"]


def test_no_telling_is_begun_at_the_end_of_the_time(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    def told(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("chalicelib.handlers.telling.tell_all", told)
    world: World = clock.world(seconds_left=10)
    invocation.tell_news(None, world)  # type: ignore[arg-type]
