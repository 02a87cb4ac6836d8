"""An event in one plain sentence, and what a machine is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup, escape

from ..analysis.events import Event
from ..text import counted
from .phrases import clean, list_name, spotify_path, unit_of, untitled

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_LONGEST = 200
# Around a name in a marked sentence; `clean` leaves neither of them in a name.
_BEGIN, _END = "\x02", "\x03"
_MARKS = re.compile(f"[{_BEGIN}{_END}]")
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
    return bare(marked_sentence(event))


def marked_sentence(event: Event, *, under_list: bool = False) -> str:
    """The same with a mark before and after each name, since names are of any direction (`isolated`, `bare`);
    `under_list`: for a place where the list is named already, without its name."""
    return f"{_HAPPENED[event.kind](event, '' if under_list else _list(event))}."


def bare(marked: str) -> str:
    """A marked sentence as plain text."""
    return _MARKS.sub("", marked)


def first_name(marked: str) -> str:
    """What a marked sentence is about: the first name in it."""
    found = re.search(f"{_BEGIN}([^{_END}]*){_END}", marked)
    return found[1] if found else bare(marked)


def isolated(marked: str) -> Markup:
    """A marked sentence as HTML, in which no name changes the direction of what stands around it."""
    return Markup(str(escape(marked)).replace(_BEGIN, "<bdi>").replace(_END, "</bdi>"))


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
    return f"“{_name(event.name) or untitled(None)}”" + (f" by {_name(artists)}" if artists else "")


def _list(event: Event) -> str:
    return _name(list_name(event.playlist_name, event.playlist_id))


def _name(text: str | None) -> str:
    """A name between its marks; none where there is none."""
    words = _short(text)
    return f"{_BEGIN}{words}{_END}" if words else ""


def _short(text: str | None) -> str:
    words = clean(text).strip()
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST].rstrip()}…"


# Each of the following takes the list's name, empty where it is not to be told.


def _at(word: str, name: str) -> str:
    return f" {word} {name}" if name else ""


def _moved(event: Event, name: str) -> str:
    places = event.number or 0
    way = "rose" if places > 0 else "fell"
    return (
        f"{_song(event)} {way} {counted(abs(places), 'place')}{_at('on', name)}, from {event.previous_position} to "
        f"{event.position}, {_when(event)}"
    )


def _followers(event: Event, name: str) -> str:
    number = event.number or 0
    gained = "gained" if number > 0 else "lost"
    return f"{name or 'The list'} {gained} {counted(abs(number), 'follower')} {_when(event)}"


def _left(event: Event, name: str) -> str:
    place = f", from {event.previous_position}," if event.previous_position else ""
    return f"{_song(event)} left{name and f' {name}'}{place} {_when(event)}"


def _long(event: Event) -> str:
    """So many days; of a weekly chart, weeks."""
    return counted(event.number or 0, unit_of(event.playlist_id))


def _milestone(event: Event, name: str) -> str:
    where = _at("on", name) or " here"
    return f"{_song(event)} has been{where} for {_long(event)} in all, {_when(event)}"


def _peaked(event: Event, name: str) -> str:
    return f"{_song(event)} reached its best place{_at('on', name)} so far, {event.position}, {_when(event)}"


def _described(event: Event, name: str) -> str:
    became = _name(event.became)
    what = f"was changed to “{became}”" if became else "was taken away"
    return f"The description{_at('of', name)} {what} {_when(event)}"


def _owned(event: Event, name: str) -> str:
    was, became = (_name(one) or "an unnamed owner" for one in (event.was, event.became))
    return f"{name or 'The list'} changed hands from {was} to {became} {_when(event)}"


def _known_again(event: Event, name: str) -> str:
    day = full_day(event.snapshot_date)
    return f"{name or 'The list'} is known again since {day}; {_long(event)} before that will stay unknown"


_HAPPENED: dict[str, Callable[[Event, str], str]] = {
    "entered": lambda one, name: f"{_song(one)} entered{name and f' {name}'} at {one.position} {_when(one)}",
    "re-entered": lambda one, name: f"{_song(one)} came back{_at('to', name)} at {one.position} {_when(one)}",
    "left": _left,
    "moved": _moved,
    "new_peak": _peaked,
    "number_one": lambda one, name: f"{_song(one)} became number one{_at('of', name)} {_when(one)}",
    "milestone": _milestone,
    "list_renamed": lambda one, _: f"“{_name(one.was)}” was renamed to “{_name(one.became)}” {_when(one)}",
    "description_changed": _described,
    "owner_changed": _owned,
    "list_emptied": lambda one, name: f"{name or 'The list'} was emptied {_when(one)}",
    "followers_jump": _followers,
    "gap_began": lambda one, name: f"{name or 'The list'} is not known since {full_day(one.snapshot_date)}",
    "gap_ended": _known_again,
}
