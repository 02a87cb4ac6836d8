"""Answers that were recorded from the real Spotify, served again from a folder of JSON files."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hashing import base62, number

_ID_IN_HREF = re.compile(r"/playlists/([0-9A-Za-z]{22})")
_WRAPPERS = ("tracks", "items")

Json = dict[str, Any]


@dataclass(frozen=True)
class RecordedList:
    """One recorded playlist: the object for `GET /playlists/{id}` and the page of entries that it holds."""

    id: str
    file: Path
    body: Json
    page: Json

    @property
    def name(self) -> str:
        """Its name, or that of its file."""
        return str(self.body.get("name") or self.file.name)

    @property
    def start(self) -> int:
        """The offset of the first recorded entry."""
        return int(self.page.get("offset") or 0)

    @property
    def entries(self) -> list[Any]:
        """The recorded entries, as recorded."""
        entries: list[Any] = self.page["items"]
        return entries

    @property
    def total(self) -> int:
        """How many entries the playlist had; where the recording does not say, as many as it holds."""
        total = self.page.get("total")
        return total if isinstance(total, int) else self.start + len(self.entries)


@dataclass(frozen=True)
class Folder:
    """What a folder holds: playlists by id, and a sentence about each file that is not served."""

    lists: dict[str, RecordedList]
    remarks: tuple[str, ...]


def read_folder(folder: Path) -> Folder:
    """Read every .json and .json.gz of a folder; of several files with one playlist, the last by name is served."""
    lists: dict[str, RecordedList] = {}
    remarks: list[str] = []
    for file in _files(folder):
        try:
            found = _read(file)
        except (OSError, EOFError, ValueError) as error:
            remarks.append(f"{file.name}: not served, {error}")
            continue
        if earlier := lists.get(found.id):
            remarks.append(f"{earlier.file.name}: not served, {file.name} is the same playlist and newer by name")
        lists[found.id] = found
    return Folder(lists, tuple(remarks))


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        if file.name.endswith((".json", ".json.gz")):
            yield file


def _read(file: Path) -> RecordedList:
    raw = file.read_bytes()
    data = json.loads(gzip.decompress(raw) if file.name.endswith(".gz") else raw)
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        raise ValueError("neither a playlist nor a page of one")
    for wrapper in _WRAPPERS:
        inner = data.get(wrapper)
        if isinstance(inner, dict) and isinstance(inner.get("items"), list):
            return RecordedList(_identify(data.get("id"), data, file), file, data, inner)
    if isinstance(data.get("items"), list) and all(map(_is_entry, data["items"])):
        playlist_id = _identify(None, data, file)
        return RecordedList(playlist_id, file, _around(playlist_id, data, file), data)
    raise ValueError("neither a playlist nor a page of one")


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and ("track" in value or "item" in value)


def _identify(own: object, data: Json, file: Path) -> str:
    if isinstance(own, str) and re.fullmatch("[0-9A-Za-z]{22}", own):
        return own
    in_href = _ID_IN_HREF.search(str(data.get("href")))
    return in_href[1] if in_href else base62("recorded", file.name)


def _around(playlist_id: str, page: Json, file: Path) -> Json:
    """Make the playlist object that a lone page was recorded without."""
    only_items = all("item" in entry and "track" not in entry for entry in page["items"]) and page["items"]
    return {
        "collaborative": False,
        "description": "The playlist around a recorded page (simulated)",
        "external_urls": {"spotify": f"https://open.spotify.com/playlist/{playlist_id}"},
        "href": f"https://api.spotify.com/v1/playlists/{playlist_id}",
        "id": playlist_id,
        "images": [],
        "name": f"{file.name} (recorded page)",
        "owner": {"display_name": "Recorded (simulated)", "id": "recorded", "type": "user"},
        "public": True,
        "snapshot_id": f"{number(json.dumps(page, sort_keys=True)):032x}",
        "type": "playlist",
        "uri": f"spotify:playlist:{playlist_id}",
        "items" if only_items else "tracks": page,
    }
