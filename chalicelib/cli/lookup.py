"""What a person asks about: their lake, and the lists and tracks in it by whatever name they use."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import click

from ..analysis.charts import Charts, open_charts
from ..analysis.copies import lists_of_track, read_copy, words_for
from ..errors import BadSetting, NotKept
from ..lake.tables import Row
from ..text import counted, printable
from ..time_and_chance import World
from .base import kept_playlist, open_lake_now, settings_now, today_of

_CANDIDATES = 10


class Asked:
    """One question's lake and day."""

    def __init__(self) -> None:
        settings, world = settings_now(), World()
        self.lake = open_lake_now(settings, world)
        self.today = today_of(settings, world)

    def charts(
        self, *playlist_ids: str, entries: bool = True, features: bool = False
    ) -> AbstractContextManager[Charts]:
        """The views over these lists (none: over all); see `open_charts`."""
        return open_charts(self.lake, self.today, playlist_ids, entries=entries, features=features)

    def only_playlist(self) -> str | None:
        """The id of the lake's only list; None where there are several. Raises `NotKept` for an empty lake."""
        kept = {playlist_id for playlist_id, _ in self.lake.tried()}
        if not kept:
            raise NotKept(
                f"There is no snapshot in {self.lake.store.locate('')} yet.",
                advice="`chartlake extract` takes one, `chartlake import` brings history in.",
            )
        return kept.pop() if len(kept) == 1 else None

    def playlist_id(self, text: str | None) -> str:
        """The id of the list that a person names; of the only one where they name none.

        Raises `NotKept` where no list's name has that in it, `BadSetting` where several have.
        """
        only = self.only_playlist() if text is None else _referenced(text)
        if only is not None:
            return only
        with self.charts(entries=False) as found:
            playlists = found.find_playlists(text or "")
        if not playlists:
            raise NotKept(f"No playlist in {self.lake.store.locate('')} has {text!r} in its name.")
        which = "Which playlist is meant is not said" if text is None else f"{text!r} is in the names of {{}} playlists"
        return str(_one_of(playlists, text, which, _described_playlist)["playlist_id"])

    def lists_of_track(self, text: str) -> list[str]:
        """The lists that may know such a track, where the lake's copy tells that, and says so; else none: all of them.

        Raises `NotKept` where no list can.
        """
        copy = read_copy(self.lake)
        found = lists_of_track(self.lake, self.today, copy, text) if copy else None
        if copy is None or found is None:
            return []
        click.echo(words_for(copy), err=True)
        if not found:
            one_track([], text)
        return sorted(found)

    def kept_id(self, text: str) -> str:
        """The same, for what has no other word for a list that the lake does not have. Raises `NotKept`."""
        playlist_id = self.playlist_id(text)
        if not any(one == playlist_id for one, _ in self.lake.tried()):
            raise NotKept(f"playlist {playlist_id} is not in the lake.")
        return playlist_id


def one_track(found: list[Row], text: str) -> list[Row]:
    """The track that a person means; where no list joins its ids, all of them, the longest seen first.

    Raises `NotKept` where there is none, `BadSetting` where there are several.
    """
    if not found:
        raise NotKept(
            f"No track has {text!r} as id, ISRC, URI or link, or in its title or artist.",
            advice="Without --playlist every list of the lake is searched; `chartlake charts` shows one's tracks.",
        )
    titled = [row for row in found if (row["name"] or "").casefold() == text.strip().casefold()]
    for rows in (found, titled):
        if len({(row["name"], row["artist"]) for row in rows}) == 1 and _may_be_one(rows):
            return rows
    return [_one_of(found, text, f"{text!r} is in title or artist of {{}} tracks", _described_track)]


def one_artist(found: list[Row], text: str) -> list[Row]:
    """The artist that a person means, and after one with an id whoever has just that name in files without ids.

    Raises `NotKept` where there is none, `BadSetting` where there are several.
    """
    if not found:
        raise NotKept(
            f"No artist in the lake is called {text!r}, or has it as id, URI or link.",
            advice="`chartlake artists` shows a list's artists.",
        )
    same = [row for row in found if text.strip().casefold() == (row["name"] or "").casefold()]
    with_id = [row for row in same if row["id"]]
    if len(with_id) == 1:
        return with_id + [row for row in same if not row["id"]]
    return [_one_of(found, text, f"{text!r} is in the names of {{}} artists", _described_artist)]


def _may_be_one(rows: list[Row]) -> bool:
    """Whether rows of one title and artist can be one song: no two recordings."""
    return all(row["artist"] for row in rows) and len({row["isrc"] for row in rows if row["isrc"]}) < 2


def _referenced(text: str) -> str | None:
    """The id in an id, a URI, a link; None for what can only be a name."""
    try:
        return kept_playlist(text)
    except BadSetting:
        if re.search(r"^spotify:|://|spotify\.", text.strip()):
            raise
        return None


def _one_of(found: list[Row], text: str | None, which: str, described: Callable[[Row], str]) -> Row:
    """The only one, or the only one of just this name. Raises `BadSetting` with the candidates' ids."""
    same = [row for row in found if text and (row["name"] or "").casefold() == text.strip().casefold()]
    for rows in (found, same):
        if len(rows) == 1:
            return rows[0]
    candidates = [f"  {described(row)}" for row in found[:_CANDIDATES]]
    if len(found) > _CANDIDATES:
        candidates.append(f"  … and {len(found) - _CANDIDATES} more")
    raise BadSetting(f"{which.format(len(found))}.", advice="\n".join(["Name one by its id:", *candidates]))


def _described_artist(row: Row) -> str:
    told = f"{row['id'] or ''}  {printable(row['name'])}".strip()
    return f"{told}, on {counted(row['lists'], 'list')}"


def _described_playlist(row: Row) -> str:
    newest = f"newest day {row['last_date']}" if row["last_date"] else "no day known"
    return "  ".join(text for text in (row["playlist_id"], printable(row["name"]), newest) if text)


def _described_track(row: Row) -> str:
    told = " - ".join(printable(text) for text in (row["artist"], row["name"]) if text)
    return f"{row['item_id'] or printable(row['track_key'])}  {told}, {counted(row['days_seen'], 'day')}"
