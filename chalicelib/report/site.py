"""The site, written into the lake's `site/`: a page a playlist, those of tracks and artists, and the index."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from html import escape
from typing import Any, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from ..analysis.charts import Charts, open_charts
from ..analysis.events import Event, events_of
from ..analysis.measures import read_overlaps
from ..analysis.watchlist import Watchlist, read_watchlist
from ..errors import ChartlakeError, DamagedFile, LakeUnavailable, NotKept
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import SNAPSHOTS
from ..lake.store import ObjectStore
from ..lake.tables import Row
from ..time_and_chance import World
from .across_site import MOST_ENTRIES as MOST_ENTRIES_ACROSS
from .across_site import entries_in, pages_by_path, watched_pages, write_across
from .index_page import index_context, read_overview
from .layout import INDEX_SCRIPT, render
from .list_measures import MOST_LISTS
from .morning import news_of, songs_of, watched_of
from .playlist_page import card_of, read_page
from .writing import write

# Reckoning with this many entries takes some 500 MB; a Top 50 has as many after 21 years.
MOST_ENTRIES = 400_000
# So many pages are made at once, if their lists have no more entries than this, which takes some 100 MB.
_AT_ONCE = 2
_FEW_ENTRIES = 50_000
# Less time than this is left: no further page is begun, so that the index can still be written.
_SHORTEST = 5.0
# What is read of all lists at once takes longer.
_SHORTEST_ACROSS = 60.0

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


class _Overview(NamedTuple):
    """The lists as the index shows them, and the lists that cannot be shown, since a table object is damaged."""

    lists: list[dict[str, Any]]
    damaged: dict[str, ChartlakeError]

    @property
    def known(self) -> set[str]:
        return {one["id"] for one in self.lists} | set(self.damaged)

    def behind(self, cards: dict[str, Any]) -> list[str]:
        """The lists that have a known day, and no page of what is committed by now."""
        return [
            one["id"]
            for one in self.lists
            if one["last_date"] is not None and cards.get(one["id"], {}).get("commits") != one["commits"]
        ]


def render_site(
    lake: Lake,
    world: World,
    timezone: ZoneInfo,
    playlist_ids: Sequence[str] = (),
    *,
    missed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Rendered:
    """Write the pages of these playlists (none: of all in the lake) and the index; what is the same is left alone.

    `missed`: of those of them that are in the lake, and while time is left of all lists whose page was missed or is
    older than what is committed. The pages of tracks and artists are made too, but where lists are named without it. A
    page that fails does not stop the others. Raises `NotKept` for a playlist that is not in the lake, and
    `LakeUnavailable`.
    """
    work = _Work(lake, world, world.now().astimezone(timezone).date())
    overview = work.overview()
    named = _named(playlist_ids, overview.known, missed)
    work.pages(_longest_left_first(lake, overview, named), progress)
    if missed or not playlist_ids:
        work.across(overview)
    seen = work.index()
    if seen is not None:
        behind = [one for one in seen.behind(lake.read_state(keys.CARDS)) if missed or one in named]
        if work.pages([one for one in behind if one not in work.told], recheck=seen):
            work.index()
    return work.rendered


class _Work:
    """One rendering: what came of it so far, and how long a page and the overview take here."""

    def __init__(self, lake: Lake, world: World, today: date) -> None:
        self.rendered = Rendered()
        self._lake, self._world, self._today = lake, world, today
        self._cards: dict[str, Any] = {}
        self._lists: list[dict[str, Any]] = []
        self._page_seconds = self._overview_seconds = 0.0

    @cached_property
    def _watchlist(self) -> Watchlist:
        return read_watchlist(self._lake)

    @property
    def told(self) -> set[str]:
        """The playlists that failed or were left."""
        return {*self.rendered.failed, *self.rendered.left}

    def overview(self) -> _Overview:
        began = self._world.monotonic()
        found = _read(self._lake, self._today)
        self._overview_seconds = self._world.monotonic() - began
        self._lists = [one for one in found.lists if one["last_date"] is not None]
        return found

    @cached_property
    def _overlaps(self) -> dict[str, list[Row]]:
        """What the lists have in common, for their pages; where there is no time or room for it, they tell none.

        It may be older than what a page is made of. But of each two lists it tells the day that it compares.
        """
        lists = self._lists
        if self._world.time_left() < _SHORTEST_ACROSS or len(lists) < 2 or entries_in(lists) > MOST_ENTRIES_ACROSS:
            return {}
        try:
            return read_overlaps(self._lake, self._today, [one["id"] for one in lists], MOST_LISTS)
        except DamagedFile as error:
            _log.warning("no page tells what lists have in common: %s", error.message)
            return {}

    def pages(
        self,
        wanted: Sequence[str],
        progress: Callable[[int, int], None] = lambda done, total: None,
        recheck: _Overview | None = None,
    ) -> bool:
        """Write these pages while time is left; with `recheck` those only that nobody else has written meanwhile.
        Gives whether any was written."""
        done = 0
        while done < len(wanted):
            if self._world.time_left() < _SHORTEST + self._overview_seconds + self._page_seconds:
                self.rendered.left += wanted[done:]
                break
            some = self._at_once(wanted[done:])
            if recheck:
                behind = recheck.behind(self._lake.read_state(keys.CARDS))
                self._pages([one for one in some if one in behind])
            else:
                self._pages(some)
            done += len(some)
            progress(done, len(wanted))
        return bool(self._cards)

    def _at_once(self, wanted: Sequence[str]) -> Sequence[str]:
        """The next pages, which two processors make sooner together; but one alone where time is short, or memory."""
        some = wanted[:_AT_ONCE]
        small = entries_in([one for one in self._lists if one["id"] in some]) <= _FEW_ENTRIES
        return some if small and self._world.time_left() >= _SHORTEST_ACROSS else wanted[:1]

    def _pages(self, playlist_ids: Sequence[str]) -> None:
        if not playlist_ids:
            return
        began, overlaps, watchlist = self._world.monotonic(), self._overlaps, self._watchlist

        def make(one: str) -> dict[str, Any] | ChartlakeError:
            return _made(one, lambda: _render_page(self._lake, self._today, one, watchlist, overlaps.get(one, ())))

        with ThreadPoolExecutor(len(playlist_ids)) as pool:
            for one, card in zip(playlist_ids, pool.map(make, playlist_ids), strict=True):
                if isinstance(card, ChartlakeError):
                    self.rendered.failed[one] = card
                else:
                    self._cards[one] = card
                    self.rendered.pages.append(one)
        self._page_seconds = max(self._page_seconds, self._world.monotonic() - began)

    def across(self, overview: _Overview) -> None:
        """Write the pages of tracks and artists as the lists are now; where it fails, those that are there stay."""
        if self._world.time_left() < _SHORTEST_ACROSS:
            return
        sound = [one for one in overview.lists if one["last_date"] is not None and one["id"] not in self.told]
        try:
            write_across(self._lake, self._world, self._today, self._watchlist, sound)
        except DamagedFile as error:
            _log.warning("the pages of tracks and artists were not rendered: %s", error.message)

    def index(self) -> _Overview | None:
        """Write the cards of the pages made so far, and the index as the lake is now; gives what it shows. None where
        no time is left for it: whoever renders next writes it."""
        made, self._cards = self._cards, {}
        if made:
            self._lake.update_state(keys.CARDS, lambda before: before | made)
        if self._world.time_left() < self._overview_seconds:
            return None
        cards: dict[str, Any] = {}
        overview = _Overview([], {})

        def make() -> bytes:
            nonlocal cards, overview
            # The cards first: then a card without a list is that of a list that is gone, not of one that just came.
            cards, overview = self._lake.read_state(keys.CARDS), self.overview()
            links = {one["id"]: keys.link(keys.playlist_page(one["id"])) for one in overview.lists}
            pages = self._lake.read_state(keys.ACROSS)
            beside = {"links": links, "pages": pages_by_path(pages), "watched_pages": watched_pages(pages)}
            return render("index.html", index_context(overview.lists, cards) | beside, INDEX_SCRIPT)

        write(self._lake.store, keys.INDEX_PAGE, make)
        gone = cards.keys() - overview.known
        if gone:
            self._lake.update_state(
                keys.CARDS, lambda before: {one: card for one, card in before.items() if one not in gone}
            )
        return overview


def _made(playlist_id: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any] | ChartlakeError:
    """The card of a page, or why there is none. Raises `LakeUnavailable`."""
    try:
        return make()
    except LakeUnavailable:
        raise
    except ChartlakeError as error:
        failure = error
    except Exception as error:
        _log.exception("a defect of chartlake", extra={"playlist_id": playlist_id})
        failure = ChartlakeError(
            f"the page of {playlist_id}: {type(error).__name__} inside chartlake: {error}.",
            advice="This is a defect of chartlake; please report it. Other pages are not affected.",
        )
    _log.warning("the page of %s was not rendered: %s", playlist_id, failure.message)
    return failure


def _named(playlist_ids: Sequence[str], known: set[str], missed: bool) -> list[str]:
    """The lists that are asked for by name, which without `missed` are all where none is named. Raises `NotKept`."""
    if missed:
        return [one for one in playlist_ids if one in known]
    unknown = [one for one in playlist_ids if one not in known]
    if unknown:
        raise NotKept(f"playlist {unknown[0]} is not in the lake.")
    return list(playlist_ids) or sorted(known)


def _longest_left_first(lake: Lake, overview: _Overview, playlist_ids: Iterable[str]) -> list[str]:
    """Those of them that have a known day or are damaged; when time is always short, each has its turn all the same."""
    days = {one["id"]: one["last_date"] for one in overview.lists}
    wanted = [one for one in playlist_ids if one in overview.damaged or days[one] is not None]
    cards = lake.read_state(keys.CARDS)
    return sorted(wanted, key=lambda one: cards.get(one, {}).get("day", ""))


def _read(lake: Lake, today: date) -> _Overview:
    """All lists, or where a table object of some is damaged, all others."""
    try:
        return _Overview(_read_lists(lake, today), {})
    except DamagedFile:
        damaged: dict[str, ChartlakeError] = {}
        sound: list[str] = []
        for one in sorted({playlist_id for playlist_id, _ in lake.tried()}):
            try:
                _read_lists(lake, today, [one])
                sound.append(one)
            except DamagedFile as error:
                damaged[one] = error
                _log.warning("%s is left out of the index: %s", one, error.message)
        return _Overview(_read_lists(lake, today, sound) if sound else [], damaged)


def _read_lists(lake: Lake, today: date, playlist_ids: Iterable[str] = ()) -> list[dict[str, Any]]:
    with open_charts(lake, today, playlist_ids, entries=False) as charts:
        commits = _commits(charts)
        return [one | {"commits": commits[one["id"]]} for one in read_overview(charts, today)]


def _commits(charts: Charts) -> dict[str, str]:
    """For each list a text that is another one as soon as any of its commits is."""
    columns = ", ".join(f'"{name}"' for name in SNAPSHOTS)
    rows = charts.warehouse.read(
        f"SELECT playlist_id, sum(hash({columns})) AS digest FROM snapshots GROUP BY playlist_id"
    )
    return {row["playlist_id"]: f"{int(row['digest']):x}" for row in rows}


def shared_index(store: ObjectStore, world: World, seconds: int) -> str:
    """A link, good for that long, to an index whose own links are as good: for those who cannot read the lake.

    Whoever has the link can open every page until then. Raises `NotKept` where no site is rendered yet.
    """
    found = store.get(keys.INDEX_PAGE)
    if found is None:
        raise NotKept("No page is rendered yet.", advice="Run `chartlake report`, or wait for the next daily run.")
    pages = re.compile(r'(?<=href=")(?:playlists|tracks|artists)/[^"]+(?=")')
    html = pages.sub(lambda page: escape(store.link(keys.SITE + unquote(page[0]), seconds)), found.data.decode())
    key = keys.shared_index(world.new_id())
    store.create(key, html.encode())
    return store.link(key, seconds)


def _render_page(
    lake: Lake, today: date, playlist_id: str, watchlist: Watchlist, overlaps: Sequence[Row]
) -> dict[str, Any]:
    """Write a playlist's page; gives its card for the index, with what was committed when it was made."""
    card: dict[str, Any] = {}

    def make() -> bytes:
        nonlocal card
        with open_charts(lake, today, [playlist_id]) as charts:
            past = _read_past(charts, playlist_id)
            if past.since == date.min:
                page, news = _read_page(charts, playlist_id, past, overlaps)
        if past.since > date.min:
            with open_charts(lake, today, [playlist_id], since=past.since) as charts:
                page, news = _read_page(charts, playlist_id, past, overlaps)
        morning = {"news": news_of(news), "watched": watched_of(news, watchlist), "songs": songs_of(page["rows"])}
        card = card_of(page) | morning | {"commits": past.commits}
        return render("playlist.html", page)

    write(lake.store, keys.playlist_page(playlist_id), make)
    return card


class _Past(NamedTuple):
    """What a page tells of all days of its list, and the first day of those that it is made of."""

    commits: str
    coverage: list[Row]
    followers: list[Row]
    since: date


def _read_past(charts: Charts, playlist_id: str) -> _Past:
    coverage = charts.coverage(playlist_id)
    followers = charts.warehouse.read(
        "SELECT snapshot_date, followers FROM snapshots WHERE followers IS NOT NULL ORDER BY snapshot_date"
    )
    since = _since([(row["snapshot_date"], row["entry_count"] or 0) for row in coverage])
    return _Past(_commits(charts)[playlist_id], coverage, followers, since)


def _read_page(
    charts: Charts, playlist_id: str, past: _Past, overlaps: Sequence[Row]
) -> tuple[dict[str, Any], list[Event]]:
    # Several parts of the page ask for them.
    charts.warehouse.narrow("runs", "true", {})
    page = read_page(charts, playlist_id, past.coverage, past.followers, overlaps)
    return page, _news(charts, page["day"])


def _news(charts: Charts, day: date) -> list[Event]:
    """What happened on a list's newest day and is news."""
    return [one for one in events_of(charts.warehouse, since=day, until=day) if one.is_news]


def _since(counts: list[tuple[date, int]]) -> date:
    """The first of the newest days that have no more than `MOST_ENTRIES` together; the newest in any case."""
    entries, later = 0, date.min
    for day, count in reversed(counts):
        entries += count
        if entries > MOST_ENTRIES and later > date.min:
            return later
        later = day
    return date.min
