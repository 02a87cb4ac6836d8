"""JSON files of history: read as a whole, told apart by their shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from ..errors import BadImport
from ..spotify.entries import Json
from .day import Day, Problems, refused
from .naming import Named

_REPR = re.compile(r"\s*[\[{(]+\s*'")
_ADDRESS = re.compile(r"https?://open\.spotify\.com/([a-z]{1,20})/([0-9A-Za-z._%-]{1,100})", re.ASCII)


def parsed(file: str, text: str) -> Json:
    """Raises `BadImport` for everything that is no JSON, or is nested too deeply to be a list of tracks."""
    text = text.lstrip("\ufeff")
    try:
        return json.loads(text)
    except RecursionError:
        raise refused(file, "its JSON is nested too deeply to be history", "Nothing in it can be imported.") from None
    except json.JSONDecodeError as error:
        if _REPR.match(text):
            raise refused(
                file,
                "it is what Python prints, not JSON: names stand in single quotes",
                "Write it again with json.dump, or read it with ast.literal_eval and save that as JSON.",
            ) from None
        raise BadImport(
            file,
            [(error.lineno, f"it is no JSON: {error.msg} (column {error.colno})")],
            advice="The file is damaged or was cut off; fetch it again.",
        ) from None
    except ValueError as error:
        raise refused(file, f"it is no JSON: {error}", "The file is damaged; fetch it again.") from None


def address(url: Json) -> tuple[str, str] | None:
    """Kind and id in a link to Spotify, such as ("track", "7so0…"); None for anything else."""
    found = _ADDRESS.fullmatch(url) if isinstance(url, str) else None
    return (found[1], found[2]) if found else None


def id_in(url: Json) -> str | None:
    found = address(url)
    return found[1] if found else None


def linked(thing: Json) -> Json:
    """An artist, an album or an owner that is known by name and link, as Spotify would have it: with its id."""
    if not isinstance(thing, Mapping):
        return None
    return {"id": id_in(thing.get("url"))} | dict(thing)


def listed(things: Json, what: str) -> list[Json]:
    """Raises `ValueError` where this is no list."""
    if not isinstance(things, list):
        raise ValueError(f"{what} is no list")
    return things


def entries_of(
    tracks: Iterable[Json], entry_of: Callable[[Json], Json], problems: Problems
) -> Iterator[tuple[int, Json]]:
    """(position, entry as Spotify has it) of each track; a track that cannot be understood becomes a problem."""
    for position, track in enumerate(tracks, start=1):
        try:
            yield position, entry_of(track)
        except ValueError as error:
            problems.add(0, f"track {position}: {error}", json.dumps(track)[:1000])


def track_entry(track: Json, added_at: Json = None) -> Json:
    """An entry as Spotify has it, from a track that is known by its link. Raises `ValueError` with the reason."""
    if not isinstance(track, Mapping):
        raise ValueError("it is no object")
    kind_and_id = address(track.get("url"))
    if kind_and_id is None or not re.fullmatch(r"[0-9A-Za-z]{22}", kind_and_id[1]):
        raise ValueError("it has no link to Spotify under 'url'")
    kind, item_id = kind_and_id
    return {
        "added_at": added_at,
        "track": {
            "type": kind,
            "id": item_id,
            "uri": f"spotify:{kind}:{item_id}",
            "external_urls": {"spotify": track["url"]},
            "name": track.get("name"),
            "artists": [linked(one) for one in listed(track.get("artists", []), "'artists'")],
            "album": linked(track.get("album")),
            "duration_ms": track.get("duration_ms"),
            "popularity": track.get("popularity"),
        },
    }


def single_day(
    named: Named,
    playlist_id: str,
    format: str,
    facts: dict[str, Json],
    quality: str,
    rows: list[dict[str, Json]],
    length: int,
) -> Day:
    """The day of a file that is one state of one playlist, in which the list has `length` entries."""
    day = Day(playlist_id, named.single_day(), format, facts, quality, rows, named.moment())
    return replace(day, lengths=(length,) if length else (), skipped=length - len(rows))
