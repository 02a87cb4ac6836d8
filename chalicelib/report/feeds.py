"""Atom feeds: a log of what was told, the newest 200 entries. An entry that was told once stays as it was told.

https://www.rfc-editor.org/rfc/rfc4287
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from xml.etree import ElementTree

from ..analysis.events import Event
from ..errors import DamagedFile
from .event_words import item_url, list_url, sentence, weight
from .phrases import clean

MOST_ENTRIES = 200
_ATOM = "http://www.w3.org/2005/Atom"
_TAG = "tag:chartlake,2026:"

ElementTree.register_namespace("", _ATOM)


def add_to_feed(old: bytes | None, name: str, title: str, events: Iterable[Event], now: datetime) -> bytes:
    """The feed with these events on top, those that it has already left out. `name` tells this feed from all others.

    Raises `DamagedFile` where `old` is not what chartlake wrote.
    """
    before = _entries(old, name)
    told = {entry.findtext(_in_atom("id")) for entry in before}
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    newest_first = sorted(sorted(events, key=weight), key=lambda event: event.snapshot_date, reverse=True)
    new = [_entry(event, moment) for event in newest_first if _id_of(event) not in told]
    if old and not new:
        return old
    feed = ElementTree.Element(_in_atom("feed"))
    _add(feed, "id", f"{_TAG}feed/{name}")
    _add(feed, "title", clean(title))
    _add(feed, "updated", moment)
    _add(_add(feed, "author"), "name", "chartlake")
    _add(feed, "generator", "chartlake")
    feed.extend((new + before)[:MOST_ENTRIES])
    ElementTree.indent(feed)
    data: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _entries(old: bytes | None, name: str) -> list[ElementTree.Element]:
    try:
        return ElementTree.fromstring(old).findall(_in_atom("entry")) if old else []
    except ElementTree.ParseError as error:
        raise DamagedFile(
            f"The feed {name} is not XML: {error}.", advice="Delete the file; it begins anew with what is told next."
        ) from None


def _entry(event: Event, moment: str) -> ElementTree.Element:
    entry = ElementTree.Element(_in_atom("entry"))
    text = sentence(event)
    links = [("On Spotify", item_url(event)), ("The list", list_url(event))]
    shown = [f'<a href="{escape(url)}">{words}</a>' for words, url in links if url]
    _add(entry, "id", _id_of(event))
    _add(entry, "title", text)
    _add(entry, "updated", moment)
    _add(entry, "published", moment)
    _add(entry, "category", term=event.kind)
    if shown:
        _add(entry, "link", rel="alternate", type="text/html", href=item_url(event) or list_url(event) or "")
    content = [escape(text), " · ".join(shown)]
    _add(entry, "content", "".join(f"<p>{one}</p>" for one in content if one), type="html")
    return entry


def _id_of(event: Event) -> str:
    return f"{_TAG}event/{event.event_id}"


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, _in_atom(name), attributes)
    child.text = text or None
    return child


def _in_atom(name: str) -> str:
    return f"{{{_ATOM}}}{name}"
