"""Every view's rows, reckoned once more from the rows of the two tables: plain Python, from the definitions in
docs/data.md. And invented tables that hold whatever a lake can hold."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import md5
from itertools import groupby, pairwise
from operator import itemgetter
from random import Random
from typing import Any

from chalicelib.analysis.asked_views import HELD
from chalicelib.analysis.views import VIEWS, view_sql
from chalicelib.lake.schema import ENTRIES, empty_row
from tests import measure_model
from tests.chart_model import History, Watch, best_places, chart_rows, stays

Row = dict[str, Any]
Views = dict[str, list[Row]]
# When what stands at a place of a day was put on the list.
Place = tuple[date, int]
Stamps = dict[Place, datetime | None]

_KNOWN = ("ok", "unchanged")
_CHART = (
    *("item_type", "item_id", "uri", "url", "name", "artist", "artists", "album_id", "album_name"),
    *("album_release_date", "album_image_url", "isrc", "duration_ms", "explicit", "popularity", "streams", "added_at"),
    *("label", "reported_peak", "reported_previous", "reported_days", "source", "occurrence"),
)
_DAYS = ("previous_date", "next_date", "cadence_days")
_TRACK = (
    *("item_type", "item_id", "uri", "url", "name", "artist", "album_id", "album_name", "album_release_date"),
    *("album_image_url", "isrc", "duration_ms", "explicit", "popularity"),
)
_ALBUM = {
    "name": "album_name",
    "album_type": "album_type",
    "release_date": "album_release_date",
    "release_precision": "album_release_precision",
    "total_tracks": "album_total_tracks",
    "image_url": "album_image_url",
}


def reckoned(entries: list[Row], snapshots: list[Row], today: date) -> Views:
    """The rows of each view, in any order."""
    known = known_days(snapshots)
    told = recordings(entries, known)
    stood = standings(entries, known, told)
    credited = credits(stood)
    return {
        # Only a run that died leaves one: see test_healing.py.
        "mixed_days": [],
        "recordings": told,
        "known_days": known,
        "emptied": emptied(entries),
        "slots": slots(stood, known),
        "moments": moments(entries, emptied(entries)),
        "placed": placed(stood, known),
        "keyed": keyed(stood),
        "standings": stood,
        "moves": moves(stood, known),
        "chart": chart(stood, known),
        "runs": runs(stood, known),
        "tracks": tracks(stood, {row["uri"]: row["lake_key"] for row in told}),
        "credits": credited,
        "artists": artists(credited),
        "albums": albums(stood),
        "playlists": playlists(snapshots),
        "coverage": coverage(snapshots, today),
        "events": events(entries, stood, snapshots, today),
        **measures(stood, known, snapshots, {row["uri"]: row["lake_key"] for row in told}),
    }


def _by_first_key(stood: list[Row], any_key: list[Row]) -> list[Row]:
    """Each item of a list under the key over all lists that it came with: a URI that it gets later is no debut."""
    first: dict[Any, str] = {}
    for row, keyed_row in sorted(
        zip(stood, any_key, strict=True), key=lambda pair: (pair[0]["snapshot_date"], pair[0]["position"])
    ):
        first.setdefault((row["playlist_id"], row["track_key"]), keyed_row["track_key"])
    return [row | {"track_key": first[row["playlist_id"], row["track_key"]]} for row in stood]


def measures(stood: list[Row], known: list[Row], snapshots: list[Row], lake_keys: Mapping[str, str]) -> Views:
    any_key = [row | {"track_key": lake_keys.get(row["uri"], row["track_key"])} for row in stood]
    ranked = {
        of_day: list(dict.fromkeys(row["track_key"] for row in sorted(rows, key=itemgetter("position"))))
        for of_day, rows in by(
            (row for row in any_key if row["track_key"] is not None), "playlist_id", "snapshot_date"
        ).items()
    }
    own, of_all, lacking = histories(stood, known), histories(_by_first_key(stood, any_key), known), missing(known)
    steps = {playlist_id: cadence(playlist_id) for playlist_id in own}
    return {
        "turnover": measure_model.turnover(own, lacking, steps),
        "overlap": measure_model.overlap(known, ranked),
        "lead_lag": measure_model.lead_lag(of_all, lacking, steps),
        "reach": measure_model.reach(stood, known, snapshots, lake_keys),
        "freshness": measure_model.freshness(stood, known),
        "shares": measure_model.shares(stood),
    }


def views_in(warehouse: Any) -> Views:
    """The rows of each view as the SQL gives them."""
    return {name: warehouse.read(f"SELECT * FROM {name}") for name in VIEWS}


def define_views(scratch: Any, today: date) -> None:
    """As `open_charts` does; tests/test_engines.py has them without any table between."""
    for name in VIEWS:
        scratch.define(name, view_sql(name).replace("CURRENT_DATE", f"DATE '{today}'"))
        if name in HELD:
            scratch.narrow(name, "true", {})


def assert_equal(found: Views, wanted: Views) -> None:
    """Every column of every row of every view, in any order."""
    assert found.keys() == wanted.keys() == set(VIEWS)
    assert_equal_views(found, wanted)


def assert_equal_views(found: Views, wanted: Views) -> None:
    """The same of those that are wanted."""
    for name in wanted:
        assert in_order(found[name]) == in_order(wanted[name]), name


def in_order(rows: list[Row]) -> list[Row]:
    names = sorted(rows[0]) if rows else []
    return sorted(rows, key=lambda row: [str(row[name]) for name in names])


def by(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """The rows grouped by a column, or by several."""
    found = defaultdict(list)
    for row in rows:
        found[itemgetter(*names)(row)].append(row)
    return found


def cadence(playlist_id: str) -> int:
    return 7 if playlist_id.startswith("chart:") and playlist_id.endswith("-weekly") else 1


def plain(isrc: str) -> str:
    return isrc.replace("-", "").upper()


def recordings(entries: Iterable[Row], known: Iterable[Row]) -> list[Row]:
    """The URIs of each list whose identity is told or proven, and by what."""
    found = []
    days = by(known, "playlist_id")
    for playlist_id, rows in by(entries, "playlist_id").items():
        isrcs = own_isrcs(rows)
        found += [
            {"playlist_id": playlist_id, "uri": uri, "isrc": isrc, "track_key": isrc, "evidence": "isrc"}
            | {"joined_on": None}
            for uri, isrc in isrcs.items()
        ]
        bare = [row for row in rows if row["uri"] is not None and row["uri"] not in isrcs]
        found += [{"playlist_id": playlist_id, "isrc": None} | row for row in joined(bare, days.get(playlist_id, []))]
    # What one list holds for the same, the others do too: from URI to list and back.
    by_uri = {uri: min(row["track_key"] for row in rows) for uri, rows in by(found, "uri").items()}
    by_list = {
        key: min(by_uri[row["uri"]] for row in rows) for key, rows in by(found, "playlist_id", "track_key").items()
    }
    lake = {
        uri: min(by_list[row["playlist_id"], row["track_key"]] for row in rows)
        for uri, rows in by(found, "uri").items()
    }
    return [row | {"lake_key": lake[row["uri"]]} for row in found]


def own_isrcs(entries: Iterable[Row]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in entries:
        if row["uri"] is not None and row["isrc"] is not None:
            isrc = plain(row["isrc"])
            found[row["uri"]] = min(isrc, found.get(row["uri"], isrc))
    return found


def joined(rows: list[Row], days: list[Row]) -> list[Row]:
    """The URIs of one list that took over from each other, each with the first of them all by the alphabet."""
    groups: dict[str, set[str]] = {}
    facts: dict[str, list[tuple[str, date]]] = defaultdict(list)
    spelled: dict[tuple[str | None, str | None], str] = {}
    stood = by(rows, "snapshot_date")
    for day in days:
        old, new = stood.get(day["previous_date"], []), stood.get(day["snapshot_date"], [])
        for one, other, evidence in takeovers(old, new, day):
            ends = {one["uri"], other["uri"]}
            if artists_of(one) == artists_of(other) and one["name"] == other["name"]:
                ends.add(spelled.setdefault((artists_of(one), one["name"]), one["uri"]))
            whole = set().union(*(groups.get(uri, {uri}) for uri in ends))
            groups |= dict.fromkeys(whole, whole)
            for uri in (one["uri"], other["uri"]):
                facts[uri].append((evidence, day["snapshot_date"]))
    seen = by(rows, "snapshot_date")
    known = {day["snapshot_date"] for day in days}
    return [
        {
            "uri": uri,
            "track_key": min(group),
            "evidence": max(facts[uri])[0],
            "joined_on": min(on for _, on in facts[uri]),
        }
        for uri, group in groups.items()
        if all(len({row["uri"] for row in seen[day]} & group) < 2 for day in known & set(seen))
    ]


def takeovers(old: list[Row], new: list[Row], day: Row) -> list[tuple[Row, Row, str]]:
    """Which entry of a day stands for which of the known day before, under another URI."""
    here, there = {row["uri"] for row in old}, {row["uri"] for row in new}
    left = [row for row in last_of_each(old) if row["uri"] not in there]
    came = [row for row in last_of_each(reversed(new)) if row["uri"] not in here]
    adjacent = bool(old) and (day["snapshot_date"] - day["previous_date"]).days == day["cadence_days"]
    pairs = [(one, other, evidence_of(one, other, adjacent)) for one in left for other in came]
    found = [(one, other, evidence) for one, other, evidence in pairs if evidence]
    return [
        pair
        for pair in found
        if sum(pair[0] is one for one, _, _ in found) == 1 and sum(pair[1] is other for _, other, _ in found) == 1
    ]


def last_of_each(rows: Iterable[Row]) -> list[Row]:
    return list({row["uri"]: row for row in rows}.values())


def evidence_of(one: Row, other: Row, adjacent: bool) -> str | None:
    previous, older, newer = other["reported_previous"], one["reported_days"], other["reported_days"]
    counted = None not in (older, newer)
    if adjacent and previous == one["position"] and counted and newer == older + 1:
        return "reported"
    if (adjacent and previous not in (None, one["position"])) or (counted and newer <= older):
        return None
    called = (artists_of(one), one["name"])
    return "name" if all(called) and called == (artists_of(other), other["name"]) else None


def artists_of(row: Row) -> str:
    return ", ".join(one["name"] for one in row["artists"] if one["name"] is not None)


def known_days(snapshots: Iterable[Row]) -> list[Row]:
    found = []
    for playlist_id, rows in by(snapshots, "playlist_id").items():
        known = {row["snapshot_date"]: row for row in rows if row["status"] in _KNOWN}
        days = sorted(known)
        for number, day in enumerate(days):
            found.append(
                {
                    "playlist_id": playlist_id,
                    "snapshot_date": day,
                    "entry_count": known[day]["entry_count"],
                    "missing_places": missing_places(known[day]),
                    "day_number": number + 1,
                    "previous_date": days[number - 1] if number else None,
                    "next_date": days[number + 1] if number + 1 < len(days) else None,
                    "cadence_days": cadence(playlist_id),
                }
            )
    return found


def missing_places(row: Row) -> int:
    if row["position_quality"] != "partial":
        return 0
    return 1 if row["total"] is None else max(row["total"] - row["entry_count"], 1)


def standings(entries: Iterable[Row], known: Iterable[Row], told: Iterable[Row]) -> list[Row]:
    days = {(row["playlist_id"], row["snapshot_date"]): row for row in known}
    own = {(row["playlist_id"], row["uri"]): row["track_key"] for row in told}
    found = []
    for playlist_id, rows in by(entries, "playlist_id").items():
        seen: defaultdict[tuple[date, str], int] = defaultdict(int)
        for row in sorted(rows, key=itemgetter("snapshot_date", "position")):
            day = days.get((playlist_id, row["snapshot_date"]))
            if day is None:
                continue
            artist = artists_of(row) or None
            key = own.get((playlist_id, row["uri"])) or key_of(row, artist)
            if key is not None:
                seen[row["snapshot_date"], key] += 1
            facts = {name: day[name] for name in ("day_number", "previous_date", "next_date", "cadence_days")}
            occurrence = seen[row["snapshot_date"], key] if key is not None else 1
            found.append(row | facts | {"artist": artist, "track_key": key, "occurrence": occurrence})
    return found


def key_of(row: Row, artist: str | None) -> str | None:
    """By what an item is the same one from day to day, where no list tells more of its URI."""
    if row["isrc"] is not None:
        return plain(row["isrc"])
    called = ":".join(part for part in (row["item_type"], artist, row["name"]) if part) if row["name"] else None
    given: str | None = row["uri"] or row["item_id"] or called
    return given


def placed(stood: list[Row], known: list[Row]) -> list[Row]:
    names = ("playlist_id", "snapshot_date", "position", "day_number", *_DAYS, "track_key", "occurrence")
    days = {(row["playlist_id"], row["snapshot_date"]): row for row in slots(stood, known)}
    charted = {(row["playlist_id"], row["snapshot_date"], row["position"]): row for row in chart(stood, known)}
    told = ("days_on_list", "peak_position", "previous_position", "debut_date", "listed_before", "streak")
    moved = {(row["playlist_id"], row["snapshot_date"], row["track_key"]): row for row in moves(stood, known)}
    found = []
    for row in stood:
        place = charted[row["playlist_id"], row["snapshot_date"], row["position"]]
        move = moved.get((row["playlist_id"], row["snapshot_date"], row["track_key"]), {})
        day = days[row["playlist_id"], row["snapshot_date"]]
        facts = {name: row[name] for name in names} | {name: place[name] for name in told}
        facts |= {name: day[name] for name in ("away_number", "gone_number")}
        facts |= {
            "run_number": move.get("run_number"),
            "last_number": move.get("last_number") if row["occurrence"] == 1 else None,
            "starts": row["occurrence"] == 1 and move["starts"] if move else None,
        }
        found.append(facts)
    return found


def keyed(stood: Iterable[Row]) -> list[Row]:
    names = ("playlist_id", "snapshot_date", "position", "day_number", "track_key", "occurrence")
    return [{name: row[name] for name in names} for row in stood]


def emptied(entries: Iterable[Row]) -> list[Row]:
    names = ("playlist_id", "snapshot_date", "position", "added_at")
    gone = [row for row in entries if row["uri"] is row["item_id"] is row["isrc"] is None and not row["name"]]
    return [{name: row[name] for name in names} for row in gone]


def moments(entries: Iterable[Row], gone: Iterable[Row]) -> list[Row]:
    asked = {(row["playlist_id"], row["added_at"]) for row in gone if row["added_at"]}
    seen = Counter(
        (row["playlist_id"], row["snapshot_date"], row["added_at"])
        for row in entries
        if (row["playlist_id"], row["added_at"]) in asked
    )
    names = ("playlist_id", "snapshot_date", "added_at")
    return [dict(zip(names, one, strict=True)) | {"entries": number} for one, number in seen.items()]


def slots(stood: Iterable[Row], known: list[Row]) -> list[Row]:
    numbers = {(row["playlist_id"], row["snapshot_date"]): row["day_number"] for row in known}
    beside = {(row["playlist_id"], row["snapshot_date"]): row for row in known}
    lacking = missing(known)
    found = []
    for playlist_id, history in histories(stood, known).items():
        watch = Watch.over(history, lacking[playlist_id])
        whole = [day for day in watch.days if watch.slots[day] == 0]
        for day in watch.days:
            found.append(
                {
                    "playlist_id": playlist_id,
                    "snapshot_date": day,
                    **{name: beside[playlist_id, day][name] for name in ("day_number", *_DAYS)},
                    "empty_slots": watch.slots[day],
                    "away_number": numbers.get((playlist_id, watch.away(day))),
                    "gone_number": numbers.get((playlist_id, watch.gone(day))),
                    "whole_before": numbers.get((playlist_id, max((one for one in whole if one < day), default=None))),
                    "whole_after": numbers.get((playlist_id, min((one for one in whole if one > day), default=None))),
                }
            )
    return found


def missing(known: Iterable[Row]) -> dict[str, dict[date, int]]:
    return {
        playlist_id: {row["snapshot_date"]: row["missing_places"] for row in rows}
        for playlist_id, rows in by(known, "playlist_id").items()
    }


def moves(stood: list[Row], known: list[Row]) -> list[Row]:
    names = ("playlist_id", "track_key", "snapshot_date", "position", "peak_position", "days_on_list")
    names += ("previous_position", "debut_date", "listed_before", "streak")
    beside = {(row["playlist_id"], row["snapshot_date"]): row for row in slots(stood, known)}
    charted = [row for row in chart(stood, known) if row["track_key"] is not None and row["occurrence"] == 1]
    found = []
    for rows in by(charted, "playlist_id", "track_key").values():
        run_number, last_number = 0, None
        for row in sorted(rows, key=itemgetter("snapshot_date")):
            day = beside[row["playlist_id"], row["snapshot_date"]]
            starts = row["streak"] == 1
            run_number += starts
            facts = {name: day[name] for name in ("day_number", "away_number", "gone_number")}
            facts |= {"starts": starts, "run_number": run_number, "last_number": last_number}
            found.append({name: row[name] for name in names} | facts)
            last_number = day["day_number"]
    return found


def histories(stood: Iterable[Row], known: Iterable[Row]) -> dict[str, dict[date, list[tuple[int, str | None]]]]:
    """For each list its known days, empty ones too, with the keys that stand on them."""
    found: dict[str, dict[date, list[tuple[int, str | None]]]] = {}
    for row in known:
        found.setdefault(row["playlist_id"], {})[row["snapshot_date"]] = []
    for row in stood:
        found[row["playlist_id"]][row["snapshot_date"]].append((row["position"], row["track_key"]))
    return found


def chart(stood: list[Row], known: list[Row]) -> list[Row]:
    attributes = {(row["playlist_id"], row["snapshot_date"], row["position"]): row for row in stood}
    found = []
    lacking = missing(known)
    for playlist_id, history in histories(stood, known).items():
        for row in chart_rows(history, cadence(playlist_id), lacking[playlist_id]):
            whole = attributes[playlist_id, row["snapshot_date"], row["position"]]
            found.append(row | {"playlist_id": playlist_id} | {name: whole[name] for name in _CHART})
    return found


def runs(stood: list[Row], known: list[Row]) -> list[Row]:
    first = by((row for row in stood if row["occurrence"] == 1), "playlist_id", "track_key")
    found = []
    lacking = missing(known)
    for playlist_id, history in histories(stood, known).items():
        stayed = stays(history, cadence(playlist_id), lacking[playlist_id])
        for key, of_key in groupby(stayed, key=lambda stay: stay.key):
            for number, stay in enumerate(of_key, start=1):
                rows = [
                    row
                    for row in first[playlist_id, key]
                    if stay.entered_on <= row["snapshot_date"] <= stay.last_seen_on
                ]
                rows.sort(key=itemgetter("snapshot_date"), reverse=True)
                attributes = {name: latest(rows, name) for name in ("item_id", "uri", "url", "name", "artist")}
                row = vars(stay) | attributes | {"item_type": rows[0]["item_type"]}
                row |= {"playlist_id": playlist_id, "run_number": number, "track_key": row.pop("key")}
                found.append(row)
    return found


def latest(rows: Iterable[Row], name: str) -> Any:
    """The first value that is told; the rows begin with the newest."""
    return next((row[name] for row in rows if row[name] is not None), None)


def newest_first(rows: Iterable[Row]) -> list[Row]:
    rows = sorted(rows, key=lambda row: (row["playlist_id"], row["position"], row.get("place", 0)))
    return sorted(rows, key=itemgetter("snapshot_date", "captured_at"), reverse=True)


def seen(rows: list[Row]) -> Row:
    days = {row["snapshot_date"] for row in rows}
    return {
        "first_seen_on": min(days),
        "last_seen_on": max(days),
        "days_seen": len(days),
        "playlists": len({row["playlist_id"] for row in rows}),
        "peak_position": min(row["position"] for row in rows),
    }


def tracks(stood: Iterable[Row], told: Mapping[str, str]) -> list[Row]:
    keyed = (
        row | {"lake_key": told.get(row["uri"], row["track_key"])} for row in stood if row["track_key"] is not None
    )
    found = []
    for key, rows in by(keyed, "lake_key").items():
        rows = newest_first(rows)
        uris = {row["uri"] for row in rows} - {None}
        found.append({"track_key": key, "uris": len(uris)} | {name: latest(rows, name) for name in _TRACK} | seen(rows))
    return found


def credits(stood: Iterable[Row]) -> list[Row]:
    names = ("playlist_id", "snapshot_date", "captured_at", "position", "track_key")
    return [
        {name: row[name] for name in names}
        | {"place": place, "artist_id": one["id"], "artist_name": one["name"], "artist_key": one["id"] or one["name"]}
        for row in stood
        if row["track_key"] is not None
        for place, one in enumerate(row["artists"], start=1)
        if one["id"] or one["name"]
    ]


def artists(credited: Iterable[Row]) -> list[Row]:
    found = []
    for key, rows in by(credited, "artist_key").items():
        artist_id = latest(rows, "artist_id")
        found.append(
            {
                "artist_key": key,
                "artist_id": artist_id,
                "name": latest(newest_first(rows), "artist_name"),
                "url": artist_id and f"https://open.spotify.com/artist/{artist_id}",
                "tracks": len({row["track_key"] for row in rows}),
                "entries": len(rows),
            }
            | seen(rows)
        )
    return found


def albums(stood: Iterable[Row]) -> list[Row]:
    keyed = (row | {"album_key": row["album_id"] or row["album_name"]} for row in stood)
    found = []
    for key, rows in by((row for row in keyed if row["album_key"] is not None), "album_key").items():
        rows = newest_first(rows)
        album_id = latest(rows, "album_id")
        found.append(
            {
                "album_key": key,
                "album_id": album_id,
                "url": album_id and f"https://open.spotify.com/album/{album_id}",
                "tracks": len({row["track_key"] for row in rows} - {None}),
            }
            | {column: latest(rows, name) for column, name in _ALBUM.items()}
            | seen(rows)
        )
    return found


def playlists(snapshots: Iterable[Row]) -> list[Row]:
    found = []
    told = ("name", "description", "owner_id", "owner_name", "followers", "source")
    for playlist_id, rows in by(snapshots, "playlist_id").items():
        rows.sort(key=itemgetter("snapshot_date"), reverse=True)
        known = [row for row in rows if row["status"] in _KNOWN]
        link = f"https://open.spotify.com/playlist/{playlist_id}"
        found.append(
            {
                "playlist_id": playlist_id,
                "url": None if playlist_id.startswith("chart:") else link,
                "first_tried_on": rows[-1]["snapshot_date"],
                "last_tried_on": rows[0]["snapshot_date"],
                "last_status": rows[0]["status"],
                "last_reason": rows[0]["reason"],
                "first_date": known[-1]["snapshot_date"] if known else None,
                "last_date": known[0]["snapshot_date"] if known else None,
                "days_known": len(known),
                "days_failed": len(rows) - len(known),
                "entry_count": known[0]["entry_count"] if known else None,
            }
            | {name: latest(rows, name) for name in told}
        )
    return found


def coverage(snapshots: Iterable[Row], today: date) -> list[Row]:
    found = []
    for playlist_id, rows in by(snapshots, "playlist_id").items():
        tried = {row["snapshot_date"]: row for row in rows}
        imported = all((row["source"] or "").startswith("import:") for row in rows)
        end = max(tried) if imported else max(*tried, today - timedelta(days=1))
        step = timedelta(days=cadence(playlist_id))
        grid = {min(tried) + number * step for number in range((end - min(tried)) // step + 1)}
        for day in grid | set(tried):
            row = tried.get(day, {"status": "missed"})
            names = ("reason", "entry_count", "captured_at", "source")
            found.append(
                {"playlist_id": playlist_id, "snapshot_date": day, "status": row["status"]}
                | {name: row.get(name) for name in names}
            )
    return found


def events(entries: list[Row], stood: list[Row], snapshots: list[Row], today: date) -> list[Row]:
    known = known_days(snapshots)
    whole = {(row["playlist_id"], row["snapshot_date"], row["position"]): row for row in entries}
    names = {row["playlist_id"]: row["name"] for row in playlists(snapshots)}
    lacking, found = missing(known), []
    for playlist_id, history in histories(stood, known).items():
        rows = {row["snapshot_date"]: row for row in snapshots if row["playlist_id"] == playlist_id}
        told = [
            *item_events(history, lacking[playlist_id], _stamps(whole, playlist_id)),
            *list_events(rows, sorted(history), lacking[playlist_id]),
            *gap_events(rows, sorted(history), cadence(playlist_id), today),
        ]
        for row in told:
            item = whole.get((playlist_id, *row.pop("shown", (None, None))), {})
            days = [row["after_date"], *([row["snapshot_date"]] if row["kind"] != "gap_began" else [])]
            own = (item.get("uri") or row["item_key"]) if item else ""
            parts = [playlist_id, row["kind"], own, str(row["snapshot_date"])]
            parts += [str(row["number"])] if row["kind"] == "milestone" else []
            artists = item.get("artists", [])
            found.append(
                row
                | {name: item.get(name) for name in ("uri", "name", "isrc", "label")}
                | {
                    "playlist_id": playlist_id,
                    "playlist_name": names[playlist_id],
                    "event_id": md5(" ".join(parts).encode(), usedforsecurity=False).hexdigest(),
                    "artist_names": ", ".join(one["name"] for one in artists if one["name"]) or None,
                    "artist_ids": ", ".join(one["id"] for one in artists if one["id"]) or None,
                    "is_news": not any((rows[day]["source"] or "").startswith("import:") for day in days),
                }
            )
    return found


def event(kind: str, day: date, after: date, **facts: Any) -> Row:
    names = ("item_key", "position", "previous_position", "number", "was", "became")
    return dict.fromkeys(names) | {"kind": kind, "snapshot_date": day, "after_date": after} | facts


def _stamps(whole: Mapping[tuple[str, date, int], Row], playlist_id: str) -> Stamps:
    return {(day, place): row["added_at"] for (one, day, place), row in whole.items() if one == playlist_id}


def item_events(history: History, lacking: Mapping[date, int], stamps: Stamps) -> Iterator[Row]:
    """What each item of one list did; `shown` is the entry that shows it."""
    watch = Watch.over(history, lacking)
    places = {day: best_places(history[day]) for day in watch.days}
    for key in {key for day in watch.days for key in places[day]}:
        seen = [day for day in watch.days if key in places[day]]
        facts = [{"item_key": key, "shown": (day, places[day][key])} for day in seen]
        came_and_went = run_events(watch, lacking, watch.runs(seen), partial(is_proven, history, stamps, places, key))
        for one in itertools.chain(came_and_went, place_events(watch, history, lacking, stamps, places, key)):
            day = one["after_date"] if one["kind"] == "left" else one["snapshot_date"]
            place = "previous_position" if one["kind"] == "left" else "position"
            yield one | facts[seen.index(day)] | {place: places[day][key]}


def anothers(stamps: Stamps, places: Mapping[date, Mapping[str, int]], key: str, seen: set[date], slot: Place) -> bool:
    """Whether an empty slot is surely not that of who is seen on those days: what was put on the list at its moment
    stands there on one of them too, and who is seen was put on it at other ones."""
    own, moment = {stamps[day, places[day][key]] for day in seen}, stamps[slot]
    there = {one for (day, _), one in stamps.items() if day in seen}
    return None not in (moment, *own) and moment not in own and moment in there


def is_proven(
    history: History, stamps: Stamps, places: Mapping[date, Mapping[str, int]], key: str, seen: date, unseen: date
) -> bool:
    """Whether who is seen on one day stands in none of another's empty slots."""
    slots = [(unseen, place) for place, one in history[unseen] if one is None]
    return all(anothers(stamps, places, key, {seen}, slot) or stayed(history, stamps, seen, slot) for slot in slots)


def stayed(history: History, stamps: Stamps, seen: date, slot: Place) -> bool:
    """Whether an empty slot is the one at the same place on another day, since no moment tells them from others."""

    def is_nameless(one: Place) -> bool:
        same = [place for place, moment in stamps.items() if place[0] == one[0] and moment == stamps[one]]
        return stamps[one] is None or len(same) > 1

    earlier = (seen, slot[1])
    return (slot[1], None) in history[seen] and is_nameless(slot) and is_nameless(earlier)


def hidden_places(watch: Watch, history: History, last: date | None, day: date) -> list[Place]:
    """Which empty slots may hold an item, between two days on which it is seen, or before the first one."""
    whole = (one for one in watch.days if last and one > last and watch.slots[one] == 0)
    came, gone = watch.away(day) or date.min, next(whole, date.max) if last else date.min
    days = [one for one in watch.days if (last or date.min) < one < day and (one > came or one < gone)]
    return [(one, place) for one in days for place, key in history[one] if key is None]


def run_events(
    watch: Watch, lacking: Mapping[date, int], runs: list[list[date]], proven: Callable[[date, date], bool]
) -> Iterator[Row]:
    """Where an item came and went."""

    def sure(day: date, unseen: date | None) -> bool:
        """Whether who is seen on the one day was surely not there on the other one."""
        return unseen is not None and (watch.slots[unseen] == 0 or not (lacking[day] or lacking[unseen]))

    whole = [day for day in watch.days if watch.slots[day] == 0]
    left, last = None, date.min
    for run, following in zip(runs, [*runs[1:], [date.max]], strict=True):
        came = watch.away(run[0])
        came = max(left, came or left) if left else came
        if came and not proven(run[0], came):
            came = max((day for day in whole if last < day < run[0]), default=None)
        if sure(run[0], came):
            yield event("re-entered" if left else "entered", run[0], came)
        last = run[-1]
        gone = left = watch.gone(last)
        if gone and not proven(last, gone):
            gone = min((day for day in whole if last < day < following[0]), default=None)
        if sure(last, gone):
            yield event("left", gone, last)


def place_events(
    watch: Watch,
    history: History,
    lacking: Mapping[date, int],
    stamps: Stamps,
    places: Mapping[date, Mapping[str, int]],
    key: str,
) -> Iterator[Row]:
    """What an item's places tell."""
    count, peak, last = 0, None, None
    hidden: list[int] = []
    for before, day in zip([None, *watch.days], watch.days, strict=False):
        if key not in places[day]:
            continue
        slots = hidden_places(watch, history, last, day)
        beside = {last, day} if last else {day}
        hidden += [slot[1] for slot in slots if not anothers(stamps, places, key, beside, slot)]
        last = day
        old, new = places[before].get(key) if before else None, places[day][key]
        count, past, peak = count + 1, peak, min(new, peak or new)
        if before is None:
            continue
        first = dict(history[before]).get(1)
        nobody = not history[before] and not lacking[before]
        told = {
            "moved": old and old != new and old - new,
            "new_peak": past and new < min([past, *hidden]) and new,
            "milestone": count in (7, 30, 100, 365) and count,
            "number_one": new == 1 and old != 1 and (old or first not in (None, key) or nobody) and 1,
        }
        yield from (event(kind, day, before, number=it, previous_position=old) for kind, it in told.items() if it)


def list_events(rows: Mapping[date, Row], days: list[date], lacking: Mapping[date, int]) -> Iterator[Row]:
    for kind, fact in (("list_renamed", "name"), ("description_changed", "description"), ("owner_changed", "owner_id")):
        telling = [day for day in days if rows[day][fact] is not None]
        for old, new in pairwise(telling):
            if rows[old][fact] != rows[new][fact]:
                was, became = (
                    (rows[day]["owner_name"] or rows[day][fact]) if fact == "owner_id" else rows[day][fact]
                    for day in (old, new)
                )
                yield event(kind, new, old, was=was, became=became)
    for old, new in pairwise(day for day in days if rows[day]["followers"] is not None):
        was, became = rows[old]["followers"], rows[new]["followers"]
        if was != became:
            yield event("followers_jump", new, old, number=became - was, was=str(was), became=str(became))
    for old, new in pairwise(days):
        if rows[old]["entry_count"] and not rows[new]["entry_count"] and not lacking[new]:
            yield event("list_emptied", new, old)


def gap_events(rows: Mapping[date, Row], days: list[date], step: int, today: date) -> Iterator[Row]:
    for old, new in pairwise(days):
        lost = (new - old).days // step - 1
        if lost > 0:
            yield event("gap_began", old + timedelta(days=step), old, number=lost)
            yield event("gap_ended", new, old, number=lost)
    imported = all((row["source"] or "").startswith("import:") for row in rows.values())
    lost = ((today - days[-1]).days - 1) // step
    if lost > 0 and not imported:
        yield event("gap_began", days[-1] + timedelta(days=step), days[-1], number=lost)


# Invented tables.

LISTS = ("1111111111111111111111", "2222222222222222222222", "chart:viral-de-daily", "chart:regional-de-weekly")
_TEXTS = ("name", "description", "owner_id", "owner_name")
_ALBUMS: tuple[Row, ...] = (
    {},
    {"album_name": "Hits"},
    {"album_id": "al3"},
    {"album_id": "al1", "album_name": "Hits", "album_type": "album", "album_total_tracks": 12},
    {"album_id": "al1", "album_image_url": "https://i.scdn.co/image/1", "album_release_date": "1998-03"},
    {"album_id": "al2", "album_name": "Hits", "album_release_date": "2019", "album_release_precision": "year"},
    {"album_id": "al4", "album_release_date": "2025-12-19", "album_release_precision": "day"},
    {"album_id": "al5", "album_release_date": "2025-06-27"},
    {"album_id": "al6", "album_release_date": "2025-02-29", "album_release_precision": "day"},
)
_ARTISTS: tuple[list[Row], ...] = (
    [],
    [{"id": "ar1", "name": "Ada"}],
    [{"id": None, "name": "Ada, Bob"}],
    [{"id": "ar2", "name": "Bob"}, {"id": "ar1", "name": "Ada the Second"}],
    [{"id": "ar3", "name": None}],
    [{"id": None, "name": None}],
)


def invented(random: Random, days: int = 12, longest: int = 5, songs: int = 5) -> tuple[list[Row], list[Row]]:
    """Rows of `entries` and `snapshots` of up to four lists: gaps, failures, empty days, repeats, relinked songs, and
    values that come and go; on both sides of a year's end."""
    entries: list[Row] = []
    snapshots: list[Row] = []
    for playlist_id in random.sample(LISTS, random.randint(1, len(LISTS))):
        imported = playlist_id.startswith("chart:") or random.random() < 0.2
        start = date(2025, 12, 25) + timedelta(days=random.randint(0, 6))
        for number in sorted(random.sample(range(days), random.randint(1, days))):
            # Now and then a week stands under another day than the others.
            off = 3 if cadence(playlist_id) == 7 and random.random() < 0.2 else 0
            day = start + timedelta(days=number * cadence(playlist_id) + off)
            moment = datetime(day.year, day.month, day.day, random.choice((0, 6)), tzinfo=UTC)
            source = "import:kaggle-top50:a.csv" if imported and random.random() < 0.9 else "spotify"
            failed = source == "spotify" and random.random() < 0.2
            rows = [] if failed else [_entry(random, songs) for _ in range(random.randint(0, longest))]
            common = {"playlist_id": playlist_id, "snapshot_date": day, "captured_at": moment}
            entries += [
                dict.fromkeys(ENTRIES) | common | {"position": place, "capture_id": "c" * 16, "source": source} | row
                for place, row in enumerate(rows, start=1)
            ]
            told = {name: random.choice((None, f"Old {name}", f"New {name}")) for name in _TEXTS}
            told |= {"followers": random.choice((None, 7, 8)), "entry_count": len(rows)}
            told |= {"source": source, "status": random.choice(_KNOWN)}
            if imported and random.random() < 0.1:
                told |= {"position_quality": "partial", "total": random.choice((None, len(rows) + 2))}
            failure = {"status": "unavailable", "reason": random.choice((None, "Spotify answered 503."))}
            snapshots.append(empty_row(playlist_id, day, moment) | (failure if failed else told))
    return entries, snapshots


def _entry(random: Random, songs: int) -> Row:
    if random.random() < 0.1:
        return {"item_type": "unavailable", "artists": [], "is_local": False}
    song, edition = random.randrange(songs), random.randrange(3)
    item_id = random.choice((None, f"{song}-{edition}"))
    return {
        "item_type": random.choice(("track", "track", "episode")),
        "item_id": item_id,
        "uri": random.choice((None, *[f"spotify:track:{song}-{edition}"] * 4)),
        "name": random.choice((None, "", *[f"Song {song}"] * 6, f"Song {song} (edition {edition})")),
        "url": item_id and f"https://open.spotify.com/track/{item_id}",
        "artists": random.choice((*_ARTISTS, *[_ARTISTS[1 + song % 3]] * 12)),
        # Of half the songs nobody tells it.
        "isrc": random.choice((None, None, f"GBAAA260000{song}", f"gb-aaa-26-0000{song}", f"GBAAA2600{edition}9{song}"))
        if song % 2
        else None,
        "duration_ms": random.choice((None, 180_000 + song)),
        "explicit": random.choice((None, False, True)),
        "popularity": random.choice((None, random.randrange(100))),
        "streams": random.choice((None, random.randrange(10**10))),
        "label": random.choice((None, "Label")),
        "reported_peak": random.choice((None, 1)),
        "reported_previous": random.choice((None, random.randrange(4))),
        "reported_days": random.choice((None, random.randrange(3))),
        "disc_number": random.choice((None, 1)),
        "track_number": random.choice((None, 12)),
        "is_playable": random.choice((None, False)),
        "added_by": random.choice((None, "listener")),
        "show_id": random.choice((None, "show")),
        "show_name": random.choice((None, "Show")),
        "is_local": False,
        "added_at": random.choice((None, datetime(2025, 3, 1, 7, random.randrange(3), 0, 123456, tzinfo=UTC))),
    } | random.choice(_ALBUMS)
