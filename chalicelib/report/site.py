"""The site: a page a playlist and the index, one after the other, written into the lake's `site/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from html import escape
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from ..charts import open_charts
from ..errors import ChartlakeError, LakeUnavailable, NotKept
from ..lake import keys
from ..lake.lake import Lake
from ..lake.store import ObjectStore, update
from ..world import World
from .index_page import index_context, read_overview
from .layout import render
from .playlist_page import card_of, read_page

# Reckoning with this many entries takes some 500 MB; a Top 50 has as many after 21 years.
MOST_ENTRIES = 400_000
# Less time than this is left: no further page is begun, so that the index can still be written.
_SHORTEST = 5.0

_log = logging.getLogger(__name__)


@dataclass
class Rendered:
    """What became of a site: the playlists whose pages are as the lake is now, those whose pages failed and why, and
    those that were left since the time was over."""

    pages: list[str] = field(default_factory=list)
    failed: dict[str, ChartlakeError] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        failed = {one: {"error": error.kind, "message": error.message} for one, error in self.failed.items()}
        return {"pages": self.pages, "failed": failed, "left": self.left}


def render_site(
    lake: Lake,
    world: World,
    timezone: ZoneInfo,
    playlist_ids: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Rendered:
    """Write the pages of these playlists (none: of all in the lake) and the index; what is the same is left alone.

    A page that fails does not stop the others. Raises `NotKept` for a playlist that is not in the lake, and
    `LakeUnavailable`.
    """
    today = world.now().astimezone(timezone).date()
    with open_charts(lake, today, entries=False) as charts:
        overview = read_overview(charts, today)
    known = {one["id"]: one["last_date"] for one in overview}
    for one in playlist_ids:
        if one not in known:
            raise NotKept(f"playlist {one} is not in the lake.")
    wanted = [one for one in playlist_ids or known if known[one] is not None]
    rendered, cards, slowest = Rendered(), dict[str, Any](), _SHORTEST
    for number, one in enumerate(wanted):
        if world.time_left() < slowest:
            rendered.left = wanted[number:]
            break
        began = world.monotonic()
        try:
            cards[one] = _render_page(lake, world, today, one)
            rendered.pages.append(one)
        except LakeUnavailable:
            raise
        except ChartlakeError as error:
            rendered.failed[one] = error
        except Exception as error:
            _log.exception("a defect of chartlake", extra={"playlist_id": one})
            rendered.failed[one] = ChartlakeError(
                f"the page of {one}: {type(error).__name__} inside chartlake: {error}.",
                advice="This is a defect of chartlake; please report it. Other pages are not affected.",
            )
        if one in rendered.failed:
            _log.warning("the page of %s was not rendered: %s", one, rendered.failed[one].message)
        slowest = max(slowest, _SHORTEST + world.monotonic() - began)
        progress(number + 1, len(wanted))
    _render_index(lake, world, overview, cards)
    return rendered


def shared_index(store: ObjectStore, world: World, seconds: int) -> str:
    """A link, good for that long, to an index whose own links are as good: for those who cannot read the lake.

    Whoever has the link can open every page until then. Raises `NotKept` where no site is rendered yet.
    """
    found = store.get(keys.INDEX_PAGE)
    if found is None:
        raise NotKept("No page is rendered yet.", advice="Run `chartlake report`, or wait for the next daily run.")
    pages = re.compile(r'(?<=href=")playlists/[^"]+(?=")')
    html = pages.sub(lambda page: escape(store.link(keys.SITE + unquote(page[0]), seconds)), found.data.decode())
    _write(store, world, keys.SHARED_INDEX_PAGE, html.encode())
    return store.link(keys.SHARED_INDEX_PAGE, seconds)


def _render_page(lake: Lake, world: World, today: date, playlist_id: str) -> dict[str, Any]:
    """Write a playlist's page; gives its card for the index."""
    with open_charts(lake, today, [playlist_id], entries=False) as charts:
        coverage = charts.coverage(playlist_id)
        followers = charts.warehouse.read(
            "SELECT snapshot_date, followers FROM snapshots WHERE followers IS NOT NULL ORDER BY snapshot_date"
        )
    since = _since([(row["snapshot_date"], row["entry_count"] or 0) for row in coverage])
    with open_charts(lake, today, [playlist_id], since=since) as charts:
        page = read_page(charts, playlist_id, coverage, followers)
    _write(lake.store, world, keys.playlist_page(playlist_id), render("playlist.html", page))
    return card_of(page)


def _since(counts: list[tuple[date, int]]) -> date:
    """The first of the newest days that have no more than `MOST_ENTRIES` together; the newest in any case."""
    entries, later = 0, date.min
    for day, count in reversed(counts):
        entries += count
        if entries > MOST_ENTRIES and later > date.min:
            return later
        later = day
    return date.min


def _render_index(lake: Lake, world: World, overview: list[dict[str, Any]], cards: dict[str, Any]) -> None:
    """Write the index from the cards of the pages just rendered and, of the others, those that were kept."""
    links = {one["id"]: _link(one["id"]) for one in overview}
    kept: dict[str, Any] = {}

    def change(before: dict[str, Any]) -> dict[str, Any]:
        kept.clear()
        kept.update({one: card for one, card in (before | cards).items() if one in links})
        return kept

    lake.update_state(keys.CARDS, change)
    _write(lake.store, world, keys.INDEX_PAGE, render("index.html", index_context(overview, kept) | {"links": links}))


def _link(playlist_id: str) -> str:
    """From the index to a playlist's page: the key's own percent signs are part of a file's name."""
    return quote(keys.playlist_page(playlist_id).removeprefix(keys.SITE))


def _write(store: ObjectStore, world: World, key: str, data: bytes) -> None:
    update(store, lambda: (key, store.get(key)), lambda before: data, world)
