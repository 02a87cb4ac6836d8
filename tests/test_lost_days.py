"""Whatever days of a history are lost, what is told of the others is an interval that holds the truth of the whole.

`CHARTLAKE_DELETIONS=10000 python -m pytest -s tests/test_lost_days.py` loses as many random sets of days as are wished.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random

import pytest

from chalicelib.analysis.views import VIEWS, view_sql
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.warehouse import Warehouse, open_warehouse

from .conftest import Clock

DELETIONS = int(os.environ.get("CHARTLAKE_DELETIONS", "20"))
# So many shortened histories stand in one warehouse, each as a list with URIs of its own.
AT_ONCE = 100

# The whole history of what each shortened one calls one item: the days on which it was on the list, its places, and
# from when until when it was there without a known day's absence.
TRUTH = """
WITH items AS (SELECT DISTINCT playlist_id, track_key, uri FROM keyed JOIN entries USING (playlist_id, snapshot_date, position)
  WHERE track_key IS NOT NULL),
days AS (
  SELECT snapshot_date, row_number() OVER (ORDER BY snapshot_date) AS number,
    lag(snapshot_date) OVER (ORDER BY snapshot_date) AS before, lead(snapshot_date) OVER (ORDER BY snapshot_date) AS after
  FROM (SELECT DISTINCT snapshot_date FROM whole_entries)
),
seen AS (
  SELECT items.playlist_id, track_key, snapshot_date, min(position) AS position
  FROM items JOIN whole_entries ON items.uri = whole_entries.uri || ':' || items.playlist_id GROUP BY ALL
),
blocks AS (
  SELECT *, number - row_number() OVER (PARTITION BY playlist_id, track_key ORDER BY number) AS block
  FROM seen JOIN days USING (snapshot_date)
)
SELECT playlist_id, track_key, snapshot_date, position,
  min(snapshot_date) OVER stay AS entered_on, first_value(before) OVER stay AS entered_after,
  max(snapshot_date) OVER stay AS last_seen_on, last_value(after) OVER stay AS left_on
FROM blocks
WINDOW stay AS (PARTITION BY playlist_id, track_key, block ORDER BY number
  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
"""

# What each view tells that the truth does not bear out. A list that is known again after a gap may tell one run where
# there were several: its ends are those of the first and the last of them, and its days are theirs together.
LIES = {
    "runs": """
SELECT runs.*, count(*) AS true_days, min(truth.position) AS true_peak
FROM (
  SELECT runs.*, last_date
  FROM runs JOIN (SELECT playlist_id, max(snapshot_date) AS last_date FROM known_days GROUP BY ALL) USING (playlist_id)
) AS runs
JOIN truth AS first USING (playlist_id, track_key)
JOIN truth AS last USING (playlist_id, track_key)
JOIN truth USING (playlist_id, track_key)
WHERE first.snapshot_date = runs.entered_on AND last.snapshot_date = runs.last_seen_on
  AND truth.snapshot_date BETWEEN first.entered_on AND last.last_seen_on
GROUP BY ALL
HAVING runs.entered_after > any_value(first.entered_after)
  OR (runs.entered_after IS NOT NULL AND any_value(first.entered_after) IS NULL)
  OR any_value(first.entered_on) > runs.entered_on OR any_value(last.last_seen_on) < runs.last_seen_on
  OR runs.left_on < any_value(last.left_on) OR (runs.left_on IS NOT NULL AND any_value(last.left_on) IS NULL)
  OR count(*) < runs.days OR count(*) FILTER (WHERE truth.snapshot_date <= runs.last_date) > runs.most_days
  OR runs.peak_position < min(truth.position)
""",
    "tracks": """
SELECT tracks.*
FROM tracks JOIN truth USING (track_key)
GROUP BY ALL
HAVING tracks.first_seen_on < min(truth.snapshot_date) OR tracks.last_seen_on > max(truth.snapshot_date)
  OR tracks.days_seen > count(*) OR tracks.peak_position < min(truth.position)
""",
    "chart": """
SELECT chart.playlist_id, chart.snapshot_date, chart.position, chart.track_key
FROM chart
JOIN truth USING (playlist_id, track_key)
WHERE truth.snapshot_date <= chart.snapshot_date AND chart.occurrence = 1
GROUP BY ALL
HAVING chart.debut_date < min(truth.snapshot_date) OR chart.peak_position < min(truth.position)
  OR chart.days_on_list > count(*) OR chart.streak > count(*)
  OR chart.previous_position IS DISTINCT FROM
    min(truth.position) FILTER (WHERE truth.snapshot_date = chart.previous_date)
  OR (chart.change IN ('new', 're-entry') AND max(truth.snapshot_date) FILTER (
    WHERE truth.snapshot_date = chart.previous_date) IS NOT NULL)
""",
}


@pytest.fixture(scope="module")
def history(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """148 days of a Top 50, with gaps of its own."""
    clock = Clock()
    lake = Lake(open_store(str(tmp_path_factory.mktemp("lake")), clock.world()), clock.world())
    list(import_path(lake, shared_data / "archive_global_top50" / "pretty"))
    return lake


@contextmanager
def whole(lake: Lake) -> Iterator[Warehouse]:
    """The history as `whole_entries` and `whole_snapshots`."""
    with open_warehouse(lake) as warehouse:
        for table in ("entries", "snapshots"):
            warehouse.define(f"whole_{table}", f"SELECT * FROM {table}")
            warehouse.narrow(f"whole_{table}", "true", {})
        yield warehouse


def lose(warehouse: Warehouse, histories: list[list[date]]) -> None:
    """Let the lake hold as many lists as there are histories, each with the days that are left, and define the views."""
    days = ", ".join(f"('L{number}', DATE '{day}')" for number, left in enumerate(histories) for day in left)
    warehouse.define("days_left", f"SELECT * FROM (VALUES {days}) AS days_left(list, snapshot_date)")
    for table, changed in (
        ("entries", "list AS playlist_id, uri || ':' || list AS uri"),
        ("snapshots", "list AS playlist_id"),
    ):
        kept = f"SELECT whole_{table}.* REPLACE ({changed}) FROM whole_{table} JOIN days_left USING (snapshot_date)"
        warehouse.define(table, kept)
        warehouse.narrow(table, "true", {})
    for name in VIEWS[: VIEWS.index("tracks") + 1]:
        warehouse.define(name, view_sql(name))
        warehouse.narrow(name, "true", {})
    warehouse.define("truth", TRUTH)
    warehouse.narrow("truth", "true", {})


def days_left(days: list[date], seed: int) -> list[date]:
    """Some days, from nearly all to nearly none."""
    random = Random(seed)
    share = random.random()
    return [day for day in days if random.random() < share] or [random.choice(days)]


@pytest.mark.parametrize("first", range(0, DELETIONS, AT_ONCE))
def test_whatever_days_are_lost_the_truth_lies_within_what_is_told(history: Lake, first: int) -> None:
    with whole(history) as warehouse:
        days = [
            row["day"] for row in warehouse.read("SELECT DISTINCT snapshot_date AS day FROM whole_entries ORDER BY day")
        ]
        lose(warehouse, [days_left(days, seed) for seed in range(first, min(first + AT_ONCE, DELETIONS))])
        assert warehouse.read("SELECT count(*) AS rows FROM runs")[0]["rows"] > 0
        for view, lies in LIES.items():
            assert warehouse.read(f"{lies} LIMIT 3") == [], f"{view}: of the seeds from {first}"
