"""What strangers put into a lake or beside a file: links, pipes, keys that lead away, and files of their own."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.analysis.watchlist import Watchlist
from chalicelib.errors import ChartlakeError, DamagedFile
from chalicelib.history.importing import Options, import_path, keep_rejects
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import ObjectStore
from chalicelib.lake.warehouse import open_warehouse
from chalicelib.report.across_site import write_across
from chalicelib.report.site import shared_index
from chalicelib.snapshots.purge import Wish, purge
from chalicelib.time_and_chance import World

from .conftest import NOON, Clock
from .histories import keep, named
from .test_imports import only, write

TODAY = NOON.date()
KEY = "state/not_before.json"
LIST = "1" * 22


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def strange(folder: Path, clock: Clock) -> ObjectStore:
    """A store in a folder that a stranger may have filled."""
    return open_store(str(folder), clock.world())


@pytest.fixture
def bystander(tmp_path: Path) -> Path:
    """A file outside the lake that is nobody's business here."""
    path = tmp_path / "outside" / ".bashrc"
    path.parent.mkdir()
    path.write_text("mine")
    return path


# A lake in a folder.


def test_what_is_written_is_for_its_owner_alone(strange: ObjectStore, folder: Path) -> None:
    strange.create("raw/a/b.json.gz", b"x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    assert modes == {"lake": 0o700, ".lock": 0o600, "raw": 0o700, "a": 0o700, "b.json.gz": 0o600}


@pytest.mark.parametrize(
    "key", ["../outside/.bashrc", "/etc/hostname", "state/../../outside/.bashrc", "raw//x", "a\0b"]
)
@pytest.mark.parametrize(
    "act",
    [
        lambda store, key: store.get(key),
        lambda store, key: store.create(key, b"evil"),
        lambda store, key: store.delete(key),
        lambda store, key: store.download(key, Path(os.devnull)),
    ],
)
def test_no_key_leads_out_of_the_lake(
    strange: ObjectStore, bystander: Path, key: str, act: Callable[[ObjectStore, str], object]
) -> None:
    strange.create("state/here", b"x")
    with pytest.raises(DamagedFile, match="it leads out of its folder, so it is no file of this lake"):
        act(strange, key)
    assert bystander.read_text() == "mine"


@pytest.mark.parametrize("link", [KEY, "state"])
def test_links_in_a_lake_are_followed_neither_to_read_nor_to_write(
    strange: ObjectStore, folder: Path, bystander: Path, link: str
) -> None:
    target = bystander.parent
    (target / "not_before.json").write_text("mine")
    (folder / link).parent.mkdir(parents=True, exist_ok=True)
    (folder / link).symlink_to(target / "not_before.json" if link == KEY else target)
    for act in (lambda: strange.get(KEY), lambda: strange.create(KEY, b"evil")):
        with pytest.raises(DamagedFile, match="is a link") as caught:
            act()
        assert "put the file itself in its place" in caught.value.advice
    assert list(strange.list("")) == []
    assert list(strange.folders("")) == (["state/"] if link == KEY else [])
    assert (target / "not_before.json").read_text() == "mine"


def test_an_unfinished_file_that_leads_away_is_replaced(strange: ObjectStore, folder: Path, bystander: Path) -> None:
    strange.create("state/here", b"x")
    unfinished = folder / "state" / ".not_before.json.unfinished"
    for plant in (unfinished.symlink_to, unfinished.hardlink_to):
        plant(bystander)
        strange.create(KEY, b"new")
        assert (bystander.read_text(), strange.get(KEY).data) == ("mine", b"new")  # type: ignore[union-attr]
        strange.delete(KEY)


def test_the_lock_is_no_link(strange: ObjectStore, folder: Path, bystander: Path) -> None:
    folder.mkdir()
    (folder / ".lock").symlink_to(bystander)
    with pytest.raises(ChartlakeError):
        strange.create(KEY, b"new")
    assert bystander.read_text() == "mine"


def test_a_pipe_is_not_waited_for(strange: ObjectStore, folder: Path) -> None:
    (folder / "state").mkdir(parents=True)
    os.mkfifo(folder / KEY)
    with pytest.raises(DamagedFile, match="is a pipe or a device"):
        strange.get(KEY)


def test_deleting_a_link_leaves_what_it_leads_to(strange: ObjectStore, folder: Path, bystander: Path) -> None:
    (folder / "state").mkdir(parents=True)
    (folder / KEY).symlink_to(bystander)
    strange.delete(KEY)
    assert ([one.name for one in folder.iterdir()], bystander.read_text()) == ([".lock"], "mine")


@pytest.mark.parametrize("key", ["/dev/zero", "../outside/entries.parquet"])
def test_a_commit_that_names_entries_outside_the_lake_is_damage(lake: Lake, tmp_path: Path, key: str) -> None:
    keep(lake, {TODAY: [row | {"playlist_id": LIST} for row in named(TODAY, "AB")]}, LIST)
    (tmp_path / "outside").mkdir()
    found = lake.store.get(lake.segment_of(LIST, TODAY))
    (tmp_path / "outside" / "entries.parquet").write_bytes(found.data)  # type: ignore[union-attr]
    row = lake.snapshot(LIST, TODAY)
    lake.put_snapshots(LIST, TODAY.year, [row | {"entries_key": key}])  # type: ignore[operator]
    with pytest.raises(DamagedFile, match="leads out"), open_warehouse(lake):
        pass


def test_a_temporary_folder_may_have_any_name(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / 'it\'s "here"'
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    keep(lake, {TODAY: [row | {"playlist_id": LIST} for row in named(TODAY, "AB")]}, LIST)
    with open_warehouse(lake) as warehouse:
        assert len(warehouse.read("SELECT * FROM entries")) == 2


# Purge.


def test_a_purge_leaves_strangers_files_where_the_pages_are(
    lake: Lake, folder: Path, clock: Clock, bystander: Path
) -> None:
    keep(lake, {TODAY: [row | {"playlist_id": LIST} for row in named(TODAY, "AB")]}, LIST)
    lake.store.create(keys.INDEX_PAGE, b"index")
    lake.store.create(keys.playlist_page(LIST), b"page")
    shared_index(lake.store, clock.world(), 60)
    mine = [folder / "site" / "notes.html", folder / "site" / "playlists" / "mine.html"]
    for path in mine:
        path.write_text("mine")
    (folder / "site" / "holiday").symlink_to(bystander.parent)
    asked = Wish(TODAY.replace(day=TODAY.day + 1), playlist_id=LIST)
    would_go = purge(lake, clock.world(), asked).pages
    assert purge(lake, clock.world(), asked, dry_run=False).pages == would_go
    assert [key.startswith("site/shared/") for key in would_go].count(True) == 1
    assert set(would_go) >= {keys.INDEX_PAGE, keys.playlist_page(LIST)}
    left = [path for path in (folder / "site").rglob("*") if path.is_file() or path.is_symlink()]
    assert sorted(left) == sorted([*mine, folder / "site" / "holiday"])
    assert bystander.read_text() == "mine"


# The index behind a link.


def test_what_a_strangers_state_calls_a_page_is_not_removed(lake: Lake, clock: Clock) -> None:
    page, others = "site/tracks/AAAAAAAAAAAA.html", ("config/playlists.txt", "site/notes.html", "tables/../x")
    for key in (page, *others[:2]):
        lake.store.create(key, b"mine")
    told = {key: {"text": "x"} for key in (page, *others)} | {"site/tracks/BBBBBBBBBBBB.html": "no facts"}
    lake.update_state(keys.ACROSS, lambda _: {"pages": told})
    write_across(lake, clock.world(), NOON.date(), Watchlist(), [])
    assert lake.store.get(page) is None
    assert [lake.store.get(key).data for key in others[:2]] == [b"mine"] * 2


def test_a_later_link_does_not_prolong_an_earlier_one(lake: Lake) -> None:
    lake.store.create(keys.INDEX_PAGE, b'<a href="playlists/x.html">')
    first, second = (shared_index(lake.store, World(), 3600) for _ in range(2))
    assert first.split("?")[0] != second.split("?")[0]


# Files to import.


def test_rejects_replace_a_link_and_do_not_follow_it(lake: Lake, tmp_path: Path, bystander: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("spotify:track:", "nonsense:", 1), newline="")
    rejects = Path(f"{path}.rejects")
    rejects.symlink_to(bystander)
    keep_rejects(only(import_path(lake, path, Options(skip_bad=True))))
    assert bystander.read_text() == "mine"
    assert (rejects.is_symlink(), "nonsense:" in rejects.read_text()) == (False, True)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_links_in_an_imported_folder_are_named_and_not_followed(lake: Lake, tmp_path: Path, what: str) -> None:
    outside, inside = tmp_path / "private", tmp_path / "handed over"
    outside.mkdir()
    inside.mkdir()
    path = write(outside)
    (inside / path.name).symlink_to(path if what == "file" else outside)
    found = only(import_path(lake, inside))
    assert found.error is not None
    assert "it is a link" in found.error.message
    assert "Name the file or folder that it leads to" in found.error.advice
    assert list(lake.store.list("")) == []
    # What a person names is another matter.
    (tmp_path / path.name).symlink_to(path)
    assert only(import_path(lake, tmp_path / path.name)).error is None
