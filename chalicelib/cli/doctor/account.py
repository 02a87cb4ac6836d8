"""What Spotify says of the app and of the sign-in."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ChartlakeError
from ...lake.lake import Lake
from ...settings import Settings
from ...snapshots.pipeline import standing_ban
from ...spotify.client import Client
from ...spotify.credentials import load_credentials, open_tokens
from ...spotify.mine import Mine
from ...spotify.pace import Pace
from ...spotify.retry import RetryBudget
from ...time_and_chance import World
from . import amazon
from .check import Check, bad
from .playlists import playlists

# Seconds to wait in all where Spotify is failing: a person is watching.
_PATIENCE = 10.0
_CONSENT_WARNING_DAYS = 30


def account(settings: Settings, world: World, lake: Lake | None) -> Iterator[Check]:
    """The credentials, then with them the playlists. Nothing is asked of Spotify while it wants to be left alone."""
    try:
        credentials = load_credentials(settings, world, afresh=True)
    except ChartlakeError as error:
        yield bad("parameter" if settings.secret else "credentials", error)
        return
    if settings.secret:
        yield amazon.parameter(settings.secret)
    ban = _ban(lake, world) if lake else None
    if ban:
        yield ban
        return
    budget = RetryBudget(_PATIENCE, world)
    # Where Spotify replaces the refresh token at each use, the new one has to be kept here too.
    tokens = open_tokens(settings, world, budget)
    try:
        tokens.get_access_token()
    except ChartlakeError as error:
        yield bad("credentials", error)
        return
    user = "for a signed-in user" if credentials.refresh_token else "without a user: no private playlists"
    yield Check("credentials", "good", f"Spotify accepts them, {user}.")
    if credentials.refresh_token:
        yield _consent(tokens.consent_days_left())
    if lake:
        client = Client(settings.api_url, tokens, world, Pace(settings.rate, world))
        yield from playlists(settings, lake, client, Mine(client, tokens, world, budget), budget, world)


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
