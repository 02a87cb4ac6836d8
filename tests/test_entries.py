"""Spotify's JSON to rows: every slot at its true place, whatever the dialect."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.lake.schema import ENTRIES
from chalicelib.spotify.entries import (
    Origin,
    Page,
    UnknownEntryShape,
    entry_rows,
    page_of,
    playlist_facts,
    refuse_another,
    summarise,
)

ORIGIN = Origin(date(2026, 11, 23), "p" * 22, datetime(2026, 11, 23, 6, tzinfo=UTC), "c" * 16, "spotify")


def rows_of(body: Any) -> list[dict[str, Any]]:
    page = page_of(body)
    assert page is not None
    return list(entry_rows([page], ORIGIN))


def one_row(entry: Any) -> dict[str, Any]:
    return next(entry_rows([Page([entry], 0, 1)], ORIGIN))


def load(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


TRACK = {
    "type": "track",
    "track": True,
    "episode": False,
    "id": "t1",
    "uri": "spotify:track:t1",
    "name": "Song",
    "artists": [{"id": "a1", "name": "Ann"}, {"id": None, "name": "Bob"}],
    "album": {"id": "l1", "name": "LP", "release_date": "1999", "release_date_precision": "year"},
    "duration_ms": 1000,
}


@pytest.mark.parametrize("keys", [["track"], ["item"], ["item", "track"]])
def test_all_three_dialects_give_the_same_row(keys: list[str]) -> None:
    row = one_row(dict.fromkeys(keys, TRACK))
    assert row == one_row({"track": TRACK})
    assert (row["name"], row["item_type"], row["position"]) == ("Song", "track", 1)
    assert row["artists"] == [{"id": "a1", "name": "Ann"}, {"id": None, "name": "Bob"}]


@pytest.mark.parametrize("wrapper", ["tracks", "items"])
def test_a_playlists_page_is_found_under_either_name(wrapper: str) -> None:
    page = page_of({"id": "x", wrapper: {"items": [{"track": TRACK}], "total": 1}})
    assert page is not None
    assert (len(page.entries), page.total) == (1, 1)


@pytest.mark.parametrize("body", [{}, {"tracks": None}, {"items": {"href": "x", "total": 3}}, [], None, "text", 3])
def test_no_contents_is_not_an_empty_list(body: Any) -> None:
    assert page_of(body) is None


@pytest.mark.parametrize(
    "entry", [{}, {"added_at": None}, {"song": TRACK}, "text", 7, [], {"track": True}, {"item": "x"}]
)
def test_an_unknown_dialect_is_an_error_and_never_an_empty_slot(entry: Any) -> None:
    with pytest.raises(UnknownEntryShape):
        one_row(entry)
    with pytest.raises(UnknownEntryShape):
        summarise([Page([entry], 0, 1)])


@pytest.mark.parametrize("entry", [{"track": None}, {"item": None}, {"item": None, "track": None}, None])
def test_a_gone_item_keeps_its_place(entry: Any) -> None:
    rows = list(entry_rows([Page([{"track": TRACK}, entry, {"track": TRACK}], 40, 3)], ORIGIN))
    assert [row["position"] for row in rows] == [41, 42, 43]
    assert [row["item_type"] for row in rows] == ["track", "unavailable", "track"]
    assert rows[1]["name"] is None


def test_an_item_none_beside_a_track_is_the_track() -> None:
    assert one_row({"item": None, "track": TRACK})["name"] == "Song"


def test_half_dead_tracks_stay() -> None:
    row = one_row({"track": {"id": None, "name": "", "uri": None, "artists": [], "album": {}, "type": "track"}})
    assert row["item_type"] == "unavailable"
    row = one_row({"track": TRACK | {"id": None, "external_urls": {}, "album": {"name": "", "release_date": "0000"}}})
    assert (row["item_type"], row["item_id"], row["album_release_date"]) == ("track", None, "0000")


def test_local_files_are_rows() -> None:
    local = {"name": "Demo", "uri": "spotify:local:Ann::Demo:12", "id": None, "artists": [{"name": "Ann"}], "album": {}}
    row = one_row({"is_local": True, "track": local})
    assert (row["item_type"], row["is_local"], row["item_id"], row["name"]) == ("local", True, None, "Demo")


@pytest.mark.parametrize(
    "episode",
    [
        {"type": "episode", "episode": True, "track": False, "show": {"id": "s1", "name": "Show"}, "name": "E"},
        {"type": "episode", "episode": False, "track": True, "album": {"id": "s1", "name": "Show"}, "name": "E"},
        {"uri": "spotify:episode:e1", "show": {"id": "s1", "name": "Show"}, "name": "E"},
    ],
)
def test_both_shapes_of_an_episode_are_an_episode_of_its_show(episode: dict[str, Any]) -> None:
    row = one_row({"item": episode | {"id": "e1"}})
    assert (row["item_type"], row["item_id"], row["show_id"], row["show_name"]) == ("episode", "e1", "s1", "Show")


def test_a_type_that_nobody_knows_yet_is_kept_by_its_own_name() -> None:
    assert one_row({"item": TRACK | {"type": "Chapter"}})["item_type"] == "chapter"


@pytest.mark.parametrize(
    ("added_at", "expected"),
    [
        ("2024-05-11T09:40:48Z", "2024-05-11T09:40:48Z"),
        ("2024-05-11T09:40:48.123Z", "2024-05-11T09:40:48.123000Z"),
        ("2024-05-11T11:40:48+02:00", "2024-05-11T09:40:48Z"),
        ("2024-05-11T09:40:48", "2024-05-11T09:40:48Z"),
        ("1970-01-01T00:00:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("1971-01-01T00:00:00Z", "1971-01-01T00:00:00Z"),
        ("yesterday", None),
        (0, None),
        (None, None),
    ],
)
def test_added_at_is_utc_or_null(added_at: Any, expected: str | None) -> None:
    assert one_row({"added_at": added_at, "track": TRACK})["added_at"] == expected


@pytest.mark.parametrize(
    ("entry", "item_type"),
    [
        ({"track": {"uri": "spotify:track:t1"}}, "track"),
        ({"track": {"uri": "spotify:episode:e1"}}, "episode"),
        ({"track": {"id": "e1", "show": {}}}, "episode"),
        ({"is_local": True, "track": {"name": "Demo", "type": "track"}}, "local"),
        ({"track": {"name": "Demo", "type": "track", "is_local": True}}, "local"),
        ({"track": {"uri": "spotify:local:Ann::Demo:12", "type": "track"}}, "local"),
        ({"is_local": False, "track": {"name": "Demo", "type": "track", "is_local": 1}}, "track"),
    ],
)
def test_an_item_without_a_type_is_what_its_uri_says(entry: Any, item_type: str) -> None:
    row = one_row(entry)
    assert (row["item_type"], row["is_local"]) == (item_type, item_type == "local")


def test_a_track_has_no_show_and_its_picture_is_the_albums_first() -> None:
    row = one_row({"track": TRACK | {"album": TRACK["album"] | {"images": pictures("big", "small")}}})
    assert (row["show_id"], row["show_name"], row["album_image_url"]) == (None, None, "big")
    assert (row["album_id"], row["album_release_date"], row["album_release_precision"]) == ("l1", "1999", "year")


@pytest.mark.parametrize("images", [[], None, "x", [None], [{}]])
def test_an_episodes_picture_is_its_own_or_its_shows(images: Any) -> None:
    episode = {"id": "e1", "type": "episode", "release_date": "2020-01-02", "release_date_precision": "day"}
    show = {"id": "s1", "name": "Show", "images": pictures("show")}
    own = one_row({"track": episode | {"images": pictures("own"), "show": show}})
    assert (own["album_image_url"], own["album_release_date"]) == ("own", "2020-01-02")
    assert one_row({"track": episode | {"images": images, "show": show}})["album_image_url"] == "show"


def pictures(*urls: str) -> list[dict[str, str]]:
    return [{"url": url} for url in urls]


def test_half_of_a_surrogate_pair_does_not_break_the_file() -> None:
    assert one_row({"track": TRACK | {"name": json.loads('"a\\ud83d"')}})["name"] == "a\ufffd"


def test_numbers_that_no_column_holds_are_null() -> None:
    row = one_row({"track": TRACK | {"popularity": 2**40, "duration_ms": True, "track_number": 1.5}})
    assert (row["popularity"], row["duration_ms"], row["track_number"]) == (None, None, None)


@pytest.mark.parametrize(("column", "most"), [("popularity", 2**31 - 1), ("duration_ms", 2**63 - 1)])
def test_the_largest_number_that_a_column_holds_is_kept_and_the_next_one_is_null(column: str, most: int) -> None:
    told = [one_row({"track": TRACK | {column: number}})[column] for number in (most, most + 1, -most, -most - 1)]
    assert told == [most, None, -most, None]


def test_the_number_of_followers_may_be_larger_than_any_other() -> None:
    told = [playlist_facts({"followers": {"total": number}})["followers"] for number in (2**63 - 1, 2**63)]
    assert told == [2**63 - 1, None]


BOTH = {"items": {"items": [{"item": TRACK}], "total": 1}, "tracks": {"items": [{"track": TRACK}], "total": 1}}


def test_a_list_that_comes_twice_is_read_once() -> None:
    page = page_of(BOTH)
    assert page is not None
    assert (page.wrapper, page.total, len(page.entries)) == ("tracks+items", 1, 1)
    uncounted = page_of(BOTH | {"tracks": {"items": [{"track": TRACK}]}})
    assert uncounted is not None
    assert uncounted.total == 1


@pytest.mark.parametrize(
    "other",
    [
        {"items": [{"track": TRACK}], "total": 2},
        {"items": [{"track": TRACK}], "total": 1, "offset": 1},
        {"items": [{"track": TRACK | {"uri": "spotify:track:t2"}}], "total": 1},
        {"items": [], "total": 1},
        {"total": 2},
    ],
)
def test_a_list_that_comes_twice_and_not_as_the_same_is_refused(other: Any) -> None:
    with pytest.raises(UnknownEntryShape, match="two different lists"):
        page_of(BOTH | {"tracks": other})


@pytest.mark.parametrize("other", [{"uri": "spotify:track:t2"}, {"id": "t2"}])
def test_an_entry_that_holds_two_items_is_refused(other: Any) -> None:
    for item, track in ((TRACK, TRACK | other), (TRACK | other, TRACK)):
        with pytest.raises(UnknownEntryShape, match="two different ones"):
            one_row({"item": item, "track": track})


@pytest.mark.parametrize("told", ["o" * 22, "q" * 22, 9])
def test_an_answer_about_another_playlist_is_refused(told: Any) -> None:
    refuse_another({"id": "p" * 22}, "p" * 22)
    refuse_another({}, "p" * 22)
    with pytest.raises(UnknownEntryShape, match="another playlist"):
        refuse_another({"id": told}, "p" * 22)


@pytest.mark.parametrize("entry", [{"is_local": True, "track": {}}, {"track": {"is_local": True}}])
def test_an_entry_or_its_item_may_say_that_it_is_a_local_file(entry: Any) -> None:
    row = one_row(entry | {"track": {"uri": None, "id": None, "name": "Demo"} | entry["track"]})
    assert (row["item_type"], row["is_local"]) == ("local", True)


def test_only_an_episodes_album_is_its_show() -> None:
    rows = [one_row({"track": TRACK | {"type": kind}}) for kind in ("chapter", "episode", "track")]
    assert [(row["show_id"], row["show_name"]) for row in rows] == [(None, None), ("l1", "LP"), (None, None)]


@pytest.mark.parametrize("offset", ["40", 40.0, True, [], 2**31])
def test_a_place_that_is_no_number_is_no_place(offset: Any) -> None:
    page = page_of({"items": [], "offset": offset})
    assert page is not None
    assert page.offset < 0


@pytest.mark.parametrize("dead", [{"uri": None}, {"id": None, "name": ""}, {"id": "", "uri": "", "name": None}])
def test_an_item_that_says_it_is_none_keeps_its_place(dead: Any) -> None:
    assert one_row({"track": dead})["item_type"] == "unavailable"


@pytest.mark.parametrize("item", [{"name": ""}, {"popularity": 3}, {"id": 7}, {"uri": None, "name": 3}])
def test_an_item_that_says_nothing_of_itself_is_an_unknown_dialect(item: Any) -> None:
    with pytest.raises(UnknownEntryShape, match="neither 'uri', 'id' nor 'name'"):
        one_row({"track": item})


@pytest.mark.parametrize(
    ("entry", "followed"),
    [
        ({"track": TRACK}, 1),
        ({"track": TRACK | {"id": None}}, 1),
        ({"track": TRACK | {"uri": None}}, 1),
        ({"track": TRACK | {"id": None, "uri": None}}, 0),
        ({"track": {"uri": "spotify:local:Ann::Demo:12", "name": "Demo"}}, 1),
        ({"is_local": True, "track": {"uri": None, "name": "Demo"}}, 0),
        ({"track": None}, 0),
    ],
)
def test_an_item_can_be_followed_by_its_uri_or_its_id(entry: Any, followed: int) -> None:
    found = summarise([Page([entry, {"track": TRACK}], 0, None)])
    assert (found.entry_count, found.identified_count) == (2, 1 + followed)


@pytest.mark.parametrize(
    "item", [{"uri": "spotify:track:t1"}, {"id": "t1"}, {"name": "Song"}, TRACK | {"id": 7}, TRACK | {"uri": 7}]
)
def test_a_whole_list_without_uri_or_id_is_an_unknown_dialect(item: Any) -> None:
    with pytest.raises(UnknownEntryShape, match="lacks 'uri' or 'id'"):
        summarise([Page([{"track": item}], 0, None)])


def test_the_dialect_of_a_list_is_that_of_its_entries() -> None:
    entries = [{"track": TRACK}, {"item": TRACK}, {"item": TRACK, "track": TRACK}, {"track": True, "item": TRACK}]
    told = [summarise([Page([entry], 0, None)]).dialect for entry in entries]
    assert told == ["track", "item", "track+item", "item"]
    assert summarise([Page(entries[:2], 0, None)]).dialect == "track+item"
    assert summarise([Page([None], 0, None)]).dialect is None


def test_the_content_hash_sees_order_and_items_and_nothing_else() -> None:
    other = {"track": TRACK | {"uri": "spotify:track:t2"}}

    def hashed(*entries: Any) -> str:
        return summarise([Page(list(entries), 0, None)]).content_hash

    first = {"track": TRACK}
    assert hashed(first, other) == hashed({"item": TRACK | {"popularity": 3}}, other)
    assert len({hashed(first, other), hashed(other, first), hashed(first), hashed(first, first)}) == 4
    bare = [{"uri": None, "id": one, "name": name} for one in (None, "t1", "t2") for name in ("", "Song", "Other")]
    # Whoever has an id is known by it, the others by their name; who has neither is an empty slot.
    assert len({hashed({"track": item}) for item in bare}) == 5
    assert len({hashed({"track": TRACK, "added_at": day}) for day in (None, "2024-05-11", "2024-05-12")}) == 3


def test_rows_have_the_columns_of_the_table_in_order() -> None:
    assert list(one_row({"track": TRACK})) == list(ENTRIES)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_fields = st.dictionaries(st.sampled_from([*TRACK, "show", "external_urls", "external_ids", "is_local"]), _json)


@given(st.one_of(st.builds(lambda item: {"item": item}, _fields), _json))
def test_no_entry_whatever_crashes(entry: Any) -> None:
    """Rows or the one known error, and never a second row for one slot."""
    try:
        rows = list(entry_rows([Page([entry], 0, 1)], ORIGIN))
    except UnknownEntryShape:
        return
    assert len(rows) == 1
    json.dumps(rows)


def told(page: Page) -> Any:
    """What a page says, or why it says nothing."""
    try:
        kept = page.kept() if page.wrapper == "kept" else page
        return summarise([kept]), list(entry_rows([kept], ORIGIN))
    except UnknownEntryShape as error:
        return str(error)


@given(st.lists(st.one_of(st.builds(lambda item: {"item": item, "added_at": "2024-05-11"}, _fields), _json)))
def test_a_page_that_is_kept_without_its_json_says_the_same(entries: list[Any]) -> None:
    assert told(Page(entries, 40, 90, "kept")) == told(Page(entries, 40, 90))


# The real payloads.


def _payload_files() -> list[Path]:
    folder = Path(__file__).parents[2] / "shared" / "data"
    files = [path for room in ("api_item", "api_track", "api_variants") for path in sorted((folder / room).glob("*"))]
    return [path for path in files if ".headers." not in path.name]


@pytest.mark.parametrize("path", _payload_files(), ids=lambda path: path.name)
def test_every_recorded_payload_gives_a_row_a_slot(path: Path) -> None:
    body = load(path)
    if isinstance(body, list):
        body = body[0] if len(body) == 1 and "track" not in body[0] else {"items": body}
    page = page_of(body)
    assert page is not None
    assert page.entries
    rows = rows_of(body)
    assert [row["position"] for row in rows] == list(range(1 + page.offset, len(page.entries) + 1 + page.offset))
    slots = [entry.get("item") or entry.get("track") for entry in page.entries]
    assert [row["name"] for row in rows] == [slot["name"] if slot else None for slot in slots]
    assert all(row["item_type"] in ("track", "episode", "local", "unavailable") for row in rows)


def test_the_global_top_50_equals_an_independent_reading(shared_data: Path) -> None:
    body = load(shared_data / "api_track" / "global_top50__2024-05-11__danielmschaves.json")[0]
    rows = rows_of(body)
    expected = [
        (
            place,
            one["track"]["id"],
            one["track"]["name"],
            [artist["name"] for artist in one["track"]["artists"]],
            one["track"]["external_ids"]["isrc"],
            one["track"]["popularity"],
            one["track"]["album"]["release_date"],
        )
        for place, one in enumerate(body["tracks"]["items"], start=1)
    ]
    columns = ("position", "item_id", "name", "artists", "isrc", "popularity", "album_release_date")
    found = [tuple(row[name] for name in columns) for row in rows]
    assert [(*row[:3], [artist["name"] for artist in row[3]], *row[4:]) for row in found] == expected
    assert len(rows) == 50
    assert playlist_facts(body)["followers"] == 16974466


def test_local_files_and_episodes_of_a_real_list(shared_data: Path) -> None:
    rows = rows_of(load(shared_data / "api_track" / "local_files_and_episodes7__PeterSchorn.json"))
    assert [row["item_type"] for row in rows] == ["local"] * 3 + ["episode"] * 4
    assert [row["show_name"] for row in rows[:3]] == [None] * 3
    assert all(row["show_name"] for row in rows[3:])


def test_episodes_in_the_shape_of_tracks_of_a_real_list(shared_data: Path) -> None:
    rows = rows_of(load(shared_data / "api_track" / "episodes_shaped_as_tracks__zmb3.json"))
    assert {row["item_type"] for row in rows} == {"episode"}
    assert all(row["show_name"] for row in rows)


def test_sentinel_dates_of_a_real_chart_are_null(shared_data: Path) -> None:
    rows = rows_of(load(shared_data / "api_track" / "us_top50__added_at_1970__suneric98.json"))
    assert [row["added_at"] for row in rows] == [None] * 50
    assert [row["added_by"] for row in rows] == [None] * 50
