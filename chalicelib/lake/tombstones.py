"""What was purged and must not come back: the lake's memory of it, for replay and import."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..errors import DamagedFile
from . import keys
from .lake import Lake
from .tables import Row

# A user's Liked Songs: the rest is the user's id.
_OF_A_USER = "liked:"


@dataclass(frozen=True)
class Tombstones:
    """Each tells the first day that is not purged: of playlists by id, of users by the digest of their id (the id
    itself would be what they asked to be forgotten), and of all raw documents."""

    playlists: dict[str, date] = field(default_factory=dict)
    users: dict[str, date] = field(default_factory=dict)
    raw: date = date.min

    def covers(self, playlist_id: str, day: date) -> bool:
        """Whether that day of that playlist was purged: itself, or with the user after whom it is named."""
        of_user = playlist_id.removeprefix(_OF_A_USER) if playlist_id.startswith(_OF_A_USER) else None
        return day < self.playlists.get(playlist_id, date.min) or self.covers_user(of_user, day)

    def covers_raw(self, playlist_id: str, day: date) -> bool:
        """Whether that day's raw documents were purged, whatever is in them."""
        return day < self.raw or self.covers(playlist_id, day)

    def covers_user(self, user_id: str | None, day: date) -> bool:
        """Whether that user may not be named on that day."""
        return bool(self.users and user_id) and day < self.users.get(digest_of(user_id or ""), date.min)

    def covers_any_user(self, user_ids: Iterable[str], day: date) -> bool:
        """Whether one of these users may not be named on that day."""
        return any(self.covers_user(user_id, day) for user_id in user_ids)

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
