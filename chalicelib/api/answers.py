"""What is answered over HTTP: a checked request in, one question to the lake, JSON out. Reads only."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import AnswerChanged, BadSetting, ChartlakeError, LakeUnavailable, NotKept, TooLarge
from ..handlers.http import Answer
from ..settings import Settings, from_environment
from ..time_and_chance import World
from . import routes

if TYPE_CHECKING:
    from ..analysis.charts import Charts
    from ..lake.lake import Lake

# Lambda takes answers up to 6 MB, as JSON within which the body is a text with every quote escaped once more.
MOST_BYTES = 5_000_000
# A list with more entries in the lake takes longer than the 29 s that API Gateway waits.
MOST_ENTRIES = 750_000
LINK_SECONDS = 3600
# A day that is over can still be changed by an import, a replay or a purge.
_CLOSED_SECONDS = 3600

_STATUSES: tuple[tuple[type[ChartlakeError], int], ...] = (
    (NotKept, 404),
    (AnswerChanged, 409),
    (TooLarge, 422),
    (LakeUnavailable, 503),
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Request:
    """What came over HTTP: the path's and the query's parameters as texts, and the tag of what the caller has."""

    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    if_none_match: str = ""


@dataclass(frozen=True)
class Question:
    """A checked request: the value of each parameter of its route, and what it is asked of."""

    values: Mapping[str, Any]
    settings: Settings
    world: World

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def today(self) -> date:
        """The day that is not over yet."""
        return self.world.now().astimezone(self.settings.timezone).date()

    def is_over(self, day: date | None) -> bool:
        """Whether that day is past; None is the newest day that is known, which can be another one soon."""
        return day is not None and day < self.today

    @cached_property
    def lake(self) -> Lake:
        from ..lake.address import open_store
        from ..lake.lake import Lake

        return Lake(open_store(self.settings.lake, self.world), self.world)

    def charts(self, *playlist_ids: str, entries: bool = True) -> AbstractContextManager[Charts]:
        """The views over these playlists (none: over all)."""
        from ..analysis.charts import open_charts

        return open_charts(self.lake, self.today, playlist_ids, entries=entries)


@dataclass(frozen=True)
class Reply:
    """What is answered. `closed`: it speaks of days only that are over, so it hardly ever changes."""

    document: Mapping[str, Any]
    closed: bool = False


def _answers(route: routes.Route) -> Callable[[Callable[[Question], Reply]], Callable[..., Answer]]:
    """Make the answer to a route's requests out of what is replied to its questions."""

    def make(reply_to: Callable[[Question], Reply]) -> Callable[..., Answer]:
        @wraps(reply_to)
        def answer(request: Request, world: World | None = None) -> Answer:
            try:
                values = route.read(request.path, request.query)
            except BadSetting as error:
                return Answer(400, error.to_json())
            try:
                reply = reply_to(Question(values, from_environment(os.environ), world or World()))
            except ChartlakeError as error:
                status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
                if status >= 500:
                    _log.exception("%s %s failed", route.method, route.path)
                return Answer(status, error.to_json())
            body = _text(reply.document)
            # A first page that is kept for an hour would go on with a cursor that may be refused by then.
            closed = reply.closed and reply.document.get("next_cursor") is None
            return _tagged(body, closed, request.if_none_match) if route.tagged else Answer(200, body)

        return answer

    return make


@_answers(routes.PLAYLISTS)
def playlists(asked: Question) -> Reply:
    """Every list, by its id: an order that stays while a run brings one list after the other up to date."""

    def rows_of(ids: Sequence[str]) -> list[dict[str, Any]]:
        if not ids:
            return []
        with asked.charts(*ids, entries=False) as charts:
            rows = {row["playlist_id"]: row for row in charts.playlists()}
        return [_row(rows[one]) for one in ids if one in rows]

    ids = sorted({playlist_id for playlist_id, _ in asked.lake.tried()})
    rows, cursor = _page(asked, ids, rows_of)
    return Reply({"playlists": rows, "next_cursor": cursor})


@_answers(routes.CHART)
def chart(asked: Question) -> Reply:
    """A list on one day, its newest known one where none is named."""
    with asked.charts(asked["playlist_id"]) as charts:
        (held,) = charts.warehouse.read("SELECT count(*) AS entries FROM entries")
        if held["entries"] > MOST_ENTRIES:
            raise TooLarge(
                f"playlist {asked['playlist_id']} has {held['entries']:,} entries in the lake; over HTTP "
                f"{MOST_ENTRIES:,} are the most that a chart is made of."
            )
        document = charts.chart(asked["playlist_id"], asked["date"]).to_json()
    parts = ("entries", "leavers")
    kept, cursor = _page(asked, [(part, row) for part in parts for row in document[part]])
    pages = {part: [row for its_part, row in kept if its_part == part] for part in parts}
    return Reply(document | pages | {"next_cursor": cursor}, closed=asked.is_over(asked["date"]))


@_answers(routes.COVERAGE)
def coverage(asked: Question) -> Reply:
    """Every day of a list from the first that was tried."""
    with asked.charts(asked["playlist_id"], entries=False) as charts:
        playlist = charts.playlist(asked["playlist_id"])
        days = [_row(day) for day in charts.coverage(asked["playlist_id"])]
    counts: dict[str, int] = {}
    for day in days:
        del day["playlist_id"]
        counts[day["status"]] = counts.get(day["status"], 0) + 1
    rows, cursor = _page(asked, days)
    return Reply({"playlist": _row(playlist), "counts": counts, "days": rows, "next_cursor": cursor})


@_answers(routes.HISTORY)
def history(asked: Question) -> Reply:
    """A track's time on every list, or on one."""
    with asked.charts(*([asked["playlist"]] if asked["playlist"] else [])) as charts:
        charts.narrow(asked["track_id"])
        found = charts.tracks_with_id(asked["track_id"])
        if not found:
            where = f"on playlist {asked['playlist']}" if asked["playlist"] else "on any list of the lake"
            raise NotKept(f"track {asked['track_id']} was never seen {where}.")
        document = charts.history(found[0]).to_json()
    rows, cursor = _page(asked, document["playlists"])
    return Reply(document | {"playlists": rows, "next_cursor": cursor})


@_answers(routes.ARTIST_HISTORY)
def artist(asked: Question) -> Reply:
    """An artist's time on every list."""
    from ..analysis.artists import read_artist

    def decide(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        meant = [dict(row) for row in found if row["artist_key"] == asked["artist_id"]]
        if not meant:
            raise NotKept(f"artist {asked['artist_id']} was never seen on any list of the lake.")
        return meant

    document = read_artist(asked.lake, asked.today, asked["artist_id"], decide).to_json()
    rows, cursor = _page(asked, document["playlists"])
    return Reply(document | {"playlists": rows, "next_cursor": cursor})


@_answers(routes.COMPARE)
def compare(asked: Question) -> Reply:
    """What became of a list between two days."""
    with asked.charts(asked["playlist"]) as charts:
        document = charts.compare(asked["playlist"], asked["from"], asked["to"]).to_json()
    rows, cursor = _page(asked, document["items"])
    closed = asked.is_over(max(asked["from"], asked["to"]))
    return Reply(document | {"items": rows, "next_cursor": cursor}, closed)


@_answers(routes.EVENTS)
def events(asked: Question) -> Reply:
    """What happened to a list, or to all of them, on some days."""
    from ..analysis.events import read_events
    from ..analysis.views import EVENT_KINDS

    lists = [asked["playlist"]] if asked["playlist"] else []
    found = read_events(
        asked.lake,
        playlists=lists,
        since=asked["since"],
        until=asked["until"] or date.max,
        kinds=[asked["kind"]] if asked["kind"] else EVENT_KINDS,
        min_move=asked["min_move"],
        today=asked.today,
        most_entries=MOST_ENTRIES,
    )
    rows, cursor = _page(asked, [one.to_json() for one in found])
    # Whether a gap is open, and how long, changes from day to day.
    return Reply({"events": rows, "next_cursor": cursor})


@_answers(routes.REPORT)
def report(asked: Question) -> Reply:
    """A link to the pages that ends by itself."""
    from ..report.site import shared_index

    url = shared_index(asked.lake.store, asked.world, LINK_SECONDS)
    ends = (asked.world.now() + timedelta(seconds=LINK_SECONDS)).isoformat(timespec="seconds")
    return Reply({"url": url, "expires_at": ends.replace("+00:00", "Z")})


@_answers(routes.OPENAPI)
def openapi(asked: Question) -> Reply:
    """The description of all of this."""
    from .openapi import document

    return Reply(document(), closed=True)


def _page(
    asked: Question, items: Sequence[_T], rows_of: Callable[[Sequence[_T]], list[Any]] = list
) -> tuple[list[Any], str | None]:
    """The rows of one page, and the cursor of the next one. Raises `AnswerChanged`.

    A cursor holds how far its page went, and a digest of all items: of two pages both come from the same items.
    """
    digest = _digest(_text(items))[:16]
    start, seen = asked["cursor"] or (0, digest)
    if seen != digest:
        raise AnswerChanged("The answer that this cursor goes on with is another one by now.")
    taken = items[start : start + asked["limit"]]
    rows = rows_of(taken)
    fitting = _fitting(rows)
    end = start + (len(taken) if len(fitting) == len(rows) else len(fitting))
    return fitting, f"{end}-{digest}" if end < len(items) else None


def _fitting(rows: list[_T]) -> list[_T]:
    """As many of the first rows as one answer can hold; at least one, so that each page leads on."""
    left = MOST_BYTES
    for number, row in enumerate(rows):
        left -= len(json.dumps(_text(row)))
        if left < 0 and number:
            return rows[:number]
    return rows


def _tagged(body: str, closed: bool, if_none_match: str) -> Answer:
    tag = f'"{_digest(body)[:32]}"'
    lasting = f"max-age={_CLOSED_SECONDS}" if closed else "no-cache"
    headers = {"ETag": tag, "Cache-Control": f"private, {lasting}"}
    held = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return Answer(304, "", headers) if tag in held or "*" in held else Answer(200, body, headers)


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    from ..lake.tables import to_json

    return to_json(row)


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
