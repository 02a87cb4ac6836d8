"""Imported days made anew, and proven, from the bytes that were kept of their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ..errors import BadImport, DamagedFile
from ..lake import keys
from ..lake.lake import Lake, is_imported
from ..spotify.entries import Row
from ..text import counted
from ..time_and_chance import World
from .gathering import Gathering
from .imported import ImportedFile, Options
from .kept import Note, fetch, read_notes
from .reader import read_history
from .staging import Source, Staging

# Less time than this is left (seconds): no further file is begun.
_SHORTEST = 5.0


@dataclass(frozen=True)
class Reimported:
    """How many files were read once more, the days that they changed, which could not be read (their keys, each with
    the reason), and how many of how many imports were done when the time was over."""

    files: int
    changed: tuple[tuple[str, date], ...]
    damaged: tuple[tuple[str, str], ...]
    done: int
    total: int


def replay_imports(
    lake: Lake,
    world: World,
    *,
    playlist_ids: Iterable[str] = (),
    first: date = date.min,
    last: date = date.max,
    start: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reimported:
    """Import every kept file again, as it was imported and in the same order, but only these days of these playlists
    (none: all).

    A day on which a later import stands stays, so a lake that is whole is not touched on the way. What a purge removed
    is not there. `start` goes on after so many imports where the time of the process before was over.
    """
    named = set(playlist_ids)
    order = _Order(lake, read_notes(lake))
    before = _rows(lake, order.notes)
    damaged: dict[str, str] = {}
    finished: list[ImportedFile] = []
    files, done, began = 0, start, world.monotonic()
    with lake.folder() as folder:
        gathering = Gathering(lake, folder)
        for done, note in enumerate(order.notes[start:], start=start + 1):
            if any(note.tells_of(one, first, last) for one in named or [None]):
                files += 1
                wanted = order.asker(done - 1, named, first, last)
                try:
                    finished += _again(lake, gathering, note, folder / "kept", wanted)
                except (BadImport, DamagedFile) as error:
                    damaged[note.key] = error.message
            progress(done, len(order.notes))
            if world.time_left() < 2 * (world.monotonic() - began) + _SHORTEST:
                break
        finished += gathering.finish()
    keys_of = {note.name: note.key for note in order.notes}
    damaged |= {keys_of[one.name]: one.error.message for one in finished if one.error}
    changed = _differences(before, _rows(lake, order.notes))
    return Reimported(files, tuple(changed), tuple(damaged.items()), done, len(order.notes))


def _differences(
    before: Mapping[tuple[str, date], str], after: Mapping[tuple[str, date], str]
) -> list[tuple[str, date]]:
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def _again(
    lake: Lake, gathering: Gathering, note: Note, path: Path, wanted: Callable[[str, date], bool]
) -> list[ImportedFile]:
    """Read one file once more; gives what was finished by that. Raises `DamagedFile` and `BadImport`."""
    opener = fetch(lake, note.sha256, path)
    return list(gathering.take(note.name, opener, _options(note), wanted=wanted))


def _options(note: Note) -> Options:
    """How the file was read. Raises `BadImport`."""
    try:
        return replace(Options.from_json(note.options), keep=False)
    except (TypeError, ValueError) as error:
        raise BadImport(note.name, [(0, f"{note.key} tells options that are none: {error}")]) from None


class _Order:
    """All imports, each as its note, in the order in which they were made; and which of them a day is of."""

    def __init__(self, lake: Lake, notes: Iterable[Note]) -> None:
        self._lake = lake
        made = sorted(((at, note.key, note) for note in notes for at, _ in note.imports), key=lambda one: one[:2])
        self.notes = [note for _, _, note in made]
        self._places = {
            (note.sha256[:16], source): place
            for place, note in enumerate(self.notes)
            for source in (_short(note.name), "simulator")
        }
        self._years: dict[tuple[str, int], dict[date, Row]] = {}

    def asker(self, place: int, named: set[str], first: date, last: date) -> Callable[[str, date], bool]:
        """Whether the import at this place is to be asked for a day: it is of those named, and no later import's."""

        def wanted(playlist_id: str, day: date) -> bool:
            asked = (not named or playlist_id in named) and first <= day <= last
            return asked and self._place_of(playlist_id, day) <= place

        return wanted

    def _place_of(self, playlist_id: str, day: date) -> int:
        """The place of the import whose day stands there; -1 where none does."""
        year = (playlist_id, day.year)
        if year not in self._years:
            self._years[year] = {row["snapshot_date"]: row for row in self._lake.snapshots(*year)}
        row = self._years[year].get(day)
        return self._places.get((row["capture_id"], _file_of(row)), -1) if row and row["source"] else -1


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _file_of(row: Row) -> str:
    """The name of the file that an imported day came from."""
    return str(row["source"]).split(":", 2)[-1]


def _rows(lake: Lake, notes: Iterable[Note]) -> dict[tuple[str, date], str]:
    """For each day of each list that these tell of a text that is another one as soon as the day is."""
    lists = {playlist_id for note in notes for playlist_id in note.lists}
    return {
        (playlist_id, day): text
        for playlist_id, year in lake.held()
        if playlist_id in lists
        for day, text in lake.fingerprints(playlist_id, year).items()
    }


def verify_imports(
    lake: Lake, progress: Callable[[str], None] = lambda key: None
) -> tuple[list[tuple[str | None, date | None, str]], list[str]]:
    """Prove imported days by the bytes that were kept: every file matches its SHA-256, and yields, row for row, the
    days that stand in the tables as its own.

    Gives what is wrong, as (playlist, day, problem), and what could not be proven, in words.
    """
    problems: list[tuple[str | None, date | None, str]] = []
    notes, days = list(read_notes(lake)), _imported_days(lake)
    seen: set[tuple[str, date]] = set()
    for note in notes:
        progress(note.key)
        own = {key: row for key, row in days.items() if _is_of(row, note)}
        try:
            told = _differing(lake, note, own)
        except (BadImport, DamagedFile) as error:
            problems.append((None, None, error.message))
            seen.update(own)
            continue
        seen.update(told)
        problems += [(*key, problem) for key, problem in told.items() if problem]
    untold, lost = _unproven({key: row for key, row in days.items() if key not in seen}, notes)
    problems += [(*key, "it is imported, and the file that was kept does not tell of it") for key in untold]
    return problems, _words(days, lost)


def _unproven(
    days: Mapping[tuple[str, date], Row], notes: Iterable[Note]
) -> tuple[list[tuple[str, date]], list[tuple[str, date]]]:
    """Days of which no file told, by whether theirs is kept, or lost."""
    kept = {note.sha256 for note in notes}
    is_kept = {key: keys.kept_sha256(row["raw_key"] or "") in kept for key, row in days.items()}
    return [key for key in days if is_kept[key]], [key for key in days if not is_kept[key]]


def _imported_days(lake: Lake) -> dict[tuple[str, date], Row]:
    return {
        (playlist_id, row["snapshot_date"]): row
        for playlist_id, year in lake.tried()
        for row in lake.snapshots(playlist_id, year)
        if is_imported(row) or keys.kept_sha256(row["raw_key"] or "")
    }


def _is_of(row: Row, note: Note) -> bool:
    is_kept = keys.kept_sha256(row["raw_key"] or "") == note.sha256
    return is_kept and _file_of(row) in (_short(note.name), "simulator")


def _words(days: Mapping[tuple[str, date], Row], lost: list[tuple[str, date]]) -> list[str]:
    gone = sum(days[key]["raw_key"] is not None for key in lost)
    never = len(lost) - gone
    words = []
    if gone:
        words.append(f"The files of {counted(gone, 'imported day')} are gone: not proven against them.")
    if never:
        words.append(f"Of {counted(never, 'imported day')} no file was kept: not proven against any.")
    return words


def _differing(lake: Lake, note: Note, own: Mapping[tuple[str, date], Row]) -> dict[tuple[str, date], str | None]:
    """The days that a file tells of and that stand as its own, each with what is wrong with it."""
    trial, options = lake.dry_run(), _options(note)
    rejects: list[tuple[int, str, str]] | None = [] if options.skip_bad else None
    with trial.folder() as folder:
        opener = fetch(lake, note.sha256, folder / "kept")
        days = read_history(note.name, opener, **options.reading(), skip_bad=rejects)
        staging = Staging(trial, folder)
        taken = staging.read(days, Source(note.name, note.sha256, lambda one, day: (one, day) in own))
        staging.add(taken)
        told = staging.told()
        others = staging.other_entries()
    found: dict[tuple[str, date], str | None] = {}
    for key, facts in told.items():
        wrong = [
            name for name in ("status", "entry_count", "total", "position_quality") if facts[name] != own[key][name]
        ]
        problem = f"its {', '.join(wrong)} differ from what its file yields" if wrong else None
        found[key] = "its entries differ from what its file yields" if key in others else problem
    return found
