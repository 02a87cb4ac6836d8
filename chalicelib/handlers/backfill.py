"""What a person asks of a deployed chartlake: snapshots now, or a replay; and a process's share of the work on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from ..errors import BadSetting, ChartlakeError, DamagedFile, OutOfTime
from ..lake.lake import Lake
from ..lake.schema import PUBLISHED
from ..snapshots.outcome import Run as Extracted
from ..spotify.references import parse_playlist_reference
from ..time_and_chance import World
from .replaying import replay_all
from .runs import DONE, FAILED, Run, end, fail, hand_on, note

EXTRACT, REPLAY = "extract", "replay"
_FIELDS = ("playlists", "mode", "from", "to", "again", "key")
_LONGEST_KEY = 200
_MOST_TURNS = 50
# Days that a result names; it counts all of them.
_MOST_NAMED = 1000
# Seconds between two notes of how far it is.
_NOTED_EVERY = 5.0

# Takes playlists (None: all that are followed), whether again, and what gets how many of how many are done.
Extract = Callable[[list[str] | None, bool, Callable[[int, int], None]], Extracted]


def parse(fields: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """A request as a run keeps it (playlists as ids, null for all; mode, again, from, to), and its key.

    Raises `BadSetting` naming the field and a right value.
    """
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        raise BadSetting(f"Unknown field {unknown[0]!r}.", advice=f"The fields are {', '.join(map(repr, _FIELDS))}.")
    mode, again = fields.get("mode", EXTRACT), fields.get("again", False)
    if mode not in (EXTRACT, REPLAY):
        raise BadSetting("Field 'mode' is unknown.", advice='Send "mode": "extract" or "mode": "replay".')
    if not isinstance(again, bool):
        raise BadSetting("Field 'again' is not true or false.", advice='Send "again": true or leave it out.')
    for name, only in (("from", REPLAY), ("to", REPLAY), ("again", EXTRACT)):
        if name in fields and mode != only:
            raise BadSetting(
                f"Field {name!r} means nothing with mode {mode!r}.", advice=f"Leave it out; it is for mode {only!r}."
            )
    first, last = _day(fields, "from", date.min), _day(fields, "to", date.max)
    if first > last:
        raise BadSetting(f"Field 'from' is {first}, after 'to', {last}.", advice="Exchange them.")
    days = {"from": first.isoformat(), "to": last.isoformat()}
    playlists, key = _playlists(fields.get("playlists"), mode), _key(fields.get("key"))
    return {"playlists": playlists, "mode": mode, "again": again} | days, key


def turn(run: Run, lake: Lake, world: World, extract: Extract) -> tuple[Run, ChartlakeError | None]:
    """Work on a run until it is done, has failed, or this process's time is over (then it is queued); gives it, and
    the error that ended it. An error that is no `ChartlakeError` leaves the run to its deadline."""
    try:
        if run.turns >= _MOST_TURNS:
            raise OutOfTime(f"Run {run.run_id} was not finished in {_MOST_TURNS} turns.", advice="Ask for less of it.")
        worked, error = (_replay if run.request["mode"] == REPLAY else _extract)(run, lake, world, extract)
        if error is not None:
            return end(lake, world, worked, FAILED), error
        if worked.left:
            return hand_on(lake, world, worked), None
        return end(lake, world, worked, DONE), None
    except ChartlakeError as failure:
        return fail(lake, world, run, failure), failure


def touched(run: Run) -> list[str]:
    """The playlists whose days a run took, or names as changed by its replay."""
    told = (*run.result.get("snapshots", ()), *run.result.get("changed", ()))
    return list(dict.fromkeys(one["playlist_id"] for one in told))


def _got_nowhere(found: Extracted) -> bool:
    return bool(found.left) and not found.outcomes and found.stopped is None


def _extract(run: Run, lake: Lake, world: World, extract: Extract) -> tuple[Run, ChartlakeError | None]:
    found = extract(run.left or run.request["playlists"], run.request["again"], _noting(run, lake, world))
    if run.turns and _got_nowhere(found):
        raise OutOfTime(f"{len(found.left)} playlists are left, and there is not time enough for {found.left[0]}.")
    result = _together(run.result, found.to_json())
    done = len(result["snapshots"])
    worked = replace(run, result=result, left=list(found.left), done=done, total=done + len(found.left))
    if found.stopped or found.left or not done or result["published"]:
        return worked, found.stopped
    return worked, found.outcomes[0].error or ChartlakeError("No playlist could be read.")


def _together(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Two turns' results as one; of a playlist that is in both the later one counts."""
    snapshots = {one["playlist_id"]: one for one in (*before.get("snapshots", []), *now["snapshots"])}
    published = sum(one["status"] in PUBLISHED for one in snapshots.values())
    counts = {"published": published, "failed": len(snapshots) - published}
    complete = "stopped" not in now and not now["left"] and published == len(snapshots)
    return now | counts | {"complete": complete, "snapshots": list(snapshots.values())}


def _replay(run: Run, lake: Lake, world: World, _: Extract) -> tuple[Run, ChartlakeError | None]:
    request = run.request
    found, left = replay_all(
        lake,
        world,
        playlist_ids=request["playlists"] or (),
        first=date.fromisoformat(request["from"]),
        last=date.fromisoformat(request["to"]),
        start=(run.left[0], run.left[1]) if run.left else None,
        progress=_noting(run, lake, world),
    )
    told, done = found.to_json(), run.done + found.captures + found.imports
    result = {
        "captures": run.result.get("captures", 0) + found.captures,
        "imports": run.result.get("imports", 0) + found.imports,
        "changed_days": run.result.get("changed_days", 0) + len(found.changed),
        "changed": [*run.result.get("changed", []), *told["changed"]][:_MOST_NAMED],
        "purged": run.result.get("purged", 0) + found.purged,
        "damaged": [*run.result.get("damaged", []), *told["damaged"]][:_MOST_NAMED],
    }
    error = _damage(result["damaged"]) if not left else None
    result |= error.to_json() if error else {}
    return replace(run, result=result, left=list(left or ()), done=done, total=done + found.remaining), error


def _damage(damaged: list[dict[str, str]]) -> DamagedFile | None:
    """The error of a replay that could not read some raw documents: all others were replayed."""
    if not damaged:
        return None
    others = f" So are {len(damaged) - 1} others." if len(damaged) > 1 else ""
    return DamagedFile(
        f"{damaged[0]['problem']}{others} Every other raw document was replayed.",
        advice="Restore what `damaged` names (the bucket keeps versions), then replay again.",
    )


def _noting(run: Run, lake: Lake, world: World) -> Callable[[int, int], None]:
    """A function that takes how far this turn is, and notes it from time to time."""
    noted = world.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal noted
        if world.monotonic() - noted >= _NOTED_EVERY:
            noted = world.monotonic()
            note(lake, world, run, run.done + done, run.done + total)

    return tell


def _playlists(references: Any, mode: str) -> list[str] | None:
    if references is None:
        return None
    if not isinstance(references, list) or not references or not all(isinstance(one, str) for one in references):
        every = "every followed playlist" if mode == EXTRACT else "every playlist that has raw documents"
        raise BadSetting("Field 'playlists' is not a list of ids, URIs or links.", advice=f"Leave it out for {every}.")
    try:
        return list(dict.fromkeys(parse_playlist_reference(one) for one in references))
    except BadSetting as error:
        raise BadSetting(f"Field 'playlists': {error.message}", advice=error.advice) from None


def _day(fields: Mapping[str, Any], name: str, otherwise: date) -> date:
    text = fields.get(name)
    try:
        return otherwise if text is None else date.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadSetting(f"Field {name!r} is no day.", advice=f'Send "{name}": "2026-11-23".') from None


def _key(key: Any) -> str | None:
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise BadSetting(
            f"Field 'key' is not a text of 1 to {_LONGEST_KEY} characters.",
            advice="Send another key with each new request, and the same one when you send a request again.",
        )
    return key
