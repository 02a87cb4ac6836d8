"""Removing what must go: a playlist's past, a user's traces, old raw documents.

The order makes a killed purge harmless: first the tombstone, so that nothing comes back; then the rows, commits before
entries; then the raw documents, to which no row points any more; then the pages, when nothing could be rendered again;
last what killed processes left half written. Repeated, a purge finishes what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from ..errors import BadSetting, NotKept
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import AUDIO_FEATURES, ENTRIES, SNAPSHOTS
from ..lake.tombstones import bury, read_tombstones
from ..spotify.capture import from_raw
from ..spotify.references import LIKED
from ..time_and_chance import World
from .named_users import users_of


@dataclass(frozen=True)
class Wish:
    """What is to go: the days of a playlist, a user's traces, or (with neither) raw documents; all before a day."""

    before: date
    playlist_id: str | None = None
    user_id: str | None = None


@dataclass
class Purged:
    """What went (or would go): raw documents, rendered pages and objects of the copy by key, and how many rows of which
    table objects."""

    raw_keys: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "raw_keys": self.raw_keys,
            "pages": self.pages,
            "copied": self.copied,
            "removed_rows": self.removed,
            "redacted_rows": self.redacted,
        }


def wish(lake: Lake, today: date, playlist_id: str | None, user_id: str | None, before: date | None) -> Wish:
    """What a person asks for; without `before`, every day up to today and whatever the lake holds beyond.

    Raises `BadSetting` for a `before` that would bury days to come, and `NotKept` for a playlist that is not there.
    """
    tomorrow = today + timedelta(days=1)
    if before is not None and before > tomorrow:
        raise BadSetting(
            f"A purge of the days before {before} would bury days that are still to come.",
            advice=f"The latest day that can be given is {tomorrow}: everything until today goes. Nothing was removed.",
        )
    if playlist_id is not None and not _knows(lake, playlist_id):
        raise NotKept(f"The lake holds nothing of playlist {playlist_id}; nothing was removed.")
    return Wish(before or _newest(lake, today, playlist_id) + timedelta(days=1), playlist_id, user_id)


def _newest(lake: Lake, today: date, playlist_id: str | None) -> date:
    """Today, or the newest day beyond it that the lake holds of a playlist (None: of all)."""
    in_raw = (day for _, day, _ in lake.raw_keys(playlist_id or ""))
    years = ((one, year) for one, year in lake.tried() if year >= today.year and playlist_id in (None, one))
    in_tables = (row["snapshot_date"] for one, year in years for row in lake.snapshots(one, year))
    newest: date = max([today, *in_raw, *in_tables])
    return newest


def _knows(lake: Lake, playlist_id: str) -> bool:
    """Whether anything of a playlist is there, or a purge of it that was perhaps killed."""
    held = any(playlist_id == one for one, _ in lake.held())
    return held or any(lake.raw_keys(playlist_id)) or playlist_id in read_tombstones(lake).playlists


def purge(
    lake: Lake,
    world: World,
    asked: Wish,
    *,
    imports: Sequence[str] = (),
    dry_run: bool = True,
    progress: Callable[[str], None] = lambda key: None,
) -> Purged:
    """Remove what is asked for and leave a tombstone; a dry run does the same in memory and writes nothing.

    `imports` are the keys of kept files that have to go with it, as `history` knows.
    """
    target = lake.dry_run() if dry_run else lake
    bury(target, asked.before, playlist_id=asked.playlist_id, user_id=asked.user_id)
    if _liked_of(asked) in lake.read_state(keys.MINE).get("liked", []):
        target.update_state(keys.MINE, lambda state: state | {"liked": []})
    done = Purged(_raw_to_go(target, asked, progress))
    for playlist_id, year in target.held():
        if asked.playlist_id in (None, playlist_id) and year <= asked.before.year:
            _purge_year(target, playlist_id, year, asked, done)
    _purge_features(target, asked, done)
    if imports:
        _lose_imports(target, imports, done)
    if asked.playlist_id is not None or asked.user_id is not None:
        # All of them: the index names every playlist and owner, and the next run renders it again.
        done.pages = _pages(target, asked)
        done.copied = _copied(target)
    for key in (*done.raw_keys, *done.copied, *done.pages):
        target.store.delete(key)
    target.store.sweep()
    return done


def _liked_of(asked: Wish) -> str | None:
    """The list that is named after the user who is to go: nothing of it could stay."""
    return f"{LIKED}{asked.user_id}" if asked.user_id is not None else None


def _lose_imports(lake: Lake, imports: Sequence[str], done: Purged) -> None:
    """Let no row of any list point to files that go: they tell of other lists and days besides."""
    for playlist_id, year in lake.tried():
        commits, those = keys.snapshots(playlist_id, year), {"raw_keys": list(imports)}
        gone = "list_contains($raw_keys::VARCHAR[], raw_key)"
        _note(done.redacted, commits, lake.forget(commits, SNAPSHOTS, ("raw_key", "raw_sha256"), gone, those))
    done.raw_keys += imports


def _raw_to_go(lake: Lake, asked: Wish, progress: Callable[[str], None]) -> list[str]:
    found = [key for _, day, key in lake.raw_keys(asked.playlist_id or "") if day < asked.before]
    if asked.user_id is None:
        return found
    naming = []
    for key in found:
        progress(key)
        if asked.user_id in users_of(from_raw(lake.read_raw(key), lake.store.locate(key))):
            naming.append(key)
    return naming


def _copied(lake: Lake) -> list[str]:
    """The copies of all lists, which are made again without what is gone. What says that one holds goes first."""
    found = (key for key in lake.store.list(keys.COPY) if keys.is_copied(key) or key.startswith(keys.ICEBERG))
    return sorted(found, key=lambda key: key != keys.COPY_MADE)


def _pages(lake: Lake, asked: Wish) -> list[str]:
    """What chartlake rendered; other files in its folder are somebody's own."""
    known = {playlist_id for playlist_id, _ in lake.held()} | {asked.playlist_id or ""}
    known |= {*read_tombstones(lake).playlists, *lake.read_state(keys.CARDS)}
    # The cards last, and what is told of the other pages: a purge that was killed finds by them which are left.
    own = {keys.INDEX_PAGE: 1, keys.CARDS: 2, keys.ACROSS: 2} | {keys.playlist_page(one): 1 for one in known}
    # The feeds, too: they begin anew with what is told next.
    found = [key for key in lake.store.list(keys.SITE) if key in own or _is_rendered(key)]
    return sorted(found, key=lambda key: (own.get(key, 1), key))


def _is_rendered(key: str) -> bool:
    return keys.is_shared_index(key) or keys.is_feed(key) or keys.is_across_page(key)


def _purge_year(lake: Lake, playlist_id: str, year: int, asked: Wish, done: Purged) -> None:
    commits = keys.snapshots(playlist_id, year)
    segments = lake.segment_keys(playlist_id, year)
    day = {"before": asked.before}
    if asked.playlist_id is not None or playlist_id == _liked_of(asked):
        for key in [commits, *segments]:
            schema = SNAPSHOTS if key == commits else ENTRIES
            _note(done.removed, key, lake.remove_rows(key, schema, "snapshot_date < $before", day))
        return
    if asked.user_id is None:
        old = f"snapshot_date < $before AND raw_key NOT LIKE '{keys.KEPT_IMPORTS}%'"
        _note(done.redacted, commits, lake.forget(commits, SNAPSHOTS, ("raw_key", "raw_sha256"), old, day))
        return
    raw = {"raw_keys": done.raw_keys}
    gone = "list_contains($raw_keys::VARCHAR[], raw_key)"
    _note(done.redacted, commits, lake.forget(commits, SNAPSHOTS, ("raw_key", "raw_sha256"), gone, raw))
    user = day | {"user": asked.user_id}
    owned = "snapshot_date < $before AND owner_id = $user"
    _note(done.redacted, commits, lake.forget(commits, SNAPSHOTS, ("owner_id", "owner_name"), owned, user))
    added = "snapshot_date < $before AND added_by = $user"
    for key in segments:
        _note(done.redacted, key, lake.forget(key, ENTRIES, ("added_by",), added, user))


def _purge_features(lake: Lake, asked: Wish, done: Purged) -> None:
    """The audio features that files of the playlist told last; no user is named in any."""
    those = {"playlist": asked.playlist_id, "before": asked.before}
    if asked.playlist_id is not None and lake.store.get(keys.TRACKS_FEATURES):
        told = "playlist_id = $playlist AND snapshot_date < $before"
        _note(
            done.removed,
            keys.TRACKS_FEATURES,
            lake.remove_rows(keys.TRACKS_FEATURES, AUDIO_FEATURES, told, those),
        )


def _note(counts: dict[str, int], key: str, rows: int) -> None:
    if rows:
        counts[key] = max(rows, counts.get(key, 0))
