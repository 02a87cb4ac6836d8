"""The simulated Spotify: its clock, accounts, playlists, faults and the list of what it was asked. No HTTP here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from .accounts import ALL_SCOPES, DEVELOPMENT, LISTENER, Accounts, App
from .catalogue import Catalogue
from .faults import Faults
from .playlists import Edit, Playlist, every_playlist, liked_songs
from .recorded import Folder, read_folder


@dataclass(frozen=True)
class Served:
    """One request that came in. `status` is 0 where the connection was dropped without an answer."""

    method: str
    path: str
    query: dict[str, str]
    authorized: bool
    status: int


class Clock:
    """A moment that runs with the clock underneath and can be set elsewhere."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return self._now().astimezone(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Jump forward, or back."""
        self._ahead += by

    def set(self, moment: datetime) -> None:
        """Make it this moment (aware); time runs on from there."""
        self._ahead += moment - self()


class Spotify:
    """All that Spotify knows and what a test may change of it. Equal seeds and equal moments give equal answers.

    `now` gives the time (aware); `latency` is added to every answer, in seconds, by `sleep`; `recorded` is a folder of
    recorded answers to serve beside the invented playlists; `token_lifetime` is that of access tokens, in seconds;
    `crowd` is how many playlists there are besides those that have a name of their own.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        latency: float = 0.0,
        seed: int = 0,
        recorded: Path | None = None,
        token_lifetime: int = 3600,
        crowd: int = 0,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.clock = Clock(now)
        self.latency = latency
        self.sleep = sleep
        self.faults = Faults()
        self.catalogue = Catalogue(seed)
        self.accounts = Accounts(self.clock, token_lifetime, seed)
        self.recorded = read_folder(recorded) if recorded else Folder({}, ())
        self._by_name = every_playlist(seed, crowd)
        self._by_id = {playlist.id: playlist for playlist in self._by_name.values()}
        self.liked = liked_songs()
        self._followed = {self._by_name["followed"].id}
        self._unfollowed: set[str] = set()
        self._lock = threading.Lock()
        self._requests: list[Served] = []

    @property
    def playlists(self) -> Mapping[str, Playlist]:
        """The invented playlists by id."""
        return MappingProxyType(self._by_id)

    @property
    def playlist_names(self) -> Mapping[str, Playlist]:
        """The invented playlists by the short names that `playlist_id` takes."""
        return MappingProxyType(self._by_name)

    @property
    def requests(self) -> list[Served]:
        """What was asked so far, oldest first: a copy."""
        with self._lock:
            return list(self._requests)

    def add(self, playlist: Playlist) -> None:
        """Let there be one more playlist."""
        self._by_id[playlist.id] = playlist

    def playlist_id(self, name: str) -> str:
        """Give the id behind a short name, such as `hundred-and-one`. Raises `KeyError`."""
        return self._by_name[name].id

    def follow(self, playlist_id: str) -> None:
        """Let the listener have a list among theirs, for the first time or again."""
        self._followed.add(playlist_id)
        self._unfollowed.discard(playlist_id)

    def unfollow(self, playlist_id: str) -> None:
        """Let nobody have a list among theirs any more. On Spotify that is also what deletes one's own list, and it can
        be read by its link still."""
        self._unfollowed.add(playlist_id)

    def lists_of(self, user: str) -> list[Playlist]:
        """What a user owns, collaborates on or (the listener) follows, in the order in which the lists came to be."""
        return [
            playlist
            for playlist in self._by_id.values()
            if playlist.id not in self._unfollowed
            and (playlist.readable_in_full_by(user) or (user == LISTENER and playlist.id in self._followed))
        ]

    def refresh_token(
        self,
        user: str = LISTENER,
        app: App = DEVELOPMENT,
        consented_at: datetime | None = None,
        scope: str = ALL_SCOPES,
    ) -> str:
        """Let a user consent and give the refresh token; it dies six calendar months after the consent."""
        return self.accounts.consent(user, app, consented_at, scope)

    def revoke(self, refresh_token: str) -> None:
        """Take a refresh token back."""
        self.accounts.revoke(refresh_token)

    def edit(
        self,
        playlist_id: str,
        *,
        remove_at: int | None = None,
        insert_at: int | None = None,
        rename: str | None = None,
    ) -> None:
        """Change a playlist as its owner would, places counted from 0; its snapshot id changes. Raises `KeyError`."""
        self._by_id[playlist_id].edit(Edit(remove_at, insert_at, rename))

    def note(self, served: Served) -> None:
        """Remember a request."""
        with self._lock:
            self._requests.append(served)
