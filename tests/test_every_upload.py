"""A file of every known format is dropped into the bucket: the event that follows makes the rows that an import makes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.analysis.exports import csv_lines
from chalicelib.handlers import uploads
from chalicelib.history.importing import import_path
from chalicelib.history.known import FORMATS
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from chalicelib.lake.schema import ENTRIES
from chalicelib.lake.tables import to_json
from chalicelib.time_and_chance import World

from .test_exports import EMPTY, LOCAL, entry
from .test_formats import HOSTILE as SAVED
from .test_history import IDS, kaggle, kaggle_line, official, pretty_json
from .test_imports import only
from .test_uploads import drop, lake_now

DAY = "2024-05-31"
TRACK = {"id": IDS[1], "uri": f"spotify:track:{IDS[1]}", "name": "T", "artists": [{"id": IDS[2], "name": "A"}]}
LINK = f"https://open.spotify.com/track/{IDS[1]}"
MARKDOWN = f"""### [P](https://open.spotify.com/playlist/{IDS[30]})

> D

| No. | Title | Artist(s) | Album | Length |
|---|---|---|---|---|
| 1 | [T]({LINK}) | [A](https://open.spotify.com/artist/{IDS[2]}) | [Al](https://open.spotify.com/album/{IDS[3]}) | 2:20 |
"""
SCRAPED = "captured_date,market,rank,track_name,artist_names,track_spotify_id"
EXPORTED = [
    one | {"snapshot_date": date(2024, 5, 31), "playlist_id": IDS[31], "position": place, "source": "spotify"}
    | {"capture_id": "c"}
    for place, one in enumerate((entry(), LOCAL, EMPTY), start=1)
]  # fmt: skip
LINES = "".join(json.dumps(to_json(one)) + "\n" for one in EXPORTED)


def parquet(folder: Path) -> bytes:
    (folder / "a.jsonl").write_text(LINES.replace(IDS[31], IDS[32]))
    columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in ENTRIES.items())
    sql = f"SET TimeZone = 'UTC'; COPY (SELECT {columns} FROM '{folder}/a.jsonl') TO '{folder}/a.parquet'"
    duckdb.connect().execute(sql)
    return (folder / "a.parquet").read_bytes()


def samples(folder: Path) -> list[tuple[str, str, bytes]]:
    """Format, key and bytes of each file, in the order in which they are dropped."""
    legacy = f"Position,Track Name,Artist,Streams,URL\n1,T,A,9,{LINK}\n"
    flat = {f"{DAY}T01:00:00": [{"pos": 1, "id": IDS[1], "artists": "A", "name": "T", "popularity": 9}]}
    other = {"id": IDS[33], "tracks": [{"url": LINK, "name": "T", "artists": []}]}
    saved = {"id": IDS[34], "name": "N", "tracks": {"items": [{"track": TRACK}], "total": 1}}
    files: list[tuple[str, str, str | bytes]] = [
        # A list of its own for each, where the name has to tell which it is.
        *((one, f"{one}/{IDS[number]}-{DAY}.any", text) for number, (one, text) in enumerate(SAVED.items(), start=40)),
        ("charts-official-daily", f"regional-de-daily-{DAY}.csv", official()),
        ("charts-legacy-daily", f"regional-fr-daily-{DAY}.csv", legacy),
        ("charts-scraped", "scraped.csv", f"{SCRAPED}\n2026-01-02,us,1,T,A; B,{IDS[1]}\n"),
        ("kaggle-top50", "universal.csv", kaggle(*(kaggle_line(rank, "US", DAY) for rank in range(1, 51)))),
        ("flat-history", "us_top50.json", json.dumps(flat)),
        ("archive-pretty-json", f"{IDS[35]}/{DAY}.json", json.dumps(pretty_json())),
        ("archive-pretty-markdown", f"{DAY}.md", MARKDOWN),
        ("archive-followers", f"followers/{IDS[9]}.json", json.dumps({DAY: 19})),
        ("other-archive-json", f"other-{DAY}.json", json.dumps(other)),
        ("spotify-json", f"saved-{DAY}.json", json.dumps(saved)),
        ("chartlake-export", "own.csv", "".join(csv_lines(EXPORTED)).replace(IDS[31], IDS[36])),
        ("chartlake-export", "own.jsonl", LINES),
        ("chartlake-export", "own.parquet", parquet(folder)),
    ]
    return [(one, f"imports/{name}", text.encode() if isinstance(text, str) else text) for one, name, text in files]


def tables(lake: Lake) -> dict[str, bytes]:
    return {key: found.data for key in lake.store.list("tables/") if (found := lake.store.get(key))}


def kept(lake: Lake) -> list[str]:
    return [key for key in lake.store.list("raw/imports/") if key.endswith(".gz")]


@pytest.mark.usefixtures("aws")
def test_an_upload_of_every_format_makes_the_rows_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTLAKE_LAKE", "s3://charts/lake")
    # The pages after an upload have tests of their own.
    monkeypatch.setattr(uploads, "render_pages", lambda *_: None)
    direct = Lake(open_store(str(tmp_path / "lake"), World()), World())
    seen = set()
    for format_, key, data in samples(tmp_path):
        told: dict[str, Any] = uploads.upload(drop(key, data)["detail"], lambda: 900_000)
        (file,) = told["files"]
        assert (told["state"], file["format"], file["changed"], file["rejected"]) == ("imported", format_, 1, 0), key
        path = tmp_path / "dropped" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        found = only(import_path(direct, path, name=key))
        assert (found.format, found.playlists, found.rows) == (format_, tuple(file["playlists"]), file["rows"]), key
        seen.add(format_)
    assert tables(lake_now()) == tables(direct)
    assert kept(lake_now()) == kept(direct)
    assert len(kept(direct)) == len(samples(tmp_path))
    # An upload has no options, and so no mapping of columns.
    names = {one.name for one in FORMATS} - {"mapped"}
    assert {name for name in names if not any(one == name or one.startswith(f"{name}-") for one in seen)} == set()
