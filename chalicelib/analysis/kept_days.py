"""The committed days of one list, read whole for whoever takes them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from ..lake.lake import Lake, refuse_torn
from ..lake.tables import Row
from ..lake.warehouse import Warehouse, open_warehouse


class KeptDays:
    """So many days of a list, each as its row of `snapshots` and its entries in order; memory holds one at a time."""

    def __init__(self, warehouse: Warehouse, playlist_id: str, days: Sequence[date]) -> None:
        self._warehouse = warehouse
        self._playlist_id = playlist_id
        self._days = days

    def __iter__(self) -> Iterator[tuple[Row, list[Row]]]:
        for day in self._days:
            asked = {"id": self._playlist_id, "day": day}
            where = "WHERE playlist_id = $id AND snapshot_date = $day"
            (snapshot,) = self._warehouse.read(f"SELECT * FROM snapshots {where}", asked)
            yield snapshot, self._warehouse.read(f"SELECT * FROM entries {where} ORDER BY position", asked)

    def parquet(self) -> Path:
        """All entries as one Parquet file, which is there as long as the days are open."""
        asked = {"id": self._playlist_id, "days": list(self._days)}
        return self._warehouse.save(
            "SELECT * FROM entries WHERE playlist_id = $id AND list_contains($days::DATE[], snapshot_date) "
            "ORDER BY snapshot_date, position",
            "parquet",
            asked,
        )


@contextmanager
def open_days(lake: Lake, playlist_id: str, days: Sequence[date]) -> Iterator[KeptDays]:
    """These known days of a list, from files that are fetched once. Raises `DamagedFile` for a day whose entries are
    not as many as it commits."""
    with open_warehouse(lake, [playlist_id], since=min(days)) as warehouse:
        counts = warehouse.read(
            "SELECT snapshots.snapshot_date, any_value(entry_count) AS committed, count(position) AS held "
            "FROM snapshots LEFT JOIN entries "
            "ON entries.playlist_id = snapshots.playlist_id AND entries.snapshot_date = snapshots.snapshot_date "
            "WHERE snapshots.playlist_id = $id AND list_contains($days::DATE[], snapshots.snapshot_date) "
            "GROUP BY snapshots.snapshot_date ORDER BY snapshots.snapshot_date",
            {"id": playlist_id, "days": list(days)},
        )
        for row in counts:
            refuse_torn(playlist_id, row["snapshot_date"], row["committed"], row["held"])
        yield KeptDays(warehouse, playlist_id, days)
