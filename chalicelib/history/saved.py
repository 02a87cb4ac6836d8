"""What saved playlists have in common: whose list it is, which day it was, and what their cells mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from urllib.parse import unquote_plus

from ..spotify.entries import Json, Row, playlist_facts
from .day import Day, refused, rows_of_entries, shown, whole_number
from .naming import Named
from .table import Key, Layout, Table

# Of a list in a table or a text nobody sees that its end is missing.
UNKNOWN_END = "The file does not tell how many entries the list has: whether these are all of them is not known."

_ITEM = re.compile(
    r"(?:spotify:|(?:https?://)?open\.spotify\.com/(?:intl-[a-z-]{2,7}/)?)(track|episode)[:/]([0-9A-Za-z]{22})(?:\?\S*)?"
)
_BARE = re.compile(r"[0-9A-Za-z]{22}")
_LOCAL = "spotify:local:"
_TRUTH = {"true": True, "yes": True, "false": False, "no": False, "": None}


def is_item(text: str) -> bool:
    """Whether this is the link or URI of a track or an episode, or the URI of a local file."""
    return address_of(text) is not None or text.startswith(_LOCAL)


def address_of(text: str) -> tuple[str, str] | None:
    """The kind (`track` or `episode`) and the id in a link or URI; None for any other text."""
    found = _ITEM.fullmatch(text)
    return (found[1], found[2]) if found else None


def item_of(address: str) -> dict[str, Json]:
    """The identity of an item as Spotify has it, from its link, URI or bare id; of no address only that it is a track.
    Raises `ValueError` with the reason."""
    if not address:
        return {"type": "track"}
    if address.startswith(_LOCAL):
        artist, album, name = ([*map(unquote_plus, address.removeprefix(_LOCAL).split(":")), "", "", ""])[:3]
        artists = [{"name": artist}] if artist else []
        return {"uri": address, "is_local": True, "name": name, "artists": artists, "album": told(name=album)}
    found = address_of(address)
    if not found and not _BARE.fullmatch(address):
        raise ValueError(f"{shown(address)} is no URI or link of a track")
    kind, item_id = found or ("track", address)
    url = f"https://open.spotify.com/{kind}/{item_id}"
    return {"type": kind, "id": item_id, "uri": f"spotify:{kind}:{item_id}", "external_urls": {"spotify": url}}


def told(**facts: Json) -> dict[str, Json]:
    """What is told; a text of nothing tells nothing."""
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def added(text: str | None) -> str | None:
    """The instant at which an entry was added; of a day alone its beginning (UTC)."""
    return f"{text}T00:00:00Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text or "") else text


class Cells:
    """A record's fields by what they mean; a column that the file lacks is empty."""

    def __init__(self, header: list[str], columns: Mapping[str, Sequence[str]]) -> None:
        names = {meaning: next((one for one in known if one in header), None) for meaning, known in columns.items()}
        self._places = {meaning: header.index(name) for meaning, name in names.items() if name is not None}

    def __call__(self, fields: list[str]) -> dict[str, str]:
        return {meaning: fields[place].strip() for meaning, place in self._places.items()}


def cells_row(cells: Mapping[str, str], artists: Sequence[tuple[str | None, str]], position: int = 1) -> Row:
    """The row of an entry whose cells are known by what they mean. Raises `ValueError` for one that cannot be true."""
    cell = cells.get
    album = told(
        id=uri_id(cell("album_uri", ""), "album"),
        name=cell("album"),
        release_date=cell("released"),
        images=[{"url": cells["image"]}] if cell("image") else None,
    )
    item = item_of(cell("uri", ""))
    # A local file's own URI names its title and artist as well; a column says them better.
    item |= told(
        name=cell("name"),
        artists=[{"id": id_, "name": name} for id_, name in artists if name],
        external_ids=told(isrc=cell("isrc")),
        duration_ms=_number(cells, "duration_ms", 2**63 - 1),
        popularity=_number(cells, "popularity", 100),
        disc_number=_number(cells, "disc_number"),
        track_number=_number(cells, "track_number"),
        explicit=_truth(cells, "explicit"),
        is_playable=_truth(cells, "is_playable"),
    )
    item["album"] = item.get("album", {}) | album
    added_by = {"id": cell("added_by", "").removeprefix("spotify:user:")}
    entry = {"added_at": added(cell("added_at")), "added_by": added_by, "track": item}
    row = next(rows_of_entries([(position, entry)]))
    return row | {"streams": _number(cells, "streams", 2**63 - 1), "label": cell("label") or None}


def _number(cells: Mapping[str, str], meaning: str, largest: int = 2**31 - 1) -> int | None:
    text = cells.get(meaning)
    return whole_number(text, meaning, largest) if text else None


def _truth(cells: Mapping[str, str], meaning: str) -> bool | None:
    text = cells.get(meaning, "").lower()
    if text not in _TRUTH:
        raise ValueError(f"{meaning} is {shown(text)}, neither true nor false")
    return _TRUTH[text]


def uri_id(text: str, kind: str) -> str | None:
    """The id in the URI of an album or an artist; None for any other text."""
    found = re.fullmatch(rf"spotify:{kind}:([0-9A-Za-z]{{22}})", text)
    return found[1] if found else None


def one_list(
    format_: str,
    layout: Layout,
    named: Named,
    row_of: Callable[[list[str]], Row],
    *,
    in_order: bool = True,
) -> Table:
    """The table of a file that is one state of one playlist, which only its name or the caller tells.
    Raises `BadImport` where neither does."""
    key = named.playlist_and_day()
    name = named.list.name if named.list else None

    def parse(fields: list[str]) -> tuple[Key, Row]:
        return key, row_of(fields)

    def finish(day: Day) -> Day:
        return finished(replace(day, facts=playlist_facts({"name": name}), moment=named.moment()), named.file)

    return Table(format_, layout, parse, lambda fields: key, in_order=in_order, finish=finish)


def finished(day: Day, file: str) -> Day:
    """The day with what can be known of its order and its end: such files leave out what was empty or not matched."""
    return refuse_later(replace(day, position_quality="approx", reason=UNKNOWN_END), file)


def refuse_later(day: Day, file: str) -> Day:
    """The day, which is refused where it holds an entry that was added after it: then it is not that day's."""
    # A day more, since the file's time zone is not known.
    end = datetime.combine(day.snapshot_date + timedelta(days=2), time.min, UTC)
    newest = max((row["added_at"] for row in day.rows if row["added_at"]), default=None)
    if newest and datetime.fromisoformat(newest) >= end:
        raise refused(
            file,
            f"an entry was added on {newest[:10]}, so this is not the list as it was on {day.snapshot_date}",
            "Give the day on which the file was made, with --date YYYY-MM-DD.",
        )
    return day
