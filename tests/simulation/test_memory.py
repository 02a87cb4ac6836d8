"""The tables in memory, which make the simulation fast, do what DuckDB does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.lake.days import DayScratch, DayTables
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS, empty_row
from chalicelib.lake.tables import packed, to_json

from .memory import _CONDITIONS, MemoryTables

_FIRST = date(2026, 11, 23)
_DAYS = st.integers(0, 3).map(lambda number: _FIRST + timedelta(days=number))
_SOON = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def _entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    places = draw(st.lists(st.tuples(_DAYS, st.integers(1, 4)), max_size=8, unique=True))
    return [
        dict.fromkeys(ENTRIES)
        | {
            "snapshot_date": day.isoformat(),
            "position": position,
            "name": draw(st.sampled_from([None, "a", "ä", "’"])),
            "artists": draw(st.sampled_from([[], [{"id": None, "name": "x"}]])),
            "explicit": draw(st.sampled_from([None, True, False])),
            "added_by": draw(st.sampled_from([None, "someone"])),
            "captured_at": f"{day}T0{draw(st.integers(0, 9))}:00:00Z",
            "capture_id": draw(st.sampled_from(["1", "2"])),
            "source": draw(st.sampled_from(["spotify", "import:x"])),
        }
        for day, position in places
    ]


@st.composite
def _snapshots(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        to_json(empty_row("list", day, datetime(2026, 11, 23, 12, 0, 0, draw(st.integers(0, 999_999)), tzinfo=UTC)))
        | {"raw_key": draw(st.sampled_from([None, "raw/1", "raw/2"])), "owner_id": draw(st.sampled_from([None, "me"]))}
        for day in draw(st.lists(_DAYS, unique=True))
    ]


@pytest.fixture(scope="module")
def duck() -> DayTables:
    return DayTables()


@pytest.fixture
def both(duck: DayTables) -> Iterator[tuple[DayScratch, DayScratch]]:
    with duck.open("a test") as one, MemoryTables().open("a test") as other:
        yield one, other


def _told(scratch: DayScratch, data: bytes, schema: dict[str, str]) -> list[dict[str, Any]]:
    return scratch.select(scratch.parquet(data, schema), schema)


@_SOON
@given(kept=_entries(), given=_entries(), days=st.sets(_DAYS, min_size=1))
def test_entries_are_merged_and_told_alike(
    both: tuple[DayScratch, DayScratch], kept: list[dict[str, Any]], given: list[dict[str, Any]], days: set[date]
) -> None:
    found = []
    for scratch in both:
        old = scratch.merged(None, scratch.rows(kept, ENTRIES), ENTRIES, [_FIRST + timedelta(days=n) for n in range(4)])
        relation, new = scratch.parquet(old, ENTRIES), scratch.rows(given, ENTRIES)
        found.append(
            {
                "merged": _told(scratch, scratch.merged(relation, new, ENTRIES, days), ENTRIES),
                "some": scratch.select(relation, ENTRIES, days),
                "held": scratch.held(new),
                "contents": {day: (one.rows, one.capture_id) for day, one in scratch.contents(new).items()},
                "extent": scratch.extent(relation),
                "moments": sorted(scratch.moments(relation, days)),
                "summaries": [one | {"capture_id": None, "digest": None} for one in scratch.summaries(relation)],
            }
        )
    assert found[0] == found[1]


@_SOON
@given(kept=_entries(), given=_entries())
def test_days_are_equal_alike(
    both: tuple[DayScratch, DayScratch], kept: list[dict[str, Any]], given: list[dict[str, Any]]
) -> None:
    found = []
    for scratch in both:
        there, new = (scratch.contents(scratch.rows(rows, ENTRIES)) for rows in (kept, given))
        found.append({day for day in {*there, *new} if there.get(day) == new.get(day)})
    assert found[0] == found[1]


@_SOON
@given(rows=st.one_of(_entries(), _snapshots()), condition=st.sampled_from(sorted(_CONDITIONS)), before=_DAYS)
def test_rows_are_removed_and_forgotten_alike(
    both: tuple[DayScratch, DayScratch], rows: list[dict[str, Any]], condition: str, before: date
) -> None:
    schema = SNAPSHOTS if not rows or "status" in rows[0] else ENTRIES
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    values = {"before": before, "day": before, "moment": moment, "raw_keys": ["raw/2"], "user": "me"}
    parameters = {name: value for name, value in values.items() if f"${name}" in condition}
    columns = [name for name in ("raw_key", "owner_id", "added_by") if name in schema]
    if any(name in condition and name not in schema for name in ("raw_key", "owner_id", "added_by")):
        return
    found = []
    for scratch in both:
        days = [_FIRST + timedelta(days=n) for n in range(4)]
        relation = scratch.parquet(scratch.merged(None, scratch.rows(rows, schema), schema, days), schema)
        found.append(
            (
                scratch.count(relation, condition, parameters),
                _told(scratch, scratch.without(relation, schema, condition, parameters), schema),
                _told(scratch, scratch.forgetting(relation, schema, columns, condition, parameters), schema),
            )
        )
    assert found[0] == found[1]


@_SOON
@given(rows=_entries())
def test_rows_come_out_of_a_file_alike(
    both: tuple[DayScratch, DayScratch], duck: DayTables, rows: list[dict[str, Any]]
) -> None:
    with duck.folder() as folder:
        file = folder / "rows.ndjson"
        file.write_bytes(b"".join(packed(rows, ENTRIES)))
        one, other = (scratch.select(scratch.rows(file, ENTRIES), ENTRIES) for scratch in both)
    assert one == other
