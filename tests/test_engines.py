"""The views in other engines: Spark reads the lake as it stands and says the same; what Athena gets is held to the same
rows by way of DuckDB, and to what Athena documents."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import pytest
from py4j.protocol import Py4JError
from sqlglot import exp, parse_one, transpile

from chalicelib.analysis.charts import open_charts
from chalicelib.analysis.copies import SHELF, TABLES, drop_copy, make_copy, open_copy, read_copy
from chalicelib.analysis.views import VIEWS, view_sql
from chalicelib.cli.view_dialects import DIALECTS, create_statements, translated
from chalicelib.history.importing import import_path
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake, rank
from chalicelib.lake.schema import ENTRIES, PUBLISHED, SNAPSHOTS
from chalicelib.lake.tables import to_json
from deploy import iceberg, warehouse
from deploy.athena import QUESTIONS
from simulator import Simulator
from tests.conftest import Clock
from tests.lake_model import Row, Views, assert_equal, by, in_order, invented
from tests.spark_session import local_spark
from tests.test_extract import Rig
from tests.test_imports import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TODAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Invented, simulated and imported days, with gaps and failures, in many objects."""
    clock = Clock()
    store = open_store(str(tmp_path_factory.mktemp("lake")), clock.world())
    found = Lake(store, clock.world(), segment_rows=40)
    entries, snapshots = invented(Random(11), days=40, longest=9, songs=9)
    for row in entries:
        row["name"] = "Last Christmas" if row["name"] == "Song 7" else row["name"]
    keep(found, entries, snapshots)
    live_some_days(found, clock)
    files = tmp_path_factory.mktemp("files")
    for number in (0, 1, 4):
        write(files, date(2025, 2, 26) + timedelta(days=number), ranks=(1, 2, 3 + number))
    assert all(one.error is None for one in import_path(found, files))
    return found


def keep(lake: Lake, entries: list[Row], snapshots: list[Row]) -> None:
    rows = by(entries, "playlist_id")
    for playlist_id, days in by(snapshots, "playlist_id").items():
        known = [row for row in days if row["status"] in PUBLISHED]
        ranks = {row["snapshot_date"]: rank(row["source"], row["captured_at"]) for row in known}
        keys = lake.put_days(playlist_id, ranks, map(to_json, rows[playlist_id])).keys
        for year in {row["snapshot_date"].year for row in days}:
            of_year = [row for row in days if row["snapshot_date"].year == year]
            # A day without entries has no file, as the lake commits it.
            committed = [
                row | {"entries_key": keys.get(row["snapshot_date"]) if row["entry_count"] else None} for row in of_year
            ]
            lake.put_snapshots(playlist_id, year, committed)


def live_some_days(lake: Lake, clock: Clock) -> None:
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    with simulator.serve() as server:
        rig = Rig(simulator, server, lake, clock)
        for number in range(7):
            if number != 4:
                rig.extract("top-50", "hundred-and-one", "oddities", "empty", *(["private"] if number == 2 else []))
            clock.advance(days=1)


@pytest.fixture(scope="module")
def told(lake: Lake) -> Views:
    """What DuckDB says, in the command and on the page."""
    with open_charts(lake, TODAY) as charts:
        return {name: charts.warehouse.read(f"SELECT * FROM {name}") for name in VIEWS}


def folder(lake: Lake, table: str) -> str:
    return lake.store.locate(f"tables/{table}")


# Spark.


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with local_spark(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="module")
def over_the_lake(
    spark: SparkSession, lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[Row]]:
    """The tables as docs/data.md says, the views as `create_statements` gives them; gives the rows of a query.

    Each view is computed once, and the next ones are asked of its rows: where views lie ten deep in each other, Spark
    takes longer to plan than to answer.
    """
    for table in ("entries", "snapshots"):
        spark.read.parquet(folder(lake, table)).createOrReplaceTempView(table)
    for view, statement in zip(VIEWS, create_statements("spark"), strict=True):
        computed = str(tmp_path_factory.mktemp("views") / view)
        select = statement.removeprefix(f"CREATE OR REPLACE VIEW {view} AS")
        try:
            spark.sql(select.replace("CURRENT_DATE", f"DATE '{TODAY}'")).write.parquet(computed)
        except Py4JError as error:
            # What Java said can be asked for as long as it runs.
            raise AssertionError(f"{view}: {error}") from None
        spark.read.parquet(computed).createOrReplaceTempView(view)

    def rows(query: str) -> list[Row]:
        found = spark.sql(query)
        # Spark gives Python its instants in this machine's zone, and without saying so.
        instants = {field.name for field in found.schema if field.dataType.typeName() == "timestamp"}
        columns = [f"unix_micros({name}) AS {name}" if name in instants else name for name in found.columns]
        return [row.asDict(recursive=True) for row in found.selectExpr(*columns).collect()]

    return rows


def without_instants(rows: list[Row]) -> list[Row]:
    """Instants as microseconds, as Spark gives them here."""
    return [
        {
            name: round(value.timestamp() * 1_000_000) if hasattr(value, "timestamp") else value
            for name, value in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize("table", TABLES)
def test_spark_reads_the_copy_as_it_stands(spark: SparkSession, lake: Lake, told: Views, table: str) -> None:
    make_copy(lake, Clock().world(), TODAY)
    rows = spark.read.parquet(lake.store.locate(f"warehouse/{table}")).drop("shelf").collect()
    assert in_order([row.asDict(recursive=True) for row in rows]) == in_order(told[table])


@pytest.fixture(scope="module")
def copied_by_spark(spark: SparkSession, lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose copy the job made, as it is printed, in the place of the one that chartlake made."""
    root = tmp_path_factory.mktemp("copied") / "lake"
    shutil.copytree(lake.store.locate(""), root)
    without_a_column(min(root.glob("tables/entries/*/*.parquet")), "reported_days")
    world = Clock().world()
    found = Lake(open_store(str(root), world), world)
    make_copy(found, world, TODAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warehouse, "LISTS_A_SHELF", 3)
        (root.parent / "job.py").write_text(warehouse.job())
        patch.setattr(sys, "argv", ["job.py", "--lake", str(root), "--JOB_NAME", "of Glue"])
        runpy.run_path(str(root.parent / "job.py"))
    return found


def without_a_column(path: Path, name: str) -> None:
    """Let the file be one of a chartlake that did not know that column."""
    older = path.with_suffix(".older")
    rows = f"SELECT * EXCLUDE ({name}) FROM read_parquet('{path}', hive_partitioning = false)"
    duckdb.sql(f"COPY ({rows}) TO '{older}' (FORMAT parquet)")
    older.replace(path)


@pytest.mark.parametrize("table", SHELF)
def test_the_job_of_spark_makes_the_copy_that_chartlake_makes(copied_by_spark: Lake, table: str) -> None:
    with open_charts(copied_by_spark, TODAY) as charts:
        wanted = charts.warehouse.read(SHELF[table][0])
        charts.warehouse.define_own("made", [path.read_bytes() for path in shelves_of(copied_by_spark, table)])
        found = charts.warehouse.read("SELECT * FROM made")
    assert wanted
    assert in_order(found) == in_order(wanted)


def shelves_of(lake: Lake, table: str) -> list[Path]:
    return sorted(Path(lake.store.locate(f"warehouse/{table}")).glob("shelf=*/*.parquet"))


def test_the_job_puts_each_list_on_the_shelf_on_which_chartlake_looks(copied_by_spark: Lake, lake: Lake) -> None:
    lists = {playlist_id for playlist_id, _ in lake.tried()}
    count = -(-len(lists) // 3)
    found = {}
    for path in shelves_of(copied_by_spark, "known_days"):
        told = duckdb.sql(f"SELECT DISTINCT playlist_id FROM read_parquet('{path}', hive_partitioning = false)")
        found |= {playlist_id: path.parent.name for (playlist_id,) in told.fetchall()}
    assert len(set(found.values())) > 1
    assert found == {one: f"shelf={zlib.crc32(one.encode()) % count:04d}" for one in found}


def test_of_the_job_no_shelf_is_trusted_and_nothing_stays_beside_another_copy(copied_by_spark: Lake) -> None:
    copy = read_copy(copied_by_spark)
    assert copy is not None
    with open_copy(copied_by_spark, TODAY, copy, {"runs"}):
        assert copy.shelves == {}
    assert all(shelves_of(copied_by_spark, table) for table in SHELF)
    drop_copy(copied_by_spark)
    assert not any(shelves_of(copied_by_spark, table) for table in SHELF)


@pytest.mark.parametrize("view", VIEWS)
def test_spark_gives_the_rows_that_duckdb_gives(
    over_the_lake: Callable[[str], list[Row]], told: Views, view: str
) -> None:
    found = over_the_lake(f"SELECT * FROM {view}")
    assert [list(row) for row in found[:1]] == [list(row) for row in told[view][:1]]
    assert in_order(found) == in_order(without_instants(told[view]))


def test_the_views_that_are_compared_hold_every_kind_of_row(told: Views) -> None:
    changes = {row["change"] for row in told["chart"]}
    assert changes == {None, "new", "re-entry", "up", "down", "same", "duplicate", "unseen"}
    statuses = {row["status"] for row in told["coverage"]}
    assert statuses >= {"ok", "unchanged", "missed", "unavailable", "not_found"}
    assert {row["cadence_days"] for row in told["known_days"]} == {1, 7}
    assert {row["item_type"] for row in told["standings"]} >= {"track", "episode", "local", "unavailable"}
    assert any(row["gap_days"] for row in told["runs"])
    assert any(row["playlist_id"] == "chart:regional-global-daily" for row in told["chart"])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda path: path.stem)
def test_the_questions_of_the_documents_run_as_they_stand(
    over_the_lake: Callable[[str], list[Row]], lake: Lake, question: Path
) -> None:
    sql = question.read_text()
    with open_charts(lake, TODAY) as charts:
        wanted = charts.warehouse.read(sql)
    assert wanted
    assert over_the_lake(sql) == wanted
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    assert f"```sql\n{sql.strip()}\n```\n" in text


@pytest.mark.parametrize(("table", "columns"), [("entries", ENTRIES), ("snapshots", SNAPSHOTS)])
def test_duckdb_and_spark_read_the_folder_as_it_stands(
    spark: SparkSession, lake: Lake, table: str, columns: dict[str, str]
) -> None:
    # Imported charts have colons in their ids, which Hadoop's paths cannot hold: the keys have %3A.
    names = [path.name for path in Path(folder(lake, table)).rglob("*.parquet")]
    assert any("%3A" in name for name in names)
    assert not any(":" in name for name in names)
    found = duckdb.sql(f"SELECT * FROM read_parquet('{folder(lake, table)}/*/*.parquet', hive_partitioning = true)")
    assert [*columns, "year"] == found.columns
    assert spark.read.parquet(folder(lake, table)).columns == found.columns
    query = f"SELECT playlist_id, year, count(*) FROM {table} GROUP BY ALL ORDER BY ALL"
    counted = duckdb.sql(query.replace(f"FROM {table}", "FROM found")).fetchall()
    spark.read.parquet(folder(lake, table)).createOrReplaceTempView(table)
    assert [tuple(row) for row in spark.sql(query).collect()] == counted
    assert {playlist_id for playlist_id, _, _ in counted} >= {"chart:regional-global-daily"}


# Athena: no engine of it can be had without AWS.


def test_what_athena_gets_says_the_same_when_it_is_translated_back(lake: Lake, told: Views) -> None:
    with open_charts(lake, TODAY) as charts:
        for name in VIEWS:
            back = transpile(translated(name, "athena"), read="trino", write="duckdb")[0]
            assert back != view_sql(name)
            charts.warehouse.define(name, back.replace("CURRENT_DATE", f"DATE '{TODAY}'"))
        assert_equal({name: charts.warehouse.read(f"SELECT * FROM {name}") for name in VIEWS}, told)


def athena(name: str) -> exp.Expr:
    return parse_one(translated(name, "athena"), read="trino")


@pytest.mark.parametrize("name", VIEWS)
def test_what_athena_gets_is_trinos_sql_and_stays_itself(name: str) -> None:
    sql = translated(name, "athena")
    assert athena(name).sql("trino", pretty=True) == sql
    assert isinstance(parse_one(f"CREATE OR REPLACE VIEW {name} AS\n{sql}", read="trino"), exp.Create)


# Athena's engine version 3 has Trino's functions: https://docs.aws.amazon.com/athena/latest/ug/functions-env3.html
# By page of https://trino.io/docs/current/functions/<page>.html, with the number of arguments that it documents.
_DOCUMENTED = {
    "aggregate": {"BOOL_AND": 1, "COUNT": 1, "MAX": 1, "MAX_BY": 2, "MIN": 1, "MIN_BY": 2, "SUM": 1},
    "binary": {"MD5": 1, "TO_HEX": 1, "TO_UTF8": 1},
    "array": {"ARRAY_JOIN": 2, "CARDINALITY": 1, "SEQUENCE": (2, 3), "TRANSFORM": 2},
    "comparison": {"GREATEST": 2, "LEAST": 2},
    "conditional": {"COALESCE": (2, 3, 4, 5), "NULLIF": 2},
    "conversion": {"TRY_CAST": 1},
    "datetime": {"DATE_DIFF": 3, "DATE_TRUNC": 2},
    "math": {"POWER": 2, "ROUND": 2, "TRUNCATE": 1},
    "string": {"CONCAT": (2, 3, 4, 5, 8), "LOWER": 1, "REPLACE": 3, "STRPOS": 2, "UPPER": 1},
    "window": {"DENSE_RANK": 0, "FIRST_VALUE": 1, "LAG": 1, "LEAD": 1, "RANK": 0, "ROW_NUMBER": 0},
}
# Written like functions, but part of SELECT: https://trino.io/docs/current/sql/select.html
_SYNTAX = {"CAST", "FILTER", "UNNEST"}


def calls(sql: str) -> Iterator[tuple[str, int]]:
    """Each function with the number of its arguments."""
    text = re.sub(r"/\*.*?\*/|'[^']*'", "x", sql, flags=re.DOTALL)
    for found in re.finditer(r"\b([A-Z][A-Z0-9_]*)\(", text):
        depth, commas, empty = 1, 0, True
        for sign in text[found.end() :]:
            depth += (sign in "([") - (sign in ")]")
            if depth == 0:
                break
            commas += depth == 1 and sign == ","
            empty = empty and sign.isspace()
        yield found[1], 0 if empty else commas + 1


def test_athena_has_every_function_that_the_views_use() -> None:
    documented = {name: counts for page in _DOCUMENTED.values() for name, counts in page.items()}
    used = {call for name in VIEWS for call in calls(translated(name, "athena")) if call[0] not in _SYNTAX}
    assert {name for name, _ in used} == set(documented)
    for name, count in used:
        allowed = documented[name]
        assert count in (allowed if isinstance(allowed, tuple) else (allowed,)), name


# https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html, those of SELECT; and
# https://trino.io/docs/current/language/reserved.html
_RESERVED = """
    ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE CURRENT_PATH
    CURRENT_ROLE CURRENT_SCHEMA CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP
    ELSE END ESCAPE EXCEPT EXECUTE EXISTS EXTRACT FALSE FIRST FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT
    INTERSECT INTO IS JOIN JSON_ARRAY JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LAST LEFT LIKE LISTAGG
    LOCALTIME LOCALTIMESTAMP NATURAL NORMALIZE NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT SKIP
    TABLE THEN TRIM TRUE UESCAPE UNION UNNEST USING VALUES WHEN WHERE WITH
"""


@pytest.mark.parametrize("name", VIEWS)
def test_no_name_is_a_word_that_athena_reserves(name: str) -> None:
    names = {one.name.upper() for one in athena(name).find_all(exp.Identifier)}
    assert len(names) > 2
    assert not names & set(_RESERVED.split())
    # The names of views: https://docs.aws.amazon.com/athena/latest/ug/considerations-limitations-views.html
    assert re.fullmatch(r"[a-z_]+", name)


@pytest.mark.parametrize("table", TABLES)
def test_athena_makes_a_table_of_all_that_the_view_says(table: str, told: Views) -> None:
    made = parse_one(iceberg.create_statements("s3://charts/prefix/")[table], read="athena")
    assert isinstance(made, exp.Create)
    assert made.this.name == f"copied_{table}"
    # https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html#ctas-table-properties
    assert made.args["properties"].sql("athena") == (
        "WITH (table_type='ICEBERG', is_external=FALSE, format='PARQUET', "
        f"location='s3://charts/prefix/warehouse/iceberg/{table}/')"
    )
    assert made.expression.sql("athena") == f"SELECT {', '.join(told[table][0])} FROM {table}"


@pytest.mark.parametrize("table", TABLES)
def test_athena_renews_a_table_to_what_the_view_says_now(table: str, lake: Lake, told: Views) -> None:
    merge = iceberg.renew_statements()[table]
    assert isinstance(parse_one(merge, read="athena"), exp.Merge)
    with open_charts(lake, TODAY) as charts, duckdb.connect() as engine:
        rows = charts.warehouse.save(f"SELECT * FROM {table}", "parquet")
        engine.execute(f"CREATE TABLE {table} AS SELECT * FROM '{rows}'")
        # What was told before: fewer days, others than now, and of a list that is gone.
        engine.execute(f"CREATE TABLE copied_{table} AS SELECT * FROM {table} WHERE hash(*COLUMNS(*)) % 3 > 0")
        engine.execute(f"UPDATE copied_{table} SET {iceberg.columns(table)[-1]} = NULL WHERE hash(playlist_id) % 2 = 0")
        engine.execute(
            f"INSERT INTO copied_{table} SELECT * REPLACE ('gone ' || playlist_id AS playlist_id) FROM {table}"
        )
        engine.execute(transpile(merge, read="trino", write="duckdb")[0])
        one, other = f"SELECT * FROM {table}", f"SELECT * FROM copied_{table}"
        differing = engine.execute(f"({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})").fetchall()
        count = engine.execute(f"SELECT count(*) FROM copied_{table}").fetchone()
    assert differing == []
    assert count == (len(told[table]),)


def test_the_partition_column_of_athena_changes_no_view(lake: Lake, told: Views) -> None:
    with open_charts(lake, TODAY) as charts:
        for table in ("entries", "snapshots"):
            charts.warehouse.narrow(table, "true", {})
            charts.warehouse.define(table, f"SELECT *, year(snapshot_date) AS year FROM held_{table}")
        for name in VIEWS:
            charts.warehouse.define(name, view_sql(name).replace("CURRENT_DATE", f"DATE '{TODAY}'"))
        assert "year" in charts.warehouse.read("SELECT * FROM entries LIMIT 1")[0]
        found = {name: charts.warehouse.read(f"SELECT * FROM {name}") for name in VIEWS}
    for name in VIEWS:
        assert [list(row) for row in found[name][:1]] == [list(row) for row in told[name][:1]]
    assert_equal(found, told)


def test_views_are_made_in_an_order_in_which_each_finds_those_that_it_needs() -> None:
    for dialect in DIALECTS:
        made = {"entries", "snapshots"}
        for name, statement in zip(VIEWS, create_statements(dialect), strict=True):
            tree = parse_one(statement, read={"athena": "trino"}.get(dialect, dialect))
            own = {cte.alias for cte in tree.find_all(exp.CTE)} | {"places", "days"}
            assert {table.name for table in tree.find_all(exp.Table)} - own - {name} <= made
            made.add(name)
