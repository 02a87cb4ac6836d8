"""A Spotify in memory that remembers every state its lists ever had, and the client through which a reader asks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from chalicelib.errors import ChartlakeError, ConsentExpired, SpotifyUnavailable
from chalicelib.spotify.capture import Answer
from chalicelib.spotify.refusals import error_of
from chalicelib.time_and_chance import World

from .schedule import Broken, Killed, Process, Schedule

# A playlist object embeds so many entries, and a page holds as many: small, so that few entries need many requests.
EMBEDDED = 4
State = tuple[str | None, ...]


class Playlist:
    """One list: `states` holds all that were on it, the newest last. None is a slot whose item is gone."""

    def __init__(self, playlist_id: str, random: Random) -> None:
        self.id = playlist_id
        self._random = random
        self._items = 0
        self.dialect = random.choice(("track", "item"))
        # honest: an id for each state; restless: another one at every request; stuck: one for all states.
        self.snapshot_ids = random.choices(("honest", "restless", "stuck"), (7, 2, 1))[0]
        self.requests = 0
        # "", "renamed", "odd entries": what shape the answers have; "403", "404", "down": none are given.
        self.mode = ""
        self.states: list[State] = [tuple(self._new() for _ in range(random.randint(1, 10)))]

    def _new(self) -> str:
        self._items += 1
        return f"{self.id[0]}{self._items:021d}"

    def edit(self) -> str:
        """Change something; what left never comes back, but for a list of which most had vanished."""
        now = list(self.states[-1])
        kinds = {"insert": 3, "remove": 3, "replace": 3, "move": 3, "empty": 2, "vanish": 1, "hollow": 1}
        (kind,) = self._random.choices(list(kinds), weights=list(kinds.values()))
        place = self._random.randrange(len(now) + 1)
        if kind == "insert" or not now:
            before = next((state for state in reversed(self.states) if state), ())
            now = list(before) if not now and self._random.random() < 0.5 else [*now[:place], self._new(), *now[place:]]
        elif kind == "vanish":
            now = []
        elif kind == "hollow":
            # Most items lose their place in the catalogue at once, and sooner or later have it again.
            before = next((state for state in reversed(self.states) if state and all(state)), ())
            now = [one if number % 3 == 2 else None for number, one in enumerate(now)] if all(now) else list(before)
        elif kind == "move":
            # The one edit that leaves `total` as it is, and yet tears a list that is read in pages.
            now.insert(place, now.pop(self._random.randrange(len(now))))
        else:
            place = min(place, len(now) - 1)
            now[place : place + 1] = {"remove": [], "replace": [self._new()], "empty": [None]}[kind]
        self.states.append(tuple(now))
        return f"{kind} at {place + 1}: {len(now)} entries"

    def snapshot_id(self) -> str:
        self.requests += 1
        number = {"honest": len(self.states), "restless": self.requests, "stuck": 1}[self.snapshot_ids]
        return f"{self.snapshot_ids}-{number}"

    def body(self, total_lie: int, most: int) -> dict[str, Any]:
        """The playlist object."""
        wrapper = "contents" if self.mode == "renamed" else {"track": "tracks", "item": "items"}[self.dialect]
        found: dict[str, Any] = {
            "id": self.id,
            "name": f"List {self.id[0]}",
            "owner": {"id": "owner", "display_name": "Owner"},
            "followers": {"total": self.requests},
            "snapshot_id": self.snapshot_id(),
        }
        return found | {wrapper: self.page(0, total_lie, most)}

    def page(self, offset: int, total_lie: int, most: int) -> dict[str, Any]:
        now = self.states[-1]
        name = "contents" if self.mode == "renamed" else "items"
        entries = [self._entry(one) for one in now[offset : offset + most]]
        # A lie of one less than what is given, and only what is given, is a truth about a shorter list.
        lie = abs(total_lie) if len(now) + total_lie == len(entries) else total_lie
        return {name: entries, "offset": offset, "total": max(0, len(now) + lie)}

    def _entry(self, item: str | None) -> dict[str, Any]:
        payload = "thing" if self.mode == "odd entries" else self.dialect
        if item is None:
            return {"added_at": None, payload: None}
        track = {"id": item, "uri": f"spotify:track:{item}", "type": "track", "name": item, "artists": []}
        return {"added_at": "2026-01-01T00:00:00Z", payload: track}


class Spotify:
    """All lists, and what holds for every request."""

    def __init__(self, playlists: list[Playlist]) -> None:
        self.playlists = {playlist.id: playlist for playlist in playlists}
        self.revoked = False


class SpotifyClient:
    """What `Reader` asks of `spotify.client.Client`, with the trouble that the schedule has for each request."""

    def __init__(
        self, spotify: Spotify, schedule: Schedule, process: Process, world: World, banned: Callable[[], str | None]
    ) -> None:
        self._spotify = spotify
        self._schedule = schedule
        self._process = process
        self._world = world
        self._banned = banned
        self._asked = 0

    def request_count(self, playlist_id: str) -> int:
        """The model asks for one list at a time, so all requests are its own."""
        return self._asked

    def playlist(self, playlist_id: str) -> Answer:
        playlist = self._spotify.playlists[playlist_id]
        self._process.asked.setdefault(playlist_id, len(playlist.states) - 1)
        return self._ask(playlist, "", playlist.body)

    def snapshot(self, playlist_id: str) -> Answer:
        playlist = self._spotify.playlists[playlist_id]
        return self._ask(playlist, "snapshot_id", lambda *_: {"snapshot_id": playlist.snapshot_id()})

    def page(self, playlist_id: str, offset: int) -> Answer:
        playlist = self._spotify.playlists[playlist_id]
        return self._ask(playlist, f"from {offset}", lambda lie, most: playlist.page(offset, max(0, lie), most))

    def _ask(self, playlist: Playlist, what: str, body: Callable[[int, int], dict[str, Any]]) -> Answer:
        schedule = self._schedule
        self._asked += 1
        banned = self._banned()
        if banned:
            raise Broken(f"{self._process} asks Spotify, which asked to be left alone until {banned}")
        trouble = schedule.trouble_at_spotify()
        asked = f"{self._process} asks for {playlist.id[:2]}… {what}"
        if schedule.dies():
            schedule.tell(f"{asked}: dies")
            raise Killed
        if self._spotify.revoked:
            schedule.tell(f"{asked}: revoked")
            raise ConsentExpired("Spotify answered 400 “invalid_grant”.")
        error = self._error(playlist, trouble or playlist.mode)
        if error is not None:
            schedule.tell(f"{asked}: {trouble or playlist.mode}")
            raise error
        lie = schedule.random.choice((-1, 1)) if trouble == "total" else 0
        told = body(lie, schedule.random.randrange(EMBEDDED) if trouble == "short" else EMBEDDED)
        schedule.tell(f"{asked}: {trouble or 'answered'}, state {len(playlist.states) - 1}, {_shown(told)}")
        return self._answer(200, told)

    def _error(self, playlist: Playlist, trouble: str) -> ChartlakeError | None:
        """The error of chartlake's own reading of such an answer."""
        name = f"playlist {playlist.id}"
        if trouble in ("broken off", "empty"):
            return SpotifyUnavailable(f"{name}: no complete answer from Spotify ({trouble}).")
        status, reason, pause = _REFUSALS.get(trouble, (0, "", ""))
        if not status:
            return None
        answer = self._answer(status, {"error": {"message": trouble, "reason": reason}}, pause)
        return error_of(answer, playlist.id, self._world)

    def _answer(self, status: int, body: Any, pause: str = "") -> Answer:
        headers = {"retry-after": pause} if pause else {}
        return Answer("https://api.spotify.com", status, self._world.now(), json.dumps(body).encode(), headers)


_REFUSALS = {
    **{"500": (500, "", ""), "502": (502, "", ""), "down": (503, "", ""), "401": (401, "", "")},
    **{"403": (403, "", ""), "404": (404, "", ""), "429": (429, "", "3"), "429 unnamed": (429, "", "")},
    **{"429 long": (429, "", "9000"), "quota": (429, "QUOTA_EXCEEDED", "40000")},
}


def _shown(body: dict[str, Any]) -> str:
    page = next((one for one in (body.get("tracks"), body.get("items")) if isinstance(one, dict)), body)
    entries, total = page.get("items"), page.get("total")
    if entries is None:
        return str(body.get("snapshot_id", "an unknown shape"))
    return f"{len(entries)} of {total}"
