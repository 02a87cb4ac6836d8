"""Parquet with the columns of the table `entries`: what `chartlake export --format parquet` wrote, taken back.

DuckDB reads it, in a folder that it cannot leave. A file says nothing of how much it unpacks to, so that is measured
before anything is sorted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from ...errors import DamagedFile
from ...lake.schema import ENTRIES
from ...lake.tables import Scratch, Tables
from ...spotify.entries import Row
from ..day import NO_FACTS, Day, Places, Problems, refused
from ..opening import Limits, Opener, opened
from .chartlake_export import FORMAT, REQUIRED, finished, keyed

_MAGIC = b"PAR1"
# No list has a tenth of so many entries, and no entry a tenth of so many bytes.
_LONGEST_LIST = 250_000
_LONGEST_ROW = 1 << 20
_BATCH = 1_000
# Bytes of one row's texts; an element of a list takes some itself.
_LENGTH = " + ".join(
    [
        *(f"coalesce(strlen({name}), 0)" for name, kind in ENTRIES.items() if kind == "VARCHAR"),
        "coalesce(list_sum(list_transform(artists, lambda one: "
        "8 + coalesce(strlen(one.id), 0) + coalesce(strlen(one.name), 0))), 0)",
    ]
)


def is_this(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def read(name: str, open_bytes: Opener, problems: Problems, limits: Limits) -> Iterator[Day]:
    """The days of the file, while it is read. Raises `BadImport` for what is no such table, or too large to be one, and
    at its end with every bad row."""
    tables = Tables()
    with tables.folder() as folder:
        path = folder / "foreign.parquet"
        with opened(name, open_bytes, limits) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        try:
            with tables.scratch(name) as scratch:
                relation = scratch.foreign(name, path, ENTRIES, REQUIRED)
                _refuse_large(scratch, relation, name, limits)
                query = f"SELECT * FROM {relation} ORDER BY playlist_id, snapshot_date, position"
                rows = (row for some in scratch.batches(query, _BATCH) for row in some)
                yield from _days(rows, problems)
        except DamagedFile as error:
            advice = "Export the days again; docs/data.md has the columns of the table `entries` and their types."
            raise refused(name, error.message, advice) from error
    problems.raise_if_any()


def _refuse_large(scratch: Scratch, relation: str, name: str, limits: Limits) -> None:
    ((rows, longest, size),) = scratch.tuples(
        "SELECT coalesce(max(rows), 0)::BIGINT, coalesce(max(longest), 0)::BIGINT, coalesce(sum(bytes), 0)::DOUBLE "
        "FROM (SELECT count(*) AS rows, max(length) AS longest, sum(length::DOUBLE + 100) AS bytes FROM "
        f"(SELECT playlist_id, snapshot_date, {_LENGTH} AS length FROM {relation}) GROUP BY playlist_id, snapshot_date)"
    )
    reasons = {
        "it has no rows": rows == 0,
        f"it has a day of {rows:,} entries, as no list has": rows > _LONGEST_LIST,
        f"it has a row of {longest:,} bytes": longest > _LONGEST_ROW,
        f"it holds more than {limits.file:,} bytes when unpacked": size > limits.file,
    }
    for reason, is_so in reasons.items():
        if is_so:
            raise refused(name, reason, "Look at the file before importing it.")


def _days(rows: Iterable[Row], problems: Problems) -> Iterator[Day]:
    for _, of_day in groupby(rows, itemgetter("playlist_id", "snapshot_date")):
        places: Places[Row] = Places()
        key = None
        for row in of_day:
            try:
                key, told = keyed(row)
                places.add(told["position"], told)
            except ValueError as error:
                places.skipped += 1
                problems.add(0, f"{row['playlist_id']} on {row['snapshot_date']}, {row['position']}: {error}")
        if key:
            rows_ = places.in_order()
            yield finished(Day(*key, FORMAT, dict(NO_FACTS), None, rows_, skipped=places.skipped))
