"""A day's entries in other programs' forms: what a reader of each form gets back."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.analysis import exports
from chalicelib.lake.schema import ENTRIES, SNAPSHOTS
from chalicelib.text import cell_text

ID = "4cOdK2wGLETKBW3PvgPWqT"
ANN = {"id": "a" * 22, "name": "Ann"}


def entry(position: int = 1, **facts: Any) -> dict[str, Any]:
    base = {
        "snapshot_date": date(2026, 11, 23),
        "playlist_id": "p" * 22,
        "position": position,
        "item_type": "track",
        "item_id": ID,
        "uri": f"spotify:track:{ID}",
        "url": f"https://open.spotify.com/track/{ID}",
        "name": "Song",
        "artists": [ANN],
        "is_local": False,
        "captured_at": datetime(2026, 11, 23, 6, tzinfo=UTC),
    }
    return dict.fromkeys(ENTRIES) | base | facts


LOCAL = entry(item_type="local", item_id=None, uri="spotify:local:A:B:C:9", url=None, name="Tape", artists=[])
EMPTY = entry(item_type="unavailable", item_id=None, uri=None, url=None, name=None, artists=[])


def read_csv(entries: list[dict[str, Any]]) -> list[dict[str, str]]:
    text = "".join(exports.csv_lines(entries))
    assert text.endswith("\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_csv_has_the_tables_columns_in_their_order() -> None:
    assert next(exports.csv_lines([])) == ",".join(ENTRIES) + "\n"
    assert list(ENTRIES)[:3] == ["snapshot_date", "playlist_id", "position"]


def test_the_csvs_cells_are_iso_json_and_empty_for_null() -> None:
    (row,) = read_csv([entry(explicit=True, streams=12_345_678)])
    assert (row["snapshot_date"], row["captured_at"]) == ("2026-11-23", "2026-11-23T06:00:00+00:00")
    assert (row["is_local"], row["explicit"], row["streams"]) == ("false", "true", "12345678")
    assert json.loads(row["artists"]) == [ANN]
    assert (row["isrc"], row["added_at"]) == ("", "")


def test_no_cell_is_a_formula() -> None:
    for start in ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"):
        (row,) = read_csv([entry(name=f"{start}1+1", album_name="a=b", show_name=f"a;{start}1+1")])
        assert row["name"] == f"'{start}1+1"
        assert row["album_name"] == "a=b"
        assert row["show_name"] == f"a;'{start}1+1"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=5))
def test_whatever_a_name_is_it_comes_back_from_the_csv_on_a_row_of_its_own(names: list[str]) -> None:
    rows = read_csv([entry(place, name=name, artists=[{"id": None, "name": name}]) for place, name in enumerate(names)])
    assert [row["position"] for row in rows] == [str(place) for place in range(len(names))]
    assert [cell_text(row["name"]) for row in rows] == names
    assert [json.loads(cell_text(row["artists"]))[0]["name"] for row in rows] == names


def test_the_json_holds_the_commit_and_the_entries_with_every_column() -> None:
    snapshot = dict.fromkeys(SNAPSHOTS) | {"snapshot_date": date(2026, 11, 23), "name": "Łódź"}
    found = json.loads(json.dumps(exports.document(snapshot, [entry(), LOCAL])))
    assert found["format"] == "chartlake-export-1"
    assert list(found["playlist"]) == list(SNAPSHOTS)
    assert found["playlist"]["snapshot_date"] == "2026-11-23"
    assert [list(one) for one in found["entries"]] == [list(ENTRIES)] * 2
    assert found["entries"][0]["captured_at"] == "2026-11-23T06:00:00Z"


def test_links_are_spotifys_own_in_order_and_repeats_stay() -> None:
    other = "0" * 22
    entries = [
        entry(),
        LOCAL,
        EMPTY,
        entry(uri=f"spotify:episode:{other}", url=None),
        entry(url=f"https://open.spotify.com/intl-de/track/{ID}"),
        entry(uri=None, url=f"https://evil.example/track/{ID}"),
        entry(uri=None, url=f"https://open.spotify.com/track/{ID}\nhttps://evil.example/"),
        entry(),
    ]
    track = f"https://open.spotify.com/track/{ID}"
    assert exports.links(entries) == [track, f"https://open.spotify.com/episode/{other}", track, track]


def test_m3u_tells_seconds_artists_and_title_in_one_line() -> None:
    episode = entry(item_type="episode", artists=[], show_name="The Show", name="One\nTwo", duration_ms=61_500)
    assert exports.m3u_lines([entry(artists=[ANN, {"id": None, "name": "Bob"}]), LOCAL, episode]) == [
        "#EXTM3U",
        "#EXTINF:-1,Ann, Bob - Song",
        f"https://open.spotify.com/track/{ID}",
        "#EXTINF:62,The Show - One�Two",
        f"https://open.spotify.com/track/{ID}",
    ]


def test_every_entry_is_a_line_to_compare() -> None:
    assert exports.plain_lines([entry(), LOCAL, EMPTY, entry(name="a\r\nb")]) == [
        "Ann - Song",
        "Tape",
        "(unavailable)",
        "Ann - a��b",
    ]
