"""The copy for questions over everything: what the views `runs`, `known_days` and `keyed` say of all lists, kept as
tables below `warehouse/`, and which songs each list ever had.

One object a list a year is right for writing, and wrong for a question over thousands of lists. So the copy puts many
lists together, on shelves. It is derived: it can be deleted and made again, and it never has the last word. Of each
shelf it is noted which commits it was made from; a list that was committed to since is read from its own segments.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from .. import __version__
from ..errors import DamagedFile
from ..lake import keys
from ..lake.lake import Lake
from ..lake.tombstones import read_tombstones
from ..lake.warehouse import Warehouse, open_empty, open_warehouse
from ..text import counted, printable
from ..time_and_chance import World
from .asked_views import AskedViews
from .charts import bare_id, open_charts
from .views import VIEWS, view_sql

# The views that are kept, each with the order of its rows: that by which it is mostly asked.
TABLES = {
    "runs": "track_key, playlist_id, run_number",
    "known_days": "playlist_id, snapshot_date",
    "keyed": "playlist_id, snapshot_date, position",
}
SONGS = "songs"
# Every name and id under which an item ever stood on a list, so that the lists of a track are found.
_SONGS = """
SELECT DISTINCT playlist_id, track_key, uri, item_id, UPPER(REPLACE(isrc, '-', '')) AS isrc, name, artist
FROM standings WHERE track_key IS NOT NULL
"""
_ORDER_OF_SONGS = "track_key, playlist_id, uri, item_id, isrc, name, artist"
# Each table of a shelf: its SELECT over the views, in DuckDB's SQL, and the order of its rows.
SHELF = {table: (f"SELECT * FROM {table}", order) for table, order in TABLES.items()}
SHELF[SONGS] = (_SONGS, _ORDER_OF_SONGS)
# A shelf of a year of Top 50s has about a million places.
LISTS_A_SHELF = 50
# With more songs than this in question nearly every list has one.
_MANY = 5_000
_AT_ONCE = 8

# The object of each list's commits, by key, with the tag of its version.
_Commits = dict[str, str]


@dataclass(frozen=True)
class Made:
    """What making the copy came to: shelves that were made anew, shelves that had been made from these very commits,
    and for each shelf that could not be made why not."""

    remade: int
    kept: int
    lists: int
    failed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"remade": self.remade, "kept": self.kept, "lists": self.lists, "failed": list(self.failed)}


@dataclass
class Copy:
    """The copy as it stands: when it was made, the objects of the shelves that still hold (a table's name to the
    SHA-256 of its bytes), the lists of all others, and the lists of each shelf."""

    made_at: str
    shelves: dict[int, dict[str, str]]
    stale: set[str] = field(default_factory=set)
    lists: Mapping[int, set[str]] = field(default_factory=dict)

    def drop(self, shelf: int) -> None:
        """Let the lists of a shelf be read from their segments."""
        self.shelves.pop(shelf, None)
        self.stale |= self.lists[shelf]


def make_copy(
    lake: Lake, world: World, today: date, progress: Callable[[int, int], None] = lambda done, of: None
) -> Made:
    """Make the copy, or what of it is not made from the lake's present commits. Interrupted and done again it comes to
    the same bytes. `progress` gets how many shelves of how many are done."""
    commits = _commits_by_list(lake)
    state = _state_for(lake, len(commits))
    by_shelf = _by_shelf(commits, state["shelves"])
    kept, failed = 0, []
    for number, (shelf, lists) in enumerate(sorted(by_shelf.items()), start=1):
        made_from = _commits_of(commits, lists)
        if state["of"].get(str(shelf), {}).get("commits") == made_from:
            kept += 1
        else:
            try:
                objects = _make_shelf(lake, today, shelf, lists)
            except DamagedFile as error:
                failed.append(error.message)
            else:
                made = {"commits": made_from, "objects": objects, "made_at": world.now().isoformat()}
                lake.update_state(keys.COPY_MADE, partial(_with_shelf, state, shelf, made))
        progress(number, len(by_shelf))
    _remove_others(lake, state["shelves"])
    _remove_purged(lake, by_shelf, commits)
    return Made(len(by_shelf) - kept - len(failed), kept, len(commits), tuple(failed))


def _remove_purged(lake: Lake, by_shelf: Mapping[int, set[str]], commits: Mapping[str, _Commits]) -> None:
    """Delete the shelves with lists that a purge reached since their commits were listed: it may have looked for the
    copy before their rows were written. A later purge finds them."""
    now, purged = _commits_by_list(lake), read_tombstones(lake)
    for shelf, lists in by_shelf.items():
        if any(now.get(one) != commits[one] and purged.covers(one, date.min) for one in lists):
            for table in SHELF:
                lake.store.delete(keys.copied(table, shelf))


def drop_copy(lake: Lake) -> int:
    """Delete the copy; gives how many objects it had."""
    # What says that it holds goes first.
    found = sorted(filter(keys.is_copied, lake.store.list(keys.COPY)), key=lambda key: key != keys.COPY_MADE)
    for key in found:
        lake.store.delete(key)
    return len(found)


def read_copy(lake: Lake) -> Copy | None:
    """The copy as it stands, by one list of the lake's commits; None where there is none."""
    state = _state(lake)
    if not state.get("of") or state.get("views") != _views_digest():
        return None
    commits = _commits_by_list(lake)
    lists = _by_shelf(commits, state["shelves"])
    copy = Copy(max(one["made_at"] for one in state["of"].values()), {}, set(), lists)
    for shelf, those in lists.items():
        made = state["of"].get(str(shelf), {})
        if made.get("commits") == _commits_of(commits, those):
            copy.shelves[shelf] = made["objects"]
        else:
            copy.drop(shelf)
    return copy


@contextmanager
def open_copy(lake: Lake, today: date, copy: Copy, tables: set[str]) -> Iterator[Warehouse]:
    """These views of `TABLES` over all lists of the lake: from the copy, and from their segments where it holds no
    longer."""
    found = {table: _fetch(lake, copy, table) for table in sorted(tables)}
    # Of a shelf all tables are from one making, or none is read.
    held = {table: [data for shelf, data in those.items() if shelf in copy.shelves] for table, those in found.items()}
    with open_warehouse(lake, copy.stale) if copy.stale else open_empty() as warehouse:
        if copy.stale:
            AskedViews(warehouse, today)
        add = warehouse.extend if copy.stale else warehouse.define_own
        for table, files in held.items():
            if files:
                add(table, files)
        yield warehouse


def lists_of_track(lake: Lake, today: date, copy: Copy, text: str) -> set[str] | None:
    """The lists that may know a track by this id, ISRC, URI, link, or part of its title or artist. None where that may
    be nearly every list, or the copy tells of too few."""
    found = _fetch(lake, copy, SONGS)
    files = [data for shelf, data in found.items() if shelf in copy.shelves]
    if not files or len(copy.stale) > sum(map(len, copy.lists.values())) / 2:
        return None
    with open_warehouse(lake, copy.stale) if copy.stale else open_empty() as warehouse:
        if copy.stale:
            # They may tell that two songs of others are one.
            AskedViews(warehouse, today)
            warehouse.define(SONGS, _SONGS)
        add = warehouse.extend if copy.stale else warehouse.define_own
        add(SONGS, files)
        return _lists_with(warehouse, text.strip())


def _lists_with(warehouse: Warehouse, text: str) -> set[str] | None:
    """The lists of the songs that are meant, and of all that share an id with one of them."""
    meant = (
        "uri = $text OR item_id = $bare OR isrc = upper(replace($text, '-', '')) OR track_key = $text "
        "OR contains(lower(strip_accents(concat_ws(' ', name, artist))), lower(strip_accents($text)))"
    )
    query = f"SELECT DISTINCT playlist_id, track_key, uri, isrc FROM {SONGS} WHERE {meant}"
    rows = warehouse.read(query, {"text": text, "bare": bare_id(text)})
    seen = -1
    while seen != len(rows):
        if len(rows) > _MANY:
            return None
        seen = len(rows)
        ids = sorted({one for row in rows for one in (row["track_key"], row["uri"], row["isrc"]) if one})
        rows = warehouse.read(
            f"SELECT DISTINCT playlist_id, track_key, uri, isrc FROM {SONGS} "
            "WHERE track_key IN (SELECT unnest($ids)) OR uri IN (SELECT unnest($ids)) "
            "OR isrc IN (SELECT unnest($ids))",
            {"ids": ids},
        )
    return {row["playlist_id"] for row in rows}


def _make_shelf(lake: Lake, today: date, shelf: int, lists: set[str]) -> dict[str, str]:
    """Write a shelf's tables; gives the SHA-256 of each."""
    digests = {}
    with open_charts(lake, today, sorted(lists)) as charts:
        for table, (select, order) in SHELF.items():
            data = charts.warehouse.save(f"FROM ({select}) ORDER BY {order}", "parquet").read_bytes()
            lake.write_over(keys.copied(table, shelf), data)
            digests[table] = hashlib.sha256(data).hexdigest()
    return digests


def _fetch(lake: Lake, copy: Copy, table: str) -> dict[int, bytes]:
    """A table's bytes for each shelf that holds; a shelf whose bytes are not those that were noted holds no longer."""
    shelves = sorted(copy.shelves)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        objects = list(pool.map(lake.store.get, (keys.copied(table, shelf) for shelf in shelves)))
    found = {}
    for shelf, stored in zip(shelves, objects, strict=True):
        if stored and hashlib.sha256(stored.data).hexdigest() == copy.shelves[shelf].get(table):
            found[shelf] = stored.data
        else:
            copy.drop(shelf)
    return found


def check_copy(lake: Lake, today: date, shelves: int) -> Iterator[str]:
    """Compute so many of the shelves that hold anew, others each day, and tell of each table that is another one."""
    copy = read_copy(lake)
    if copy is None:
        return
    some = sorted(copy.shelves, key=lambda shelf: zlib.crc32(f"{today} {shelf}".encode()))[:shelves]
    for shelf in some:
        for table, digest in _make_shelf(lake.dry_run(), today, shelf, copy.lists[shelf]).items():
            stored = lake.store.get(keys.copied(table, shelf))
            if stored is None or hashlib.sha256(stored.data).hexdigest() != digest:
                yield f"{lake.store.locate(keys.copied(table, shelf))} is not what the lake says"


def _state(lake: Lake) -> dict[str, Any]:
    """What was made; {} where that is not told as chartlake tells it, since a lake can be foreign."""
    state = lake.read_state(keys.COPY_MADE)
    shelves, of = state.get("shelves"), state.get("of")
    sound = isinstance(shelves, int) and shelves > 0 and isinstance(of, dict) and all(map(_is_shelf, of.values()))
    return state if sound else {}


def _is_shelf(made: Any) -> bool:
    tables = (made.get("commits"), made.get("objects")) if isinstance(made, dict) else (None,)
    return all(isinstance(one, dict) for one in tables) and isinstance(made.get("made_at"), str)


def _state_for(lake: Lake, lists: int) -> dict[str, Any]:
    """What was made, if it is of use for so many lists: other shelves or views begin anew."""
    state, views = _state(lake), _views_digest()
    count = _shelf_count(lists, state)
    same = state.get("shelves") == count and state.get("views") == views
    return state if same else {"shelves": count, "views": views, "of": {}}


def _with_shelf(
    state: Mapping[str, Any], shelf: int, made: Mapping[str, Any], before: dict[str, Any]
) -> dict[str, Any]:
    """The state with one more shelf; one that tells of other shelves or views begins anew."""
    same = all(before.get(name) == state[name] for name in ("shelves", "views")) and isinstance(before.get("of"), dict)
    of = before["of"] if same else state["of"]
    facts = {"shelves": state["shelves"], "views": state["views"], "app_version": __version__}
    return facts | {"of": of | {str(shelf): dict(made)}}


def words_for(copy: Copy) -> str:
    """Where an answer is from, for a person."""
    others = f"; {counted(len(copy.stale), 'list')} that changed since from their own tables" if copy.stale else ""
    return f"Answered from the copy of {printable(copy.made_at[:16]).replace('T', ' ')} UTC{others}."


def _commits_by_list(lake: Lake) -> dict[str, _Commits]:
    found: dict[str, _Commits] = {}
    for key, etag in lake.store.versions(keys.SNAPSHOTS):
        if owner := keys.snapshots_owner(key):
            found.setdefault(owner[0], {})[key] = etag
    return found


def _commits_of(commits: Mapping[str, _Commits], lists: set[str]) -> _Commits:
    return {key: etag for one in sorted(lists) for key, etag in sorted(commits[one].items())}


def _by_shelf(lists: Mapping[str, Any], count: int) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for one in lists:
        found.setdefault(zlib.crc32(one.encode()) % count, set()).add(one)
    return found


def _shelf_count(lists: int, state: Mapping[str, Any]) -> int:
    """As many as there are, until they are far too full: other shelves mean that everything is made anew."""
    needed, standing = max(1, -(-lists // LISTS_A_SHELF)), int(state.get("shelves", 0))
    return standing if standing and needed <= 2 * standing else needed


def _views_digest() -> str:
    """Another text as soon as any view is."""
    texts = json.dumps([TABLES, _SONGS, *map(view_sql, VIEWS)])
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


def _remove_others(lake: Lake, count: int) -> None:
    """Delete what belongs to shelves that are no more."""
    own = {keys.copied(table, shelf) for table in SHELF for shelf in range(count)} | {keys.COPY_MADE}
    for key in filter(keys.is_copied, lake.store.list(keys.COPY)):
        if key not in own:
            lake.store.delete(key)
