"""Files that people hold: saved playlists, large charts, account data, and what they are told where a file is none."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cli import main
from chalicelib.errors import BadImport, BadSetting
from chalicelib.history.day import Day
from chalicelib.history.known import FORMATS
from chalicelib.history.mapping import ColumnMap, map_of_toml, map_of_words
from chalicelib.history.naming import ListName, named_list
from chalicelib.history.regions import region_code

from .test_history import A_DAY, IDS, read, refusal

PLAYLIST = "37i9dQZF1DXcBWIGoYBM5M"
NAMED = f"{PLAYLIST} 2024-05-31.csv"
URIS = [f"spotify:track:{one}" for one in IDS[:5]]
LINKS = [f"https://open.spotify.com/track/{one}" for one in IDS[:5]]

EXPORTIFY = "Track URI,Track Name,Artist URI(s),Artist Name(s),Album Name,Track Duration (ms),ISRC,Added By,Added At\n"
NET = (
    "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,"
    "Genres,Record Label,Danceability\n"
)
TUNEMYMUSIC = "Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\n"
SOUNDIIZ = "title;artist;album;isrc;addedDate;addedBy;duration;url\n"
CHOSIC = "#,Song,Artist,Popularity,BPM,Genres,Album,Album Date,Time,Added At,Spotify Track Id,ISRC\n"
WORLDWIDE = "Position,Track Name,Artist,Streams,URL,Date,Region\n"
CHARTS = "title,rank,date,artist,url,region,chart,trend,streams\n"
FYCHARTS = "position,track name,artist,streams,date,region,spotify_id\n"


def one(name: str, data: bytes | str, **options: Any) -> Day:
    (day,) = read(name, data, **options)
    return day


def names_of(row: dict[str, Any]) -> list[str]:
    return [artist["name"] for artist in row["artists"]]


# Exportify.


def exportify(*rows: str) -> str:
    return EXPORTIFY + "".join(f"{row}\n" for row in rows)


def test_exportify_keeps_all_that_it_knows() -> None:
    artists = (
        '"spotify:artist:0000000000000000000001, spotify:artist:0000000000000000000002","Tyler\\, The Creator, Bo"'
    )
    text = exportify(f'{URIS[1]},"A, ""b""",{artists},Al,200960,USUM71910000,spotify:user:me,2022-08-08T02:00:00Z')
    day = one(NAMED, text)
    row = day.rows[0]
    assert (day.playlist_id, day.snapshot_date, day.format) == (PLAYLIST, A_DAY, "exportify")
    assert (day.position_quality, day.status, "whether these are all" in str(day.reason)) == ("approx", "ok", True)
    assert (row["position"], row["uri"], row["name"], row["url"]) == (1, URIS[1], 'A, "b"', LINKS[1])
    assert row["artists"] == [
        {"id": "0000000000000000000001", "name": "Tyler, The Creator"},
        {"id": "0000000000000000000002", "name": "Bo"},
    ]
    assert (row["album_name"], row["duration_ms"], row["isrc"]) == ("Al", 200960, "USUM71910000")
    assert (row["added_by"], row["added_at"]) == ("me", "2022-08-08T02:00:00Z")


@pytest.mark.parametrize(
    ("uris", "names", "expected"),
    [
        ("", "Earth, Wind & Fire", ["Earth, Wind & Fire"]),
        ("spotify:artist:0000000000000000000001", "Earth, Wind & Fire", ["Earth, Wind & Fire"]),
        ("", "A\\, b, C", ["A, b", "C"]),
        ("", "Tom;Jerry", ["Tom;Jerry"]),
        ("", "", []),
    ],
)
def test_artists_are_told_apart_only_where_that_is_sure(uris: str, names: str, expected: list[str]) -> None:
    assert names_of(one(NAMED, exportify(f'{URIS[1]},T,"{uris}","{names}",,,,,')).rows[0]) == expected


def test_the_other_makers_exportify() -> None:
    row = one(NAMED, NET + f"{URIS[1]},T,Al,Tom;Jerry,2019,1000,60,Yes,me,2022-08-08T02:00:00Z,pop,Label,0.5\n").rows[0]
    assert (names_of(row), row["explicit"], row["popularity"], row["duration_ms"]) == (["Tom", "Jerry"], True, 60, 1000)
    assert (row["album_release_date"], row["added_by"], row["label"]) == ("2019", "me", "Label")


def test_local_files_and_episodes_are_entries() -> None:
    local, episode = "spotify:local:Me:Tape:My+own:60", f"spotify:episode:{IDS[1]}"
    rows = one(NAMED, exportify(f"{local},,,,,,,,", f"{episode},E,,,,,,,", f"{URIS[2]},T,,,,,,,")).rows
    assert [(row["item_type"], row["is_local"], row["name"]) for row in rows] == [
        ("local", True, "My own"),
        ("episode", False, "E"),
        ("track", False, "T"),
    ]
    assert (rows[0]["uri"], rows[0]["item_id"], names_of(rows[0])) == (local, None, ["Me"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_saved_playlists_in_other_encodings_and_with_other_delimiters(encoding: str, delimiter: str) -> None:
    title, artist = ("Я и ты", "Кино") if encoding == "cp1251" else ("Más", "Beyoncé")
    text = exportify(f"{URIS[1]},{title},,{artist},,,,,").replace(",", delimiter)
    row = one(NAMED, text.encode(encoding)).rows[0]
    assert (row["name"], names_of(row)) == (title, [artist])


def test_accents_are_not_taken_for_cyrillic_letters() -> None:
    text = exportify(f"{URIS[1]},Ça été naïve — Ååå,,Motörhead,,,,,", f"{URIS[2]},“Ñandú”…,,Sigur Rós,,,,,")
    assert [row["name"] for row in one(NAMED, text.encode("cp1252")).rows] == ["Ça été naïve — Ååå", "“Ñandú”…"]


def test_a_bad_line_of_a_list_in_order_leaves_its_place_empty() -> None:
    text = exportify(f"{URIS[1]},A,,,,,,,", "nonsense,B,,,,,,,", "too,few", f"{URIS[2]},C,,,,,,,")
    error = refusal(NAMED, text)
    assert [line for line, _ in error.problems] == [3, 4]
    day = one(NAMED, text, skip_bad=[])
    assert [row["position"] for row in day.rows] == [1, 4]
    assert (day.position_quality, day.total) == ("partial", 4)
    assert day.reason == "Positions 2 to 3 of 4 are missing: 2 bad lines were left out."


def test_a_list_is_not_one_of_a_day_before_its_newest_entry() -> None:
    text = exportify(f"{URIS[1]},A,,,,,,,2024-06-02T00:00:00Z")
    error = refusal(NAMED, text)
    assert ("2024-06-02" in error.message, "2024-05-31" in error.message, "--date" in error.advice) == (True,) * 3
    assert one(NAMED, text.replace("06-02", "06-01")).snapshot_date == A_DAY


# The list and the day.


def test_what_neither_file_nor_name_tells_is_asked_for_by_its_option() -> None:
    text = exportify(f"{URIS[1]},A,,,,,,,")
    both, no_day = refusal("my_list.csv", text), refusal(f"{PLAYLIST}.csv", text)
    no_list = refusal("2024-05-31.csv", text)
    assert ("--playlist" in both.advice, "--date" in both.advice) == (True, True)
    assert ("--date" in no_day.advice, "--playlist" in no_list.advice) == (True, True)
    day = one("my_list.csv", text, day=A_DAY, playlist=ListName("file:mine", "Mine"))
    assert (day.playlist_id, day.facts["name"], day.snapshot_date) == ("file:mine", "Mine", A_DAY)


@pytest.mark.parametrize(
    ("name", "list_id"),
    [
        ("Road trip", "file:road-trip"),
        ("  ROAD -- trip! ", "file:road-trip"),
        ("Chansons d'été", "file:chansons-d-ete"),
        ("90s", "file:90s"),
    ],
)
def test_a_lists_name_is_its_id(name: str, list_id: str) -> None:
    assert named_list(name) == ListName(list_id, name)


def test_names_of_other_alphabets_do_not_meet() -> None:
    names = ["Дорога", "Дорогая", "道", "Mix 道", "Mix", "x" * 300, "x" * 301]
    assert len({named_list(name).id for name in names}) == len(names)
    assert named_list("ДОРОГА").id == named_list("Дорога").id
    with pytest.raises(ValueError, match="without any letter"):
        named_list(" -- ")


@given(st.text())
def test_any_name_is_an_id_that_all_doors_take_or_is_refused(name: str) -> None:
    try:
        found = named_list(name).id
    except ValueError:
        return
    assert found.isascii()
    assert found == found.lower()
    assert len(found) <= 80


# The other tools.


def test_tunemymusic_holds_several_lists_by_name() -> None:
    text = TUNEMYMUSIC + (
        f'Más,"A, B",Al,Rock,Playlist,USUM71910000,{IDS[1]}\n'
        "Local,Me,,Rock,Playlist,,\n"
        f"T,A,,Pop,Favorite,,{LINKS[2]}\n"
        f"U,A,,Rock,Playlist,,{IDS[3]}\n"
    )
    days = {day.playlist_id: day for day in read("2024-05-31.csv", text)}
    assert {list_id: [row["position"] for row in day.rows] for list_id, day in days.items()} == {
        "file:rock": [1, 2, 3],
        "file:pop": [1],
    }
    assert days["file:rock"].facts["name"] == "Rock"
    first, local, _ = days["file:rock"].rows
    assert (first["uri"], first["isrc"], names_of(first)) == (URIS[1], "USUM71910000", ["A, B"])
    assert (local["uri"], local["name"], local["item_type"]) == (None, "Local", "track")
    assert days["file:pop"].rows[0]["uri"] == URIS[2]
    error = refusal("2024-05-31.csv", text, playlist=ListName("file:x"))
    assert ("several lists" in error.message, "Leave --playlist out" in error.advice) == (True, True)
    assert "no entry of a playlist" in refusal("2024-05-31.csv", text + "X,A,,Y,Artist,,\n").message
    assert "one name" in refusal("2024-05-31.csv", text + "X,A,,ROCK,Playlist,,\n").message


def test_tunemymusic_of_one_list_and_of_old() -> None:
    text = "Track name, Artist name, Album, Playlist name\nT,A,Al,Rock\n"
    day = one("2024-05-31.csv", text, playlist=ListName(PLAYLIST))
    assert (day.playlist_id, day.facts["name"], day.rows[0]["name"]) == (PLAYLIST, "Rock", "T")


def test_soundiiz() -> None:
    text = SOUNDIIZ + f'T;"A; B";Al;usum71910000;2020-06-16;me;225s;{LINKS[1]}\nU;C;;;;;;https://youtu.be/x\n'
    first, second = one(NAMED, "\ufeff" + text).rows
    assert (first["uri"], first["isrc"], first["added_at"]) == (URIS[1], "usum71910000", "2020-06-16T00:00:00Z")
    assert (names_of(first), first["added_by"], first["duration_ms"]) == (["A; B"], "me", None)
    assert (second["uri"], second["name"]) == (None, "U")
    assert len(one(NAMED, "title,artist,album,isrc\nT,A,,\n").rows) == 1


def test_chosic_has_numbers_of_its_own() -> None:
    text = CHOSIC + f"1,T,A,60,120,pop,Al,2019-11-07,03:20,2023-01-02,{IDS[1]},USUM71910000\n3,U,A,,,,,,,,{IDS[2]},\n"
    day = one(NAMED, text)
    assert [(row["position"], row["uri"], row["popularity"]) for row in day.rows] == [
        (1, URIS[1], 60),
        (3, URIS[2], None),
    ]
    assert (day.position_quality, "Position 2 of 3 is missing" in str(day.reason)) == ("partial", True)


def test_links_notes_and_m3u() -> None:
    text = f"# mine\n{LINKS[1]}?si=abc\n\n{URIS[2]}\nspotify:local:A:B:C:1\nhttps://open.spotify.com/intl-de/track/{IDS[3]}\n"
    day = one(f"{PLAYLIST} 2024-05-31.txt", text)
    assert [(row["position"], row["uri"]) for row in day.rows] == [
        (1, URIS[1]),
        (2, URIS[2]),
        (3, "spotify:local:A:B:C:1"),
        (4, URIS[3]),
    ]
    m3u = f"#EXTM3U\n#EXTINF:200,A - T\n{LINKS[1]}\n"
    assert [row["uri"] for row in one(f"{PLAYLIST} 2024-05-31.m3u", m3u).rows] == [URIS[1]]
    error = refusal(NAMED, text + "https://open.spotify.com/album/x\n")
    assert error.problems[0][0] == 7


# Backups and account data.


def backup(*lists: dict[str, Any]) -> str:
    return json.dumps({"playlists": list(lists)})


def entries(*numbers: int) -> list[Any]:
    return [
        {"added_at": "2023-01-02T00:00:00Z", "track": {"uri": URIS[n], "id": IDS[n], "name": f"T{n}"}} for n in numbers
    ]


def test_spotify_backup_as_json() -> None:
    liked = {"name": "Liked Songs", "tracks": entries(1)}
    own = {"name": "Road", "id": PLAYLIST, "owner": {"id": "me"}, "snapshot_id": "s", "tracks": [*entries(1, 2), None]}
    for text in (backup(liked, own), json.dumps([liked, own])):
        first, second = read("backup 2024-05-31.json", text)
        assert (first.playlist_id, len(first.rows), first.position_quality) == ("file:liked-songs", 1, "exact")
        assert (second.playlist_id, second.facts["owner_id"], second.facts["snapshot_id"]) == (PLAYLIST, "me", "s")
        assert [row["item_type"] for row in second.rows] == ["track", "track", "unavailable"]
    assert "one name" in refusal("2024-05-31.json", backup(liked, liked)).message
    assert len(read("2024-05-31.json", backup(liked, liked), skip_bad=[])) == 1
    assert "3 lists" in refusal("2024-05-31.json", backup(liked, own, own), playlist=ListName("file:x")).message


def test_an_entry_that_a_backup_lost_is_a_place_that_is_missing() -> None:
    text = backup({"name": "Road", "id": PLAYLIST, "tracks": [*entries(1), {"odd": 1}, *entries(2)]})
    assert "entry 2" in refusal("2024-05-31.json", text).message
    day = one("2024-05-31.json", text, skip_bad=[])
    assert (day.position_quality, day.total, [row["position"] for row in day.rows]) == ("partial", 3, [1, 3])


def test_spotify_backup_as_text() -> None:
    text = f"Road\r\nT1\tA, B\tAl\t{URIS[1]}\r\nT2\tC\tAl\t{URIS[2]}\t2019\r\n\r\nEmpty\r\n\r\nPop\r\nT3\tD\t\t{URIS[3]}\r\n\r\n"
    road, empty, pop = read("backup 2024-05-31.txt", text)
    assert (road.playlist_id, road.facts["name"], [row["name"] for row in road.rows]) == (
        "file:road",
        "Road",
        ["T1", "T2"],
    )
    assert road.rows[1]["album_release_date"] == "2019"
    assert (empty.status, empty.rows) == ("suspect", [])
    assert (pop.position_quality, pop.rows[0]["uri"]) == ("approx", URIS[3])
    *_, cut = read("backup 2024-05-31.txt", text.removesuffix("\r\n"))
    assert (cut.position_quality, "cut" in str(cut.reason)) == ("partial", True)
    assert refusal("backup 2024-05-31.txt", text.replace("D\t\t", "D\t")).problems[0][0] == 8


def account(*lists: tuple[str, list[Any]]) -> str:
    return json.dumps(
        {
            "playlists": [
                {
                    "name": name,
                    "lastModifiedDate": "2024-05-01",
                    "items": items,
                    "description": "d",
                    "numberOfFollowers": 7,
                }
                for name, items in lists
            ]
        }
    )


TRACK = {"trackName": "T", "artistName": "A", "albumName": "Al", "trackUri": URIS[1]}
EPISODE = {"episodeName": "E", "showName": "S", "episodeUri": f"spotify:episode:{IDS[2]}"}


def test_account_data_has_lists_by_name_with_the_day_of_their_last_change() -> None:
    items: list[Any] = [
        {"track": TRACK, "episode": None, "localTrack": None, "addedDate": "2023-01-02"},
        {"track": None, "episode": EPISODE, "localTrack": None},
        {"track": None, "episode": None, "audiobook": None, "localTrack": {"uri": "spotify:local:A:B:C%21:9"}},
        {"track": None, "episode": None, "audiobook": None, "localTrack": None},
    ]
    day, other = read("Playlist1.json", account(("Road trip", items), ("Дорога", items[:1])))
    assert (day.playlist_id, day.snapshot_date) == ("file:road-trip", date(2024, 5, 1))
    assert (day.facts["name"], day.facts["description"], day.facts["followers"]) == ("Road trip", "d", 7)
    assert [(row["item_type"], row["name"], row["uri"]) for row in day.rows] == [
        ("track", "T", URIS[1]),
        ("episode", "E", EPISODE["episodeUri"]),
        ("local", "C!", "spotify:local:A:B:C%21:9"),
        ("unavailable", None, None),
    ]
    assert (day.rows[0]["added_at"], day.rows[1]["show_name"]) == ("2023-01-02T00:00:00Z", "S")
    assert other.facts["name"] == "Дорога"
    assert read("Playlist1 2024-05-31.json", account(("Road trip", items)))[0].snapshot_date == A_DAY
    newer = account(("Road trip", [{"track": TRACK, "addedDate": "2024-05-09"}]))
    assert "2024-05-09" in refusal("Playlist1.json", newer).message


def test_the_library_is_the_liked_songs_in_an_unknown_order() -> None:
    body = {"tracks": [{"artist": "A", "album": "Al", "track": "T", "uri": URIS[1]}], "albums": [], "shows": []}
    text = json.dumps(body | {"episodes": [], "bannedTracks": [], "artists": [], "bannedArtists": [], "other": []})
    assert "--date" in refusal("YourLibrary.json", text).advice
    day = one("YourLibrary.json", text, day=A_DAY)
    assert (day.playlist_id, day.facts["name"], day.position_quality) == ("file:liked-songs", "Liked Songs", "approx")
    assert ("order" in str(day.reason), day.rows[0]["uri"], names_of(day.rows[0])) == (True, URIS[1], ["A"])


@pytest.mark.parametrize(
    "played",
    [
        {"endTime": "2024-01-01 10:00", "artistName": "A", "trackName": "T", "msPlayed": 1},
        {"ts": "2024-01-01T10:00:00Z", "ms_played": 1, "master_metadata_track_name": "T"},
    ],
)
def test_listening_history_is_no_list(played: dict[str, Any]) -> None:
    error = refusal("StreamingHistory_music_0.json", json.dumps([played]))
    assert ("listening history" in error.message, "Playlist1.json" in error.advice) == (True, True)


# Large charts.


def test_the_worldwide_ranking_is_all_regions_and_days_in_one_file() -> None:
    rows = [
        f"{rank},,A,{1000 - rank},{LINKS[rank]},2017-01-0{day},{region}"
        for region in ("ec", "global")
        for day in (1, 2)
        for rank in (1, 2)
    ]
    days = read("data.csv", WORLDWIDE + "\n".join(rows) + "\n")
    assert [(day.playlist_id, day.snapshot_date.day) for day in days] == [
        ("chart:regional-ec-daily", 1),
        ("chart:regional-ec-daily", 2),
        ("chart:regional-global-daily", 1),
        ("chart:regional-global-daily", 2),
    ]
    assert {(day.position_quality, day.total) for day in days} == {("partial", 200)}
    assert (days[0].rows[1]["streams"], days[0].rows[1]["name"]) == (998, None)
    assert "the region is 'xx1'" in refusal("data.csv", WORLDWIDE + f"1,T,A,1,{LINKS[1]},2017-01-01,xx1\n").message


@pytest.mark.parametrize(
    "order",
    ["title,rank,date,artist,url,region,chart,trend,streams", "rank,title,artist,date,url,streams,chart,region,trend"],
)
def test_kaggles_spotify_charts_in_both_orders_of_columns(order: str) -> None:
    values = {
        "title": "T",
        "artist": '"A, B"',
        "url": LINKS[1],
        "date": "2017-01-01",
        "trend": "NEW_ENTRY",
        "rank": "1",
    }
    lists = [("South Korea", "top200", "5.0"), ("Global", "viral50", ""), ("United Kingdom", "top200", "7")]
    lines = [values | {"region": region, "chart": chart, "streams": streams} for region, chart, streams in lists]
    text = "\n".join([order, *(",".join(line[column] for column in order.split(",")) for line in lines)]) + "\n"
    found = {
        day.playlist_id: (day.total, day.rows[0]["streams"], names_of(day.rows[0])) for day in read("charts.csv", text)
    }
    assert found == {
        "chart:regional-kr-daily": (200, 5, ["A, B"]),
        "chart:viral-global-daily": (50, None, ["A, B"]),
        "chart:regional-gb-daily": (200, 7, ["A, B"]),
    }
    assert "Atlantis" in refusal("charts.csv", text.replace("South Korea", "Atlantis")).message
    assert "neither top200 nor viral50" in refusal("charts.csv", text.replace("viral50", "top10")).message


def test_fycharts_days_and_weeks() -> None:
    lines = [f"1,T,A,9,{period},us,{IDS[1]}\n" for period in ("2020-01-01", "2020-01-03--2020-01-10")]
    daily, weekly = read("charts.csv", FYCHARTS + "".join(lines))
    assert (daily.playlist_id, daily.snapshot_date) == ("chart:regional-us-daily", date(2020, 1, 1))
    assert (weekly.playlist_id, weekly.snapshot_date) == ("chart:regional-us-weekly", date(2020, 1, 9))
    viral = one("v.csv", f",position,track_name,artist,date,region,spotify_id\n0,1,T,A,2020-01-01,global,{IDS[1]}\n")
    assert (viral.playlist_id, viral.total) == ("chart:viral-global-daily", 50)


def test_regions_by_code_and_by_name() -> None:
    assert [region_code(text) for text in ("US", "global", "Czech Republic", " hong kong ", "Türkiye")] == [
        "us",
        "global",
        "cz",
        "hk",
        "tr",
    ]


# Any other CSV.

RADIO = "Rank;Link;Title;Who;Day;Country\n1;{0};T;A;31.05.2024;Germany\n2;{1};U;B;31.05.2024;Germany\n1;{1};U;B;31.05.2024;us\n"


def test_a_map_says_what_the_columns_hold() -> None:
    columns = map_of_toml(
        'date_format = "%d.%m.%Y"\nplaces = 3\n[columns]\nposition = "Rank"\nuri = "Link"\nname = "Title"\n'
        'artist = "Who"\ndate = "Day"\nregion = "Country"\n',
        "radio.toml",
    )
    text = RADIO.format(*LINKS[1:3])
    days = {day.playlist_id: day for day in read("radio.csv", text, columns=columns, playlist=named_list("Radio"))}
    german = days["file:radio-de"]
    assert [(row["position"], row["uri"], row["name"]) for row in german.rows] == [(1, URIS[1], "T"), (2, URIS[2], "U")]
    assert (german.snapshot_date, german.total, german.position_quality) == (A_DAY, 3, "partial")
    assert set(days) == {"file:radio-de", "file:radio-us"}
    assert "--playlist" in refusal("radio.csv", text, columns=columns).advice
    assert (
        "no day as %d.%m.%Y"
        in refusal("radio.csv", text.replace("31.05", "05.31"), columns=columns, playlist=ListName("file:r")).message
    )
    error = refusal("radio.csv", text.replace("Rank", "Place"), columns=columns, playlist=ListName("file:r"))
    assert ("'Rank'" in error.message, "'Place'" in error.message) == (True, True)


def test_without_positions_the_order_of_the_file_counts() -> None:
    text = "song,by\nT,A\nU,B\n"
    day = one("x.csv", text, columns=map_of_words("name=song, artist=by"), playlist=ListName("file:x"), day=A_DAY)
    assert [(row["position"], row["name"], names_of(row)) for row in day.rows] == [(1, "T", ["A"]), (2, "U", ["B"])]
    assert (day.position_quality, "not known" in str(day.reason)) == ("approx", True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "is none"),
        ("position", "is none"),
        ("position=", "is none"),
        ("rank=Rank,uri=Link", "'rank'"),
        ("position=Rank", "neither the column of the links"),
        ("uri=A,uri=B", "twice"),
    ],
)
def test_a_map_that_is_none_is_refused(words: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason) as caught:
        map_of_words(words)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[columns", "no TOML"),
        ("list = 1", "'list'"),
        ("places = true", "not of its kind"),
        ("[columns]\nuri = 1", "is a text"),
    ],
)
def test_a_mapping_file_that_is_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason):
        map_of_toml(text, "m.toml")
    assert map_of_toml('playlist = "X"\n[columns]\nuri = "L"\n', "m.toml") == ColumnMap({"uri": "L"}, "X")


# What is none of them.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (WORLDWIDE.replace(",URL", ""), "nearest known format is kaggle-worldwide, which also has url"),
        ("Track Name,Artist Name(s),Album\nT,A,B\n", "nearest known format is exportify, which also has"),
        ("song_name,song_popularity,danceability\nT,1,0.5\n", "neither the order nor the day of any list"),
        ("a,b,c\n1,2,3\n", "format is unknown"),
        (
            json.dumps({"playlists": [{"name": "X", "items": [], "modified": ""}]}),
            "account-playlists, which also has lastmodifieddate",
        ),
    ],
)
def test_a_refusal_names_the_nearest_format_and_what_differs(data: str, reason: str) -> None:
    error = refusal("x.csv", data)
    assert reason in error.message
    assert ("--list-formats" in error.advice, "--map" in error.advice) == (True, True)
    assert ("nearest" in error.message) == ("nearest" in reason or "account" in reason)


HOSTILE = {
    "exportify": exportify(f"{URIS[1]},A,,,,,,,"),
    "tunemymusic": TUNEMYMUSIC + f"T,A,,Rock,Playlist,,{IDS[1]}\n",
    "soundiiz": SOUNDIIZ + f"T;A;;;;;;{LINKS[1]}\n",
    "chosic": CHOSIC + f"1,T,A,60,,,,,,,{IDS[1]},\n",
    "kaggle-worldwide": WORLDWIDE + f"1,T,A,9,{LINKS[1]},2017-01-01,ec\n",
    "kaggle-charts": CHARTS + f"T,1,2017-01-01,A,{LINKS[1]},Global,top200,NEW,9\n",
    "fycharts": FYCHARTS + f"1,T,A,9,2020-01-01,us,{IDS[1]}\n",
    "links": f"{LINKS[1]}\n",
    "spotify-backup-text": f"Road\r\nT\tA\tB\t{URIS[1]}\r\n\r\n",
    "spotify-backup-json": backup({"name": "Road", "id": PLAYLIST, "tracks": entries(1)}),
    "account-playlists": account(("Road", [{"track": TRACK}])),
    "account-library": json.dumps(
        {"tracks": [{"uri": URIS[1], "track": "T"}], "albums": [], "shows": [], "bannedTracks": []}
    ),
}


@pytest.mark.parametrize("format_", HOSTILE)
def test_each_format_is_known_by_its_content(format_: str) -> None:
    assert one(NAMED, HOSTILE[format_]).format == format_


@pytest.mark.parametrize("format_", HOSTILE)
@pytest.mark.parametrize("wound", ["cut", "item", "deep", "long", "nothing"])
def test_hostile_files_of_each_format_are_refused_or_told(format_: str, wound: str) -> None:
    text = HOSTILE[format_]
    is_json = text.startswith("{")
    harmed = {
        "cut": text[:-3] if is_json else text.rstrip()[:-30],
        "item": text.replace(IDS[1], "no-id"),
        "deep": text.replace('"T"', "[" * 100_000) if is_json else text.replace("T", '"T', 1),
        "long": text.replace(IDS[1], "x" * 1_100_000),
        "nothing": "{}" if is_json else text.splitlines()[0] + "\n",
    }[wound]
    if format_ == "spotify-backup-json" and wound in ("item", "deep", "long"):
        harmed = text.replace('"track"', '"trick"' if wound == "item" else '"track":' + "[" * 100_000)
    if format_ == "links" and wound in ("nothing", "deep"):
        harmed = "\n"
    if format_ == "spotify-backup-text" and wound == "deep":
        harmed = text.replace("\t", "")
    error = refusal(NAMED, harmed)
    assert len(error.message) < 2_000


@given(st.sampled_from(sorted(HOSTILE)), st.data())
def test_any_harm_gives_days_or_a_refusal(format_: str, data: Any) -> None:
    text = HOSTILE[format_]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    harmed = text[:start] + data.draw(st.text(max_size=20)) + text[end:]
    try:
        days = read(NAMED, harmed.encode("utf-8", "surrogatepass"), skip_bad=data.draw(st.sampled_from([None, []])))
    except BadImport:
        return
    assert all(day.rows or day.reason for day in days)


def test_a_list_longer_than_any_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.history.table._LONGEST_LIST", 3)
    assert len(one(NAMED, exportify(*(f"{URIS[1]},A,,,,,,," for _ in range(3)))).rows) == 3
    assert "more than 3 entries" in refusal(NAMED, exportify(*(f"{URIS[1]},A,,,,,,," for _ in range(4)))).message


# The command.


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARTLAKE_LAKE", str(tmp_path / "lake"))
    return lambda *arguments: CliRunner().invoke(main, list(map(str, arguments)))


def test_a_saved_playlist_is_imported_under_a_name_and_found_by_it(command: Any, tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(exportify(f"{URIS[1]},Song,,Me,,,,,"))
    refused = command("import", "my.csv")
    assert (refused.exit_code, "--playlist" in refused.output, "--date" in refused.output) == (1, True, True)
    for name in ("Road Trip!", "file:road-trip"):
        found = command("import", "my.csv", "--playlist", name, "--date", "2024-05-31", "--json")
        assert json.loads(found.stdout)[0]["playlists"] == ["file:road-trip"]
    for name in ("road", "file:road-trip"):
        assert "Song" in command("charts", name).output
    assert command("verify").exit_code == 0
    link = f"https://open.spotify.com/playlist/{PLAYLIST}?si=x"
    found = command("import", "my.csv", "--playlist", link, "--date", "2024-05-31", "--json")
    assert json.loads(found.stdout)[0]["playlists"] == [PLAYLIST]
    wrong = command(
        "import", "my.csv", "--playlist", f"https://open.spotify.com/album/{PLAYLIST}", "--date", "2024-05-31"
    )
    assert (wrong.exit_code, "an album" in wrong.output) == (2, True)
    assert (
        "open.spotify.com/playlist"
        not in command("query", "SELECT url FROM playlists WHERE playlist_id LIKE 'file:%'").output
    )
    exported = command("export", "file:road-trip", "--output", "out.csv")
    assert exported.exit_code == 0
    assert json.loads(command("import", "out.csv", "--json").stdout)[0]["playlists"] == ["file:road-trip"]


def test_a_dry_run_shows_ten_rows_and_writes_nothing(command: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("song\n" + "".join(f"Song {n}\n" for n in range(1, 13)))
    arguments = ("import", "x.csv", "--map", "name=song", "--playlist", "X", "--date", "2024-05-31", "--dry-run")
    found = command(*arguments)
    assert (found.exit_code, "Song 10" in found.output, "Song 11" in found.output) == (0, True, False)
    assert ("12 rows" in found.output, "nothing was written" in found.output) == (True, True)
    rows = json.loads(command(*arguments, "--json").stdout)[0]["first_rows"]
    assert [(row["position"], row["name"], row["playlist_id"], row["snapshot_date"]) for row in rows] == [
        (n, f"Song {n}", "file:x", "2024-05-31") for n in range(1, 11)
    ]
    assert not (tmp_path / "lake").exists()
    late = command(*(one if one != "2024-05-31" else "2999-01-01" for one in arguments))
    assert (late.exit_code, "still to come" in late.output) == (1, True)


def test_a_mapping_file_names_its_list(command: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("song\nT\n")
    (tmp_path / "m.toml").write_text('playlist = "Radio"\n[columns]\nname = "song"\n')
    found = command("import", "x.csv", "--map-file", "m.toml", "--date", "2024-05-31", "--json")
    assert json.loads(found.stdout)[0]["playlists"] == ["file:radio"]
    both = command("import", "x.csv", "--map-file", "m.toml", "--map", "name=song")
    assert (both.exit_code, "Give one of them" in both.output) == (2, True)


def test_the_zip_that_spotify_mails(command: Any, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Spotify Account Data/Playlist1.json", account(("Road trip", [{"track": TRACK}])))
        archive.writestr("Spotify Account Data/StreamingHistory_music_0.json", '[{"endTime": "", "msPlayed": 1}]')
        archive.writestr("Spotify Account Data/YourLibrary.json", HOSTILE["account-library"])
    (tmp_path / "my_spotify_data.zip").write_bytes(packed.getvalue())
    found = command("import", "my_spotify_data.zip", "--date", "2024-05-31", "--json")
    told = {Path(one["file"]).name: one for one in json.loads(found.stdout)}
    assert found.exit_code == 3
    assert told["Playlist1.json"]["playlists"] == ["file:road-trip"]
    assert told["YourLibrary.json"]["playlists"] == ["file:liked-songs"]
    assert "listening history" in told["StreamingHistory_music_0.json"]["error"]


def test_all_formats_are_listed_as_the_documents_have_them(command: Any) -> None:
    found = command("import", "--list-formats")
    assert found.exit_code == 0
    text = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    table = text[text.index("\n## Imports\n") : text.index("\n### What `ok` promises for imports")]
    for known in FORMATS:
        assert known.name in found.output
        assert f"| `{known.name}" in table, known.name
    told = json.loads(command("import", "--list-formats", "--json").stdout)
    assert [one["format"] for one in told] == [known.name for known in FORMATS]
    assert command("import").exit_code == 2
