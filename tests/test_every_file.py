"""Every file that we have of others: what it becomes, beside an independent reading of it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import BadImport
from chalicelib.history.naming import ListName
from chalicelib.history.reader import read_history

# What a person adds, where a file asks for it.
DAY = date(2024, 6, 1)
OWN = ListName("file:own", "Own")
Entry = tuple[int, str | None, str | None]


ANSWERS = {"--playlist": ("playlist", OWN), "--date": ("day", DAY), "--region": ("region", "global")}


def read_all(name: str, path: Path) -> tuple[list[Any], list[str]]:
    """The days of a file, with no more options than its refusals ask for; and those options. Raises `BadImport`."""
    asked: list[str] = []
    while True:
        try:
            return list(read_history(name, lambda: path.open("rb"), **dict(ANSWERS[one] for one in asked))), asked
        except BadImport as error:
            wanted = [one for one in ANSWERS if one in error.advice and one not in asked]
            if "neither the file tells" not in error.message or not wanted:
                raise
            asked += wanted


# An independent reading, with nothing but csv, json and patterns: (position, URI, title) of each entry, in any order.


def independent(text: str) -> list[Entry]:
    if text.lstrip("\ufeff \n").startswith(("{", "[")):
        return list(of_json(json.loads(text.lstrip("\ufeff"))))
    if "| No. | Title |" in text:
        rows = re.findall(r"(?m)^\| (\d+) \| \[(.*?)\]\(https://open.spotify.com/track/(\w{22})\)", text)
        return [(int(number), uri(item), title) for number, title, item in rows]
    if text.startswith("https://"):
        return [(number, uri(line), None) for number, line in enumerate(text.split(), start=1)]
    return list(of_table(text.lstrip("\ufeff")))


def uri(address: str) -> str:
    return address if address.startswith("spotify:") else f"spotify:track:{re.split('[/:]', address)[-1]}"


def of_json(body: Any) -> Iterator[Entry]:
    if isinstance(body, dict) and "playlists" in body:
        for one in body["playlists"]:
            yield from of_items(one.get("items") or one["tracks"])
    elif isinstance(body, dict) and all(re.match(r"\d{4}-\d\d-\d\dT", key) for key in body):
        last = {moment[:10]: rows for moment, rows in sorted(body.items())}
        yield from ((row["pos"], uri(row["id"]), row["name"]) for rows in last.values() for row in rows)
    elif isinstance(body, dict) and isinstance(body.get("tracks"), list):
        yield from ((n, uri(one["url"]), one["name"]) for n, one in enumerate(body["tracks"], start=1))
    else:
        body = body[0] if isinstance(body, list) and "track" not in body[0] else body
        while isinstance(body, dict):
            body = body.get("items") or body["tracks"]
        yield from of_items(body)


def of_items(items: list[Any]) -> Iterator[Entry]:
    for number, one in enumerate(items, start=1):
        it = next(
            (one[key] for key in ("item", "track", "episode", "localTrack") if isinstance(one.get(key), dict)), {}
        )
        known = it.get("uri") or it.get("trackUri")
        yield (
            number,
            known or None,
            it.get("name", it.get("trackName", "C" if known == "spotify:local:A:B:C:123" else None)),
        )


def of_table(text: str) -> Iterator[Entry]:
    lines = text.splitlines()
    if lines[0].startswith('"spotify_id'):
        lines = [";".join(next(csv.reader([line], delimiter=";"))).rstrip(";") for line in lines]
    start = next(
        (n for n, line in enumerate(lines[:3]) if re.search("(?i)artist", line) and "spotify.com" not in line), None
    )
    if start is None:
        lines, start = ["position,track name,artist,streams,url", *lines], 0
    for number, row in enumerate(csv.DictReader(io.StringIO("\n".join(lines[start:]))), start=1):
        cell = {str(key).strip().lower(): value for key, value in row.items()}
        place = next((cell[key] for key in ("rank", "position", "daily_rank") if key in cell), number)
        address = next(
            cell[key] for key in ("uri", "url", "track_spotify_id", "spotify_id", "track uri") if key in cell
        )
        name = next(cell[key] for key in ("track_name", "track name", "title", "name") if key in cell)
        yield int(place), uri(address), name


def text_of(path: Path) -> str:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.decode("utf-8", "as-cp1252")


def is_told(playlist_id: str, asked: list[str], name: str, text: str) -> bool:
    """Whether this is the list that the file, its name or the person tells: by its id, or by a chart's region."""
    if playlist_id in (OWN.id, "file:road-trip") or "--region" in asked:
        return True
    words = re.sub(r"chart:(regional|viral|kaggle-top50|flat-top50|scraped)-|-(daily|weekly)$", "", playlist_id)
    if words == "global" and name.startswith("kaggle/"):
        return True  # no country
    region = {"ar": "ar|Argentina"}.get(words, words)
    return playlist_id in text + name or bool(re.search(rf"(?i)(\b|_)({region})", name + text))


def oddities(days: list[Any], asked: list[str]) -> str:
    found = [f"asks for {' and '.join(asked)}"] if asked else []
    approximate = sum(day.position_quality == "approx" for day in days)
    partial = sum(day.position_quality == "partial" for day in days)
    suspect = sum(day.status == "suspect" for day in days)
    found += ["positions approximate"] if approximate else []
    found += [f"{partial} of {len(days)} days lack places"] if partial else []
    found += [f"{suspect} days are gaps"] if suspect else []
    found += ["its end is not known"] if any("not tell how many entries" in (day.reason or "") for day in days) else []
    return ", ".join(found)


def test_every_file_is_what_an_independent_reading_says(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    files = [path for path in sorted(shared_data.rglob("*")) if path.is_file()]
    for path in files:
        name = path.relative_to(shared_data).as_posix()
        shown = re.sub(r"/20[^/]*\.(md|txt)$", r"/*.\1", name)
        try:
            days, asked = read_all(name, path)
        except BadImport as error:
            table.setdefault((shown, "refused", "", error.problems[0][1][:110]), []).append((0, 0))
            continue
        text = text_of(path)
        rows = [(row["position"], row["uri"], row["name"]) for day in days for row in day.rows]
        assert sorted(rows, key=str) == sorted(independent(text), key=str), name
        lists = sorted({day.playlist_id for day in days})
        assert [one for one in lists if not is_told(one, asked, name, text)] == [], name
        for day in days:
            assert day.reason or not day.lengths or len(day.rows) in day.lengths
        which = lists[0] if len(lists) == 1 else f"{len(lists)} lists"
        table.setdefault((shown, days[0].format, which, oddities(days, asked)), []).append((len(days), len(rows)))
    assert sum(map(len, table.values())) == len(files) == 419
    with capsys.disabled():
        print(f"\n{'file':<92} {'format':<25} {'list':<30} {'files':>5} {'days':>5} {'rows':>6}  oddities")
        for (shown, format_, which, remark), counts in table.items():
            days_, rows_ = (sum(column) for column in zip(*counts, strict=True))
            print(f"{shown:<92} {format_:<25} {which:<30} {len(counts):>5} {days_:>5} {rows_:>6}  {remark}")
