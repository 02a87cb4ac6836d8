"""An event in one plain sentence, and what a machine is told of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from ..analysis.events import Event
from ..text import counted
from .phrases import clean, list_name, spotify_path, untitled

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_LONGEST = 200
# What a reader with little time wants to know first.
_WEIGHT = (
    *("number_one", "entered", "re-entered", "new_peak", "left", "milestone", "moved"),
    *("list_emptied", "list_renamed", "owner_changed", "description_changed", "followers_jump"),
    *("gap_began", "gap_ended"),
)


def weight(event: Event) -> tuple[int, int, str]:
    """Sorts events by what matters first."""
    return _WEIGHT.index(event.kind), event.position or event.previous_position or 0, event.event_id


def sentence(event: Event) -> str:
    """`"Song" by Artist entered Top 50 at 3 on 6 March 2026.`; after a gap `between 3 and 6 March 2026`."""
    return f"{_HAPPENED[event.kind](event)}."


def document(event: Event) -> dict[str, Any]:
    """The event as webhooks and EventBridge carry it: its columns, the sentence, and links to Spotify."""
    return event.to_json() | {"text": sentence(event), "url": item_url(event), "playlist_url": list_url(event)}


def item_url(event: Event) -> str | None:
    """Where Spotify shows the item; None for a local file, and where the event is one of the whole list."""
    path = spotify_path(None, event.uri)
    return f"https://open.spotify.com/{path}" if path else None


def list_url(event: Event) -> str | None:
    """Where Spotify shows the list; None for an imported one."""
    imported = ":" in event.playlist_id
    return None if imported else f"https://open.spotify.com/playlist/{event.playlist_id}"


def full_day(day: date) -> str:
    """`6 March 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _when(event: Event) -> str:
    first, last = event.after_date, event.snapshot_date
    if first >= last - timedelta(days=1):
        return f"on {full_day(last)}"
    if first.year != last.year:
        return f"between {full_day(first)} and {full_day(last)}"
    month = "" if first.month == last.month else f" {_MONTHS[first.month - 1]}"
    return f"between {first.day}{month} and {full_day(last)}"


def _song(event: Event) -> str:
    artists = _short(event.artist_names)
    return f"“{_short(event.name) or untitled(None)}”" + (f" by {artists}" if artists else "")


def _list(event: Event) -> str:
    return _short(list_name(event.playlist_name, event.playlist_id))


def _short(text: str | None) -> str:
    words = clean(text).strip()
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST].rstrip()}…"


def _moved(event: Event) -> str:
    places = event.number or 0
    way = "rose" if places > 0 else "fell"
    return (
        f"{_song(event)} {way} {counted(abs(places), 'place')} on {_list(event)}, from {event.previous_position} to "
        f"{event.position}, {_when(event)}"
    )


def _followers(event: Event) -> str:
    number = event.number or 0
    return f"{_list(event)} {'gained' if number > 0 else 'lost'} {counted(abs(number), 'follower')} {_when(event)}"


def _left(event: Event) -> str:
    place = f", from {event.previous_position}," if event.previous_position else ""
    return f"{_song(event)} left {_list(event)}{place} {_when(event)}"


def _milestone(event: Event) -> str:
    return f"{_song(event)} has been on {_list(event)} for {counted(event.number or 0, 'day')}, {_when(event)}"


def _described(event: Event) -> str:
    became = _short(event.became)
    what = f"was changed to “{became}”" if became else "was taken away"
    return f"The description of {_list(event)} {what} {_when(event)}"


def _owned(event: Event) -> str:
    was, became = (_short(one) or "an unnamed owner" for one in (event.was, event.became))
    return f"{_list(event)} changed hands from {was} to {became} {_when(event)}"


_HAPPENED: dict[str, Callable[[Event], str]] = {
    "entered": lambda one: f"{_song(one)} entered {_list(one)} at {one.position} {_when(one)}",
    "re-entered": lambda one: f"{_song(one)} came back to {_list(one)} at {one.position} {_when(one)}",
    "left": _left,
    "moved": _moved,
    "new_peak": lambda one: f"{_song(one)} reached its best place on {_list(one)} so far, {one.position}, {_when(one)}",
    "number_one": lambda one: f"{_song(one)} became number one of {_list(one)} {_when(one)}",
    "milestone": _milestone,
    "list_renamed": lambda one: f"“{_short(one.was)}” was renamed to “{_short(one.became)}” {_when(one)}",
    "description_changed": _described,
    "owner_changed": _owned,
    "list_emptied": lambda one: f"{_list(one)} was emptied {_when(one)}",
    "followers_jump": _followers,
    "gap_began": lambda one: f"{_list(one)} is not known since {full_day(one.snapshot_date)}",
    "gap_ended": lambda one: (
        f"{_list(one)} is known again since {full_day(one.snapshot_date)}; {counted(one.number or 0, 'day')} before "
        "that will stay unknown"
    ),
}
