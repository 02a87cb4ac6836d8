"""What was purged and must not come back: the lake's memory of it, for replay and import."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import unquote

from ..errors import DamagedFile
from ..spotify.capture import Capture
from ..spotify.entries import Row
from . import keys
from .lake import Lake

_USER_ADDRESS = re.compile(r"\b(?:spotify:user:|/users?/)([^\s\"'\\/:?#<>&]+)")


@dataclass(frozen=True)
class Tombstones:
    """Each tells the first day that is not purged: of playlists by id, of users by the digest of their id (the id
    itself would be what they asked to be forgotten), and of all raw documents."""

    playlists: dict[str, date] = field(default_factory=dict)
    users: dict[str, date] = field(default_factory=dict)
    raw: date = date.min

    def covers(self, playlist_id: str, day: date) -> bool:
        """Whether that day of that playlist was purged."""
        return day < self.playlists.get(playlist_id, date.min)

    def covers_raw(self, playlist_id: str, day: date) -> bool:
        """Whether that day's raw documents were purged, whatever is in them."""
        return day < self.raw or self.covers(playlist_id, day)

    def covers_user(self, user_id: str | None, day: date) -> bool:
        """Whether that user may not be named on that day."""
        return bool(self.users and user_id) and day < self.users.get(digest_of(user_id or ""), date.min)

    def covers_capture(self, capture: Capture, day: date) -> bool:
        """Whether a raw document of that day is to go because it names a purged user."""
        return bool(self.users) and any(self.covers_user(user_id, day) for user_id in users_of(capture))

    def entry_without_users(self, row: Row, day: date) -> Row:
        """An entry's row that does not name a purged user."""
        return row | {"added_by": None} if self.covers_user(row.get("added_by"), day) else row

    def facts_without_users(self, facts: Row, day: date) -> Row:
        """A playlist's facts that do not name a purged user."""
        named = self.covers_user(facts.get("owner_id"), day)
        return facts | {"owner_id": None, "owner_name": None} if named else facts


def read_tombstones(lake: Lake) -> Tombstones:
    """Raises `DamagedFile` where they cannot be understood: going on would bring back what was purged."""
    try:
        state = lake.read_state(keys.PURGED)
        playlists = {one: date.fromisoformat(day) for one, day in state.get("playlists", {}).items()}
        users = {one: date.fromisoformat(day) for one, day in state.get("users", {}).items()}
        return Tombstones(playlists, users, date.fromisoformat(state["raw"]) if "raw" in state else date.min)
    except (AttributeError, DamagedFile, TypeError, ValueError) as error:
        raise DamagedFile(
            f"{lake.store.locate(keys.PURGED)} is not understood: {error}.",
            advice="Restore the file, or delete it and purge again what must not come back.",
        ) from error


def bury(lake: Lake, before: date, *, playlist_id: str | None = None, user_id: str | None = None) -> None:
    """Remember a purge of the days before `before`: of a playlist, of a user, or (neither) of all raw documents.

    Raises `DamagedFile` where the earlier ones cannot be understood.
    """
    read_tombstones(lake)

    def later(state: dict[str, Any]) -> dict[str, Any]:
        if playlist_id is None and user_id is None:
            return state | {"raw": max(state.get("raw", ""), before.isoformat())}
        kind, name = ("playlists", playlist_id) if playlist_id is not None else ("users", digest_of(user_id or ""))
        held = state.get(kind, {})
        return state | {kind: held | {name: max(held.get(name, ""), before.isoformat())}}

    lake.update_state(keys.PURGED, later)


def digest_of(user_id: str) -> str:
    return hashlib.sha256(user_id.encode()).hexdigest()


def users_of(capture: Capture) -> set[str]:
    """The ids of all users that the answers of a capture name: owners, adders, and links to users in any text."""
    found: set[str] = set()
    for answer in capture.answers:
        try:
            found.update(_users_in(answer.json()))
        except (ValueError, RecursionError):
            found.update(map(unquote, _USER_ADDRESS.findall(answer.body.decode("utf-8", "replace"))))
    return found


def _users_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from map(unquote, _USER_ADDRESS.findall(value))
    elif isinstance(value, list):
        for one in value:
            yield from _users_in(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("owner", "added_by") and isinstance(one, dict) and isinstance(one.get("id"), str):
                yield one["id"]
            yield from _users_in(one)
