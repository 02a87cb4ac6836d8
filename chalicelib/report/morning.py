"""The morning page's upper half: what happened on the newest day of all lists, and who stands on them.

A list's card holds its own part, made with its page, so that the index reads no history again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ..analysis.events import Event
from ..analysis.watchlist import ALL, Watchlist
from .event_words import marked_sentence, weight
from .phrases import spotify_path

# Of one list, of lists, and of what is watched: some 70 kB in all.
_NEWS_OF_A_LIST = 5
_NEWS_LISTS = 40
_WATCHED = 25
# A card's share of the search, and the search's of the page, in bytes.
_SONGS_OF_A_LIST = 200
_SONG_BYTES = 140_000
_LONGEST = 100


def news_of(events: Iterable[Event]) -> dict[str, Any]:
    """What a list's card tells of its newest day: the sentences that matter first, and how many more there are.

    Small moves and a few followers are no news here. An item is told once, by what matters most of it; what happened to
    the list itself is always told.
    """
    ranked = sorted(filter(ALL.wants, events), key=weight)
    of_list = [event for event in ranked if event.item_key is None]
    of_items = _once_each(event for event in ranked if event.item_key is not None)
    return {
        "told": [_line(event, under_list=True) for event in (*of_list, *of_items[:_NEWS_OF_A_LIST])],
        "more": max(0, len(of_items) - _NEWS_OF_A_LIST),
    }


def watched_of(events: Iterable[Event], watchlist: Watchlist) -> dict[str, Any]:
    """The same of what is watched, each line with what it is sorted by beside those of other lists."""
    ranked = _once_each(sorted(filter(watchlist.wants, events), key=weight))
    return {
        "told": [_line(event) | {"weight": list(weight(event))} for event in ranked[:_WATCHED]],
        "more": max(0, len(ranked) - _WATCHED),
    }


def _once_each(events: Iterable[Event]) -> list[Event]:
    """The first event of each item; of the list itself all."""
    found: dict[str, Event] = {}
    for event in events:
        found.setdefault(event.item_key or event.event_id, event)
    return list(found.values())


def songs_of(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The first entries of a list's newest day for its card: title, artists, Spotify's path, position."""
    return [
        [(row["name"] or row["untitled"])[:_LONGEST], row["artist"][:_LONGEST], row["path"], row["position"]]
        for row in rows[:_SONGS_OF_A_LIST]
    ]


def morning_context(shown: Sequence[Mapping[str, Any]], newest: date | None) -> dict[str, Any]:
    """What the template wants above the table; `shown` are the lists with their cards. What is watched comes first."""
    day = newest.isoformat() if newest else None
    fresh = [one for one in shown if one["card"] and one["state"] != "ended" and one["card"]["day"] == day]
    # A card from before the morning page has neither news nor songs, until its list's next day.
    news = [one | one["card"]["news"] for one in fresh if one["card"].get("news", {}).get("told")]
    return _watched(fresh) | {
        "news": news[:_NEWS_LISTS],
        "news_more": max(0, len(news) - _NEWS_LISTS),
        "fresh": len(fresh),
        "search": _search([one for one in shown if one["card"]]),
    }


def _watched(fresh: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    parts = [one["card"].get("watched", {"told": [], "more": 0}) for one in fresh]
    lines = sorted((line for part in parts for line in part["told"]), key=lambda line: line["weight"])
    more = sum(part["more"] for part in parts) + max(0, len(lines) - _WATCHED)
    return {"watched": lines[:_WATCHED], "watched_more": more}


def _line(event: Event, *, under_list: bool = False) -> dict[str, str]:
    return {
        "text": marked_sentence(event, under_list=under_list),
        "path": spotify_path(None, event.uri) if event.uri else "",
    }


def _search(lists: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`songs`: title, number of the artists, path, and by turns a list's number and a position; the highest first, as
    many as fit. `lists` are the lists' ids by number, `artists` the names by number, `all` is how many songs there are.
    A path that is an id alone is a track's."""
    found: dict[tuple[str, ...], tuple[str, str, str, list[int]]] = {}
    for number, one in enumerate(lists):
        for name, artist, path, position in one["card"].get("songs", []):
            # An item without a page is told by its words.
            song = found.setdefault((path,) if path else (name, artist), (name, artist, path, []))
            song[3].extend((number, position))
    ranked = sorted(found.values(), key=lambda song: (min(song[3][1::2]), song[0].casefold(), song))
    artists: dict[str, int] = {}
    songs: list[list[Any]] = []
    left = _SONG_BYTES
    for name, artist, path, places in ranked:
        told = [name, artists.get(artist, len(artists)), path.removeprefix("track/"), *places]
        left -= _bytes(told) + (0 if artist in artists else _bytes(artist))
        if left < 0:
            break
        artists.setdefault(artist, len(artists))
        songs.append(told)
    return {"lists": [one["id"] for one in lists], "artists": list(artists), "songs": songs, "all": len(ranked)}


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) + 1
