"""The jobs. The only place where Spotify and the lake meet.

The order of writes is what keeps a day honest: raw first, then the entries, and last the snapshot's row, which is the
commit. A process that dies in between leaves a day that is not there yet, and the next run makes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from ..errors import (
    ChartlakeError,
    ConsentDoubted,
    ConsentExpired,
    DamagedFile,
    InconsistentPlaylist,
    LakeUnavailable,
    OutOfTime,
    QuotaExceeded,
    RateLimited,
    UnknownShape,
)
from ..lake import keys
from ..lake.address import open_store
from ..lake.at_once import in_order
from ..lake.lake import Lake, Year, is_imported, rank
from ..lake.schema import PUBLISHED, Status, empty_row
from ..settings import Settings
from ..spotify.capture import NOT_UNDERSTOOD, UNCHANGED, Capture
from ..spotify.client import Client
from ..spotify.credentials import open_tokens
from ..spotify.entries import Origin, Row, entry_rows
from ..spotify.mine import Mine
from ..spotify.pace import Pace
from ..spotify.reader import Reader, Unchanged
from ..spotify.references import FollowList
from ..spotify.retry import RetryBudget
from ..time_and_chance import World
from .following import Followed, resolve
from .healing import heal, mend
from .judgement import (
    judge,
    known_snapshot,
    last_published,
    needs_year_before,
    row_on,
    suspect_row,
    unchanged_row,
)
from .outcome import Outcome, Run

RUN_BUDGET = 300.0
# Playlists that are read at a time, and requests that are under way: most of a request is waiting for Spotify.
AT_ONCE = 4
# Less time than this is left: no further playlist is begun, whatever the earlier ones took.
_SHORTEST = 5.0
# A quota ban without Retry-After: the shortest seen in practice took hours.
_UNNAMED_BAN = 3600.0
# A sign-in that is refused is doubted that long: Lambda's own retries come within minutes of the first run.
_DOUBT_HOURS = 6.0

_log = logging.getLogger(__name__)


@dataclass
class _Course:
    """What the playlists of a run know of each other: what stopped it, whether its time is over, and the most seconds
    that one of them took."""

    slowest: float
    stopped: ChartlakeError | None = None
    over: bool = False


class Pipeline:
    """Takes snapshots of playlists into a lake, `at_once` of them at a time."""

    def __init__(
        self,
        reader: Reader,
        lake: Lake,
        timezone: ZoneInfo,
        world: World,
        mine: Mine,
        consent_days_left: Callable[[], int | None] = lambda: None,
        at_once: int = 1,
    ) -> None:
        self._mine = mine
        self._reader = reader
        self._at_once = at_once
        self._consent_days_left = consent_days_left
        self._lake = lake
        self._timezone = timezone
        self._world = world

    def followed(self, said: FollowList) -> Followed:
        """The lists to take snapshots of. Only `me` and `me/liked` ask Spotify; see `resolve`."""
        now = self._world.now()
        ban = standing_ban(self._lake, now) if said.needs_user else None
        try:
            found = resolve(said, self._lake, self._world, self._day(now), self._mine, ban)
        except ChartlakeError as error:
            self._remember(ban or error)
            raise
        if ban is None and found.wrong is not None:
            self._remember(found.wrong)
        return found

    def extract(
        self,
        playlist_ids: Sequence[str],
        *,
        again: bool = False,
        report: Callable[[Outcome], None] = lambda outcome: None,
        stopped: ChartlakeError | None = None,
        alone: bool = True,
    ) -> Run:
        """Make sure that each playlist has today's snapshot; `again` takes another one where it has.

        One playlist's failure is its own day's status. What makes further calls pointless stops the run, and the
        remaining playlists get that as the reason of their gap. Near the end of the process's time the rest is left.

        Where this process is not `alone` with the run, `stopped` is what another one was stopped by, and what all of
        them would write into one object is left to whoever ends the run (`note_newest`).
        """
        course = _Course(slowest=_SHORTEST)
        outcomes: list[Outcome] = []
        try:
            course.stopped = stopped or standing_ban(self._lake, self._world.now())
            for outcome in in_order(partial(self._turn, course, again), playlist_ids, self._at_once):
                if outcome is not None:
                    outcomes.append(outcome)
                    report(outcome)
            if alone:
                self._note_newest(outcomes)
        except LakeUnavailable as error:
            # Without the lake not even the reason can be written down.
            course.stopped = error
        reached = {outcome.playlist_id for outcome in outcomes}
        left = tuple(one for one in playlist_ids if one not in reached)
        run = Run(tuple(outcomes), left, course.stopped, self._consent_days_left())
        _log_run(run)
        return run

    def _turn(self, course: _Course, again: bool, playlist_id: str) -> Outcome | None:
        """One playlist's outcome; None where there is no time for it, or the lake is gone."""
        if course.over or self._world.time_left() < course.slowest:
            course.over = True
            return None
        try:
            outcome = self._attempt(playlist_id, again, course.stopped)
        except OutOfTime:
            course.over = True
            return None
        except LakeUnavailable:
            course.over = True
            raise
        course.slowest = max(course.slowest, outcome.seconds)
        if course.stopped is None and outcome.error is not None and outcome.error.stops_run:
            course.stopped = outcome.error
            self._remember(outcome.error)
        return outcome

    def _attempt(self, playlist_id: str, again: bool, stopped: ChartlakeError | None) -> Outcome:
        """One playlist's outcome, whatever happens to it (but for the lake being gone, and the time being over)."""
        began = self._world.monotonic()
        try:
            if stopped is not None:
                outcome = self._gap(playlist_id, stopped)
            else:
                outcome = self.snapshot(playlist_id, again=again)
        except (LakeUnavailable, OutOfTime):
            raise
        except ConsentExpired as error:
            outcome = self._gap(playlist_id, self._doubted(error))
        except ChartlakeError as error:
            outcome = self._gap(playlist_id, error)
        except MemoryError:
            short = ChartlakeError(
                f"playlist {playlist_id}: this process has too little memory for it.",
                advice="Give it more; 512 MB do for lists of 10,000 entries. Other playlists are not affected.",
            )
            outcome = self._gap(playlist_id, short)
        except Exception as error:
            _log.exception("a defect of chartlake", extra={"playlist_id": playlist_id})
            defect = ChartlakeError(
                f"playlist {playlist_id}: {type(error).__name__} inside chartlake: {error}.",
                advice="This is a defect of chartlake; please report it. Other playlists are not affected.",
            )
            outcome = self._gap(playlist_id, defect)
        outcome = replace(outcome, seconds=self._world.monotonic() - began)
        _log.log(
            logging.INFO if outcome.published else logging.WARNING,
            "snapshot %s: %s",
            playlist_id,
            outcome.status,
            extra=_loggable(outcome.to_json()),
        )
        return outcome

    def consent_days_left(self) -> int | None:
        """The days that the user's sign-in has left; None where it is not known."""
        return self._consent_days_left()

    def snapshot(self, playlist_id: str, *, again: bool = False) -> Outcome:
        """Take today's snapshot of one playlist, or find that it is there. Raises the errors of `errors.py`."""
        today = self._day(self._world.now())
        year = self._lake.read_year(playlist_id, today.year)
        if not again and (done := _done(year, today)):
            return _already(done)
        year, history = self._mended(year, today)
        standing = row_on(today, history)
        if standing and not again and _is_kept(standing):
            return _already(standing)
        return self._take(year, history, standing, again)

    def _take(self, year: Year, history: list[Row], standing: Row | None, again: bool) -> Outcome:
        """Read the list and keep it; `standing` is the row that today has already."""
        known = None if again or standing else known_snapshot(history)
        # Where entries are replaced, the day is marked before; then the year's rows are other ones than these.
        read = None if standing and standing["status"] in PUBLISHED else year
        try:
            reading = self._reader.read(year.playlist_id, known)
        except UnknownShape as error:
            return self._keep_evidence(year.playlist_id, error)
        if isinstance(reading, Unchanged):
            return self._carry(year.playlist_id, reading, history, read)
        return self._keep(reading, history, read)

    def _mended(self, year: Year, today: date) -> tuple[Year, list[Row]]:
        """The year's rows and the history up to today, after what others left half done was mended."""
        history = self._history(year, today)
        if heal(self._lake, self._world, year.playlist_id, history, self._timezone):
            year = self._lake.read_year(year.playlist_id, year.number)
            history = self._history(year, today)
        return year, history

    def _history(self, year: Year, today: date) -> list[Row]:
        """The rows up to today of this year, and of the one before where this one alone does not tell enough."""
        rows = [row for row in year.rows if row["snapshot_date"] <= today]
        if not needs_year_before(rows, today):
            return rows
        return self._lake.snapshots(year.playlist_id, year.number - 1) + rows

    def _keep(self, capture: Capture, history: list[Row], read: Year | None) -> Outcome:
        """Raw, entries, commit."""
        day = self._day(capture.captured_at)
        row, error = judge(capture, day, self._put_raw(capture, day), history)
        if row["status"] == Status.OK:
            origin = Origin(day, capture.playlist_id, capture.captured_at, capture.capture_id, capture.source)
            worth = rank(capture.source, capture.captured_at)
            placed = self._lake.put_days(
                capture.playlist_id, {day: worth}, entry_rows(capture.pages(), origin), {day: capture.capture_id}
            )
            if day in placed.stayed:
                return self._outrun(row)
            row["entries_key"] = placed.keys[day] if row["entry_count"] else None
        return self._commit(row, error, read)

    def _carry(self, playlist_id: str, reading: Unchanged, history: list[Row], read: Year | None) -> Outcome:
        """The list is the one already kept: its entries stand for today too, marked by status and capture."""
        last = last_published(history)
        if last is None:
            raise DamagedFile(f"playlist {playlist_id}: the day that Spotify calls unchanged is not in the lake.")
        capture = Capture(
            playlist_id=playlist_id,
            capture_id=self._world.new_id(),
            captured_at=reading.answer.received_at,
            source=reading.answer.source,
            requests=reading.requests,
            answers=(reading.answer,),
            proof=UNCHANGED,
        )
        day = self._day(capture.captured_at)
        row = unchanged_row(capture, day, self._put_raw(capture, day), last)
        placed = self._lake.carry_entries(playlist_id, last["snapshot_date"], day, capture.capture_id)
        if day in placed.stayed:
            return self._outrun(row)
        row["entries_key"] = placed.keys[day]
        return self._commit(row, read=read)

    def _keep_evidence(self, playlist_id: str, error: UnknownShape) -> Outcome:
        """Keep the answers that the reader could not understand, and publish nothing of them."""
        capture = Capture(
            playlist_id=playlist_id,
            capture_id=self._world.new_id(),
            captured_at=self._world.now(),
            source=error.evidence[0].source,
            requests=len(error.evidence),
            answers=error.evidence,
            proof=NOT_UNDERSTOOD,
        )
        day = self._day(capture.captured_at)
        return self._commit(*suspect_row(capture, day, self._put_raw(capture, day), error))

    def _gap(self, playlist_id: str, error: ChartlakeError) -> Outcome:
        """Write down that there is no snapshot, and why; a day that has one keeps it."""
        now = self._world.now()
        row = empty_row(playlist_id, self._day(now), now) | {"status": Status(error.status), "reason": error.message}
        try:
            return self._commit(row, error)
        except DamagedFile as damage:
            # The very file that would hold the reason cannot be read: say both, write nothing over it.
            return Outcome(
                playlist_id, row["snapshot_date"], Status(error.status), row | {"reason": damage.message}, error=damage
            )

    def _commit(self, row: Row, error: ChartlakeError | None = None, read: Year | None = None) -> Outcome:
        """Put the row in place; where a better one stands already, that one is the outcome."""
        playlist_id, day = row["playlist_id"], row["snapshot_date"]
        if self._lake.put_snapshot(row, read):
            return Outcome(playlist_id, day, row["status"], row, error=error)
        standing = self._lake.snapshot(playlist_id, day) or row
        if row["status"] in PUBLISHED and not standing["entry_count"]:
            # An empty list cannot keep older entries away, so these are there, under the row of a newer capture.
            mend(self._lake, self._world, playlist_id, day, self._timezone)
        if row["capture_id"] and standing["replacing"]:
            # The better one has put its own entries in place of these, so nothing is under way any more.
            self._lake.unmark(playlist_id, {day: row["capture_id"]})
        return Outcome(playlist_id, day, Status(standing["status"]), standing, already=True, error=error)

    def _outrun(self, row: Row) -> Outcome:
        """Another run has put newer entries in place meanwhile: to commit these would mix the day. Where it has not
        committed them yet, it may have died, and its raw document tells what it was about to commit."""
        playlist_id, day = row["playlist_id"], row["snapshot_date"]
        standing = self._lake.snapshot(playlist_id, day)
        if standing is None or not _is_kept(standing):
            mend(self._lake, self._world, playlist_id, day, self._timezone)
            standing = self._lake.snapshot(playlist_id, day)
        if standing is None:
            raise InconsistentPlaylist(f"playlist {playlist_id}: another run is at work on {day}, or a purge.")
        return Outcome(playlist_id, day, Status(standing["status"]), standing, already=True)

    def _put_raw(self, capture: Capture, day: date) -> Row:
        return self._lake.put_raw(capture.playlist_id, day, capture.captured_at, capture.capture_id, capture.to_raw())

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self._timezone).date()

    def _doubted(self, error: ConsentExpired) -> ChartlakeError:
        """A sign-in is called dead when its six months are over, or a run some hours later finds it refused still.

        https://github.com/metabrainz/listenbrainz-server/pull/3766: Spotify once refused good ones for some hours.
        """
        days_left = self._consent_days_left()
        now = self._world.now().astimezone(UTC)
        refused_at = self._lake.read_state(keys.SIGN_IN).get("refused_at")
        if (days_left is not None and days_left <= 0) or (refused_at and _hours_since(refused_at, now) >= _DOUBT_HOURS):
            return error
        if not refused_at:
            refused_at = now.isoformat()
            self._lake.update_state(keys.SIGN_IN, lambda _: {"refused_at": refused_at})
        return ConsentDoubted(f"{error.message} Refused since {refused_at[:16].replace('T', ' ')} UTC.")

    def _remember(self, error: ChartlakeError) -> None:
        """Keep the moment before which nothing may be asked, for every run that comes before it."""
        if not isinstance(error, QuotaExceeded | RateLimited):
            return
        seconds = error.retry_after
        if seconds is None:
            if not isinstance(error, QuotaExceeded):
                return
            seconds = _UNNAMED_BAN
        until = (self._world.now() + timedelta(seconds=seconds)).astimezone(UTC).isoformat()

        def later(state: dict[str, Any]) -> dict[str, Any]:
            if state.get("not_before", "") >= until:
                return state
            return {"not_before": until, "reason": error.message, "error": error.kind}

        self._lake.update_state(keys.NOT_BEFORE, later)

    def _note_newest(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the moment of the newest complete day, which is all that `/health` may know; what was read just now
        also proves the sign-in."""
        moments = [outcome.row["captured_at"] for outcome in outcomes if outcome.published]
        if not moments:
            return
        read_now = any(outcome.published and not outcome.already for outcome in outcomes)
        note_newest(self._lake, max(moments), read_now)


def note_newest(lake: Lake, newest: datetime, read_now: bool) -> None:
    """Keep that moment as that of the newest complete day; `read_now`: Spotify has accepted the sign-in just now."""
    if read_now and lake.read_state(keys.SIGN_IN):
        lake.update_state(keys.SIGN_IN, lambda _: {})
    moment = newest.astimezone(UTC).isoformat()
    lake.update_state(keys.NEWEST_OK, lambda state: {"captured_at": max(moment, state.get("captured_at", ""))})


def _is_kept(row: Row) -> bool:
    """Whether a day was read from Spotify and committed, and nobody has begun to replace it since."""
    return row["status"] in PUBLISHED and not is_imported(row) and not row["replacing"]


def _done(year: Year, today: date) -> Row | None:
    """Today's row, where it is kept and nothing that the year's rows tell of is left to mend: then nothing more has to
    be asked. The run that committed it has looked at the days before; tomorrow's looks again."""
    if any(row["replacing"] for row in year.rows):
        return None
    return next((row for row in year.rows if row["snapshot_date"] == today and _is_kept(row)), None)


def _already(row: Row) -> Outcome:
    return Outcome(row["playlist_id"], row["snapshot_date"], Status(row["status"]), row, already=True)


def _hours_since(moment: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(moment)).total_seconds() / 3600


def standing_ban(lake: Lake, now: datetime) -> QuotaExceeded | RateLimited | None:
    """Spotify's own wish to be left alone, while it lasts."""
    state = lake.read_state(keys.NOT_BEFORE)
    try:
        until = datetime.fromisoformat(state["not_before"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None
    if until <= now:
        return None
    error = QuotaExceeded if state.get("error") == QuotaExceeded.__name__ else RateLimited
    reason = state.get("reason", "no reason kept")
    return error(
        f"Spotify asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC: {reason}",
        retry_after=(until - now).total_seconds(),
    )


def _log_run(run: Run) -> None:
    found = {name: value for name, value in run.to_json().items() if name != "snapshots"}
    _log.log(logging.INFO if run.complete else logging.ERROR, "run finished", extra=_loggable(found))


def _loggable(found: dict[str, Any]) -> dict[str, Any]:
    # logging keeps `name` and `message` for itself and raises where `extra` brings them.
    taken = {"name": "playlist_name", "message": "stopped_by"}
    return {taken.get(name, name): value for name, value in found.items()}


def open_lake(settings: Settings, world: World) -> Lake:
    return Lake(open_store(settings.lake, world), world)


def open_pipeline(
    settings: Settings, world: World, lake: Lake, budget: RetryBudget | None = None, at_once: int = AT_ONCE
) -> Pipeline:
    """Everything wired as the settings say; `budget` is for what may be spent on waiting, where it is another, and
    `at_once` how many playlists are read at a time."""
    budget = budget or RetryBudget(RUN_BUDGET, world)
    tokens = open_tokens(settings, world, budget)
    pace = Pace(settings.rate, world, AT_ONCE)
    client = Client(settings.api_url, tokens, world, pace)
    reader, mine = Reader(client, world, budget), Mine(client, tokens, world, budget)
    return Pipeline(reader, lake, settings.timezone, world, mine, tokens.consent_days_left, at_once)
