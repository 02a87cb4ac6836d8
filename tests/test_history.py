"""Foreign history files: every real one imported whole or refused with a reason, and hostile ones refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.errors import BadImport
from chalicelib.history import features
from chalicelib.history.day import Day
from chalicelib.history.formats import archive_clone
from chalicelib.history.formats.archive_clone import Odd, read_clone
from chalicelib.history.formats.archive_json import read_followers
from chalicelib.history.opening import Limits, expand
from chalicelib.history.reader import read_history
from chalicelib.lake import schema

FILLED_BY_CALLER = {"snapshot_date", "playlist_id", "captured_at", "capture_id", "source"}
COLUMNS = [column for column in schema.ENTRIES if column not in FILLED_BY_CALLER]
FACTS = {"name", "description", "owner_id", "owner_name", "public", "collaborative", "followers", "snapshot_id"}
A_DAY = date(2024, 5, 31)
IDS = [f"{number:022d}" for number in range(2000)]


def opener(data: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(data)


def read(name: str, data: bytes | str, **options: Any) -> list[Day]:
    return list(read_history(name, opener(data.encode() if isinstance(data, str) else data), **options))


def refusal(name: str, data: bytes | str, **options: Any) -> BadImport:
    """The error of a file that is not imported."""
    with pytest.raises(BadImport) as caught:
        read(name, data, **options)
    assert caught.value.file == name
    assert name in caught.value.message
    assert caught.value.advice
    return caught.value


# The real files.

FOLDERS = ("charts_*", "kaggle", "archive_*", "history_*", "not_json")
# What a person must add for a file that does not tell it; None where the file is refused whatever they add.
ADDED = {
    r"-latest__|gesoges0|pretty__Top_50": {"day": A_DAY},
    r"author-extended": {"day": A_DAY, "region": "global"},
}
REFUSED = {
    r"cumulative": "no order and no state of any day",
    r"160252Z\.txt": "it is empty",
    r"plain/": "neither positions nor ids",
    r"COMMITS\.tsv": "format is unknown",
    r"python_repr": "what Python prints, not JSON",
    r"toy_spotify_raw": "no playlist and no list of entries",
}
ROWS_LOOK_LIKE = {
    r"charts_(daily|weekly|viral)|charts_legacy": rb"(?m)^\d+,.*(spotify:track:|open\.spotify\.com/track/)",
    r"charts_scraped": rb"(?m)^2026-\d\d-\d\d,",
    r"kaggle": rb'(?m)^"?[0-9A-Za-z]{22},',
    r"\.md$": rb"(?m)^\| \d+ \| \[",
    r"archive_json/pretty": rb'"added_at": ',
    r"archive_json/gesoges0": rb'"popularity": ',
    r"history_us": rb'"pos": \d+',
}


def first_match(table: dict[str, Any], name: str) -> Any:
    return next((value for pattern, value in table.items() if re.search(pattern, name)), None)


def real_files(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in root.glob(f"{folder}/**/*") if path.is_file())


def data_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def check_days(days: list[Day]) -> None:
    """What holds for every day of every format."""
    for day in days:
        assert re.fullmatch(r"chart:[a-z0-9-]+|[0-9A-Za-z]{22}", day.playlist_id)
        assert set(day.facts) == FACTS
        partial = {"partial"} if day.reason else set()
        unknown = {None} if day.format == "chartlake-export" or day.status == schema.Status.SUSPECT else set()
        assert day.position_quality in {"exact", "approx"} | partial | unknown
        positions = [row["position"] for row in day.rows]
        assert positions == sorted(set(positions))
        for row in day.rows:
            assert [name for name in row if name != features.HELD] == COLUMNS
            assert list(row.get(features.HELD, features.NAMES)) == list(features.NAMES)
            assert row["item_type"]
            assert isinstance(row["is_local"], bool)
            if row["item_type"] == "track":
                assert row["uri"] == f"spotify:track:{row['item_id']}"
    assert len({(day.playlist_id, day.snapshot_date) for day in days}) == len(days)


def oddities(days: list[Day], added: dict[str, Any]) -> str:
    gaps = sum(day.rows[-1]["position"] - len(day.rows) for day in days)
    found = [f"{gaps} ranks missing"] if gaps else []
    found += [f"needs {' and '.join(added)}"] if added else []
    found += ["positions approximate"] if days[0].position_quality == "approx" else []
    return ", ".join(found)


def test_every_real_file_is_imported_whole_or_refused_with_a_reason(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for path in real_files(shared_data):
        name = path.relative_to(shared_data).as_posix()
        shown = re.sub(r"/20[^/]*\.(md|txt)$", r"/*.\1", name)
        added = first_match(ADDED, name) or {}
        if added:
            with pytest.raises(BadImport, match=r"neither the file tells"):
                list(read_history(name, lambda path=path: path.open("rb")))
        reason = first_match(REFUSED, name)
        if reason:
            error = refusal(name, path.read_bytes(), **added)
            assert reason in error.message
            table.setdefault((shown, "refused", error.problems[0][1]), []).append((0, 0))
            continue
        days = list(read_history(name, lambda path=path: path.open("rb"), **added))
        check_days(days)
        rows = sum(len(day.rows) for day in days)
        assert rows == len(re.findall(first_match(ROWS_LOOK_LIKE, name), data_of(path))), name
        table.setdefault((shown, days[0].format, oddities(days, added)), []).append((len(days), rows))
    assert sum(map(len, table.values())) == 349
    with capsys.disabled():
        print(f"\n{'file':<92} {'format':<27} {'files':>5} {'days':>5} {'rows':>5}  oddities")
        for (name, format_, remark), counts in table.items():
            days_, rows_ = (sum(column) for column in zip(*counts, strict=True))
            print(f"{name:<92} {format_:<27} {len(counts):>5} {days_:>5} {rows_:>5}  {remark}")


def test_the_157_ranked_versions_of_the_global_top_50_are_dated_days(shared_data: Path) -> None:
    found = [
        day
        for path in sorted((shared_data / "archive_global_top50" / "pretty").iterdir())
        for day in read(path.name, path.read_bytes())
    ]
    assert len(found) == 157
    assert {(day.playlist_id, len(day.rows)) for day in found} == {("37i9dQZEVXbMDoHDwVN2tF", 50)}
    assert {day.facts["name"] for day in found} == {"Global Top 50", "Top 50 - Global"}
    assert found[0].moment == datetime(2020, 10, 10, 16, 4, 16, tzinfo=UTC)
    assert all(day.moment and day.moment.date() == day.snapshot_date for day in found)
    days = {day.snapshot_date for day in found}
    assert (len(days), min(days), max(days)) == (148, date(2020, 10, 10), date(2021, 4, 9))
    top = found[0].rows[0]
    assert (top["name"], top["artists"][1]["id"]) == ("Mood (feat. Iann Dior)", "6ASri4ePR7RlsvIQgWPJpS")
    assert (top["album_id"], top["duration_ms"]) == ("4YMnOf4a7obOcN1Gy2QEuM", None)


def test_values_of_the_real_charts(shared_data: Path) -> None:
    def one(name: str, **options: Any) -> Day:
        days = read(Path(name).name, (shared_data / name).read_bytes(), **options)
        assert len(days) == 1
        return days[0]

    daily = one("charts_daily_official/regional-global-daily-2025-05-01.csv")
    assert (daily.playlist_id, daily.snapshot_date) == ("chart:regional-global-daily", date(2025, 5, 1))
    assert daily.rows[0] == dict.fromkeys(COLUMNS) | {
        "position": 1,
        "item_type": "track",
        "item_id": "7so0lgd0zP2Sbgs2d7a1SZ",
        "uri": "spotify:track:7so0lgd0zP2Sbgs2d7a1SZ",
        "name": "Die With A Smile",
        "url": "https://open.spotify.com/track/7so0lgd0zP2Sbgs2d7a1SZ",
        "artists": [{"id": None, "name": "Lady Gaga, Bruno Mars"}],
        "is_local": False,
        "streams": 5602357,
        "label": "Interscope Records",
        "reported_peak": 1,
        "reported_previous": 1,
        "reported_days": 259,
    }
    gaps = one("charts_weekly_official/regional-global-weekly-2023-02-09.csv")
    assert (gaps.format, len(gaps.rows), gaps.rows[-1]["position"]) == ("charts-official-weekly", 199, 200)
    viral = one("charts_viral_official/viral-za-daily-2022-09-01.csv")
    assert (viral.playlist_id, viral.rows[0]["streams"]) == ("chart:viral-za-daily", None)
    assert (viral.rows[0]["label"], viral.rows[0]["reported_days"]) == ("Range Music/Capitol Records", 19)
    assert gaps.rows[0]["reported_days"] == 4
    week = one("charts_legacy/regional-us-weekly-2020-01-03--2020-01-10.csv")
    assert (week.playlist_id, week.snapshot_date) == ("chart:regional-us-weekly", date(2020, 1, 9))
    bare = one("charts_legacy/regional-global-daily-latest__kushagharahi.csv", day=A_DAY)
    assert (bare.snapshot_date, bare.rows[0]["name"], bare.rows[0]["streams"]) == (A_DAY, "Starboy", 4384301)


def test_values_of_the_other_real_files(shared_data: Path) -> None:
    def days(name: str, **options: Any) -> dict[tuple[str, date], Day]:
        found = read(name, (shared_data / name).read_bytes(), **options)
        return {(day.playlist_id, day.snapshot_date): day for day in found}

    scraped = days("charts_scraped_2026/spotify_daily_songs_2026-07-31.csv.gz")
    artists = [row["artists"] for day in scraped.values() for row in day.rows if "Kali Uchis" in row["name"]]
    assert artists[0] == [
        {"id": "4V8LLVI7PbaPR0K2TGSxFF", "name": "Tyler, The Creator"},
        {"id": "1U1el3k54VvEUzo3ybLPlM", "name": "Kali Uchis"},
    ]
    kaggle = days("kaggle/universal_top_spotify_songs__abdurrahman373.csv")
    first = kaggle["chart:kaggle-top50-global-daily", date(2025, 2, 12)].rows[0]
    assert (first["popularity"], first["explicit"], first["duration_ms"]) == (90, True, 274192)
    assert (first["album_name"], first["album_release_date"]) == ("Not Like Us", "2024-05-04")
    mangled = days("kaggle/universal_top_spotify_songs__double_quoted_semicolon_first4000lines__BaopCL.csv.gz")
    split = mangled["chart:kaggle-top50-pk-daily", date(2025, 2, 18)].rows[8]
    assert (split["name"], split["album_name"]) == ("Ishq", "Lost;Found")
    pretty = days("archive_json/pretty_37i9dQZEVXbMDoHDwVN2tF__2025-09-14.json")
    day = pretty["37i9dQZEVXbMDoHDwVN2tF", date(2025, 9, 14)]
    assert (day.facts["followers"], day.facts["owner_id"], day.facts["owner_name"]) == (17023257, "spotify", "Spotify")
    assert (day.rows[0]["added_at"], day.rows[0]["album_id"]) == ("2025-09-14T13:28:21Z", "14JkAa6IiFaOh5s0nMyMU9")
    flat = days("history_us_top50/top50__to_2024-05-31.json.gz")
    assert len(flat) == 193
    assert flat["chart:flat-top50-us-daily", date(2023, 11, 21)].rows[1]["artists"] == [
        {"id": None, "name": "Zach Bryan,Kacey Musgraves"}
    ]


def test_saved_answers_of_spotify(shared_data: Path) -> None:
    name = "global_top50__2024-05-11__danielmschaves.json"
    body = json.loads((shared_data / "api_track" / name).read_bytes())
    assert isinstance(body, list)
    entries = body[0]["tracks"]["items"]
    halves = [
        {"href": body[0]["tracks"]["href"], "items": entries[start : start + 25], "offset": start, "total": 50}
        for start in (25, 0)
    ]
    forms = {"list of one": body, "playlist": body[0], "page": body[0]["tracks"], "pages": halves, "entries": entries}
    found = {form: read(f"37i9dQZEVXbMDoHDwVN2tF {name}", json.dumps(value)) for form, value in forms.items()}
    for days in found.values():
        check_days(days)
        assert (days[0].playlist_id, days[0].snapshot_date) == ("37i9dQZEVXbMDoHDwVN2tF", date(2024, 5, 11))
        assert (days[0].rows, len(days[0].rows)) == (found["playlist"][0].rows, 50)
    assert found["playlist"][0].facts["name"] == "Top 50 - Global"
    assert found["pages"][0].facts["name"] is None
    assert "only a part of the list" in refusal(name, json.dumps(halves[0])).message
    assert "25 entries from number 1 on, of 50" in refusal(name, json.dumps(halves[1])).message


# Made files: what the real ones do not show.

OFFICIAL = "rank,uri,artist_names,track_name,source,peak_rank,previous_rank,days_on_chart,streams\n"
OFFICIAL_NAME = "regional-de-daily-2024-05-31.csv"


def official(count: int = 3, **replaced: str) -> str:
    """An official chart; `line_N` replaces a line, counted from 1."""
    lines = [
        OFFICIAL,
        *(f'{n},"spotify:track:{IDS[n]}","A, B","T {n}","L",1,-1,1,"{1000 - n}"\n' for n in range(1, count + 1)),
    ]
    for line, text in replaced.items():
        lines[int(line.removeprefix("line_")) - 1] = text + "\n"
    return "".join(lines)


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text,
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n\n",
        lambda text: text.replace('"A, B"', "A und B").replace(",", ";"),
        lambda text: text.replace('"A, B"', '"A\tB"').replace(",", "\t"),
        lambda text: text.replace("\n", ",,\n"),
        lambda text: text.replace("rank,", "Rank ,", 1),
    ],
    ids=["as it is", "BOM", "CRLF", "no last newline", "blank lines", "semicolons", "tabs", "empty columns", "header"],
)
def test_copies_saved_by_other_programs(changed: Callable[[str], str]) -> None:
    day = read(OFFICIAL_NAME, changed(official()))[0]
    assert [(row["position"], row["item_id"], row["streams"]) for row in day.rows] == [
        (n, IDS[n], 1000 - n) for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
def test_utf_16_is_read_in_either_order_of_bytes(encoding: str, packed: bool) -> None:
    text = official(200).replace("T 1", "Más — Ж 🎵")
    data = text.encode(encoding) if encoding == "utf-16" else f"\ufeff{text}".encode(encoding)
    rows = read(OFFICIAL_NAME, gzip.compress(data) if packed else data)[0].rows
    assert (len(rows), rows[0]["name"], rows[199]["streams"]) == (200, "Más — Ж 🎵", 800)


def test_what_a_chart_tells_of_an_entrys_past() -> None:
    text = official().replace('"L",1,-1,1,', '"L",,-1,12.0,')
    assert text != official()
    rows = read(OFFICIAL_NAME, text)[0].rows
    told = ("label", "reported_peak", "reported_previous", "reported_days")
    assert [row[name] for row in rows for name in told] == ["L", None, 0, 12] * 3
    assert "days_on_chart is 'many'" in str(refusal(OFFICIAL_NAME, text.replace("12.0", "many")))


def test_names_that_are_not_utf_8() -> None:
    legacy = f'Position,"Track Name",Artist,Streams,URL\n1,Más,Rosalía,5,https://open.spotify.com/track/{IDS[1]}\n'
    for encoding in ("utf-8", "cp1252", "latin-1"):
        row = read("regional-es-daily-2018-01-01.csv", legacy.encode(encoding))[0].rows[0]
        assert (row["name"], row["artists"]) == ("Más", [{"id": None, "name": "Rosalía"}])


def test_legacy_viral_and_empty_names() -> None:
    text = f"Position,Track Name,Artist,URL\n1,,,https://open.spotify.com/track/{IDS[1]}\n"
    day = read("viral-global-daily-2019-02-03.csv", text)[0]
    assert (day.playlist_id, day.format) == ("chart:viral-global-daily", "charts-legacy-viral-daily")
    assert (day.rows[0]["name"], day.rows[0]["artists"]) == (None, [])


@pytest.mark.parametrize(
    ("name", "day", "region", "expected"),
    [
        ("regional-de-daily-2024-05-31 (1).csv", None, None, ("chart:regional-de-daily", A_DAY)),
        ("somebody__regional-DE-daily-2024-05-31.csv.gz", None, None, ("chart:regional-de-daily", A_DAY)),
        ("chart_20240531.csv", None, "DE", ("chart:regional-de-daily", A_DAY)),
        ("chart.csv", A_DAY, "global", ("chart:regional-global-daily", A_DAY)),
        ("regional-fr-daily-2020-01-01.csv", A_DAY, "de", ("chart:regional-de-daily", A_DAY)),
    ],
)
def test_day_and_region_come_from_the_caller_then_the_name(
    name: str, day: date | None, region: str | None, expected: tuple[str, date]
) -> None:
    found = read(name, official(), day=day, region=region)[0]
    assert (found.playlist_id, found.snapshot_date) == expected


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("chart-2024-05-31.csv", {}, "region"),
        ("chart-2024-05-31.csv", {"region": "Germany"}, "the region 'Germany' is none"),
        ("regional-de-daily-latest.csv", {}, "no day"),
        ("regional-de-daily-2024-05-31-and-2024-06-01.csv", {}, "2 different days"),
        ("regional-de-daily-2024-13-31.csv", {}, "no day"),
    ],
)
def test_what_neither_file_nor_name_tells_is_asked_for(name: str, options: dict[str, Any], reason: str) -> None:
    error = refusal(name, official(), **options)
    assert reason in error.message
    assert "--region" in error.advice or "--date" in error.advice


def test_a_column_with_the_day_serves_where_the_name_has_none() -> None:
    lines = official().splitlines()
    text = "\n".join([f"{lines[0]},Start Date", *(f"{line},2024-05-31" for line in lines[1:])])
    assert read("chart.csv", text, region="de")[0].snapshot_date == A_DAY


BAD_LINES = {
    "line_3": "2,spotify:album:0000000000000000000002,A,T,L,1,-1,1,5",
    "line_4": "x,spotify:track:0000000000000000000003,A,T,L,1,-1,1,5",
    "line_5": '4,"spotify:track:0000000000000000000004",A,T,L,1,-1,1,"1,5"',
    "line_6": "5,spotify:track:0000000000000000000005,A,T",
    "line_7": '6,"spotify:track:0000000000000000000006"x,A,T,L,1,-1,1,5',
    "line_8": "1,spotify:track:0000000000000000000007,A,T,L,1,-1,1,5",
    "line_9": "8,spotify:track:0000000000000000000008,A,T\0,L,1,-1,1,5",
    "line_10": "0,spotify:track:0000000000000000000009,A,T,L,1,-1,1,5",
}


def test_every_bad_line_is_named() -> None:
    error = refusal(OFFICIAL_NAME, official(12, **BAD_LINES))
    assert [line for line, _ in error.problems] == list(range(3, 11))
    reasons = " ".join(reason for _, reason in error.problems)
    for expected in ("no URI or link", "rank is 'x'", "streams is '1,5'", "4 fields, not 9", "no CSV", "twice", "NUL"):
        assert expected in reasons
    assert "line 3: 'spotify:album:" in error.message
    assert "and 3 more" in error.message


def test_bad_lines_can_be_skipped_and_are_kept_beside() -> None:
    rejects: list[tuple[int, str, str]] = []
    days = read(OFFICIAL_NAME, official(12, **BAD_LINES), skip_bad=rejects)
    assert [row["position"] for row in days[0].rows] == [10, 11, 12], "two lines claim the first place"
    assert [line for line, _, _ in rejects] == list(range(3, 11))
    assert [text for _, _, text in rejects if "\0" not in text] == [
        text for text in BAD_LINES.values() if "\0" not in text
    ]
    with pytest.raises(BadImport, match="region"):
        read("chart.csv", official(), day=A_DAY, skip_bad=[])


def test_cells_that_look_like_formulas_are_only_text() -> None:
    lines = official(1).replace("T 1", "=cmd|' /C calc'!A0").replace("A, B", "@SUM(1+1)")
    row = read(OFFICIAL_NAME, lines)[0].rows[0]
    assert (row["name"], row["artists"][0]["name"]) == ("=cmd|' /C calc'!A0", "@SUM(1+1)")


def test_a_quote_that_is_never_closed_names_all_lines_that_it_takes_in() -> None:
    rejects: list[tuple[int, str, str]] = []
    days = read(
        OFFICIAL_NAME, official(9, line_5='4,spotify:track:0000000000000000000004,A,"T,L,1,-1,1,5'), skip_bad=rejects
    )
    assert [row["position"] for row in days[0].rows] == [1, 2, 3, 6, 7, 8, 9]
    assert [line for line, _, _ in rejects] == [5, 6]
    assert "part of line 5" in rejects[1][1]


# Kaggle.

KAGGLE_HEADER = (
    "spotify_id,name,artists,daily_rank,daily_movement,weekly_movement,country,snapshot_date,popularity,is_explicit,"
    "duration_ms,album_name,album_release_date,danceability,energy,key,loudness,mode,speechiness,acousticness,"
    "instrumentalness,liveness,valence,tempo,time_signature"
)


def kaggle_line(rank: int, country: str, day: str, released: str = "2024-05-04", item: int = 0) -> str:
    return (
        f'"{IDS[item or rank]}","N","A, B","{rank}","0","0","{country}","{day}","90","True","274192","Album",'
        f'"{released}"' + ',"0.5"' * 12
    )


def kaggle(*lines: str) -> str:
    return "\n".join([KAGGLE_HEADER, *lines]) + "\n"


def test_days_are_whole_in_whatever_order_their_rows_come() -> None:
    wanted = {(c, d): [1, 2, 3] for c in ("", "US", "ZA") for d in ("2025-02-17", "2025-02-18")}
    by_rank = [kaggle_line(rank, *key) for rank in (3, 1, 2) for key in wanted]
    by_day = [kaggle_line(rank, *key) for key in wanted for rank in (1, 2, 3)]
    for lines in (by_rank, by_day):
        found = read("k.csv", kaggle(*lines))
        check_days(found)
        assert {(d.playlist_id, str(d.snapshot_date)): [row["position"] for row in d.rows] for d in found} == {
            (f"chart:kaggle-top50-{country.lower() or 'global'}-daily", day): rows
            for (country, day), rows in wanted.items()
        }


def test_rows_scattered_over_a_large_file_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.history.table._OPEN_ROWS", 5)
    lines = [kaggle_line(rank, country, "2025-02-18") for country in ("US", "ZA", "VN") for rank in (1, 2, 3)]
    text = kaggle(*lines, kaggle_line(4, "US", "2025-02-18"))
    error = refusal("k.csv", text)
    assert error.problems == [
        (
            11,
            "the rows of chart:kaggle-top50-us-daily on 2025-02-18 are scattered over the file; sort it by day and region first",
        )
    ]
    assert len(read("k.csv", text, skip_bad=[])) == 3


def test_a_large_file_gives_the_same_days_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [kaggle_line(rank, "US", f"2025-{month:02d}-01") for month in range(1, 13) for rank in range(1, 51)]
    small = read("k.csv", kaggle(*lines))
    monkeypatch.setattr("chalicelib.history.table._OPEN_ROWS", 100)
    assert read("k.csv", kaggle(*lines)) == small
    assert len(small) == 12
    bad = refusal("k.csv", kaggle(*lines, kaggle_line(51, "USA", "2025-12-01"), kaggle_line(52, "US", "2025-12-32")))
    assert [line for line, _ in bad.problems] == [602, 603]


@pytest.mark.parametrize(
    ("day", "released", "expected"),
    [
        ("2/3/2025", "5/24/2024", (date(2025, 2, 3), "2024-05-24")),
        ("2/3/2025", "24/5/2024", (date(2025, 3, 2), "2024-05-24")),
        ("2/3/2025", "1984", None),
        ("2/13/2025", "13/2/2025", None),
        ("2025-02-03", "1984", (date(2025, 2, 3), "1984")),
        ("2025-02-03", "1/20/2024", (date(2025, 2, 3), "2024-01-20")),
    ],
)
def test_a_spreadsheets_dates_are_read_only_where_their_order_is_proved(
    day: str, released: str, expected: tuple[date, str] | None
) -> None:
    text = kaggle(kaggle_line(1, "US", day, released))
    if expected is None:
        assert "cannot be told" in refusal("k.csv", text).message
    else:
        found = read("k.csv", text)[0]
        assert (found.snapshot_date, found.rows[0]["album_release_date"]) == expected


def test_a_large_kaggle_file_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "universal_top_spotify_songs.csv"
    with path.open("w") as out:
        out.write(KAGGLE_HEADER + "\n")
        for day in range(1, 29):
            for country in [f"{a}{b}" for a in "ABCDEFG" for b in "ABCDEFGH"]:
                out.writelines(kaggle_line(rank, country, f"2025-02-{day:02d}") + "\n" for rank in range(1, 51))
    tracemalloc.start()
    rows = sum(len(day.rows) for day in read_history(path.name, lambda: path.open("rb")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 28 * 56 * 50
    assert peak < 60_000_000


# JSON and markdown.


def pretty_json(**changed: Any) -> dict[str, Any]:
    track = {
        "added_at": None,
        "album": {"name": "Al", "url": f"https://open.spotify.com/album/{IDS[7]}"},
        "artists": [{"name": "Ar", "url": f"https://open.spotify.com/artist/{IDS[8]}"}],
        "duration_ms": 180_000,
        "name": "T",
        "url": f"https://open.spotify.com/track/{IDS[1]}",
    }
    return {
        "description": "",
        "num_followers": None,
        "original_name": "N",
        "owner": {"name": "O", "url": "https://open.spotify.com/user/o%20o"},
        "snapshot_id": "AAAA",
        "tracks": [track, track | {"url": f"https://open.spotify.com/track/{IDS[2]}"}],
        "unique_name": "N (2)",
        "url": f"https://open.spotify.com/playlist/{IDS[9]}",
    } | changed


def test_bad_tracks_of_a_json_state_are_all_named() -> None:
    tracks = [*pretty_json()["tracks"], None, {"name": "x"}, {"url": "https://example.org/track/1"}]
    body = json.dumps(pretty_json(tracks=tracks))
    error = refusal("2024-05-31.json", body)
    assert [reason.split(":")[0] for _, reason in error.problems] == ["track 3", "track 4", "track 5"]
    rejects: list[tuple[int, str, str]] = []
    assert len(read("2024-05-31.json", body, skip_bad=rejects)[0].rows) == 2
    assert len(rejects) == 3


def test_followers_are_no_days_but_can_be_read() -> None:
    name = f"followers/{IDS[3]}.json"
    body = b'{"2024-05-30": 17, "2024-05-31": 19}'
    assert read(name, body) == []
    found = read_followers(name, opener(body))
    assert (found.playlist_id, found.counts) == (IDS[3], {date(2024, 5, 30): 17, A_DAY: 19})
    for wrong in (b'{"2024-05-31": "19"}', b"[]", b"{}", b'{"2024-05-32": 1}'):
        with pytest.raises(BadImport):
            read_followers(name, opener(wrong))


def test_cumulative_json_is_refused_with_an_explanation() -> None:
    body = pretty_json(date_first_scraped="2021-12-21")
    assert "no state of any day" in refusal("2024-05-31.json", json.dumps(body)).message


def test_markdown_titles_may_hold_brackets_and_bars() -> None:
    row = (
        f"| 1 | [A | B [C](D)](https://open.spotify.com/track/{IDS[1]}) | [X [Y]](https://open.spotify.com/artist/{IDS[2]}),"
        f" [Z](https://open.spotify.com/artist/{IDS[3]}) | [E [F]](https://open.spotify.com/album/{IDS[4]}) | 2:20 |"
    )
    text = f"### [P](https://open.spotify.com/playlist/{IDS[5]})\n\n> D\n\n| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n"
    found = read("x.md", text + row, day=A_DAY)[0].rows[0]
    assert (found["name"], found["album_name"]) == ("A | B [C](D)", "E [F]")
    assert [artist["name"] for artist in found["artists"]] == ["X [Y]", "Z"]
    error = refusal("x.md", f"{text}{row}\n| 2 | torn |\n{row}", day=A_DAY)
    assert [line for line, _ in error.problems] == [8, 9]


def test_several_readings_of_a_day_leave_the_last() -> None:
    def row(item: int) -> list[dict[str, Any]]:
        return [{"pos": 1, "id": IDS[item], "artists": "A,B", "name": "N", "popularity": 90}]

    body = {"2024-05-31T22:00:00": row(3), "2024-05-31T01:00:00": row(1), "2024-05-30T01:00:00": row(2)}
    found = read("us_top50.json", json.dumps(body))
    assert {day.snapshot_date.day: day.rows[0]["item_id"] for day in found} == {30: IDS[2], 31: IDS[3]}
    assert "region" in refusal("history.json", json.dumps(body)).message


# The history of a clone.


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    git(tmp_path, "init", "-q", str(folder))
    return folder


def git(folder: Path, *arguments: str, moment: str = "2024-01-01T00:00:00Z") -> None:
    who = {
        f"GIT_{role}_{what}": f"{what}@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    when = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment, "PATH": "/usr/bin:/bin:/usr/local/bin"}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, env=who | when, capture_output=True)


def commit(folder: Path, moment: str, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / "playlists" / "pretty" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x", moment=moment)


def state(playlist: int, first: int) -> str:
    tracks = pretty_json()["tracks"]
    tracks[0]["url"] = f"https://open.spotify.com/track/{IDS[first]}"
    return json.dumps(pretty_json(tracks=tracks, url=f"https://open.spotify.com/playlist/{IDS[playlist]}"))


def test_a_clones_history_gives_the_last_state_of_each_utc_day(clone: Path, shared_data: Path) -> None:
    markdown = (shared_data / "archive_global_top50" / "pretty" / "2020-10-10T160416Z.md").read_text()
    commit(clone, "2020-10-10T16:04:16Z", {"Global Top 50.md": markdown})
    for moment, first in (
        ("2024-05-30T23:30:00+02:00", 11),
        ("2024-05-30T22:30:00Z", 12),
        ("2024-05-31T01:00:00+02:00", 13),
    ):
        commit(clone, moment, {f"{IDS[1]}.json": state(1, first), f"{IDS[1]}.md": "the same, for people"})
    commit(clone, "2024-06-01T00:00:00Z", {f"{IDS[2]}.json": state(2, 14)})
    commit(clone, "2024-06-02T00:00:00Z", {})
    found = list(read_clone(clone))
    assert [(day.playlist_id, str(day.snapshot_date), day.rows[0]["item_id"]) for day in found] == [
        (IDS[2], "2024-06-01", IDS[14]),
        (IDS[1], "2024-05-30", IDS[13]),
        ("37i9dQZEVXbMDoHDwVN2tF", "2020-10-10", "3tjFYV6RSFtuktYl3ZtYcq"),
    ]
    assert found[1].moment == datetime(2024, 5, 30, 23, tzinfo=UTC)
    assert re.fullmatch("[0-9a-f]{40}", found[1].origin or "")
    assert [day.playlist_id for day in read_clone(clone, playlists=frozenset({IDS[2]}))] == [IDS[2]]


def test_an_odd_version_in_a_clone_is_a_gap_with_its_reason_and_holds_up_no_other(clone: Path) -> None:
    table = "| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n"
    commit(clone, "2021-05-28T12:00:00Z", {"Lost.md": f"### No link\n\n{table}"})
    commit(clone, "2024-05-29T12:00:00Z", {f"{IDS[1]}.json": state(1, 11)})
    commit(clone, "2024-05-30T12:00:00Z", {f"{IDS[1]}.json": "{", f"{IDS[2]}.json": "[]"})
    commit(clone, "2024-05-31T12:00:00Z", {f"{IDS[1]}.json": state(1, 12)})
    commit(clone, "2024-05-31T13:00:00Z", {f"{IDS[1]}.json": json.dumps(pretty_json(tracks=[]))})
    unplaced: list[Odd] = []
    found = list(read_clone(clone, unplaced=unplaced))
    assert [(day.playlist_id, day.snapshot_date.day, day.status, len(day.rows)) for day in found] == [
        (IDS[1], 31, "ok", 2),
        (IDS[1], 29, "ok", 2),
        (IDS[1], 30, "suspect", 0),
        (IDS[2], 30, "suspect", 0),
    ]
    assert "it is no JSON" in (found[2].reason or "")
    assert "no state of a playlist" in (found[3].reason or "")
    assert [(one.version.path, one.version.moment.year) for one in unplaced] == [("playlists/pretty/Lost.md", 2021)]


def test_a_clone_of_nothing_but_odd_versions_is_refused(clone: Path) -> None:
    commit(clone, "2024-05-30T12:00:00Z", {f"{IDS[1]}.json": "{", f"{IDS[2]}.json": "[]"})
    with pytest.raises(BadImport) as caught:
        list(read_clone(clone))
    assert len(caught.value.problems) == 2


def test_a_version_that_is_too_large_holds_up_no_other(clone: Path) -> None:
    commit(clone, "2024-05-30T12:00:00Z", {f"{IDS[1]}.json": state(1, 11), f"{IDS[2]}.json": " " * 5000 + state(2, 12)})
    found = list(read_clone(clone, limits=Limits(document=4000)))
    assert [(day.playlist_id, day.status) for day in found] == [(IDS[1], "ok"), (IDS[2], "suspect")]


def test_what_is_no_clone_is_refused(tmp_path: Path, clone: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing", clone):
        with pytest.raises(BadImport, match=r"git cannot read it as a clone|no state of any playlist"):
            list(read_clone(folder))
    commit(clone, "2024-05-29T12:00:00Z", {})
    with pytest.raises(BadImport, match="no state of any playlist"):
        list(read_clone(clone))


# What starts a command where a clone lacks something, by its own configuration alone.
FETCHES = {
    "ext": ("remote.origin.url", "ext::sh -c touch% {mark}"),
    "ssh": ("core.sshCommand", "touch {mark};"),
    "upload pack": ("remote.origin.uploadpack", "touch {mark};"),
}


def hollow(clone: Path, settings: dict[str, str]) -> None:
    """Take the content of a clone's one state away, and let its configuration say how to fetch it."""
    commit(clone, "2024-05-29T12:00:00Z", {f"{IDS[1]}.json": state(1, 11)})
    where = {"cwd": clone, "text": True, "check": True, "capture_output": True}
    name = f"HEAD:playlists/pretty/{IDS[1]}.json"
    blob = subprocess.run(["git", "rev-parse", name], **where).stdout.strip()  # type: ignore[call-overload]
    (clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for setting, value in settings.items():
        git(clone, "config", setting, value)


def fetching(how: str, mark: Path) -> dict[str, str]:
    setting, value = FETCHES[how]
    url = "ssh://127.0.0.1/x" if how == "ssh" else str(mark.parent)
    return {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "protocol.ext.allow": "always",
        "remote.origin.promisor": "true",
        "remote.origin.url": url,
        setting: value.format(mark=mark),
    }


@pytest.mark.parametrize("how", FETCHES)
def test_a_clone_starts_none_of_the_commands_that_it_names(clone: Path, tmp_path: Path, how: str) -> None:
    mark = tmp_path / "mark"
    hollow(clone, fetching(how, mark))
    show = ["git", "-C", str(clone), "cat-file", "-p", f"HEAD:playlists/pretty/{IDS[1]}.json"]
    subprocess.run(show, capture_output=True, check=False)
    assert mark.exists(), "the attack itself does not work here"
    mark.unlink()
    with pytest.raises(BadImport, match="it is a partial clone") as caught:
        list(read_clone(clone))
    assert "without --filter" in caught.value.advice
    assert not mark.exists()


@pytest.mark.parametrize("guard", ["GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"])
@pytest.mark.parametrize("how", FETCHES)
def test_each_guard_alone_keeps_a_clone_from_fetching(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, guard: str
) -> None:
    mark = tmp_path / "mark"
    hollow(clone, fetching(how, mark))
    monkeypatch.setattr(archive_clone, "_refuse_partial", lambda folder: None)
    monkeypatch.setattr(archive_clone, "_ENVIRONMENT", {guard: archive_clone._ENVIRONMENT[guard]})
    with pytest.raises(BadImport):
        list(read_clone(clone))
    assert not mark.exists()


def test_a_clone_that_lacks_a_content_is_not_read_as_if_it_were_whole(clone: Path) -> None:
    hollow(clone, {})
    with pytest.raises(BadImport, match="the clone lacks its content"):
        list(read_clone(clone))


# Hostile input.

WIDE = official(2, line_3=f'2,spotify:track:{IDS[2]},A,"{"x" * 10_000_000}",L,1,-1,1,5')


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"\xef\xbb\xbf\n <html>", "web page"),
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"rank,uri\0,artist_names", "NUL"),
        (official().encode("utf-16")[:-1], "UTF-16 is damaged"),
        (OFFICIAL.encode(), "no rows"),
        (official().replace("\n", "\r").encode(), "old Macintosh"),
        (b"just words\n", "format is unknown"),
        (b"a,b,c\n1,2,3\n", "format is unknown"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"tracks": [' + b"[" * 200_000, "nested too deeply"),
        (b'{"tracks": [', "no JSON"),
        (b"[{'track': None, 'is_local': False}]", "what Python prints"),
        (b'{"pos": 1' + b"0" * 5000 + b"}", "no JSON"),
        (b'{"error": {"status": 404, "message": "Resource not found"}}', "Spotify refused"),
        (b'{"items": [], "total": 0}', "without any entry"),
        (b'{"tracks": {"items": [], "total": 0}}', "without any entry"),
        (b"[]", "no playlist"),
        (b"{}", "no playlist"),
        (b"[null]", "no playlist"),
        (b'"text"', "format is unknown"),
        (WIDE.encode(), "longer than 1,048,576 bytes"),
        (official(2, line_3='2,"spotify:track:').encode() + official(400).encode() * 20, "no CSV"),
        (gzip.compress(official(3).encode(), mtime=0)[:-20], "cut off or damaged"),
        (gzip.compress(official(3).encode(), mtime=0)[:12], "cut off or damaged"),
        (gzip.compress(official(3).encode(), mtime=0) + b"rubbish", "cut off or damaged"),
        (b"\x1f\x8b", "cut off or damaged"),
        (gzip.compress(gzip.compress(official().encode()), mtime=0), "compressed twice"),
    ],
)
def test_hostile_files_are_refused(data: bytes, reason: str) -> None:
    assert reason in refusal(OFFICIAL_NAME, data).message


def test_a_field_of_ten_megabytes_costs_only_its_line() -> None:
    rejects: list[tuple[int, str, str]] = []
    days = read(OFFICIAL_NAME, WIDE, skip_bad=rejects)
    assert [row["position"] for row in days[0].rows] == [1]
    assert [(line, len(text)) for line, _, text in rejects] == [(3, 2000)]


def test_compression_bombs_are_refused() -> None:
    bomb = gzip.compress(OFFICIAL.encode() + b"\n" * 60_000_000, mtime=0)
    assert "200 times its size" in refusal(OFFICIAL_NAME, bomb).message
    assert "more than 1,000 bytes" in refusal(OFFICIAL_NAME, official(100), limits=Limits(file=1000)).message
    json_bomb = gzip.compress(json.dumps(pretty_json(description="x" * 2_000_000)).encode(), mtime=0)
    assert "larger than" in refusal("2024-05-31.json", json_bomb, limits=Limits(document=1_000_000)).message


def zipped(members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, data)
    return out.getvalue()


def test_files_in_an_archive_are_read_like_files(tmp_path: Path) -> None:
    members = {f"a/{OFFICIAL_NAME}": official().encode(), "a/": b"", "__MACOSX/a/x": b"?", ".DS_Store": b"?"}
    path = tmp_path / "charts.zip"
    path.write_bytes(zipped(members))
    for source in (path, path.read_bytes()):
        found = expand("charts.zip", source)
        assert [name for name, _ in found] == [f"charts.zip/a/{OFFICIAL_NAME}"]
        assert len(next(read_history(*found[0])).rows) == 3
    plain = tmp_path / OFFICIAL_NAME
    plain.write_text(official())
    [(name, open_bytes)] = expand(OFFICIAL_NAME, plain)
    assert len(list(read_history(name, open_bytes))) == 1


def encrypted(info: zipfile.ZipInfo) -> None:
    info.flag_bits |= 0x1


def link(info: zipfile.ZipInfo) -> None:
    info.external_attr = 0o120777 << 16


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zipped({"../etc/passwd": b"x"}), "leads out"),
        (zipped({"a/../../b": b"x"}), "leads out"),
        (zipped({"/etc/passwd": b"x"}), "leads out"),
        (zipped({"C:/x.csv": b"x"}), "leads out"),
        (zipped({"a\\..\\b.csv": b"x"}), "leads out"),
        (zipped({"x.csv": b"x"}, link), "is a link"),
        (zipped({f"{n}.csv": b"x" for n in range(11)}), "11 members; 10 are allowed"),
        (zipped({"x.csv": b"0" * 30_000_000}), "200 times its size"),
        (zipped({"x.csv": bytes(range(256)) * 200_000}), "more than 40,000,000 bytes"),
        (zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}), "office document"),
        (zipped({"x.csv": b"x"})[:-30], "cannot be read"),
        (b"PK\x03\x04" + b"rubbish" * 9, "cannot be read"),
    ],
)
def test_hostile_archives_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadImport) as caught:
        expand("x.zip", data, Limits(file=40_000_000, members=10))
    assert reason in caught.value.message


def test_encrypted_and_damaged_members_are_refused() -> None:
    data = zipped({OFFICIAL_NAME: official().encode()})
    place = data.index(b"PK\x01\x02") + 8
    with pytest.raises(BadImport, match="is encrypted"):
        expand("x.zip", data[:place] + b"\x01\x00" + data[place + 2 :])
    body = data.index(OFFICIAL_NAME.encode()) + len(OFFICIAL_NAME) + 5
    [(name, open_bytes)] = expand("x.zip", data[:body] + bytes([data[body] ^ 0xFF]) + data[body + 1 :])
    with pytest.raises(BadImport, match="cut off or damaged"):
        list(read_history(name, open_bytes))


def beyond_any_file(data: bytes) -> bytes:
    """The archive, whose member is said to begin at a place that no file has (ZIP64)."""
    central, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    (length,) = struct.unpack_from("<H", data, central + 28)
    extra, name_end = struct.pack("<HHQ", 1, 8, 2**63 + 5), central + 46 + length
    made = bytearray(data[:name_end] + extra + data[name_end:])
    struct.pack_into("<H", made, central + 30, len(extra))
    struct.pack_into("<I", made, central + 42, 2**32 - 1)
    struct.pack_into("<I", made, end + len(extra) + 12, end - central + len(extra))
    return bytes(made)


@pytest.mark.parametrize(
    "spoiled",
    [beyond_any_file, lambda data: data.replace("é".encode(), b"\xff\xff", 1)],
    ids=["beyond any file", "a name that is no text"],
)
@pytest.mark.parametrize("on_disk", [True, False])
def test_members_that_only_their_own_head_shows_to_be_broken_are_refused(
    tmp_path: Path, spoiled: Callable[[bytes], bytes], on_disk: bool
) -> None:
    data = spoiled(zipped({"é.csv": official().encode()}))
    (tmp_path / "x.zip").write_bytes(data)
    [(name, open_bytes)] = expand("x.zip", tmp_path / "x.zip" if on_disk else data)
    with pytest.raises(BadImport, match="cannot be unpacked"):
        list(read_history(name, open_bytes))


# Anything at all.

EXPORT = {"format": "chartlake-export-1", "playlist": {"playlist_id": IDS[1], "snapshot_date": "2024-05-31"}}
FRAGMENTS = [
    OFFICIAL.encode(),
    ",".join(schema.ENTRIES).encode() + b"\n",
    f'2024-05-31,{IDS[1]},1,episode,,,N,,"[{{""id"": null, ""name"": ""=A""}}]"{"," * 16}false,,,,,'.encode()
    + b"2024-05-31T12:00:00+00:00,0,spotify\n",
    KAGGLE_HEADER.encode() + b"\n",
    b'Position,"Track Name",Artist,Streams,URL\n',
    official(2).encode(),
    kaggle(kaggle_line(1, "US", "2025-02-18")).encode(),
    b"captured_date,market,market_name,rank,rank_change,track_name,artist_names,artist_spotify_ids,track_spotify_id\n",
    b"| No. | Title | Artist(s) | Album | Length |\n| 1 | [",
    f"### [P](https://open.spotify.com/playlist/{IDS[5]})\n".encode(),
    b'"spotify_id,""name"",""artists"",""daily_rank"",""country"",""snapshot_date"";\n',
    b"\x1f\x8b\x08\x00",
    b'"',
    b"\n",
    b",",
    b";",
    b"\0",
    b"\xff\xfe",
    b"[{'",
]


def any_file() -> st.SearchStrategy[bytes]:
    pieces = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=40)), max_size=8)
    return pieces.map(b"".join)


def any_document() -> st.SearchStrategy[bytes]:
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["2024-05-31", "2024-05-31T01:00:00", IDS[1], f"https://open.spotify.com/track/{IDS[1]}"]),
    )
    keys = st.sampled_from(
        [
            *("tracks", "items", "track", "item", "id", "url", "href", "uri", "name", "artists", "album", "owner"),
            *("pos", "popularity", "total", "offset", "added_at", "num_followers", "date_first_scraped", "followers"),
            *("2024-05-31", "2024-05-31T01:00:00", "is_local", "description"),
        ]
    )
    trees = st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
        max_leaves=25,
    )
    states = st.dictionaries(keys, trees, max_size=6).map(lambda changed: pretty_json() | changed)
    exports = st.lists(st.dictionaries(st.sampled_from(list(schema.ENTRIES)), trees)).map(
        lambda entries: EXPORT | {"entries": entries}
    )
    return st.one_of(trees, states, exports).map(lambda tree: json.dumps(tree).encode())


@settings(max_examples=600, deadline=None)
@given(data=st.one_of(any_file(), any_document()), known=st.booleans(), skip=st.booleans())
def test_any_bytes_give_days_or_a_refusal(data: bytes, known: bool, skip: bool) -> None:
    name = f"us_top50 {IDS[4]} regional-de-daily-2024-05-31" if known else "x"
    try:
        days = read(name, data, skip_bad=[] if skip else None)
    except BadImport:
        return
    check_days(days)
    assert skip or all(isinstance(row["position"], int) for day in days for row in day.rows)


@pytest.fixture(autouse=True)
def csv_settings_are_left_alone() -> Iterator[None]:
    before = csv.field_size_limit()
    yield
    assert csv.field_size_limit() == before
