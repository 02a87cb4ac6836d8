"""Looks at everything a run needs, one thing after the other, and says what to do where something is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .credentials import load_credentials
from .entries import Page, page_of
from .errors import ChartlakeError, NotReadable
from .lake import keys
from .lake.lake import Lake
from .lake.schema import PUBLISHED
from .pipeline import followed_playlists, open_lake, standing_ban
from .settings import Settings
from .spotify.client import Client
from .spotify.retry import RetryBudget, with_retries
from .spotify.tokens import Tokens
from .world import World

Mark = Literal["good", "warning", "bad"]
# DuckDB's wheels need the glibc of Lambda's runtimes from 3.12 on.
PACKAGING_PYTHON = (3, 12)
# Seconds to wait in all where Spotify is failing: a person is watching.
_PATIENCE = 10.0
_CONSENT_WARNING_DAYS = 30
_DIALECTS = {
    "tracks": "It has extended quota: every public playlist can be read.",
    "tracks+items": "It was made before 11 February 2026: every public playlist of users can be read.",
    "items": (
        "It was made on or after 11 February 2026: only playlists that the signed-in user owns or collaborates on "
        "can be read."
    ),
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `bad` is what keeps a run from its work; `advice` is empty where all is well."""

    name: str
    mark: Mark
    message: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings_of: Callable[[], Settings], world: World) -> Iterator[Check]:
    """Check after check, as each is known. Spotify is asked for a token and once a followed playlist, twice for one
    whose contents it withholds; not at all while it wants to be left alone."""
    yield _python()
    try:
        settings = settings_of()
    except ChartlakeError as error:
        yield _bad("settings", error)
        return
    yield Check("settings", "good", f"Valid; the schedule is {settings.schedule}, the zone {settings.timezone.key}.")
    lake = None
    if settings.lake.startswith("s3://"):
        yield _aws_identity()
    try:
        lake = open_lake(settings, world)
        yield _newest(lake)
    except ChartlakeError as error:
        yield _bad("lake", error)
        lake = None
    yield from _spotify(settings, world, lake)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PACKAGING_PYTHON:
        return Check("python", "good", f"Python {version}.")
    advice = "Only for deploying: use Python 3.12 or newer."
    return Check("python", "warning", f"Python {version} runs chartlake, but cannot package it for Lambda.", advice)


def _aws_identity() -> Check:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        who = boto3.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else str(error)
        return Check("aws", "bad", f"AWS does not say who you are: {code}", "Run `aws sso login`, or set AWS_PROFILE.")
    return Check("aws", "good", f"Account {who['Account']}, as {who['Arn'].rpartition(':')[2]}.")


def _newest(lake: Lake) -> Check:
    captured_at = lake.read_state(keys.NEWEST_OK).get("captured_at")
    kept = f"the newest snapshot is of {captured_at[:16]} UTC" if captured_at else "no snapshot is in it yet"
    return Check("lake", "good", f"{lake.store.locate('')} can be read; {kept}.")


def _spotify(settings: Settings, world: World, lake: Lake | None) -> Iterator[Check]:
    try:
        credentials = load_credentials(settings, world, afresh=True)
    except ChartlakeError as error:
        yield _bad("credentials", error)
        return
    ban = _ban(lake, world) if lake else None
    if ban:
        yield ban
        return
    budget = RetryBudget(_PATIENCE, world)
    tokens = Tokens(settings.accounts_url, credentials, world, budget)
    try:
        tokens.get_access_token()
    except ChartlakeError as error:
        yield _bad("credentials", error)
        return
    user = "for a signed-in user" if credentials.refresh_token else "without a user: no private playlists"
    yield Check("credentials", "good", f"Spotify accepts them, {user}.")
    if credentials.refresh_token:
        yield _consent(tokens.consent_days_left())
    if lake:
        yield from _playlists(settings, lake, Client(settings.api_url, tokens, world), budget, world)


def _ban(lake: Lake, world: World) -> Check | None:
    """What keeps every run from asking, while it lasts."""
    try:
        ban = standing_ban(lake, world.now())
    except ChartlakeError:
        return None
    if ban is None:
        return None
    advice = "Nothing to do: the first run after that goes on by itself. Credentials and playlists were not tried now."
    return Check("quota", "bad", ban.message, advice)


def _consent(days_left: int | None) -> Check:
    if days_left is None:
        advice = "Set SPOTIPY_CONSENTED_AT, or run `chartlake login`, which keeps it."
        return Check("consent", "warning", "The day of consent is not known, so its end cannot be told.", advice)
    if days_left > _CONSENT_WARNING_DAYS:
        return Check("consent", "good", f"{days_left} days are left.")
    message = f"{days_left} days are left." if days_left > 0 else "Its six months are over."
    return Check("consent", "warning", message, "Run `chartlake login`; it takes a minute.")


def _playlists(settings: Settings, lake: Lake, client: Client, budget: RetryBudget, world: World) -> Iterator[Check]:
    try:
        playlist_ids = followed_playlists(settings, lake)
    except ChartlakeError as error:
        yield _bad("playlists", error)
        return
    told = False
    today = world.now().astimezone(settings.timezone).date()
    for playlist_id in playlist_ids:
        name = f"playlist {playlist_id}"
        try:
            title, page = _cover(client, playlist_id, budget, world)
            kept = [row for row in lake.history(playlist_id, today) if row["status"] in PUBLISHED]
        except ChartlakeError as error:
            if isinstance(error, NotReadable) and not told:
                told = True
                yield Check("app", "good", _DIALECTS["items"])
            yield _unreadable(name, error)
            if error.stops_run:
                return
            continue
        if not told and page and page.wrapper in _DIALECTS:
            told = True
            yield Check("app", "good", _DIALECTS[page.wrapper])
        last = f"last kept on {kept[-1]['snapshot_date']}" if kept else "not kept yet"
        yield Check(name, "good", f"“{title}” can be read, entries: {page.total if page else 0}; {last}.")


def _cover(client: Client, playlist_id: str, budget: RetryBudget, world: World) -> tuple[str, Page | None]:
    """Name and first entries of a playlist. Raises Spotify's refusals."""
    body = with_retries(lambda: client.playlist(playlist_id), budget, world).json()
    page = page_of(body)
    if page is None:
        # A 200 proves nothing: the cover of a list that is not one's own comes without contents.
        page = page_of(with_retries(lambda: client.page(playlist_id, 0), budget, world).json())
    return str(body.get("name")), page


def _unreadable(name: str, error: ChartlakeError) -> Check:
    road = " Of a chart, `chartlake import` takes the CSV files from charts.spotify.com."
    advice = error.advice + (road if isinstance(error, NotReadable) else "")
    return Check(name, "bad", error.message.removeprefix(f"{name}: "), advice)


def _bad(name: str, error: ChartlakeError) -> Check:
    return Check(name, "bad", error.message, error.advice)
