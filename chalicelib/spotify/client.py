"""One request to Spotify's Web API, and what its answer means when it is not the one asked for.

Requests go through spotipy on a session of our own: spotipy's default one sleeps Retry-After inside urllib3 (for hours,
inside a billed Lambda) and loses the real status (https://github.com/spotipy-dev/spotipy/issues/766). spotipy also
stumbles over error bodies that are not its usual object, so the verdict is always drawn from the response itself, which
a hook on the session keeps for each thread.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests
import spotipy

from ..errors import ChartlakeError, Final, OutOfTime, QuotaExceeded, RateLimited, SpotifyUnavailable, UnknownShape
from ..time_and_chance import World
from .capture import KEPT_HEADERS, Answer, parsed
from .pace import Pace
from .references import ME, called, is_liked
from .refusals import error_of, excerpt, network_words
from .retry import timeouts
from .tokens import Tokens
from .whole_answers import open_session

PAGE_SIZE = 50
_TYPES = ("track", "episode")
# Seconds before a refusal that would end the run is asked about again.
_SECOND_THOUGHT = 1.0
# A redirect to nowhere, or in a circle, is told after that many.
_REDIRECTS = 3


class Client:
    """GETs of the Web API as `Answer`s. Safe to use from several threads."""

    def __init__(self, api_url: str, tokens: Tokens, world: World, pace: Pace, connections: int = 8) -> None:
        self._world = world
        self._tokens = tokens
        self._pace = pace
        self._last = threading.local()
        self._session = open_session(world, connections)
        self._session.max_redirects = _REDIRECTS
        self._session.hooks["response"].append(self._keep)
        self._spotify = spotipy.Spotify(auth_manager=tokens, requests_session=self._session)
        self._spotify.prefix = f"{api_url}/"
        self._counts: Counter[str] = Counter()
        self._count_lock = threading.Lock()

    def request_count(self, playlist_id: str) -> int:
        """How many requests were sent so far for that playlist."""
        return self._counts[playlist_id]

    def me(self, playlist_id: str = ME) -> Answer:
        """`GET /me`: the signed-in user, asked for the sake of a list."""
        return self._get(playlist_id, self._spotify.current_user)

    def my_playlists(self, offset: int) -> Answer:
        """`GET /me/playlists`: up to 50 of the playlists that the signed-in user owns, shares or follows."""
        return self._get(ME, lambda: self._spotify.current_user_playlists(PAGE_SIZE, offset))

    def playlist(self, playlist_id: str) -> Answer:
        """`GET /playlists/{id}`: the playlist object with its first entries (100 at most) embedded; `GET /me` for the
        user's Liked Songs, which have no object of their own."""
        if is_liked(playlist_id):
            return self.me(playlist_id)
        return self._get(playlist_id, lambda: self._spotify.playlist(playlist_id, additional_types=_TYPES))

    def snapshot(self, playlist_id: str) -> Answer:
        """`GET /playlists/{id}?fields=snapshot_id`: whether it is still the list that was read."""
        return self._get(
            playlist_id,
            lambda: self._spotify.playlist(playlist_id, fields="id,snapshot_id", additional_types=_TYPES),
        )

    def page(self, playlist_id: str, offset: int) -> Answer:
        """`GET /playlists/{id}/items`, or `GET /me/tracks`: up to 50 entries from the 0-based `offset` on."""
        if is_liked(playlist_id):
            return self._get(playlist_id, lambda: self._spotify.current_user_saved_tracks(PAGE_SIZE, offset))
        return self._get(
            playlist_id,
            lambda: self._spotify.playlist_items(playlist_id, limit=PAGE_SIZE, offset=offset, additional_types=_TYPES),
        )

    def _keep(self, response: requests.Response, *_: Any, **__: Any) -> None:
        # Where spotipy parses it, the answer takes it from there.
        response.__class__ = _ParsedOnce
        self._last.response = response

    def _get(self, playlist_id: str, call: Callable[[], Any]) -> Answer:
        doubted: set[int] = set()
        while True:
            token = self._tokens.get_access_token()
            answer = self._answer(playlist_id, call)
            if answer.status == 200:
                return answer
            error = error_of(answer, playlist_id, self._world)
            if isinstance(error, RateLimited | QuotaExceeded):
                self._pace.refused(error)
            # Spotify has refused good apps and good tokens for a moment: what would end the run is asked once more.
            if answer.status in doubted or not (isinstance(error, Final) and error.stops_run):
                raise error
            doubted.add(answer.status)
            if answer.status == 401:
                self._tokens.discard(token)
            else:
                self._world.sleep(min(_SECOND_THOUGHT, max(0.0, self._world.time_left())))

    def _answer(self, playlist_id: str, call: Callable[[], Any]) -> Answer:
        result = self._sent(playlist_id, call)
        response: requests.Response = self._last.response
        secrets = self._tokens.secrets
        kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        answer = Answer(
            url=secrets.removed_from_text(response.url),
            status=response.status_code,
            received_at=self._world.now(),
            content=secrets.removed_from(_words(response)),
            headers={name: secrets.removed_from_text(value) for name, value in kept.items()},
        )
        if answer.status == 200:
            _check_object(result, answer, playlist_id)
        return answer

    def _sent(self, playlist_id: str, call: Callable[[], Any]) -> Any:
        """What spotipy makes of the answer to one request, which `_keep` has then kept; None where it trips over it."""
        self._last.response = None
        with self._count_lock:
            self._counts[playlist_id] += 1
        # Threads may set it at the same time, each to what is left at that moment.
        self._spotify.requests_timeout = timeouts(self._world)
        try:
            with self._pace.turn(called(playlist_id)):
                return call()
        except ChartlakeError:
            raise
        except requests.RequestException as error:
            # Silence is Spotify's; an answer that had begun was cut short by our own end.
            if self._world.time_left() <= 0 and not isinstance(error, requests.Timeout):
                raise OutOfTime(f"{called(playlist_id)}: its answer was not there when the time was over.") from None
            if self._last.response is None or self._last.response.status_code == 200:
                raise SpotifyUnavailable(
                    f"{called(playlist_id)}: no complete answer from Spotify ({network_words(error)})."
                ) from None
            # The words of a refusal broke off, or a redirect led nowhere; its status says enough.
        except Exception:
            # spotipy trips over unusual error bodies; the response below is the truth.
            if self._last.response is None:
                raise
        return None


class _ParsedOnce(requests.Response):
    def json(self, **_: Any) -> Any:
        return parsed(self.content)


def _words(response: requests.Response) -> bytes:
    try:
        return response.content
    except (requests.RequestException, RuntimeError):
        # They broke off; what came of them is lost with the connection.
        return b""


def _check_object(result: Any, answer: Answer, playlist_id: str) -> None:
    if isinstance(result, dict) and result:
        return
    words = excerpt(answer.body)
    if result is None or result == {}:
        raise SpotifyUnavailable(f"{called(playlist_id)}: Spotify answered 200 with nothing usable: {words}.")
    raise UnknownShape(
        f"{called(playlist_id)}: Spotify answered 200 with something that is no object: {words}.", evidence=(answer,)
    )
