"""The pages of tracks and artists: which of them are made; written where they changed, removed where they are no more.

`site/across.json` tells of each page a digest of its text, by which one that did not change is left alone, and what the
index needs. A page is named there before it is written, so that a later run, or a purge, finds every one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

from ..analysis.across import read_across
from ..analysis.watchlist import Watchlist
from ..errors import LakeUnavailable
from ..lake import keys
from ..lake.lake import Lake
from ..time_and_chance import World
from .across_pages import MOST_PAGES, page_contexts
from .layout import SHORT_SCRIPT, render
from .writing import write

# Reading so many entries at once takes some 500 MB; a lake that has more has none of these pages.
MOST_ENTRIES = 2_500_000
# What stands where a page may not be removed.
_EMPTIED = b"<!doctype html><title>chartlake</title><p>This page is made no longer."
_State = dict[str, Any]


def write_across(
    lake: Lake, world: World, today: date, watchlist: Watchlist, lists: Sequence[Mapping[str, Any]]
) -> None:
    """Make the pages as these lists are now, unless they are made of them already.

    `lists` have `id`, `commits`, `days_known` and `entry_count`. Raises `DamagedFile` and `LakeUnavailable`.
    """
    made_of = _made_of(watchlist, lists)
    before = lake.read_state(keys.ACROSS)
    if before.get("made_of") == made_of:
        return
    held, pages = _held(before), _pages(lake, today, watchlist, lists)
    if not pages and not held:
        return
    told = {key: facts | {"text": _digest(data)} for key, (data, facts) in pages.items()}
    changed = [key for key, facts in told.items() if facts["text"] != held.get(key, {}).get("text")]
    writer = world.new_id()
    lake.update_state(keys.ACROSS, _begun(writer, changed))
    for key in changed:
        write(lake.store, key, lambda data=pages[key][0]: data)  # type: ignore[misc]
    emptied = _removed(lake, {key: facts.get("text", "") for key, facts in held.items() if key not in pages})
    lake.update_state(keys.ACROSS, _ended(writer, made_of, emptied | told))


def _held(state: _State) -> dict[str, dict[str, Any]]:
    """What the state tells of pages. A lake can be foreign: nothing else is removed or linked, whatever it names."""
    pages = state.get("pages")
    found = pages.items() if isinstance(pages, dict) else ()
    return {key: facts for key, facts in found if keys.is_across_page(key) and isinstance(facts, dict)}


def _made_of(watchlist: Watchlist, lists: Sequence[Mapping[str, Any]]) -> str:
    """A text that is another one as soon as the pages may be."""
    commits = sorted((one["id"], one["commits"]) for one in lists)
    return _digest(json.dumps([commits, list(map(str, watchlist.watches))]))


def _removed(lake: Lake, gone: Mapping[str, str]) -> _State:
    """Remove these pages, given with the digests of their texts; gives those that are only emptied, since no function
    of a deployment may delete anything."""
    emptied: _State = {}
    for key, text in gone.items():
        try:
            if text != _digest(_EMPTIED):
                lake.store.delete(key)
                continue
        except LakeUnavailable:
            write(lake.store, key, lambda: _EMPTIED)
        emptied[key] = {"text": _digest(_EMPTIED)}
    return emptied


def _begun(writer: str, changed: Sequence[str]) -> Callable[[_State], _State]:
    """Name the pages before they are written."""

    def change(state: _State) -> _State:
        held = _held(state)
        return {
            "writer": writer,
            "made_of": "",
            "pages": held | {key: held.get(key, {}) | {"text": ""} for key in changed},
        }

    return change


def _ended(writer: str, made_of: str, told: Mapping[str, Any]) -> Callable[[_State], _State]:
    """What is there now; where others wrote meanwhile nobody knows whose text stands, and the next run writes all."""

    def change(state: _State) -> _State:
        if state.get("writer") == writer:
            return {"made_of": made_of, "pages": dict(told)}
        both = _held(state) | dict(told)
        return {"made_of": "", "pages": {key: one | {"text": ""} for key, one in both.items()}}

    return change


def _pages(
    lake: Lake, today: date, watchlist: Watchlist, lists: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Each page's bytes by its key, and what the index is told of it."""
    if not lists or entries_in(lists) > MOST_ENTRIES:
        return {}
    across = read_across(lake, today, watchlist, MOST_PAGES, [one["id"] for one in lists])
    return {
        key: (
            render("across.html", context, SHORT_SCRIPT),
            {name: context[name] for name in ("path", "name", "is_watched")},
        )
        for key, context in page_contexts(across).items()
    }


def entries_in(lists: Sequence[Mapping[str, Any]]) -> int:
    """How many entries these lists have in the lake, about."""
    return sum(one["days_known"] * (one["entry_count"] or 0) for one in lists)


def pages_by_path(state: _State) -> dict[str, str]:
    """From Spotify's path of a track or an artist to the link to its page; who is known by name alone has no path."""
    pages = {key: one.get("path") for key, one in _held(state).items()}
    return {path: keys.link(key) for key, path in pages.items() if isinstance(path, str) and path}


def watched_pages(state: _State) -> list[dict[str, str]]:
    """The pages of what is watched, by name."""
    found = [
        {"name": one["name"], "link": keys.link(key)}
        for key, one in _held(state).items()
        if one.get("is_watched") and isinstance(one.get("name"), str)
    ]
    return sorted(found, key=lambda one: (one["name"].casefold(), one["link"]))


def _digest(text: str | bytes) -> str:
    return sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:32]
