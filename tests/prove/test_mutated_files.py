"""Files of every format, cut, torn and damaged: fewer entries than a file promises are never a whole day in silence.

500 mutations by default; CHARTLAKE_MUTATIONS asks for another number. Each has its own seed, which a failure names.
"""

from __future__ import annotations

import json
import os
from datetime import date
from random import Random
from typing import Any

import pytest

from chalicelib.analysis.exports import csv_lines
from chalicelib.errors import BadImport
from chalicelib.history.day import Day
from chalicelib.lake.schema import ENTRIES

from ..test_history import IDS, kaggle, kaggle_line, official, pretty_json, read
from ..test_import_worth import wrapped

MUTATIONS = int(os.environ.get("CHARTLAKE_MUTATIONS", "500"))
OWNER = "37i9dQZEVXbMDoHDwVN2tF"
# What of a file shows nothing of its length: entries that are taken out of it without a trace are not missed.
LENGTH_NOT_TOLD = {"archive-pretty-json", "archive-pretty-markdown", "other-archive-json", "chartlake-export"}
COUNTED_BY_ORDER = {"archive-pretty-json", "other-archive-json", "spotify-json"}


def link(kind: str, number: int) -> str:
    return f"https://open.spotify.com/{kind}/{IDS[number]}"


def legacy() -> str:
    lines = (f'{n},"Song {n}",Ann,{9000 - n},{link("track", n)}' for n in range(1, 201))
    return "\n".join([",,,Note that these figures,", 'Position,"Track Name",Artist,Streams,URL', *lines]) + "\n"


def scraped() -> str:
    head = "captured_date,market,market_name,rank,rank_change,track_name,artist_names,track_spotify_id"
    lines = (f'2026-08-01,{m},M,{n},0,"Song, {n}",Ann; Bob,{IDS[n]}' for m in ("global", "de") for n in range(1, 201))
    return "\n".join([head, *lines]) + "\n"


def kaggle_lines() -> list[str]:
    return [kaggle_line(n, country, "2025-02-18") for country in ("", "US", "ZA") for n in range(1, 51)]


def flat() -> Any:
    row = {"artists": "A,B", "name": "N", "popularity": 90}
    return {f"2024-05-{day}T01:00:00": [{"pos": n, "id": IDS[n]} | row for n in range(1, 51)] for day in (30, 31)}


def state(count: int = 30) -> list[dict[str, Any]]:
    return [pretty_json()["tracks"][0] | {"url": link("track", n)} for n in range(1, count + 1)]


def markdown() -> str:
    head = f"### [P]({link('playlist', 0)})\n\n| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n"
    row = "| {} | [T]({}) | [A]({}) | [B]({}) | 2:20 |"
    rows = (row.format(n, link("track", n), link("artist", 1), link("album", 2)) for n in range(1, 41))
    return head + "\n".join(rows)


def exported() -> list[dict[str, Any]]:
    common = {"snapshot_date": date(2026, 1, 2), "playlist_id": OWNER, "item_type": "track", "artists": []}
    capture = {"captured_at": "2026-01-02T06:00:00Z", "capture_id": "c", "source": "spotify", "is_local": False}
    return [
        dict.fromkeys(ENTRIES) | common | capture | {"position": n, "item_id": IDS[n], "uri": f"spotify:track:{IDS[n]}"}
        for n in range(1, 31)
    ]


def document() -> Any:
    day = {"playlist_id": OWNER, "snapshot_date": "2026-01-02", "entry_count": 30, "total": 30}
    entries = [entry | {"snapshot_date": "2026-01-02"} for entry in exported()]
    return {"format": "chartlake-export-1", "playlist": day | {"position_quality": "exact"}, "entries": entries}


def items(first: int, count: int) -> list[dict[str, Any]]:
    places = range(first, first + count)
    return [{"track": {"id": IDS[n], "uri": f"spotify:track:{IDS[n]}", "name": f"S {n}"}} for n in places]


def pages() -> Any:
    return [{"items": items(1 + start, 30), "offset": start, "total": 60} for start in (0, 30)]


FILES: dict[str, tuple[str, Any]] = {
    "official": ("regional-de-daily-2024-05-31.csv", official(200)),
    "viral": ("viral-de-daily-2024-05-31.csv", official(100).replace(",streams", ",other")),
    "legacy": ("regional-de-daily-2018-05-31.csv", legacy()),
    "scraped": ("scraped.csv", scraped()),
    "kaggle": ("kaggle.csv", kaggle(*kaggle_lines())),
    "wrapped": ("kaggle.csv", "\n".join(map(wrapped, kaggle(*kaggle_lines()).splitlines())) + "\n"),
    "flat": ("us_top50.json", flat()),
    "state": ("2024-05-31.json", pretty_json(tracks=state())),
    "other": ("2024-05-31.json", {"id": OWNER, "name": "N", "tracks": state()}),
    "markdown": ("2020-05-31.md", markdown()),
    "export": ("export.csv", "".join(csv_lines(exported()))),
    "document": ("export.json", document()),
    "playlist": (f"{OWNER} 2024-05-31.json", {"id": OWNER, "tracks": {"items": items(1, 60), "total": 60}}),
    "pages": (f"{OWNER} 2024-05-31.json", pages()),
}


# Damage.


def cut(text: str, chance: Random) -> str:
    return text[: chance.randrange(len(text))]


def cut_at_a_line(text: str, chance: Random) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(lines[: chance.randrange(1, len(lines) + 1)])


def drop_lines(text: str, chance: Random) -> str:
    lines = text.splitlines(keepends=True)
    gone = set(chance.sample(range(len(lines)), min(len(lines), chance.choice((1, 1, 3)))))
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def repeat_a_line(text: str, chance: Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return "".join(lines)


def join_two_lines(text: str, chance: Random) -> str:
    lines = text.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    lines[place] = lines[place].rstrip("\n")
    return "".join(lines)


def damage_letters(text: str, chance: Random) -> str:
    letters = list(text)
    for _ in range(chance.choice((1, 1, 2, 10))):
        letters[chance.randrange(len(letters))] = chance.choice('",;\n\t0123456789axé\0[]{}| \ufffd')
    return "".join(letters)


def empty_a_field(text: str, chance: Random) -> str:
    fields = text.split(",")
    fields[chance.randrange(len(fields))] = chance.choice(("", '""', "x", "null"))
    return ",".join(fields)


def drop_a_field(text: str, chance: Random) -> str:
    fields = text.split(",")
    del fields[chance.randrange(len(fields))]
    return ",".join(fields)


DAMAGE = (cut, cut_at_a_line, drop_lines, repeat_a_line, join_two_lines, damage_letters, empty_a_field, drop_a_field)


def damaged_json(body: Any, chance: Random) -> Any:
    """A copy in which something of a list or an object is gone, null, or called otherwise."""
    body = json.loads(json.dumps(body))
    found = [one for one in containers(body) if one]
    for _ in range(chance.choice((1, 1, 2, 40))):
        where = chance.choice([one for one in found if one])
        key = chance.choice(sorted(where)) if isinstance(where, dict) else chance.randrange(len(where))
        match chance.choice(("drop", "null", "rename", "odd")):
            case "drop":
                del where[key]
            case "null":
                where[key] = None
            case "rename" if isinstance(where, dict):
                where[f"{key}_"] = where.pop(key)
            case _:
                where[key] = chance.choice(([], {}, True, 7, "x", [None]))
    return body


def containers(body: Any) -> list[Any]:
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    own = [body] if isinstance(body, dict | list) else []
    return own + [one for value in inner for one in containers(value)]


def mutated(whole: Any, chance: Random) -> str:
    if not isinstance(whole, str):
        if chance.random() < 0.7:
            return json.dumps(damaged_json(whole, chance))
        whole = json.dumps(whole, indent=1)
    return chance.choice(DAMAGE)(whole, chance)


# What no damage may lead to.


def lie(day: Day, before: Day | None, rejects: list[Any]) -> str | None:
    """What a day tells that is not so, where it tells it without a word of doubt."""
    nameless = [row for row in day.rows if not (row["uri"] or row["item_id"] or row["name"])]
    if day.status == "ok" and len(nameless) * 2 > len(day.rows):
        return "most of its entries have no identity"
    if day.status != "ok":
        return "it is not published, and has entries or no reason" if day.rows or not day.reason else None
    positions = [row["position"] for row in day.rows]
    if day.position_quality == "partial" or day.reason:
        return None if day.reason else "it lacks something, and does not say what"
    if positions != list(range(1, len(positions) + 1)):
        return "its positions have gaps"
    if before is None:
        return None if day.format in LENGTH_NOT_TOLD or not day.lengths else "a day that was not there is whole"
    if len(positions) < len(before.rows) and (rejects or day.format not in LENGTH_NOT_TOLD):
        return f"{len(before.rows) - len(positions)} of its entries are gone"
    places = {row["item_id"]: row["position"] for row in before.rows}
    # A damaged id may be another one's; that one then stands at its own place all the same.
    held = {row["position"]: row["item_id"] for row in day.rows}
    shifted = [one for place, one in held.items() if one in places and held.get(places[one], one) != one]
    return "its positions are shifted" if shifted and day.format not in COUNTED_BY_ORDER else None


def test_every_file_is_whole_before_it_is_damaged() -> None:
    for name, whole in FILES.values():
        for day in read(name, whole if isinstance(whole, str) else json.dumps(whole)):
            assert (day.status, day.reason) == ("ok", None)
            assert day.position_quality in ("exact", "approx", None)


@pytest.mark.parametrize("kind", FILES)
def test_no_damage_makes_a_short_day_look_whole(kind: str) -> None:
    name, whole = FILES[kind]
    before = {
        (day.playlist_id, day.snapshot_date): day
        for day in read(name, whole if isinstance(whole, str) else json.dumps(whole))
    }
    taken = 0
    for number in range(-(-MUTATIONS // len(FILES))):
        seed = f"{kind} {number}"
        chance = Random(seed)
        text = mutated(whole, chance)
        rejects: list[tuple[int, str, str]] | None = [] if number % 3 else None
        try:
            days = read(name, text.encode("utf-8", "replace"), skip_bad=rejects)
        except BadImport:
            continue
        taken += 1
        for day in days:
            told = lie(day, before.get((day.playlist_id, day.snapshot_date)), rejects or [])
            assert told is None, f"seed {seed!r}: {day.playlist_id} on {day.snapshot_date}: {told}"
    assert taken, "every damaged file was refused: nothing was proven"
