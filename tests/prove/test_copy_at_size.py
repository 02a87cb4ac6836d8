"""The copy of many lists says what their own tables say: asked by DuckDB and by Spark, killed while it was made, and
after a purge.

`CHARTLAKE_COPY=2000x60` is so many lists and days; `pytest -s` prints seconds and memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import duckdb
import pytest

from chalicelib.analysis.charts import open_charts
from chalicelib.analysis.copies import TABLES, Copy, lists_of_track, make_copy, open_copy, read_copy
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.warehouse import Warehouse
from chalicelib.snapshots.purge import Wish, purge
from tests.conftest import Clock, Killed, Mortal
from tests.lake_model import invented
from tests.prove.planned_lists import Plan, keep_plan, plan_list
from tests.spark_session import local_spark
from tests.test_engines import keep

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LISTS, DAYS = map(int, os.environ.get("CHARTLAKE_COPY", "60x20").split("x"))
TODAY = date(2026, 11, 30)
# The lists of one catalogue, twenty or so, have songs in common.
CATALOGUES = max(2, LISTS // 20)
# The first song of a catalogue, as lists tell it with its ISRC, and as the others do.
SONG, SONG_WITHOUT_ISRC = "QZ0000100001", "spotify:track:1-1-0"
# What is written of a shelf: its tables, and that they are there.
WRITES_A_SHELF = len(TABLES) + 2

QUESTIONS = {
    "the runs of all lists": "SELECT * FROM runs",
    "the known days": "SELECT * FROM known_days",
    "every place": "SELECT * FROM keyed",
    "the lists of a track": "SELECT playlist_id, entered_on, left_on, days, peak_position FROM runs "
    f"WHERE track_key IN ('{SONG}', '{SONG_WITHOUT_ISRC}')",
    "what is on most lists": "SELECT track_key, COUNT(DISTINCT playlist_id) AS lists, CAST(SUM(days) AS BIGINT) AS days, "
    "MIN(peak_position) AS peak_position FROM runs WHERE left_on IS NULL GROUP BY track_key",
}

# A question to the file that its answer is in.
Answers = dict[str, Path]


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print what something took of this process, and the most memory that it ever had."""
    began, cpu = time.monotonic(), time.process_time()
    yield
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"\n{what}: {wall:.1f} s, {cpu:.1f} s of processor time, at most {peak:,.0f} MB until then", end="")


def lake_at(address: str) -> Lake:
    world = Clock().world()
    return Lake(open_store(address, world), world)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Planned lists that share songs, and invented ones with whatever a lake can hold; their copy is made."""
    found = lake_at(str(tmp_path_factory.mktemp("lake")))
    with measured(f"{LISTS} lists of {DAYS} days"):
        for number in range(LISTS):
            keep_plan(found, sharing(plan_list(number, DAYS)))
        keep(found, *invented(Random(11), days=40, longest=9, songs=9))
    with measured("the copy"):
        made = make_copy(found, Clock().world(), TODAY)
    assert made.remade > 1
    assert made.failed == ()
    return found


def sharing(plan: Plan) -> Plan:
    """The list with songs of a catalogue that others have too."""
    catalogue = plan.number % CATALOGUES

    def shared(text: str | None, prefix: str) -> str | None:
        return text and text.replace(prefix.format(plan.number), prefix.format(catalogue))

    plan.rows = [
        (day, place, shared(uri, "track:{}-"), title, artist, shared(isrc, "QZ{:05d}"), added)
        for day, place, uri, title, artist, isrc, added in plan.rows
    ]
    return plan


@pytest.fixture
def own_lake(lake: Lake, tmp_path: Path) -> Lake:
    """The same lake and copy, to be spoilt."""
    shutil.copytree(lake.store.locate(""), tmp_path / "own")
    return lake_at(str(tmp_path / "own"))


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with local_spark(tmp_path_factory.mktemp("spark")) as session:
        yield session


def copy_of(lake: Lake) -> Copy:
    copy = read_copy(lake)
    assert copy is not None
    return copy


def answered(warehouse: Warehouse, folder: Path) -> Answers:
    return {
        question: Path(shutil.move(warehouse.save(sql, "parquet"), folder / f"{number}.parquet"))
        for number, (question, sql) in enumerate(QUESTIONS.items())
    }


def of_the_copy(lake: Lake, folder: Path) -> Answers:
    with open_copy(lake, TODAY, copy_of(lake), set(TABLES)) as warehouse:
        return answered(warehouse, folder)


@pytest.fixture(scope="module")
def of_the_lists(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the views say over the lists' own tables."""
    with measured("the answers of the lists' own tables"), open_charts(lake, TODAY) as charts:
        return answered(charts.warehouse, tmp_path_factory.mktemp("lists"))


def of_spark(spark: SparkSession, lake: Lake, folder: Path) -> Answers:
    for table in TABLES:
        spark.read.parquet(lake.store.locate(f"warehouse/{table}")).drop("shelf").createOrReplaceTempView(table)
    found = {}
    for number, (question, sql) in enumerate(QUESTIONS.items()):
        spark.sql(sql).write.parquet(str(folder / str(number)))
        found[question] = folder / str(number) / "*.parquet"
    return found


def rows_in(file: Path) -> int:
    return int(duckdb.sql(f"SELECT count(*) FROM '{file}'").fetchall()[0][0])


def differences(one: Path, other: Path, but: str = "") -> list[tuple[object, ...]]:
    """Some rows that are in one of two files and not in the other, or not as often; `but` is a condition for those of
    the first that count."""
    first, second = f"(SELECT * FROM '{one}' {but})", f"(SELECT * FROM '{other}')"
    return duckdb.sql(
        f"(FROM {first} EXCEPT ALL FROM {second}) UNION ALL (FROM {second} EXCEPT ALL FROM {first}) LIMIT 9"
    ).fetchall()


def assert_same(found: Answers, wanted: Answers) -> None:
    for question, file in wanted.items():
        assert rows_in(file) > 1, question
        assert differences(file, found[question]) == [], question


def test_duckdb_over_the_copy_says_what_the_lists_say(lake: Lake, of_the_lists: Answers, tmp_path: Path) -> None:
    assert copy_of(lake).stale == set()
    with measured("the answers of the copy by DuckDB"):
        found = of_the_copy(lake, tmp_path)
    assert_same(found, of_the_lists)


def test_spark_over_the_copy_says_what_the_lists_say(
    spark: SparkSession, lake: Lake, of_the_lists: Answers, tmp_path: Path
) -> None:
    with measured("the answers of the copy by Spark"):
        found = of_spark(spark, lake, tmp_path)
    assert_same(found, of_the_lists)


def test_no_list_of_a_track_is_missed_and_few_others_are_read(lake: Lake, of_the_lists: Answers) -> None:
    runs = of_the_lists["the runs of all lists"]
    for key in (SONG, SONG_WITHOUT_ISRC):
        having = duckdb.sql(f"SELECT DISTINCT playlist_id FROM '{runs}' WHERE track_key = '{key}'").fetchall()
        found = lists_of_track(lake, TODAY, copy_of(lake), key)
        assert found is not None
        assert len(having) > 1
        assert {playlist_id for (playlist_id,) in having} <= found
        assert len(found) <= -(-LISTS // CATALOGUES)


def objects(lake: Lake) -> dict[str, str]:
    """The SHA-256 of each object of the copy, but for when it was made; whatever else lies there too."""
    root = Path(lake.store.locate(""))
    found = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / keys.COPY).rglob("*"))
        if path.is_file()
    }
    of = lake.read_state(keys.COPY_MADE).get("of", {})
    made = {shelf: {name: one[name] for name in ("commits", "objects")} for shelf, one in of.items()}
    return found | {keys.COPY_MADE: json.dumps(made, sort_keys=True)} if found else {}


def make_and_die(address: str, writes: int) -> None:
    """Make the copy in this process, and kill it (-9) where so many objects are in their place, and the bytes of one
    more beside its."""
    put_in_place, done = os.replace, 0

    def replace(source: str, place: str, **folders: int) -> None:
        nonlocal done
        if done == writes:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        put_in_place(source, place, **folders)

    os.replace = replace  # type: ignore[assignment]
    make_copy(lake_at(address), Clock().world(), TODAY)


def killed_while_making(lake: Lake, writes: int) -> None:
    process = get_context("spawn").Process(target=make_and_die, args=(lake.store.locate(""), writes))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def drop_all(lake: Lake) -> None:
    shutil.rmtree(Path(lake.store.locate(keys.COPY)))


def test_killed_and_made_again_it_is_the_same_bytes(own_lake: Lake, of_the_lists: Answers, tmp_path: Path) -> None:
    whole, shelves = objects(own_lake), len(copy_of(own_lake).shelves)
    drop_all(own_lake)
    # In the middle of a shelf's tables, a third of all that is to be written.
    at = WRITES_A_SHELF * max(1, shelves // 3) + 2
    killed_while_making(own_lake, at)
    assert 0 < len(copy_of(own_lake).shelves) < shelves
    with measured("the answers of a copy of a third"):
        assert_same(of_the_copy(own_lake, tmp_path), of_the_lists)
    with pytest.raises(Killed):
        make_copy(
            Lake(Mortal(own_lake.store, (WRITES_A_SHELF * shelves - at) // 2), Clock().world()), Clock().world(), TODAY
        )
    make_copy(own_lake, Clock().world(), TODAY)
    assert objects(own_lake) == whole


def test_a_purge_leaves_nothing_of_a_list_in_it(own_lake: Lake, lake: Lake) -> None:
    gone = f"{7:022d}"
    (shelf,) = (shelf for shelf, lists in copy_of(own_lake).lists.items() if gone in lists)
    drop_all(own_lake)
    killed_while_making(own_lake, WRITES_A_SHELF * shelf)
    left = Path(own_lake.store.locate(keys.COPY)).rglob(".*")
    assert [path.parent.name for path in left] == [f"shelf={shelf:04d}"]
    with measured("the purge of a list"):
        purge(own_lake, Clock().world(), Wish(TODAY + timedelta(days=1), gone), dry_run=False)
    assert objects(own_lake) == {}
    make_copy(own_lake, Clock().world(), TODAY)
    assert copy_of(own_lake).stale == set()
    for table in TABLES:
        before, after = (Path(one.store.locate(f"warehouse/{table}/*/*.parquet")) for one in (lake, own_lake))
        assert rows_in(after) < rows_in(before)
        assert differences(before, after, f"WHERE playlist_id <> '{gone}'") == []
