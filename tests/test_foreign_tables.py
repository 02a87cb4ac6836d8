"""Table files that strangers made: what stands in them is data, never SQL, and one odd file stops no other list."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from chalicelib.cli.terminal import show_error
from chalicelib.errors import BadImport, BadSetting, DamagedFile
from chalicelib.history.day import NO_FACTS, Day, track_row
from chalicelib.history.opening import expand
from chalicelib.history.staging import Source, Staging
from chalicelib.lake import keys
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.lake.tables import Tables
from chalicelib.lake.warehouse import open_empty, open_warehouse
from chalicelib.spotify.capture import from_raw

from .test_lake import DAY, PLAYLIST, put, row

OTHER = "o" * 22


def plant(lake: Lake, key: str, query: str) -> None:
    """Write a Parquet file in place of the lake's own, made from it (`own`) by any engine."""
    path = Path(lake.store.locate(key))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE own AS FROM '{path}'")
    connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def kept(lake: Lake, playlist_id: str = PLAYLIST) -> str:
    lake.put_snapshot(row(entry_count=3, entries_key=put(lake), playlist_id=playlist_id))
    return keys.snapshots(playlist_id, DAY.year)


def test_a_column_that_is_named_like_sql_is_no_sql(lake: Lake, tmp_path: Path) -> None:
    key, stolen = kept(lake), tmp_path / "stolen"
    evil = f"""x") FROM own); COPY (FROM read_text('/proc/self/environ')) TO '{stolen}'; SELECT ("x"""
    name = evil.replace('"', '""')
    plant(lake, key, f"""SELECT *, TIMESTAMPTZ '2026-01-01' AS "{name}" FROM own""")
    assert list(lake.snapshots(PLAYLIST, DAY.year)[0]) == list(SNAPSHOTS)
    plant(lake, lake.segment_of(PLAYLIST, DAY), f"""SELECT *, TIMESTAMPTZ '2026-01-01' AS "{name}" FROM own""")
    assert list(lake.entries(PLAYLIST, DAY)[0]) == list(ENTRIES)
    with open_warehouse(lake) as warehouse:
        assert list(warehouse.columns("FROM entries")) == list(ENTRIES)
    assert not stolen.exists()


def test_only_one_statement_is_ever_executed() -> None:
    with pytest.raises(DamagedFile, match="more than one statement"), Tables().scratch("a table") as scratch:
        scratch.read("SELECT 1; SELECT 2")


def test_duckdb_reaches_its_own_folder_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("secret\n1\n")
    for attack in (
        "FROM read_text('/proc/self/environ')",
        f"FROM '{tmp_path}/secret.csv'",
        f"FROM glob('{tmp_path}/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/stolen.csv'",
        f"ATTACH '{tmp_path}/other.db'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "RESET lock_configuration",
    ):
        with pytest.raises(DamagedFile, match=r"disabled|locked|Permission"), Tables().scratch("a table") as scratch:
            scratch.tuples(attack)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_every_connection_is_locked(monkeypatch: pytest.MonkeyPatch, lake: Lake) -> None:
    root = Path(__file__).parents[1]
    files = [
        root / "app.py",
        *(path for room in ("chalicelib", "deploy", "simulator") for path in (root / room).rglob("*.py")),
    ]
    calls = {
        (path.name, node.attr)
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "duckdb"
        if node.attr in ("connect", "sql", "execute", "query", "read_parquet", "default_connection", "from_parquet")
    }
    assert calls == {("tables.py", "connect")}
    opened: list[Any] = []
    connect = duckdb.connect

    def watched(*arguments: Any, **options: Any) -> Any:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(duckdb, "connect", watched)
    kept(lake)
    with open_warehouse(lake) as warehouse, open_empty() as empty:
        assert len(warehouse.read("FROM entries")) == 3
        assert empty.read("FROM entries") == []
    assert len(opened) == 2
    for connection in opened:
        settings = "enable_external_access", "lock_configuration", "len(allowed_directories)"
        asked = (f"current_setting('{name}')" for name in settings[:2])
        found = connection.execute(f"SELECT {', '.join(asked)}, len(current_setting('allowed_directories'))").fetchone()
        assert found == (False, True, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "WITH g AS (COPY (SELECT 1) TO '{target}') SELECT 1",
        "WITH g AS MATERIALIZED (copy (SELECT 1) TO '{target}') FROM g",
        "WITH g AS (WITH h AS (SELECT 1) COPY (FROM h) TO '{target}') FROM g",
        "PIVOT (WITH g AS (COPY (SELECT 1) TO '{target}') FROM entries) ON item_type USING count(*)",
        "WITH g AS (INSERT INTO entries SELECT * FROM entries RETURNING *) FROM g",
        "WITH g AS (DELETE FROM entries RETURNING *) FROM g",
    ],
)
def test_no_question_writes_also_not_inside_a_with(lake: Lake, sql: str) -> None:
    key = kept(lake)
    path = Path(lake.store.locate(key))
    before = path.read_bytes()
    with open_warehouse(lake) as warehouse, pytest.raises(BadSetting, match=r"Only one SELECT|syntax error"):
        warehouse.ask(sql.format(target=path))
    assert path.read_bytes() == before


def test_a_question_may_quote_such_a_word_and_is_checked_without_being_executed(lake: Lake) -> None:
    kept(lake)
    with open_warehouse(lake) as warehouse:
        assert warehouse.ask("""SELECT 'COPY' AS "copy", 1 AS 夜 -- DELETE""").head(1) == [("COPY", "1")]
        hidden = "FROM query('WITH g AS (COPY (SELECT 1) TO ''/tmp/stolen.csv'') SELECT 1')"
        with pytest.raises(BadSetting, match="must be at the top level"):
            warehouse.ask(hidden).head(1)
        warehouse.ask("PIVOT entries ON item_type USING count(*) GROUP BY playlist_id").head(5)


def test_naive_timestamps_and_days_as_text_are_read_as_what_they_mean(lake: Lake) -> None:
    key = kept(lake)
    before = lake.snapshots(PLAYLIST, DAY.year), lake.entries(PLAYLIST, DAY)
    odd = (
        "SELECT * REPLACE (CAST(captured_at AS TIMESTAMP_NS) AS captured_at, "
        "strftime(snapshot_date, '%Y-%m-%d') AS snapshot_date) FROM own"
    )
    plant(lake, key, odd)
    plant(lake, lake.segment_of(PLAYLIST, DAY), odd)
    assert (lake.snapshots(PLAYLIST, DAY.year), lake.entries(PLAYLIST, DAY)) == before
    assert lake.put_snapshot(row(captured_at=datetime(2026, 11, 23, 23, tzinfo=UTC)))


@pytest.mark.parametrize(
    "change",
    [
        "NULL AS captured_at",
        "TIMESTAMPTZ '290000-01-01' AS captured_at",
        "TIMESTAMPTZ 'infinity' AS captured_at",
        "'yesterday' AS captured_at",
        "'yesterday' AS snapshot_date",
        "NULL AS snapshot_date",
        "DATE '1000-01-01' AS snapshot_date",
        "DATE 'infinity' AS snapshot_date",
    ],
)
def test_a_row_without_a_day_or_moment_is_damage_of_its_file_and_of_no_other(lake: Lake, change: str) -> None:
    key = kept(lake)
    kept(lake, OTHER)
    plant(lake, key, f"SELECT * REPLACE ({change}) FROM own")
    for read in (lambda: lake.snapshots(PLAYLIST, DAY.year), lambda: lake.put_snapshot(row())):
        with pytest.raises(DamagedFile, match=key):
            read()
    with pytest.raises(DamagedFile, match=key), open_warehouse(lake):
        pass
    assert len(lake.snapshots(OTHER, DAY.year)) == 1
    plant(lake, lake.segment_of(PLAYLIST, DAY), f"SELECT * REPLACE ({change}) FROM own")
    with pytest.raises(DamagedFile):
        lake.entries(PLAYLIST, DAY)


def test_a_far_off_moment_of_lesser_weight_is_damage_too(lake: Lake) -> None:
    kept(lake)
    plant(lake, lake.segment_of(PLAYLIST, DAY), "SELECT * REPLACE (TIMESTAMPTZ '290000-01-01' AS added_at) FROM own")
    with pytest.raises(DamagedFile, match="calendar"):
        lake.entries(PLAYLIST, DAY)


def test_a_temporary_folder_may_have_an_apostrophe(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "it's").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "it's"))
    put(lake)
    assert len(lake.entries(PLAYLIST, DAY)) == 3


# What else strangers send.


def test_the_csv_of_a_question_holds_no_formula(lake: Lake) -> None:
    kept(lake)
    with open_warehouse(lake) as warehouse:
        sql = "SELECT '=1+1' AS a, 'x;=1+1' AS b, '＠x' AS c, -1 AS d, ['y;-2'] AS e, '''=1' AS f"
        with warehouse.ask(sql).save("csv").open(newline="") as file:
            _, cells = csv.reader(file)
    assert cells == ["'=1+1", "x;'=1+1", "'＠x", "-1", '["y;\'-2"]', "''=1"]


def test_a_compression_bomb_in_raw_is_a_damaged_file(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b" " * (40 << 20))
    monkeypatch.setattr("chalicelib.spotify.capture._LONGEST", 32 << 20)
    with pytest.raises(DamagedFile, match="unpacks to more than"):
        from_raw(bomb, "raw/x.json.gz")


def test_the_terminal_gets_no_control_character_of_an_error_or_a_reason() -> None:
    file = io.StringIO()
    show_error(Console(file=file, force_terminal=False), DamagedFile("a\x1b]0;title\x07\nb", advice="\x1b[2Jc"))
    assert file.getvalue() == "a�]0;title�\nb\n�[2Jc\n"


def test_an_archives_directory_is_read_once_however_many_members_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(300):
            archive.writestr(f"{number}.csv", str(number))
    reads = 0
    read = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined]

    def counted(self: zipfile.ZipFile) -> None:
        nonlocal reads
        reads += 1
        read(self)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", counted)
    for name, opener in expand("many.zip", packed.getvalue()):
        with opener() as member:
            assert member.read().decode() == Path(name).stem
    assert reads == 2


@pytest.mark.parametrize(
    ("day", "name", "said"),
    [(date(1000, 1, 1), "Song", "founded in 2006"), (date(1, 1, 1), "Song", "2006"), (DAY, "x" * 124_000, "letters")],
)
def test_days_before_spotify_and_endless_texts_are_refused(
    lake: Lake, tmp_path: Path, day: date, name: str, said: str
) -> None:
    rows = [track_row(1, "a" * 22, name, [(None, "Ann")])]
    with pytest.raises(BadImport) as caught:
        Staging(lake, tmp_path / "waiting").read(
            [Day("chart:x", day, "official", dict(NO_FACTS), "exact", rows)], Source("odd.csv", "digest")
        )
    assert said in str(caught.value)
    assert not list(lake.store.list("tables/"))
