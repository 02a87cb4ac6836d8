"""What `chartlake export` wrote, as CSV, as JSON or as lines of JSON, taken back.

A CSV file has the columns of the table `entries`; a text that a spreadsheet would take for a formula has an apostrophe
before it, and an empty field is null. A line of JSON is an entry with the same columns. A JSON document is one day with
its commit, so it knows more of the playlist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ...spotify.entries import Json, Row
from ...text import cell_text
from ..day import EMPTY_ROW, NO_FACTS, PARTIAL, Day, Places, Problems, iso_date, refused, shown, whole_number
from ..naming import Named
from ..table import JSON_LINES, Key, Layout, Table

REQUIRED = frozenset({"snapshot_date", "playlist_id", "position", "item_type", "captured_at", "capture_id", "source"})
FORMAT, DOCUMENT = "chartlake-export", "chartlake-export-1"
_LIST = re.compile(r"[0-9A-Za-z]{22}|(?:chart|file):[a-z0-9-]{1,80}|liked:[^/\s]{1,100}")
_NUMBERS = {
    **dict.fromkeys(
        ("position", "total", "album_total_tracks", "popularity", "disc_number", "track_number"), 2**31 - 1
    ),
    **dict.fromkeys(("reported_peak", "reported_previous", "reported_days"), 2**31 - 1),
    **dict.fromkeys(("duration_ms", "streams", "followers"), 2**63 - 1),
}
_TRUTHS = ("explicit", "is_local", "is_playable", "public", "collaborative")
_NEVER_NULL = ("position", "item_type", "artists", "is_local")
# What each row tells of its capture; the day keeps it.
_CAPTURE = ("captured_at", "capture_id", "source")


def table(header: list[str], layout: Layout) -> Table:
    record = _Record(header)
    return Table(FORMAT, layout, record, record.key_of, finish=finished)


def is_lines(head: str) -> bool:
    """Whether the first line is an entry."""
    try:
        first = json.loads(head.lstrip("\ufeff").split("\n", 1)[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, Mapping) and first.keys() >= REQUIRED


def lines() -> Table:
    """The table of a file that `is_lines`."""
    return Table(FORMAT, JSON_LINES, _line, _key_of_line, finish=finished)


def _line(fields: list[str]) -> tuple[Key, Row]:
    return keyed(_object(fields))


def _key_of_line(fields: list[str]) -> Key:
    return key_of(_object(fields))


def _object(fields: list[str]) -> Mapping[str, Json]:
    try:
        values = json.loads(fields[0])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not isinstance(values, Mapping):
        raise ValueError("it is no object")
    return values


def is_this(body: Mapping[str, Json]) -> bool:
    return body.get("format") == DOCUMENT


def read(body: Mapping[str, Json], named: Named, problems: Problems) -> list[Day]:
    playlist, entries = body.get("playlist"), body.get("entries")
    if not isinstance(playlist, Mapping) or not isinstance(entries, list):
        raise refused(named.file, "it lacks 'playlist' or 'entries'", "Export the day again.")
    try:
        key = key_of(playlist)
        facts = {name: _value(name, playlist.get(name)) for name in NO_FACTS}
        told = _completeness(playlist)
    except ValueError as error:
        raise refused(named.file, f"its 'playlist': {error}", "Export the day again.") from None
    rows: Places[Row] = Places()
    for number, entry in enumerate(entries, start=1):
        try:
            row = _row_of(entry, key)
            rows.add(row["position"], row)
        except ValueError as error:
            rows.skipped += 1
            problems.add(0, f"entry {number}: {error}", json.dumps(entry)[:1000])
    if not problems.found and playlist.get("entry_count") not in (None, len(entries)):
        counts = f"its 'playlist' tells of {playlist['entry_count']} entries, and {len(entries)} are there"
        raise refused(named.file, counts, "It was cut or edited: export the day again.")
    quality = playlist.get("position_quality")
    day = finished(Day(*key, FORMAT, facts, None, rows.in_order(), skipped=rows.skipped))
    return [replace(day, position_quality=quality if quality in ("exact", "approx") else None, **told)]


def _completeness(playlist: Mapping[str, Json]) -> dict[str, Any]:
    """What the exported day knew of its missing places, in the words of a `Day`."""
    total, reason = _value("total", playlist.get("total")), _value("reason", playlist.get("reason"))
    is_partial = playlist.get("position_quality") == PARTIAL
    return {
        "lengths": (total,) if total else (),
        "reason": reason if is_partial else None,
        "cut": reason if is_partial else None,
    }


def _row_of(entry: Json, key: Key) -> Row:
    if not isinstance(entry, Mapping):
        raise ValueError("it is no object")
    if key_of(entry) != key:
        raise ValueError("it belongs to another list or day")
    return _row(entry)


class _Record:
    """One record of the CSV file to its day and row."""

    def __init__(self, header: list[str]) -> None:
        self._header = header

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        cells = zip(self._header, fields, strict=False)
        values = {name: from_cell(name, text) for name, text in cells if text}
        return keyed(values)

    def key_of(self, fields: list[str]) -> Key:
        return key_of(dict(zip(self._header, fields, strict=False)))


def from_cell(name: str, text: str) -> Json:
    """A column's value from the cell that `chartlake export` made of it. Raises `ValueError` with the reason."""
    if name in _NUMBERS:
        return whole_number(text, name, _NUMBERS[name])
    if name in _TRUTHS:
        return {"true": True, "false": False}.get(text.lower(), text)
    if name != "artists":
        return cell_text(text)
    try:
        return json.loads(cell_text(text))
    except (ValueError, RecursionError):
        raise ValueError(f"artists is {shown(text)}, not JSON") from None


def finished(day: Day) -> Day:
    """The day with what its rows tell of their capture; how exact its positions were, a CSV file does not tell."""
    moments = [row["captured_at"] for row in day.rows]
    simulated = any(row["source"] == "simulator" for row in day.rows)
    return replace(
        day,
        rows=[{name: value for name, value in row.items() if name not in _CAPTURE} for row in day.rows],
        moment=max(moments, default=None),
        position_quality=None,
        simulated=simulated,
        copy_of=frozenset(row["capture_id"] for row in day.rows),
    )


def keyed(values: Mapping[str, Json]) -> tuple[Key, Row]:
    """An entry by the names of its columns to its list and day, and its row. Raises `ValueError` with the reason."""
    return key_of(values), _row(values)


def key_of(values: Mapping[str, Json]) -> Key:
    """The list and day of an entry. Raises `ValueError` with the reason."""
    playlist_id, day = (_text(name, values.get(name)) for name in ("playlist_id", "snapshot_date"))
    if not _LIST.fullmatch(playlist_id):
        raise ValueError(f"playlist_id is {shown(playlist_id)}, no id of a list")
    return playlist_id, iso_date(day)


def _row(values: Mapping[str, Json]) -> Row:
    row = {name: _value(name, values.get(name)) for name in EMPTY_ROW}
    if row["position"] < 1:
        raise ValueError("position is 0; the first place is 1")
    added_at = None if row["added_at"] is None else _moment("added_at", row["added_at"]).isoformat()
    captured_at = _moment("captured_at", values.get("captured_at"))
    capture = {name: _text(name, values.get(name)) for name in ("capture_id", "source")}
    return row | {"added_at": added_at, "captured_at": captured_at} | capture


def _value(name: str, value: Json) -> Json:
    """A column's value, if it is of the column's kind. Raises `ValueError` with the reason."""
    if value is None:
        if name in _NEVER_NULL:
            raise ValueError(f"{name} is missing")
        return None
    if name == "artists":
        return _artists(value)
    if name in _TRUTHS:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {shown(str(value))}, neither true nor false")
        return value
    if name in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{name} is {shown(str(value))}, no number")
        return whole_number(str(value), name, _NUMBERS[name])
    return _text(name, value)


def _text(name: str, value: Json) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {'missing' if value is None else shown(str(value)) + ', no text'}")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{name} is {value[:60]!a}, no text that a file can hold")
    return value


def _artists(value: Json) -> list[Row]:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and set(one) == {"id", "name"} for one in value):
        raise ValueError(f"artists is {shown(str(value))}, no list of ids and names")
    return [{name: _value(name, one[name]) for name in ("id", "name")} for one in value]


def _moment(name: str, value: Json) -> datetime:
    text = _text(name, value)
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is {shown(text)}, no moment such as 2026-11-23T06:00:00Z") from None
