"""What belongs to the signed-in user: who that is, and which playlists are among theirs."""

from __future__ import annotations

from ..errors import InconsistentPlaylist, UnknownShape
from ..time_and_chance import World
from .capture import Answer
from .client import PAGE_SIZE, Client
from .references import LIKED, ME, called
from .retry import RetryBudget, with_retries
from .tokens import Tokens

_READINGS = 4
# Nobody has more, and to believe a larger `total` would cost thousands of requests.
_MOST = 20_000
_WHO = called(ME)


class Mine:
    """The signed-in user's account. Everything raises `SignInNeeded` where no user has agreed to it."""

    def __init__(self, client: Client, tokens: Tokens, world: World, budget: RetryBudget) -> None:
        self._client, self._tokens, self._world, self._budget = client, tokens, world, budget

    def liked_id(self) -> str:
        """The id under which the lake has this user's Liked Songs. One request."""
        self._tokens.require("user-library-read", "The Liked Songs")
        answer = with_retries(self._client.me, self._budget, self._world)
        user = answer.json().get("id")
        if not isinstance(user, str) or not user:
            raise UnknownShape(f"{_WHO}: Spotify does not say who the user is.", evidence=(answer,))
        return f"{LIKED}{user}"

    def playlist_ids(self) -> list[str]:
        """All playlists that the user owns, shares or follows, in their order; a request for each 50 of them.

        Raises `InconsistentPlaylist` where they kept changing while they were listed.
        """
        self._tokens.require("playlist-read-private", "The signed-in user's playlists")
        for _ in range(_READINGS):
            found = self._reading()
            if found is not None:
                return found
        raise InconsistentPlaylist(f"{_WHO} changed while they were listed, each of {_READINGS} times.")

    def _reading(self) -> list[str] | None:
        """One reading; None where its pages do not belong together."""
        items, total = self._page(0)
        while len(items) < total:
            more, again = self._page(len(items))
            if again != total or not more:
                return None
            items += more
        # Spotify lists null in place of some lists that it made for the user, which nobody can read.
        ids = [one["id"] for one in items if one is not None]
        return ids if len(items) == total and len(set(ids)) == len(ids) else None

    def _page(self, offset: int) -> tuple[list[dict[str, str] | None], int]:
        answer = with_retries(lambda: self._client.my_playlists(offset), self._budget, self._world)
        return _listed(answer), _total(answer)


def _listed(answer: Answer) -> list[dict[str, str] | None]:
    items = answer.json().get("items")
    if not isinstance(items, list) or len(items) > PAGE_SIZE or not all(map(_is_understood, items)):
        raise UnknownShape(f"{_WHO}: Spotify's answer is no list of playlists.", evidence=(answer,))
    return list(items)


def _is_understood(item: object) -> bool:
    return item is None or (isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] != "")


def _total(answer: Answer) -> int:
    total = answer.json().get("total")
    if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= _MOST:
        raise UnknownShape(f"{_WHO}: Spotify does not say how many there are.", evidence=(answer,))
    return total
