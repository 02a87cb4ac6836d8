"""Charts that are read many rows at once are what the reader of rows makes of them, or are left to it."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pytest

from chalicelib.errors import BadImport
from chalicelib.history import gathering, staging
from chalicelib.history.bulk import COLUMNS, Block, BulkReader, NotPlain
from chalicelib.history.day import Day
from chalicelib.history.importing import Options, import_path
from chalicelib.history.opening import Limits, opened
from chalicelib.history.reader import read_history, table_of
from chalicelib.history.table import Table
from chalicelib.lake.address import open_store
from chalicelib.lake.days import DayTables, Files
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES
from chalicelib.lake.tables import to_json
from chalicelib.time_and_chance import World

from .conftest import Killed, Mortal

ORIGIN = {"captured_at": datetime(2021, 2, 1, tzinfo=UTC), "capture_id": "1" * 16, "source": "import:x"}
OFFICIAL = "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams"
SPOTIFY_CHARTS = "title,rank,date,artist,url,region,chart,trend,streams"
WORLDWIDE = "Position,Track Name,Artist,Streams,URL,Date,Region"
TITLES = ("Noche", '"Rain, again"', '"7 ""rings"""', "愛", "", '" ""x"" , y"', "Déjà vu", "  two")


def track(number: int) -> str:
    return f"{number:022d}"


def official() -> str:
    lines = (
        f"{rank},spotify:track:{track(rank)},{TITLES[-rank % 8]},{TITLES[rank % 8]},Label,{rank},{rank - 2},,{900 - rank}"
        for rank in range(1, 12)
    )
    return "\n".join([OFFICIAL, *lines, ""])


def spotify_charts() -> str:
    lines = (
        f"{TITLES[rank % 8]},{rank},{day},{TITLES[-rank % 8]},https://open.spotify.com/track/{track(rank)},{region},"
        f"{chart},SAME_POSITION,{'' if chart == 'viral50' else f'{900 - rank}.0'}"
        for day in ("2017-01-01", "2017-01-02")
        for region, chart in (("Argentina", "top200"), ("Argentina", "viral50"), ("Global", "top200"))
        for rank in range(1, 5)
    )
    return "\n".join([SPOTIFY_CHARTS, *lines, ""])


def worldwide() -> str:
    lines = (
        f"{rank},{TITLES[rank % 8]},{TITLES[-rank % 8]},{900 - rank},https://open.spotify.com/track/{track(rank)},{day},{region}"
        for region in ("ec", "global")
        for day in ("2017-01-01", "2017-01-02")
        for rank in range(1, 7)
    )
    return "\n".join([WORLDWIDE, *lines, ""])


FILES: dict[str, Callable[[], str]] = {
    "regional-kr-daily-2021-02-01.csv": official,
    "charts.csv": spotify_charts,
    "data.csv": worldwide,
}

TABLES = DayTables()

Told = dict[tuple[str, date], Any]


@pytest.fixture(scope="module")
def bulk() -> Iterator[BulkReader]:
    with TABLES.folder() as folder:
        yield BulkReader(folder, date(2006, 1, 1), date(2100, 1, 1))


def opener(data: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(data)


def facts(day: Day) -> tuple[Any, ...]:
    return day.format, day.facts, day.position_quality, day.status, day.total, day.reason, day.moment, day.origin


def by_rows(name: str, data: bytes) -> Told | None:
    """What the reader of rows makes of a file; None for a file that it refuses."""
    try:
        days = list(read_history(name, opener(data)))
    except BadImport:
        return None
    return {(day.playlist_id, day.snapshot_date): (facts(day), day.rows) for day in days}


def in_bulk(bulk: BulkReader, name: str, data: bytes) -> Told | None:
    """What is read of it at once; None for a file that is left to the reader of rows."""
    try:
        table = table_of(name, opener(data))
        return told_by(blocks_of(bulk, name, table, data)) if table and table.by_column else None
    except (BadImport, NotPlain):
        return None


def blocks_of(bulk: BulkReader, name: str, table: Table, data: bytes) -> Iterator[Block]:
    with opened(name, opener(data), Limits()) as stream:
        if table.by_column and table.by_column.key:
            yield from bulk.blocks(table, stream)
        else:
            yield from bulk.files([(0, table, stream.read())])


def told_by(blocks: Iterator[Block]) -> Told | None:
    found: Told = {}
    for block in blocks:
        keys = [(day.playlist_id, day.snapshot_date) for _, day in block.days]
        lists = sorted({one for one, _ in keys})
        saved = block.save([lists.index(one) for one, _ in keys])
        rows = {key: row for number, paths in saved.items() for key, row in saved_rows(lists[number], paths).items()}
        found |= {key: (facts(day), rows[key]) for key, (_, day) in zip(keys, block.days, strict=True)}
    return found or None


def saved_rows(playlist_id: str, paths: list[Path]) -> dict[tuple[str, date], list[dict[str, Any]]]:
    """Rows as the formats build them, by list and day."""
    listed = [str(path) for path in paths]
    days = duckdb.sql(f"SELECT DISTINCT snapshot_date FROM read_parquet({listed})").fetchall()
    told = [to_json(ORIGIN | {"playlist_id": playlist_id, "snapshot_date": day}) for (day,) in days]
    with TABLES.open("what was saved") as scratch:
        rows = scratch.select(scratch.rows(Files(None, paths, COLUMNS, told, {}), ENTRIES), ENTRIES)
    found: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for row in rows:
        assert {name: row.pop(name) for name in ORIGIN} == ORIGIN
        found.setdefault((row.pop("playlist_id"), row.pop("snapshot_date")), []).append(row)
    return found


def test_charts_of_the_shared_data_are_read_alike(shared_data: Path, bulk: BulkReader) -> None:
    read = set()
    for path in sorted(shared_data.rglob("*.csv*")):
        told = in_bulk(bulk, path.name, path.read_bytes())
        if told is not None:
            read.add(path.parent.name)
            assert told == by_rows(path.name, path.read_bytes()), path
    assert read >= {"charts_daily_official", "charts_viral_official", "charts_weekly_official", "people_files"}


ODD = (
    "", "0", "-1", "-1.0", "1.0", "1.5", "+3", " 4", "1_0", "1e2", "٣", "9" * 20, str(2**63 - 1), str(2**63), "201", "51",
    '"5"', '" 5"', ' "5"', '"5" ', "5\"", '"5""', '"a""b"', 'a"b"', '"a"b', "'x'", "2021-02-30", "2005-01-01", "2999-01-01",
    "0000-01-01", "2017-1-1", "spotify:track:short", f"http://open.spotify.com/track/{track(5)}",
    f"https://open.spotify.com/track/{track(6)}?si=x", f"spotify:track:{track(5)[:-1]}é", "NULL", "nan", "\ufeff", "x" * 30_000,
    "a\u2028b", "\\", "kr", "Narnia", "viral50", "\x00", '"two\nlines"', ",", '","', "\x85", "\r",
)  # fmt: skip
BYTES = (
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"1",
)


def mutated(text: str, chance: random.Random) -> bytes:
    """The file with one thing other than before."""
    lines, data = text.split("\n"), text.encode()
    line, place = chance.randrange(1, len(lines) - 1), chance.randrange(len(data))
    match chance.randrange(9):
        case 0:
            return data[:place]
        case 1:
            return data[:place] + chance.choice(BYTES) + data[place:]
        case 2:
            return data[:place] + data[place + 1 :]
        case 3:
            lines.insert(chance.randrange(1, len(lines)), lines[line])
        case 4:
            other = chance.randrange(1, len(lines) - 1)
            lines[line], lines[other] = lines[other], lines[line]
        case 5:
            del lines[line]
        case 6:
            lines[line] += chance.choice((",", ",,", ",x", " ", '"', ',""'))
        case _:
            fields = lines[line].split(",")
            fields[chance.randrange(len(fields))] = chance.choice(ODD)
            lines[line] = ",".join(fields)
    ending = "\r\n" if chance.random() < 0.1 else "\n"
    return ending.join(lines).encode()


@pytest.mark.parametrize("name", FILES)
def test_odd_charts_are_read_alike_or_row_by_row(name: str, bulk: BulkReader) -> None:
    chance, read, left = random.Random(name), 0, 0
    for _ in range(40):
        data = mutated(FILES[name](), chance)
        told = in_bulk(bulk, name, data)
        read, left = read + (told is not None), left + (told is None)
        assert told is None or told == by_rows(name, data), data
    assert read > 5
    assert left > 5


@pytest.mark.parametrize(
    ("title", "is_read"), [(' "x"', False), ('"x" ', False), ('"x, ""y"" , z"', True), ('" ""x"""', True)]
)
def test_a_quote_beside_a_space_is_what_it_is_to_the_reader_of_rows(
    bulk: BulkReader, title: str, is_read: bool
) -> None:
    # DuckDB leaves such a space out.
    data = worldwide().replace("Déjà vu", title, 1).encode()
    told = in_bulk(bulk, "data.csv", data)
    assert (told is not None) == is_read
    assert told is None or told == by_rows("data.csv", data)


def test_a_file_in_many_pieces_is_read_alike(bulk: BulkReader, monkeypatch: pytest.MonkeyPatch) -> None:
    data = spotify_charts().encode()
    monkeypatch.setattr("chalicelib.history.bulk._CHUNK", 1_500)
    assert in_bulk(bulk, "charts.csv", data) == by_rows("charts.csv", data) is not None


def test_an_import_is_the_same_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for day in range(1, 8):
        text = official().replace("Label", f"Label {day}")
        (folder / f"regional-kr-daily-2021-02-0{day}.csv").write_text(text)
    # A day that lacks a place, one that no list has, one in an old code page, one day twice.
    (folder / "regional-kr-daily-2021-02-08.csv").write_text(official().replace("\n3,", "\n203,"))
    (folder / "regional-kr-daily-2021-02-09.csv").write_text(official().replace("\n11,", "\n12,"))
    (folder / "regional-kr-daily-2021-02-10.csv").write_bytes(official().encode().replace("é".encode(), b"\xe9"))
    (folder / "regional-kr-daily-2021-02-10_again.csv").write_text(official())
    (folder / "spotify.csv").write_text(spotify_charts())
    (folder / "worldwide.csv").write_text(worldwide().replace("global", "Narnia"))
    by_row: list[str] = []

    def noted(name: str, *args: Any, **options: Any) -> Iterator[Day]:
        by_row.append(Path(name).name)
        return read_history(name, *args, **options)

    monkeypatch.setattr(gathering, "read_history", noted)
    found = imported(folder, tmp_path / "one")
    assert by_row == [
        "regional-kr-daily-2021-02-08.csv",
        "regional-kr-daily-2021-02-10.csv",
        "worldwide.csv",
    ]
    monkeypatch.setattr(gathering, "small_of", lambda *_: None)
    monkeypatch.setattr(gathering, "table_of", lambda *_, **__: None)
    assert imported(folder, tmp_path / "two") == found
    assert len(by_row) == 3 + 13


@pytest.mark.parametrize("changes", [2, 3, 5, 7])
def test_killed_while_two_years_are_written_at_once_it_is_finished_by_the_next_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    path = tmp_path / "charts.csv"
    path.write_text(spotify_charts())
    _, whole = imported(path, tmp_path / "whole")
    monkeypatch.setattr(staging, "_ROWS_FOR_TWO", 0)
    world = World()
    with pytest.raises(Killed):
        list(import_path(Lake(Mortal(open_store(str(tmp_path / "half"), world), changes), world), path))
    assert imported(path, tmp_path / "half")[1] == whole
    assert len(whole) == 6


def imported(folder: Path, target: Path) -> tuple[list[str], dict[str, bytes]]:
    """What an import tells, and the tables that it made."""
    world = World()
    lake = Lake(open_store(str(target), world), world)
    found = [repr(one) for one in import_path(lake, folder, Options())]
    return found, {key: stored.data for key in lake.store.list("tables/") if (stored := lake.store.get(key))}
