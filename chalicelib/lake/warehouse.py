"""The tables of some lists, or of all, under one SQL connection: fetched once, then asked as often as one likes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from . import keys
from .lake import Lake
from .schema import ENTRIES, SNAPSHOTS
from .tables import Row, Scratch, Tables

# S3 answers in some 25 ms whatever the size, so a few at a time; more would only queue for the network.
_AT_ONCE = 8


class Warehouse:
    """SQL over the relations `entries` and `snapshots`, and over what is defined on top of them."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    def define(self, name: str, query: str) -> None:
        """Make a view that later queries may name."""
        self._scratch.define(name, query)

    def narrow(self, name: str, condition: str, parameters: Mapping[str, Any]) -> None:
        """Let one of the relations keep only the rows that meet the condition; what is on top of it sees no others."""
        self._scratch.narrow(name, condition, parameters)

    def columns(self, query: str) -> dict[str, str]:
        """The names and types of a query's columns, without computing it."""
        return self._scratch.columns(query)

    def read(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows of a query as dicts; instants come as aware UTC datetimes."""
        return self._scratch.read(query, parameters)


@contextmanager
def open_warehouse(lake: Lake, playlist_ids: Iterable[str] = (), *, entries: bool = True) -> Iterator[Warehouse]:
    """The tables of these playlists (none: of all). Without `entries` that table is empty, and its files unread.

    One playlist's year costs two GETs and a LIST. Raises `DamagedFile` and `LakeUnavailable`.
    """
    found = _table_keys(lake, list(playlist_ids), entries)
    with lake.scratch(lake.store.locate("tables/")) as scratch, ThreadPoolExecutor(_AT_ONCE) as pool:
        for name, schema in (("entries", ENTRIES), ("snapshots", SNAPSHOTS)):
            objects = pool.map(lake.store.get, found[name])
            scratch.define(name, f"SELECT * FROM {scratch.parquets((one.data for one in objects if one), schema)}")
        yield Warehouse(scratch)


@contextmanager
def open_empty() -> Iterator[Warehouse]:
    """Both tables without a row, for what is to be known of columns only."""
    with Tables().scratch("no table") as scratch:
        for name, schema in (("entries", ENTRIES), ("snapshots", SNAPSHOTS)):
            scratch.define(name, f"SELECT * FROM {scratch.parquets([], schema)}")
        yield Warehouse(scratch)


def _table_keys(lake: Lake, playlist_ids: list[str], entries: bool) -> dict[str, list[str]]:
    store = lake.store
    if not playlist_ids:
        return {
            "entries": [key for key in store.list(keys.ENTRIES) if keys.segment_owner(key)] if entries else [],
            "snapshots": [key for key in store.list(keys.SNAPSHOTS) if key.endswith(".parquet")],
        }
    years = [keys.year_of(folder) for folder in store.folders(keys.SNAPSHOTS)]
    owners = [(playlist_id, year) for playlist_id in dict.fromkeys(playlist_ids) for year in years]
    return {
        "entries": [key for owner in owners for key in lake.segment_keys(*owner)] if entries else [],
        "snapshots": [keys.snapshots(*owner) for owner in owners],
    }
