"""The tables of some lists, or of all, under one SQL connection: fetched once, then asked as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import DamagedFile
from . import keys
from .lake import Lake
from .schema import AUDIO_FEATURES, ENTRIES, SNAPSHOTS
from .store import ObjectStore
from .tables import Question, Row, Scratch, Tables

# S3 answers in some 25 ms whatever the size, so a few at a time; more would only queue for the network.
_AT_ONCE = 8


class Warehouse:
    """SQL over the relations `entries` and `snapshots`, and over what is defined on top of them."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._before: Callable[[str], None] = lambda text: None

    def announce(self, *names: str) -> None:
        """Tell of these names a person whose SQL is not understood: they are defined when a query needs them."""
        self._scratch.announce(*names)

    def before_each(self, prepare: Callable[[str], None]) -> None:
        """Let `prepare` have the text of every query first: it may define what the text names."""
        self._before = prepare

    def define(self, name: str, query: str) -> None:
        """Make a view that later queries may name."""
        self._before(f"{name} {query}")
        self._scratch.define(name, query)

    def hold(self, name: str, query: str) -> None:
        """Do `define`, and compute the rows now, once."""
        self._before(f"{name} {query}")
        self._scratch.hold(name, query)

    def narrow(self, name: str, condition: str, parameters: Mapping[str, Any]) -> None:
        """Let one of the relations keep only the rows that meet the condition; what is on top of it sees no others."""
        self._before(f"{name} {condition}")
        self._scratch.narrow(name, condition, parameters)

    def define_own(self, name: str, files: Sequence[bytes]) -> None:
        """Make a view of the rows of Parquet files that chartlake wrote itself; there is one at least."""
        self._scratch.define(name, f"FROM {self._scratch.own(files)}")

    def extend(self, name: str, files: Sequence[bytes]) -> None:
        """Add the rows of such files to a view that has the same columns."""
        self.narrow(name, "true", {})
        self._scratch.extend(name, self._scratch.own(files))

    def columns(self, query: str) -> dict[str, str]:
        """The names and types of a query's columns, without computing it."""
        self._before(query)
        return self._scratch.columns(query)

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a query as dicts; instants come as aware UTC datetimes."""
        self._before(query)
        return self._scratch.read(query, parameters)

    def save(self, query: str, form: str, parameters: Mapping[str, Any] | None = None) -> Path:
        """The rows of a query as a file (see `Scratch.save`) that is there as long as the warehouse is open."""
        self._before(query)
        return self._scratch.save(query, form, parameters)

    def ask(self, sql: str) -> Question:
        """A person's own SELECT, understood but not answered yet. Raises `BadSetting` with DuckDB's words.

        It works on copies, so whatever it says, the lake stays as it is.
        """
        self._before(sql)
        return self._scratch.ask(sql)


@contextmanager
def open_warehouse(
    lake: Lake,
    playlist_ids: Iterable[str] = (),
    *,
    entries: bool = True,
    features: bool = False,
    since: date = date.min,
) -> Iterator[Warehouse]:
    """The tables of these playlists (none: of all), of the days from `since` on. Without `entries` that table is empty,
    and its files unread. With `features` there is the table `audio_features` too, of all tracks, for one GET more.

    One playlist costs a LIST, and for each calendar year in the lake two GETs. Raises `DamagedFile`, also where a file
    of entries is gone that a commit names, and `LakeUnavailable`.
    """
    with lake.scratch(lake.store.locate("tables/")) as scratch, ThreadPoolExecutor(_AT_ONCE) as pool:

        def define(name: str, wanted: Sequence[str], schema: Mapping[str, str]) -> list[str]:
            """Fetch these objects as one relation; gives those that are not there."""
            objects = dict(zip(wanted, pool.map(lake.store.get, wanted), strict=True))
            relation = scratch.parquets(
                ((lake.store.locate(key), found.data) for key, found in objects.items() if found), schema
            )
            scratch.define(name, f"SELECT * FROM {relation} WHERE snapshot_date >= DATE '{since}'")
            return [key for key, found in objects.items() if found is None]

        define("snapshots", _snapshot_keys(lake.store, dict.fromkeys(playlist_ids)), SNAPSHOTS)
        # Each question reads it, most of them several times, and each time would open a file a list anew.
        scratch.narrow("snapshots", "true", {})
        segments = "SELECT DISTINCT entries_key FROM snapshots WHERE entries_key IS NOT NULL ORDER BY entries_key"
        gone = define("entries", [row["entries_key"] for row in scratch.read(segments)] if entries else [], ENTRIES)
        if gone:
            # Read as empty it would say that everybody left.
            raise DamagedFile(
                f"{lake.store.locate(gone[0])} is gone, though days in it are committed.",
                advice="Restore the file (the bucket keeps versions), or run `chartlake replay`, or import it again.",
            )
        if features:
            define("audio_features", [keys.TRACKS_FEATURES], AUDIO_FEATURES)
        yield Warehouse(scratch)


@contextmanager
def open_empty() -> Iterator[Warehouse]:
    """The tables without a row, for what is to be known of columns only."""
    with Tables().scratch("no table") as scratch:
        for name, schema in (("entries", ENTRIES), ("snapshots", SNAPSHOTS), ("audio_features", AUDIO_FEATURES)):
            scratch.define(name, f"SELECT * FROM {scratch.parquets([], schema)}")
        yield Warehouse(scratch)


def _snapshot_keys(store: ObjectStore, playlist_ids: Iterable[str]) -> list[str]:
    if not playlist_ids:
        return [key for key in store.list(keys.SNAPSHOTS) if keys.snapshots_owner(key)]
    years = [keys.year_of(folder) for folder in store.folders(keys.SNAPSHOTS)]
    return [keys.snapshots(playlist_id, year) for playlist_id in playlist_ids for year in years if year is not None]
