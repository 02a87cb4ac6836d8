"""Whether each followed playlist can be read, which road is left where it cannot, and when it was kept last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...errors import ChartlakeError, NotFound, NotReadable
from ...lake.lake import Lake
from ...lake.schema import PUBLISHED
from ...settings import Settings
from ...snapshots.following import follow_list, named_only
from ...spotify.client import Client
from ...spotify.entries import Page
from ...spotify.mine import Mine
from ...spotify.reader import page_in
from ...spotify.references import ME, ME_LIKED, FollowList
from ...spotify.retry import RetryBudget, with_retries
from ...text import counted
from ...time_and_chance import World
from .check import Check, Mark, bad, clock

_DIALECTS = {
    "tracks": "It has extended quota: every public playlist can be read.",
    "tracks+items": "It was made before 11 February 2026: every public playlist of users can be read.",
    "items": (
        "It was made on or after 11 February 2026: only playlists that the signed-in user owns or collaborates on "
        "can be read."
    ),
}
_SPOTIFYS_OWN = "37i9dQ"
_CHARTS = "`chartlake import` takes the CSV files from charts.spotify.com."


@dataclass(frozen=True)
class _Cover:
    """A playlist's first answers: who it is, its first entries, the moment that Spotify gave; or the refusal."""

    title: str = ""
    page: Page | None = None
    date: str | None = None
    refusal: ChartlakeError | None = None


def playlists(
    settings: Settings, lake: Lake, client: Client, mine: Mine, budget: RetryBudget, world: World
) -> Iterator[Check]:
    """A check a followed playlist that is named, one for all of `me`; before the first ones the kind of app and, where
    AWS told no time, the clock."""
    try:
        said = follow_list(settings, lake)
    except ChartlakeError as error:
        yield bad("playlists", error)
        return
    if said.wrong:
        yield bad("playlists", said.wrong[0])
    if said.needs_user:
        yield from _mine(said, mine)
    told = {"clock"} if settings.lake.startswith("s3://") else set[str]()
    today = world.now().astimezone(settings.timezone).date()
    for playlist_id in filter(_is_named, named_only(said).playlist_ids):
        try:
            history = lake.history(playlist_id, today)
        except ChartlakeError as error:
            yield bad(f"playlist {playlist_id}", error)
            continue
        cover = _cover(client, playlist_id, budget, world)
        once = _first_told(told, clock(world.now(), cover.date, "Spotify"), _app(cover))
        told.update(one.name for one in once)
        yield from (*once, _check(playlist_id, cover, history, today))
        if cover.refusal and cover.refusal.stops_run:
            return


def _is_named(reference: str) -> bool:
    return reference not in (ME, ME_LIKED)


def _first_told(told: set[str], *checks: Check | None) -> list[Check]:
    return [one for one in checks if one and one.name not in told]


def _mine(said: FollowList, mine: Mine) -> Iterator[Check]:
    """Whether what is the user's own can be told: how many playlists there are, whose the Liked Songs are."""
    if ME in said.references:
        try:
            listed = mine.playlist_ids()
            out = len(said.excluded.intersection(listed))
            words = f"{counted(len(listed), 'playlist')} of the signed-in user, {out} of them excluded."
            yield Check("playlists me", "good", words)
        except ChartlakeError as error:
            yield bad("playlists me", error)
    if ME_LIKED in said.references:
        try:
            yield Check("playlists me/liked", "good", f"The Liked Songs are kept as {mine.liked_id()}.")
        except ChartlakeError as error:
            yield bad("playlists me/liked", error)


def _cover(client: Client, playlist_id: str, budget: RetryBudget, world: World) -> _Cover:
    """Spotify is asked once, twice for a list whose contents it withholds."""
    try:
        answer = with_retries(lambda: client.playlist(playlist_id), budget, world)
    except ChartlakeError as error:
        return _Cover(refusal=error)
    date_header, title = answer.headers.get("date"), _title(answer.json())
    try:
        page = page_in(answer, playlist_id)
        if page is None:
            # A 200 proves nothing: the cover of a list that is not one's own comes without contents.
            page = page_in(with_retries(lambda: client.page(playlist_id, 0), budget, world), playlist_id)
    except ChartlakeError as error:
        return _Cover(title, None, date_header, error)
    return _Cover(title, page, date_header)


def _title(body: Mapping[str, Any]) -> str:
    owner = body.get("owner") or {}
    together = ", collaborative" if body.get("collaborative") else ""
    return f"“{body.get('name')}” of {owner.get('display_name') or owner.get('id') or 'nobody'}{together}"


def _app(cover: _Cover) -> Check | None:
    """The kind of app, where this playlist tells it."""
    dialect = "items" if isinstance(cover.refusal, NotReadable) else cover.page.wrapper if cover.page else ""
    return Check("app", "good", _DIALECTS[dialect]) if dialect in _DIALECTS else None


def _check(playlist_id: str, cover: _Cover, history: list[dict[str, Any]], today: date) -> Check:
    name, (mark, last) = f"playlist {playlist_id}", _last_kept(history, today)
    if cover.refusal is None:
        advice = "" if mark == "good" else "Run `chartlake extract`; `chartlake coverage` says why days are missing."
        total = cover.page.total if cover.page else 0
        words = f"{cover.title} can be read, {total} {'entry' if total == 1 else 'entries'}. {last}"
        return Check(name, mark, words, advice)
    words = cover.refusal.message.removeprefix(f"{name}: ")
    own = playlist_id.startswith(_SPOTIFYS_OWN)
    if isinstance(cover.refusal, NotFound):
        words = f"{'One of Spotify’s own lists' if own else 'Private or deleted'}: {words}"
    elif cover.title:
        words = f"{cover.title} is there, but not its entries: {words}"
    return Check(name, "bad", f"{words} {last}", _road(cover.refusal, own))


def _road(refusal: ChartlakeError, own: bool) -> str:
    """What is left to do."""
    if isinstance(refusal, NotFound) and own:
        return f"No app registered after 27 November 2024 can read it. Of a chart, {_CHARTS}"
    if isinstance(refusal, NotFound):
        return "Check the link. A private playlist needs its owner's sign-in: `chartlake login`."
    return f"{refusal.advice} Of a chart, {_CHARTS}" if isinstance(refusal, NotReadable) else refusal.advice


def _last_kept(history: list[dict[str, Any]], today: date) -> tuple[Mark, str]:
    """The last day that has its entries, and the newest one where that failed."""
    if not history:
        return "good", "Not kept yet."
    kept = [row["snapshot_date"] for row in history if row["status"] in PUBLISHED]
    newest = history[-1]
    why = "" if newest["status"] in PUBLISHED else f" On {newest['snapshot_date']}: {newest['status']}."
    if not kept:
        return "warning", f"Never kept.{why}"
    days = (today - kept[-1]).days
    ago = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    # Today's run may be yet to come.
    return "good" if days <= 1 else "warning", f"Last kept on {kept[-1]}, {ago}.{why}"
