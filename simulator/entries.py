"""What can stand in a slot of a playlist, before any dialect has put it into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SongRef:
    """The song with this number in the catalogue."""

    key: int


@dataclass(frozen=True)
class EpisodeRef:
    """The episode with this number in the catalogue."""

    key: int


@dataclass(frozen=True)
class LocalFile:
    """A file on somebody's disk; any text may be empty."""

    artist: str
    album: str
    title: str
    seconds: int


@dataclass(frozen=True)
class Altered:
    """A song or episode that arrives damaged: `changes` replace its fields, and `album` those of its album."""

    base: SongRef | EpisodeRef
    changes: Mapping[str, Any] = field(default_factory=dict)
    album: Mapping[str, Any] = field(default_factory=dict)


Content = SongRef | EpisodeRef | LocalFile | Altered | None
"""None is the null slot: counted in `total`, empty in the answer."""


@dataclass(frozen=True)
class Entry:
    """One slot. `added_by` is a user's id, `""` for the empty stub Spotify puts on its own lists, None for null."""

    content: Content
    added_at: str | None
    added_by: str | None
