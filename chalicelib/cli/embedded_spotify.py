"""A Spotify that answers: the real one, or the embedded simulator where nobody has an app yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..errors import BadSetting
from ..lake import keys
from ..lake.lake import Lake
from ..settings import Settings
from ..spotify.references import ME, ME_LIKED


def is_simulated(settings: Settings) -> bool:
    """Whether nothing is set that leads to a Spotify. Raises `BadSetting` for credentials that are not whole."""
    if settings.has_credentials or settings.api_url != Settings.api_url:
        return False
    if settings.client_id or settings.client_secret or settings.refresh_token:
        raise BadSetting(
            "The Spotify credentials are not whole: SPOTIPY_CLIENT_ID goes with SPOTIPY_CLIENT_SECRET, with "
            "SPOTIPY_REFRESH_TOKEN, or with both.",
            advice="Set what is missing (`chartlake login` signs a user in), or none of them to try the simulator.",
        )
    return True


@contextmanager
def reachable_spotify(settings: Settings, lake: Lake) -> Iterator[tuple[Settings, Collection[str] | None]]:
    """Settings that reach a Spotify; of the simulator, which then runs meanwhile, also the ids of its playlists."""
    if not is_simulated(settings):
        yield settings, None
        return
    from simulator import EXTENDED, TOP_50, Simulator

    simulator = Simulator()
    with simulator.serve() as server:
        simulated = replace(
            settings,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            # The invented listener is signed in, so that what is a user's own can be tried too.
            refresh_token=simulator.refresh_token(app=EXTENDED),
            playlists=settings.playlists or ("" if lake.store.get(keys.PLAYLISTS) else TOP_50),
        )
        yield simulated, simulator.playlists


def refuse_what_is_not_invented(references: Iterable[str], invented: Collection[str] | None) -> None:
    """The simulator would say that there is no such playlist, and the lake would keep that as Spotify's word."""
    unknown = [one for one in references if invented is not None and one not in (*invented, ME, ME_LIKED)]
    if unknown:
        raise BadSetting(
            f"Without Spotify credentials only invented playlists can be read, and {unknown[0]} is none of them.",
            advice="Set SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET, in the environment or in .env; README tells which "
            "app reads what. Without a playlist, the simulator's Top 50 is taken.",
        )
