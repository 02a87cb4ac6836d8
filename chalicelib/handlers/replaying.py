"""All of raw once more: captures by `snapshots` and imported files by `history`, neither of which knows the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from ..errors import BadSetting
from ..history.kept import read_notes
from ..history.replaying import replay_imports
from ..lake.lake import Lake
from ..snapshots.replay import Replayed, replay
from ..time_and_chance import World

# Where a replay stopped: a playlist and a day; or none, and how many imports are done.
Left = tuple[str, str]


def replay_all(
    lake: Lake,
    world: World,
    *,
    playlist_ids: Iterable[str] = (),
    first: date = date.min,
    last: date = date.max,
    start: Left | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Replayed, Left | None]:
    """Do `replay` for imported files and then for captures; gives what came of both, and where it stopped.

    Imports come first, since what Spotify told is judged beside them. Raises what `replay` raises.
    """
    if first > last:
        raise BadSetting(f"The first day, {first}, is after the last one, {last}.", advice="Exchange them.")
    target = lake.dry_run() if dry_run else lake
    named = sorted(set(playlist_ids))
    found = Replayed(0, ())
    resumed: tuple[str, date] | None = None
    playlist_id, place = start or ("", "0")
    if playlist_id:
        resumed = playlist_id, date.fromisoformat(place)
    else:
        imported = replay_imports(
            target, world, playlist_ids=named, first=first, last=last, start=int(place), progress=progress
        )
        found = Replayed(0, imported.changed, damaged=imported.damaged, imports=imported.files)
        if imported.done < imported.total:
            return replace(found, remaining=imported.total - imported.done), ("", str(imported.done))
    captured = _captured(target, named)
    if named and not captured:
        return found, None
    told = replay(target, world, playlist_ids=captured, first=first, last=last, start=resumed, progress=progress)
    both = replace(
        told,
        changed=tuple(sorted({*found.changed, *told.changed})),
        damaged=(*found.damaged, *told.damaged),
        imports=found.imports,
    )
    return both, (told.left[0], told.left[1].isoformat()) if told.left else None


def _captured(lake: Lake, named: list[str]) -> list[str]:
    """Those that are not known from imported files alone."""
    return [one for one in named if any(lake.raw_keys(one)) or not _is_imported(lake, one)]


def _is_imported(lake: Lake, playlist_id: str) -> bool:
    return any(playlist_id in note.lists for note in read_notes(lake))
