"""Every view gives the same rows in DuckDB, in Spark, and in the form that Athena gets, as far as that can be run here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlglot
from sqlglot import exp

from chalicelib.charts import open_charts
from chalicelib.demo import take_days
from chalicelib.lake.lake import Lake
from chalicelib.lake.store import open_store
from chalicelib.views import VIEWS
from chalicelib.views.dialects import create_statements, translated
from chalicelib.world import World
from deploy.athena import QUESTIONS
from tests.histories import FIRST, entry, keep, named

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOW.date()
WEEKLY = "chart:regional-global-weekly"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Invented days with every kind of gap, a list across two years in several segments, an imported weekly chart."""
    folder = tmp_path_factory.mktemp("engines")
    for _ in take_days(str(folder), 12, NOW, ZoneInfo("UTC")):
        pass
    lake = Lake(open_store(str(folder), World()), World(), segment_rows=9)
    letters = ("ABC", "BCA", "", "A.BA", "ABC", "DCBA")
    days = {FIRST + timedelta(days=3 * number): one for number, one in enumerate(letters)}
    told = {day: named(day, one) for day, one in days.items()}
    recording = {"uri": "spotify:track:again", "isrc": "GBAAA2600001", "name": "Song A", "streams": 5_000_000_000}
    told[FIRST].append(entry(FIRST, 9, **recording))
    told[max(days)].append(entry(max(days), 9, **(recording | {"uri": "spotify:track:A", "isrc": "gb-aaa-26-00001"})))
    keep(lake, told)
    weeks = [date(2026, 1, 1) + timedelta(days=7 * number) for number in (0, 1, 3)]
    source = "import:charts-official-weekly:a.csv"
    keep(
        lake,
        {week: [row | {"playlist_id": WEEKLY, "source": source} for row in named(week, "ABC")] for week in weeks},
        WEEKLY,
        source,
    )
    return folder


@pytest.fixture(scope="module")
def duckdb_rows(folder: Path) -> dict[str, Rows]:
    """What the views say where chartlake itself asks them."""
    with open_charts(Lake(open_store(str(folder), World()), World()), TODAY) as charts:
        return {name: _sorted(charts.warehouse.read(f"SELECT * FROM {name}")) for name in VIEWS}


def _sorted(rows: Rows) -> Rows:
    return sorted(rows, key=repr)


def test_the_lake_gives_every_view_something_to_say(duckdb_rows: dict[str, Rows]) -> None:
    assert all(len(rows) > 2 for rows in duckdb_rows.values())
    assert {row["change"] for row in duckdb_rows["chart"]} >= {"new", "re-entry", "up", "down", "same", "duplicate"}
    assert {row["status"] for row in duckdb_rows["coverage"]} >= {"ok", "missed", "unavailable", "deferred"}


# Spark.


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        assert os.environ.get("CI") != "true", "CI must bring Java: Spark runs on it"
        pytest.skip("Spark needs Java 17 or newer, and there is none on this machine")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("chartlake")
    for name, value in {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="module")
def spark_rows(spark: Any, folder: Path) -> dict[str, Rows]:
    """What they say in Spark, over the files as they stand."""
    for table in ("entries", "snapshots"):
        spark.read.parquet(f"{folder}/tables/{table}").createOrReplaceTempView(table)
    found = {}
    for name in VIEWS:
        frame = spark.sql(translated(name, "spark").replace("CURRENT_DATE", f"DATE '{TODAY}'"))
        frame.createOrReplaceTempView(name)
        found[name] = _sorted([_plain(row.asDict(recursive=True)) for row in frame.collect()])
    return found


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    # Spark reads the year out of the path, and gives instants in this machine's zone.
    row.pop("year", None)
    return {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in row.items()}


@pytest.mark.parametrize("name", VIEWS)
def test_spark_gives_the_same_rows(duckdb_rows: dict[str, Rows], spark_rows: dict[str, Rows], name: str) -> None:
    assert spark_rows[name] == duckdb_rows[name]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda path: path.stem)
def test_a_question_runs_unchanged_in_both(
    spark: Any, spark_rows: dict[str, Rows], folder: Path, question: Path
) -> None:
    assert spark_rows  # the views are there
    text = question.read_text().replace("CURRENT_DATE", f"DATE '{TODAY}'")
    with open_charts(Lake(open_store(str(folder), World()), World()), TODAY) as charts:
        wanted = charts.warehouse.read(text)
    assert wanted
    # Where the order leaves ties open, the engines may differ in them.
    assert _sorted([_plain(row.asDict()) for row in spark.sql(text).collect()]) == _sorted(wanted)


# Athena: its SELECT is Trino's. No Trino runs here, so the text is led back into DuckDB and run there.


@pytest.mark.parametrize("name", VIEWS)
def test_the_text_for_athena_says_the_same(folder: Path, duckdb_rows: dict[str, Rows], name: str) -> None:
    back = sqlglot.transpile(translated(name, "athena"), read="trino", write="duckdb")[0]
    with open_charts(Lake(open_store(str(folder), World()), World()), TODAY) as charts:
        charts.warehouse.define("led_back", back.replace("CURRENT_DATE", f"DATE '{TODAY}'"))
        assert _sorted(charts.warehouse.read("SELECT * FROM led_back")) == duckdb_rows[name]


# What Athena's engine version 3 documents. https://trino.io/docs/current/functions.html
TRINO_FUNCTIONS = {
    "ARRAY_JOIN",
    "BOOL_AND",
    "CARDINALITY",
    "CAST",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "CURRENT_DATE",
    "DATE_DIFF",
    "DATE_TRUNC",
    "GREATEST",
    "LAG",
    "LEAD",
    "MAX",
    "MAX_BY",
    "MIN",
    "MIN_BY",
    "REPLACE",
    "ROW_NUMBER",
    "SEQUENCE",
    "TRANSFORM",
    "TRUNCATE",
    "UNNEST",
    "UPPER",
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_text_for_athena_uses_only_functions_that_it_has(name: str) -> None:
    tree = sqlglot.parse_one(translated(name, "athena"), read="trino")
    used = {_function(node) for node in tree.find_all(exp.Func)} - {""}
    assert used <= TRINO_FUNCTIONS


def _function(node: exp.Func) -> str:
    if isinstance(node, exp.Case | exp.If | exp.And | exp.Or):
        return ""
    text = node.sql("trino")
    return text.split("(")[0].strip().upper()


def test_views_are_made_in_an_order_in_which_each_finds_those_that_it_needs() -> None:
    for dialect in ("duckdb", "athena", "spark"):
        made = {"entries", "snapshots"}
        for name, statement in zip(VIEWS, create_statements(dialect), strict=True):
            tree = sqlglot.parse_one(statement, read={"athena": "trino"}.get(dialect, dialect))
            own = {cte.alias for cte in tree.find_all(exp.CTE)} | {"places", "days"}
            assert {table.name for table in tree.find_all(exp.Table)} - own - {name} <= made
            made.add(name)
