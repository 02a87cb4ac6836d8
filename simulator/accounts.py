"""Apps, users and tokens: what accounts.spotify.com knows."""

from __future__ import annotations

import base64
import calendar
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .hashing import base62, number

REFRESH_TOKEN_MONTHS = 6
CODE_LIFETIME = timedelta(minutes=10)
ALL_SCOPES = "playlist-read-collaborative playlist-read-private user-library-read"
LISTENER, STRANGER, SPOTIFY = "listener", "stranger", "spotify"
DISPLAY_NAMES = {
    LISTENER: "Listener (simulated)",
    STRANGER: "Stranger (simulated)",
    SPOTIFY: "Spotify (simulated)",
}


@dataclass(frozen=True)
class App:
    """A registered app; `dialect` is how the Web API answers it: extended, grandfathered or development."""

    client_id: str
    client_secret: str
    dialect: str


def _app(dialect: str) -> App:
    client_id, secret = (f"{number('simulated app', dialect, part):032x}" for part in ("id", "secret"))
    return App(client_id, secret, dialect)


EXTENDED, GRANDFATHERED, DEVELOPMENT = (_app(dialect) for dialect in ("extended", "grandfathered", "development"))
APPS = {app.client_id: app for app in (EXTENDED, GRANDFATHERED, DEVELOPMENT)}


@dataclass(frozen=True)
class Access:
    """What an access token stands for; `user` is None for an app by itself (client credentials)."""

    app: App
    user: str | None
    expires_at: datetime
    scope: str = ""


@dataclass(frozen=True)
class _Grant:
    app: App
    user: str
    consented_at: datetime
    scope: str


@dataclass(frozen=True)
class _Code:
    grant: _Grant
    redirect_uri: str
    challenge: str


class TokenRefused(Exception):
    """The token endpoint says no: the OAuth error and, where Spotify gives one, its description."""

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error, description)
        self.body = {"error": error} | ({"error_description": description} if description else {})


class Accounts:
    """Issues tokens and knows what they are worth at a moment of the simulator's clock. Thread-safe."""

    def __init__(self, now: Callable[[], datetime], lifetime: int, seed: int) -> None:
        # Whether each refresh gives a new refresh token and ends the old one, as Spotify's PKCE apps did until 2026.
        self.rotating = False
        self._now = now
        self._lifetime = lifetime
        self._seed = seed
        self._lock = threading.Lock()
        self._issued = 0
        self._access: dict[str, Access] = {}
        self._grants: dict[str, _Grant] = {}
        self._revoked: set[str] = set()
        self._codes: dict[str, _Code] = {}

    def consent(self, user: str, app: App, at: datetime | None, scope: str = ALL_SCOPES) -> str:
        """Let a user consent to an app, now unless `at` says when, and give the refresh token."""
        if user not in DISPLAY_NAMES:
            raise ValueError(f"no user {user!r}: there are {', '.join(DISPLAY_NAMES)}")
        return self._keep(_Grant(app, user, at or self._now(), scope))

    def authorize(self, app: App, redirect_uri: str, scope: str, challenge: str) -> str:
        """Let the listener agree on the consent page and give the code; `challenge` (S256) is empty without PKCE."""
        code = self._new_token("code", 203)
        with self._lock:
            self._codes[code] = _Code(_Grant(app, LISTENER, self._now(), scope), redirect_uri, challenge)
        return code

    def revoke(self, refresh_token: str) -> None:
        """Take a refresh token back, as a user does on the page of connected apps."""
        with self._lock:
            self._revoked.add(refresh_token)

    def access(self, token: str) -> Access | None:
        """Give what an access token stands for, expired or not; None where it was never issued here."""
        with self._lock:
            return self._access.get(token)

    def exchange(self, form: Mapping[str, str], credentials: tuple[str, str] | None) -> dict[str, Any]:
        """Answer `POST /api/token`; `credentials` are those of the Basic header. Raises `TokenRefused`."""
        app, proven = _identify(form, credentials)
        grant_type = form.get("grant_type")
        if grant_type == "refresh_token":
            return self._refreshed(app, form.get("refresh_token"))
        if grant_type == "authorization_code":
            grant = self._redeem(app, form, proven)
            return self._token_answer(app, grant) | {"refresh_token": self._keep(grant)}
        if grant_type == "client_credentials":
            if not proven:
                raise TokenRefused("invalid_client", "Invalid client secret")
            return self._token_answer(app, None)
        if not grant_type:
            raise TokenRefused("unsupported_grant_type", "grant_type parameter is missing")
        raise TokenRefused(
            "unsupported_grant_type", "grant_type must be client_credentials, authorization_code or refresh_token"
        )

    def _refreshed(self, app: App, token: str | None) -> dict[str, Any]:
        grant = self._refresh(app, token)
        answer = self._token_answer(app, grant)
        if self.rotating and token:
            self.revoke(token)
            answer["refresh_token"] = self._keep(grant)
        return answer

    def _redeem(self, app: App, form: Mapping[str, str], proven: bool) -> _Grant:
        """Give what an authorization code stands for: once, to its own app, for the address that it was sent to."""
        if not form.get("code"):
            raise TokenRefused("invalid_request", "code must be supplied")
        with self._lock:
            code = self._codes.pop(form["code"], None)
        if code is None or code.grant.app != app:
            raise TokenRefused("invalid_grant", "Invalid authorization code")
        if self._now() >= code.grant.consented_at + CODE_LIFETIME:
            raise TokenRefused("invalid_grant", "Authorization code expired")
        if form.get("redirect_uri") != code.redirect_uri:
            raise TokenRefused("invalid_grant", "Invalid redirect URI")
        if not code.challenge and not proven:
            raise TokenRefused("invalid_client", "Invalid client secret")
        if code.challenge and _challenge(form.get("code_verifier", "")) != code.challenge:
            raise TokenRefused("invalid_grant", "code_verifier was incorrect")
        return code.grant

    def _refresh(self, app: App, token: str | None) -> _Grant:
        """Give what a refresh token of this app stands for."""
        if not token:
            raise TokenRefused("invalid_request", "refresh_token must be supplied")
        with self._lock:
            grant, revoked = self._grants.get(token), token in self._revoked
        if revoked:
            raise TokenRefused("invalid_grant", "Refresh token revoked")
        if grant is None or grant.app != app:
            raise TokenRefused("invalid_grant", "Invalid refresh token")
        if self._now() >= _months_later(grant.consented_at, REFRESH_TOKEN_MONTHS):
            raise TokenRefused("invalid_grant", "Refresh token expired")
        return grant

    def _keep(self, grant: _Grant) -> str:
        token = self._new_token("refresh", 131)
        with self._lock:
            self._grants[token] = grant
        return token

    def _token_answer(self, app: App, grant: _Grant | None) -> dict[str, Any]:
        token = self._new_token("access", 115)
        with self._lock:
            ends_at = self._now() + timedelta(seconds=self._lifetime)
            self._access[token] = Access(app, grant.user, ends_at, grant.scope) if grant else Access(app, None, ends_at)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime}
        return answer | ({"scope": grant.scope} if grant else {})

    def _new_token(self, kind: str, length: int) -> str:
        with self._lock:
            self._issued += 1
            return ("BQ" if kind == "access" else "AQ") + base62(self._seed, kind, self._issued, length=length)


def _identify(form: Mapping[str, str], credentials: tuple[str, str] | None) -> tuple[App, bool]:
    """Give the app that asks and whether it showed its secret; a PKCE app has only its id, in the form."""
    client_id, secret = credentials or (form.get("client_id"), form.get("client_secret"))
    if not client_id:
        raise TokenRefused("invalid_client")
    app = APPS.get(client_id)
    if app is None:
        raise TokenRefused("invalid_client", "Invalid client")
    if secret is not None and secret != app.client_secret:
        raise TokenRefused("invalid_client", "Invalid client secret")
    return app, secret is not None


def _challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _months_later(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + years, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
