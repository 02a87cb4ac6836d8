"""A run that is spread over workers: the scheduled job puts each followed list into a queue, workers take them out.

The workers share one pace (`CHARTLAKE_RATE` is each one's part of it) and stop together: what Spotify asks of one of
them stands in the lake, and each looks there before a batch. A short pause puts lists off, without a sleep; a long one,
or a quota ban, leaves them `deferred`, and the message that closes the run lets it start again when the time has come.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ..errors import (
    ChartlakeError,
    InconsistentPlaylist,
    LakeUnavailable,
    QuotaExceeded,
    RateLimited,
    SpotifyUnavailable,
)
from ..lake.lake import Lake
from ..settings import Settings
from ..snapshots.following import follow_list, named_only
from ..snapshots.outcome import Outcome
from ..snapshots.pipeline import Pipeline, note_newest, open_pipeline, standing_ban
from ..time_and_chance import World
from . import runs, shares
from .invocation import count_values, render_pages, tell_news
from .messages import DELIVERIES, Message, Queue, body_of
from .runs import DONE, FAILED, QUEUED, Run
from .start_again import start_again

MODE = "queue"
# Up to so many seconds a pause puts lists off; a longer one leaves them for another run.
SHORT_PAUSE = 300.0
# A pause that Spotify asks for without naming it: it counts over 30 seconds.
_UNNAMED_PAUSE = 30.0
# Seconds until a list is tried again that could not be read, doubled each time.
_FIRST_BACKOFF = 60.0
# Seconds between two looks whether all lists of a run have their status.
_LOOK_EVERY = 60.0
# Lists that are sent between two notes of how far it is.
_WAVE = 1000
# Fewer lists than this are read by one function within minutes.
_FEW = 300
_MARGIN = timedelta(minutes=1)

_log = logging.getLogger(__name__)


# The scheduled job.


def send_lists(settings: Settings, lake: Lake, world: World, event_id: str) -> Run:
    """Put every followed list into the queue, once for each event, however often Lambda delivers that.

    Raises `QueueUnavailable`, and `BadSetting` where a reference is none, or what keeps the user's own lists from being
    known; the others are then in the queue all the same.
    """
    said = follow_list(settings, lake)
    # Credentials that are refused are the workers' trouble, which then explain every list's day.
    found = open_pipeline(settings, world, lake).followed(said) if said.needs_user else named_only(said)
    request = {"mode": MODE, "playlists": None}
    run, _ = runs.begin(lake, world, request, f"{MODE} {event_id}")
    if run.state == runs.RUNNING:
        run = _send(Queue(settings.queue, world), lake, world, run, found.playlist_ids)
    if found.wrong is not None:
        raise found.wrong
    return run


def _send(queue: Queue, lake: Lake, world: World, run: Run, playlist_ids: Sequence[str]) -> Run:
    """Send from where an earlier try came to, unless the lists are others by now."""
    digest = hashlib.sha256("\n".join(playlist_ids).encode()).hexdigest()
    sent = run.done if run.result.get("lists") == digest else 0
    run = replace(run, total=len(playlist_ids), result={"lists": digest})
    while sent < len(playlist_ids):
        wave = playlist_ids[sent : sent + _WAVE]
        queue.send(body_of(run.run_id, playlist_id) for playlist_id in wave)
        sent += len(wave)
        runs.note(lake, world, run, sent, len(playlist_ids))
    queue.send([body_of(run.run_id)], _LOOK_EVERY)
    _log.info("lists are in the queue", extra={"run_id": run.run_id, "lists": sent})
    if sent < _FEW:
        _log.info("a queue is of no use for %d lists: without one, one function reads them within minutes", sent)
    return runs.hand_on(lake, world, replace(run, done=0, result={}))


# A worker.


class Worker:
    """One of the processes that take lists out of the queue."""

    def __init__(self, settings: Settings, lake: Lake, world: World, pipeline: Pipeline, queue: Queue) -> None:
        self._settings = settings
        self._lake = lake
        self._world = world
        self._pipeline = pipeline
        self._queue = queue
        self._share = shares.Share(lake, world.new_id())

    def work(self, messages: Sequence[Message]) -> list[Message]:
        """Take the lists of a batch (and close runs); gives the messages that are to be delivered again.

        Raises `QueueUnavailable`, `LakeUnavailable`; then all of them are.
        """
        lists = [message for message in messages if message.playlist_id is not None]
        kept = self._put_off_all(lists)
        if kept is None:
            kept = self._take_all(lists)
        return kept + [one for one in messages if one.playlist_id is None and not self._close(one.run_id)]

    def _take_all(self, messages: Sequence[Message]) -> list[Message]:
        by_run: dict[str, list[Message]] = {}
        for message in messages:
            by_run.setdefault(message.run_id, []).append(message)
        return [message for run_id, some in by_run.items() for message in self._take(run_id, some)]

    def _put_off_all(self, messages: Sequence[Message]) -> list[Message] | None:
        """While a short pause lasts nothing is asked: gives the messages that wait for its end; None without one."""
        ban = standing_ban(self._lake, self._world.now()) if messages else None
        pause = _short_pause(ban)
        return None if pause is None else [one for one in messages if self._put_off(one, pause)]

    def _put_off(self, message: Message, seconds: float) -> bool:
        # A little apart, so that not all lists come back in one moment.
        return self._queue.put_off(message, seconds + self._world.random.uniform(1, 1 + seconds / 10))

    def _take(self, run_id: str, messages: Sequence[Message]) -> list[Message]:
        """Take the snapshots of one run's lists; gives the messages of those that are tried again."""
        wanted = {message.playlist_id: message for message in messages if message.playlist_id is not None}
        before = shares.stopped(self._lake, run_id)
        found = self._pipeline.extract(list(wanted), stopped=before, alone=False)
        if isinstance(found.stopped, LakeUnavailable):
            raise found.stopped
        if before is None:
            self._stop_others(run_id, found.stopped)
        pauses = {one.playlist_id: _pause_of(one, wanted[one.playlist_id].deliveries) for one in found.outcomes}
        told = [(one, pauses[one.playlist_id] is not None) for one in found.outcomes]
        self._share.tell(run_id, told, self._world.now())
        # What there was no time for comes back at once.
        pauses |= dict.fromkeys(found.left, 0.0)
        return self._put_off_each(messages, pauses)

    def _put_off_each(self, messages: Sequence[Message], pauses: Mapping[str, float | None]) -> list[Message]:
        """Put lists off by so many seconds, but for those that are done with (None)."""
        seconds = {message: pauses[message.playlist_id] for message in messages if message.playlist_id is not None}
        return [one for one, pause in seconds.items() if pause is not None and self._put_off(one, pause)]

    def _stop_others(self, run_id: str, error: ChartlakeError | None) -> None:
        """Let no worker go on, unless it is a pause, of which each learns before its next batch."""
        if error is not None and not isinstance(error, QuotaExceeded | RateLimited):
            shares.stop(self._lake, run_id, error)

    def _close(self, run_id: str) -> bool:
        """End a run whose lists all have their status; else look again later. Gives whether the message is done."""
        run = runs.read(self._lake, run_id)
        if run is None:
            return True
        if run.ended:
            # Its message comes again: whoever ended it may have died before anybody was told.
            self._publish([])
            return True
        found = shares.gather(self._lake, run_id)
        result = found.to_json(run.total)
        run = replace(run, done=found.done, result=result)
        if found.done < run.total and self._is_awaited(run):
            runs.hand_on(self._lake, self._world, run)
            self._queue.send([body_of(run_id)], _LOOK_EVERY)
            return True
        self._end(run, found)
        return True

    def _is_awaited(self, run: Run) -> bool:
        """Whether lists that have no status yet may still get one: until a day has gone by."""
        began = datetime.fromisoformat(run.created_at)
        return self._world.now() < began + timedelta(seconds=runs.LONGEST_FAN_OUT)

    def _end(self, run: Run, found: shares.Gathered) -> None:
        error = shares.stopped(self._lake, run.run_id) or (self._pause(found) if found.deferred else None)
        if found.newest is not None:
            note_newest(self._lake, found.newest, bool(found.taken))
        if error is not None:
            run = replace(run, result=run.result | self._stopped_by(error, run.run_id))
        whole = found.done == run.total and error is None
        self._count(found, run.total, whole)
        told = {name: value for name, value in run.result.items() if name not in ("without", "message")}
        _log.log(logging.INFO if run.result["complete"] else logging.ERROR, "run finished", extra=told)
        runs.end(self._lake, self._world, run, DONE if whole else FAILED)
        self._publish(found.taken)

    def _publish(self, playlist_ids: Sequence[str]) -> None:
        """Make these pages anew and those that were missed, and tell what nobody was told yet."""
        render_pages(playlist_ids, self._settings, self._world)
        tell_news(self._settings, self._world)

    def _stopped_by(self, error: ChartlakeError, run_id: str) -> dict[str, str]:
        """What a run tells of what stopped it; after a pause it is started again."""
        told = {"stopped": error.kind, "message": error.message, "advice": error.advice}
        if not isinstance(error, QuotaExceeded | RateLimited):
            return told
        moment = self._world.now() + timedelta(seconds=error.retry_after or 0.0) + _MARGIN
        return _started_again(moment, run_id) | told

    def _pause(self, found: shares.Gathered) -> QuotaExceeded | RateLimited:
        """Why lists were deferred."""
        left = f"{found.statuses['deferred']} lists were left since Spotify wanted a pause"
        return standing_ban(self._lake, self._world.now()) or RateLimited(f"{left}, which is over.", retry_after=0.0)

    def _count(self, found: shares.Gathered, total: int, whole: bool) -> None:
        published, days_left = len(found.published), self._pipeline.consent_days_left()
        values = {"PlaylistsKept": published, "PlaylistsFailed": total - published, "RunsCompleted": int(whole)}
        count_values(values | ({} if days_left is None else {"ConsentDaysLeft": days_left}), self._world.now())


def _started_again(moment: datetime, run_id: str) -> dict[str, str]:
    """Let the run begin again at that moment; gives what the run tells of it."""
    try:
        return {"starts_again": moment.astimezone(UTC).isoformat()} if start_again(moment, run_id) else {}
    except ChartlakeError:
        # The run is ended all the same: the next scheduled one takes what was left.
        _log.exception("the run is not started again")
        return {}


def _pause_of(outcome: Outcome, deliveries: int) -> float | None:
    """Seconds until a list is tried again; None where it has its status for good."""
    if outcome.published or outcome.error is None:
        return None
    if (pause := _short_pause(outcome.error)) is not None:
        return pause
    passes = isinstance(outcome.error, SpotifyUnavailable | InconsistentPlaylist)
    return _FIRST_BACKOFF * 2.0 ** (deliveries - 1) if passes and deliveries < DELIVERIES else None


def _short_pause(error: ChartlakeError | None) -> float | None:
    """Seconds of a pause that is short enough to put lists off for it; a quota ban never is."""
    if not isinstance(error, RateLimited):
        return None
    seconds = _UNNAMED_PAUSE if error.retry_after is None else error.retry_after
    return seconds if seconds <= SHORT_PAUSE else None


def look(lake: Lake, run: Run) -> Run:
    """A run with what its workers have told up to now."""
    if run.request["mode"] != MODE or run.state != QUEUED:
        return run
    found = shares.gather(lake, run.run_id)
    return replace(run, done=found.done, result=found.to_json(run.total))
