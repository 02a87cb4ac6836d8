"""Which lists are followed: those that are named, and for `me` whatever the signed-in user has among theirs today.

The lake remembers what `me` brought the last time (`state/mine.json`). So a day on which Spotify does not tell loses no
list; and a list that is not among them any more ends with a day that says why.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date

from ..errors import BadSetting, ChartlakeError
from ..lake import keys
from ..lake.lake import Lake
from ..lake.schema import Status, empty_row
from ..settings import Settings
from ..spotify.mine import Mine
from ..spotify.references import ME, ME_LIKED, FollowList, is_liked, parse_follow_list
from ..time_and_chance import World
from .outcome import Outcome

_UNFOLLOWED = "It is no longer among the signed-in user's playlists: deleted, or not followed any more. It ends here."
_EXCLUDED = "It is excluded from the signed-in user's playlists (a - before its link). It ends here."

_NOT_SIGNED_IN = "Another user is signed in, and only this list's own user can read it. It ends here."
# What the lake remembers: `playlists` that `me` brought, `liked`, and `told`, all that Spotify listed the last time.
State = dict[str, list[str]]
_NAMES = {ME: "playlists", ME_LIKED: "liked"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Followed:
    """The ids to take snapshots of; what keeps others from being known (a reference that is none, or why `me` cannot be
    listed), which must not keep these from being read; and the lists that ended today."""

    playlist_ids: list[str]
    wrong: ChartlakeError | None = None
    ended: tuple[Outcome, ...] = ()


def follow_list(settings: Settings, lake: Lake) -> FollowList:
    """What a person wrote: CHARTLAKE_PLAYLISTS, else the lake's list. Raises `BadSetting` where nothing is right."""
    text, where = settings.playlists, "CHARTLAKE_PLAYLISTS"
    if not text:
        found = lake.store.get(keys.PLAYLISTS)
        text, where = (found.data.decode("utf-8-sig", "replace") if found else ""), lake.store.locate(keys.PLAYLISTS)
    said = parse_follow_list(text)
    wrong = tuple(BadSetting(f"{where}: {error.message}", advice=error.advice) for error in said.wrong)
    if not said.references and wrong:
        raise wrong[0]
    if not said.references:
        raise BadSetting(
            "No playlist is followed.",
            advice=(
                "Name one: chartlake extract https://open.spotify.com/playlist/…, or set CHARTLAKE_PLAYLISTS, or write "
                f"one link a line into {lake.store.locate(keys.PLAYLISTS)}. A line `me` follows all of your own."
            ),
        )
    return FollowList(said.references, said.excluded, wrong)


def resolve(said: FollowList, lake: Lake, world: World, day: date, mine: Mine, ban: ChartlakeError | None) -> Followed:
    """The ids behind what was said; `ban` is why Spotify must not be asked now.

    Raises what keeps the user's lists from being known where nothing else is to be read.
    """
    if not said.needs_user:
        return named_only(said)
    known: State = lake.read_state(keys.MINE)
    state, trouble = _told(said, known, mine, ban)
    ids = _meant(said, state)
    if trouble and not ids:
        raise trouble[0]
    before = [one for name in _NAMES if name in said.references for one in known.get(_NAMES[name], [])]
    ended, waiting = _end([one for one in before if one not in ids], said, lake, world, day)
    if ME in said.references:
        state["playlists"] = [one for one in state.get("playlists", []) if one in ids] + waiting
    if state != known:
        lake.update_state(keys.MINE, lambda _: state)
    return Followed(ids, trouble[0] if trouble else _wrong(said), ended)


def _meant(said: FollowList, state: State) -> list[str]:
    """Each list once, in the order in which they were said; those of the user in that of Spotify."""
    brought = {name: state.get(kept, []) for name, kept in _NAMES.items()}
    ids = [one for reference in said.references for one in brought.get(reference, [reference])]
    return [one for one in dict.fromkeys(ids) if one not in said.excluded]


def named_only(said: FollowList) -> Followed:
    """The same where nothing has to be asked: neither `me` nor `me/liked` is among what was said."""
    return Followed([one for one in said.references if one not in said.excluded], _wrong(said))


def _wrong(said: FollowList) -> BadSetting | None:
    if not said.wrong:
        return None
    return BadSetting(said.wrong[0].message, advice="Correct it; the others were read all the same.")


def _told(said: FollowList, known: State, mine: Mine, ban: ChartlakeError | None) -> tuple[State, list[ChartlakeError]]:
    """What is known of the user's lists after Spotify was asked, and what kept it from telling."""
    state, trouble = dict(known), [ban] if ban else []
    for reference, ask in ((ME_LIKED, _ask_liked), (ME, _ask_lists)):
        if reference in said.references and not any(one.stops_run for one in trouble):
            try:
                state |= ask(state, mine)
            except ChartlakeError as error:
                trouble.append(error)
    return state, trouble


def _ask_liked(_: State, mine: Mine) -> State:
    return {"liked": [mine.liked_id()]}


def _ask_lists(known: State, mine: Mine) -> State:
    """The user's playlists as Spotify tells them; where most of them are gone at once, these too until a second run
    says the same."""
    told, before = mine.playlist_ids(), known.get("playlists", [])
    gone = [one for one in before if one not in told]
    if 2 * len(gone) <= len(before) or known.get("told") == sorted(told):
        gone = []
    if gone:
        _log.warning("most of the user's playlists are gone at once; the next run that says the same is believed")
    return {"told": sorted(told), "playlists": told + gone}


def _end(
    playlist_ids: list[str], said: FollowList, lake: Lake, world: World, day: date
) -> tuple[tuple[Outcome, ...], list[str]]:
    """Give each of these lists a day that says why it ends; gives those days, and the playlists that have a snapshot of
    this day already and so end tomorrow."""
    ended: list[Outcome] = []
    waiting: list[str] = []
    for playlist_id in playlist_ids:
        reason = _EXCLUDED if playlist_id in said.excluded else _NOT_SIGNED_IN if is_liked(playlist_id) else _UNFOLLOWED
        row = empty_row(playlist_id, day, world.now()) | {"status": Status.ENDED, "reason": reason}
        if lake.put_snapshot(row):
            ended.append(Outcome(playlist_id, day, Status.ENDED, row))
            _log.info("a list ends: %s", reason, extra={"playlist_id": playlist_id})
        elif not is_liked(playlist_id):
            waiting.append(playlist_id)
    return tuple(ended), waiting
