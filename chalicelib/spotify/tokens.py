"""Access tokens: fetched once, shared between threads, fetched again when they end or are refused.

The two grants that a job without a browser can use, posted by ourselves: spotipy's auth managers lose the status of a
failed token request, are not safe between threads, ask for input on a console, and write a cache into the working
folder (read-only in Lambda). https://developer.spotify.com/documentation/web-api/concepts/authorization
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import requests

from ..errors import ChartlakeError, ConsentExpired, CredentialsRefused, SignInNeeded, SpotifyUnavailable
from ..time_and_chance import World
from .refusals import network_words, pause_of, words_of
from .retry import RetryBudget, timeouts, with_retries
from .secrecy import Secrets
from .whole_answers import open_session

# A token that ends during a long reading costs a round trip; one that ends a minute later does not.
_MARGIN = 60.0
# "Six months" are 181 days at the least; a day earlier is a warning, a day later would be a gap.
_CONSENT = timedelta(days=180)
# What of a request for a token, and of its answer, nobody may see.
_SECRET_FIELDS = ("access_token", "refresh_token", "code", "code_verifier")


@dataclass(frozen=True)
class Credentials:
    """A Spotify app, and optionally one user's consent and its day. Of the secrets nothing is ever shown."""

    client_id: str
    client_secret: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    consented_at: date | None = None


class Tokens:
    """The current access token. Has the one method that spotipy asks of an auth manager, `get_access_token`.

    `secrets` are this one, those before it, and the credentials behind them.
    """

    def __init__(
        self,
        accounts_url: str,
        credentials: Credentials,
        world: World,
        budget: RetryBudget,
        reload: Callable[[], Credentials] | None = None,
        rotated: Callable[[Credentials, str], None] = lambda credentials, old_token: None,
    ) -> None:
        """`reload` reads the credentials again where they are kept, in case they were replaced meanwhile. `rotated`
        gets them with a new refresh token and the one that it replaces, where Spotify gives one: the old one may be
        dead."""
        self._url = f"{accounts_url}/api/token"
        self._credentials = credentials
        self._reload = reload
        self._rotated = rotated
        self._world = world
        self._budget = budget
        self._lock = threading.Lock()
        self.secrets = Secrets()
        self._token = ""
        self._scope: str | None = None
        self._ends_at = float("-inf")

    def get_access_token(self, as_dict: bool = False) -> str:
        """A token that is good for another minute at least. `as_dict` is there because spotipy passes it."""
        with self._lock:
            if not self._token or self._world.monotonic() >= self._ends_at:
                try:
                    self._token, lifetime = with_retries(self._fetch, self._budget, self._world)
                except (ConsentExpired, CredentialsRefused):
                    if not self._replaced():
                        raise
                    self._token, lifetime = with_retries(self._fetch, self._budget, self._world)
                self._ends_at = self._world.monotonic() + max(0.0, lifetime - _MARGIN)
            return self._token

    def discard(self, token: str) -> None:
        """Forget a token that was refused, unless another thread has replaced it already."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def require(self, scope: str, what: str) -> None:
        """Raise `SignInNeeded` where no user is signed in, or the user did not agree to that scope: Spotify then
        leaves private lists out without a word. `what` is for the error."""
        if not self._credentials.refresh_token:
            raise SignInNeeded(f"{what} cannot be asked for: no user is signed in.")
        self.get_access_token()
        if self._scope is not None and scope not in self._scope.split():
            raise SignInNeeded(f"{what} cannot be read: the sign-in does not cover the scope {scope}.")

    def consent_days_left(self) -> int | None:
        """Days until the user's sign-in ends, negative after it; None without a user or without a known day."""
        if not self._credentials.refresh_token or self._credentials.consented_at is None:
            return None
        return (self._credentials.consented_at + _CONSENT - self._world.now().date()).days

    def _replaced(self) -> bool:
        """Whether other credentials are kept by now; they are then the ones to use."""
        if self._reload is None:
            return False
        fresh = self._reload()
        changed = fresh != self._credentials
        self._credentials = fresh
        return changed

    def _fetch(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"}
        old_token = self._credentials.refresh_token
        if old_token:
            form = {"grant_type": "refresh_token", "refresh_token": old_token}
        answer = request_token(self._url, self._credentials, form, self._world, self.secrets)
        new_token = answer.get("refresh_token")
        if old_token and isinstance(new_token, str) and new_token not in ("", old_token):
            self._credentials = replace(self._credentials, refresh_token=new_token)
            self._rotated(self._credentials, old_token)
        scope, lifetime = answer.get("scope"), answer.get("expires_in")
        self._scope = scope if isinstance(scope, str) else None
        return answer["access_token"], float(lifetime) if isinstance(lifetime, int | float) else 3600.0


def request_token(url: str, app: Credentials, form: dict[str, str], world: World, secrets: Secrets) -> dict[str, Any]:
    """`POST /api/token` once, and the answer with an `access_token` in it. What is sent and given is among the
    `secrets` then.

    Raises `ConsentExpired` (the grant is not accepted), `CredentialsRefused`, `SpotifyUnavailable`, or the two pauses.
    """
    secrets.know(*(form[name] for name in _SECRET_FIELDS if name in form))
    auth = None
    if app.client_secret:
        auth = (app.client_id, app.client_secret)
        secrets.know(app.client_secret, ":".join(auth))
    else:
        form = form | {"client_id": app.client_id}  # PKCE: no secret, so no Basic header
    try:
        with open_session(world) as session:
            response = session.post(url, data=form, auth=auth, timeout=timeouts(world), allow_redirects=False)
    except requests.RequestException as error:
        # Without the error itself: its text may hold what was sent.
        raise _unavailable(f"No answer from Spotify's token endpoint {url}: {network_words(error)}.") from None
    answer = _object_in(response)
    secrets.know(*(answer[name] for name in _SECRET_FIELDS if isinstance(answer.get(name), str)))
    if response.status_code == 200 and isinstance(answer.get("access_token"), str) and answer["access_token"]:
        return answer
    raise _refusal(response, answer.get("error"), world, secrets)


def _object_in(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(response: requests.Response, error: Any, world: World, secrets: Secrets) -> ChartlakeError:
    message, reason = words_of(secrets.removed_from(response.content))
    said = f"Spotify's token endpoint answered {response.status_code}" + (f" “{message}”" if message else "")
    if response.status_code == 429:
        return pause_of(said, reason, response.headers.get("retry-after"), world)
    if error == "invalid_grant":
        return ConsentExpired(f"{said}: the user's sign-in has ended.")
    if response.status_code in (400, 401, 403) and isinstance(error, str):
        return CredentialsRefused(f"{said}.")
    return _unavailable(f"{said}, and gave no token.")


def _unavailable(message: str) -> SpotifyUnavailable:
    error = SpotifyUnavailable(message)
    error.stops_run = True  # without a token no other playlist can be read either
    return error
