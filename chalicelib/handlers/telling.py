"""What happened, told: every channel of the watchlist, after every run.

Feeds are told of all lists (small moves left out), the other channels of what is watched. A webhook and the bus are
told at least once: first they take it, then it is kept that they did. A feed is told exactly once, since it is told by
ids. A mail is told exactly once, since what is in it is kept first: where a mail's sending was cut off, the next one
says so of its events.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Protocol

from ..analysis.events import Event, read_events
from ..analysis.watchlist import ALL, Channel, Watchlist, check_address, read_watchlist
from ..errors import BadSetting, ChannelFailed, ChartlakeError
from ..lake import keys
from ..lake.lake import Lake
from ..lake.store import update
from ..report.feeds import add_to_feed
from ..report.phrases import list_name
from ..settings import Settings
from ..text import printable_lines
from ..time_and_chance import World
from .amazon_channels import Bus, MailDoubtful, digest, send_mail
from .told import FAILING, State, Told, ids_of, is_dead, with_told, without_told
from .webhooks import Webhook

# Less time than this is left: no further message is begun.
_SHORTEST = 5.0
_EVERY = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
_log = logging.getLogger(__name__)


@dataclass
class Account:
    """What became of one channel: how many events it was told, which are left (those in `--dry-run`: all), and why."""

    channel: Channel
    told: int = 0
    left: Sequence[Event] = field(default_factory=list)
    error: ChartlakeError | None = None
    dead: bool = False

    def to_json(self) -> dict[str, Any]:
        account = {"channel": str(self.channel), "told": self.told, "left": len(self.left), "dead": self.dead}
        return account | (self.error.to_json() if self.error else {})


class _Outside(Protocol):
    def tell(self, events: Sequence[Event]) -> int:
        """Tell as many of the first as one message holds; gives how many. Raises `ChannelFailed`."""


def tell_all(settings: Settings, lake: Lake, world: World, *, dry_run: bool = False) -> list[Account]:
    """Tell every channel what it was not told yet; gives what became of each. A channel that fails stops no other.

    `dry_run` tells nobody and keeps nothing. Raises `LakeUnavailable` and `DamagedFile` of the lake's tables.
    """
    watchlist = _watched(lake)
    if not watchlist.channels:
        return []
    today = world.now().astimezone(settings.timezone).date()
    book = lake.dry_run() if dry_run else lake
    memories = {channel: Told(book, name_of(channel), today) for channel in watchlist.channels}
    since = min(told.since for told in memories.values())
    news = [event for event in read_events(lake, since=since, today=today) if event.is_news]
    accounts = {
        channel: Account(channel, left=told.untold(_meant_for(channel, watchlist, news)))
        for channel, told in memories.items()
    }
    if not dry_run:
        teller = _Teller(settings, lake, world, today, watchlist)
        for channel, account in accounts.items():
            teller.tell(account, memories[channel])
    return list(accounts.values())


def _watched(lake: Lake) -> Watchlist:
    watchlist = read_watchlist(lake)
    for error in watchlist.wrong:
        _log.warning(error.message)
    return watchlist


def _meant_for(channel: Channel, watchlist: Watchlist, news: list[Event]) -> list[Event]:
    """What is watched; the feeds are for what is not, too."""
    everything = channel.kind == "feeds"
    return [event for event in news if watchlist.wants(event) or (everything and ALL.wants(event))]


def name_of(channel: Channel) -> str:
    """The channel's name in the lake: of a webhook, which may be one of several, with a digest of its address."""
    which = hashlib.sha256(channel.address.encode()).hexdigest()[:16] if channel.address else ""
    return "-".join(filter(None, (channel.kind, which)))


class _Teller:
    """One run's telling."""

    def __init__(self, settings: Settings, lake: Lake, world: World, today: date, watchlist: Watchlist) -> None:
        self._settings, self._lake, self._world = settings, lake, world
        self._today, self._watchlist = today, watchlist

    def tell(self, account: Account, told: Told) -> None:
        """Tell one channel; what goes wrong is told in its account, and kept."""
        try:
            self._tell(account, told)
            told.rest(bool(account.left))
        except ChartlakeError as error:
            account.error = error
        except Exception as error:
            _log.exception("a defect of chartlake", extra={"channel": account.channel.kind})
            account.error = ChartlakeError(
                f"telling {account.channel.kind}: {type(error).__name__} inside chartlake.",
                advice="This is a defect of chartlake; please report it. Other channels are not affected.",
            )
        if account.error:
            told.failed(account.error.message, self._world.now())
        account.dead = is_dead(told.state, self._world.now())
        if account.dead and self._settings.topic:
            self._ring(account, told)

    def _tell(self, account: Account, told: Told) -> None:
        kind = account.channel.kind
        if kind == "feeds":
            self._write_feeds(account, told)
        elif kind == "mail":
            self._mail(account, told)
        elif account.left:
            self._send(self._outside(account.channel), account, told)

    def _ring(self, account: Account, told: Told) -> None:
        """Say once by mail that a channel is dead. An alarm in CloudWatch would be the eleventh, and ten are free."""
        mine = False

        def rung(state: State) -> State:
            nonlocal mine
            mine = is_dead(state, self._world.now()) and not state.get("alarmed")
            return state | {"alarmed": True} if mine else state

        if not told.state.get("alarmed"):
            told.change(rung)
        if not mine:
            return
        kind, why = account.channel.kind, told.state["why"]
        text = f"{kind} could not be told anything for a day: {why}\n\nNothing is lost: every run tries again.\n"
        try:
            send_mail(self._settings.topic, f"chartlake: {kind} fails since a day", printable_lines(text))
        except (ChannelFailed, MailDoubtful) as error:
            _log.warning("a dead channel, and no mail about it: %s", error)

    def _outside(self, channel: Channel) -> _Outside:
        settings, kind = self._settings, channel.kind
        if kind == "eventbridge":
            return Bus(_needed(settings.bus, "tell eventbridge", "CHARTLAKE_BUS"))
        if kind == "webhook":
            secret = _needed(secret_of(settings, "webhook_secret"), "a webhook", "CHARTLAKE_WEBHOOK_SECRET")
            return Webhook(channel.address, kind, secret, channel.private, self._world)
        variable = f"CHARTLAKE_{kind.upper()}_URL"
        url = _needed(secret_of(settings, f"{kind}_url"), f"tell {kind}", variable)
        check_address(url, private=False)
        return Webhook(url, kind, "", False, self._world)

    def _send(self, outside: _Outside, account: Account, told: Told) -> None:
        while account.left:
            if self._world.time_left() < _SHORTEST:
                return
            taken = outside.tell(account.left)
            told.mark(account.left[:taken])
            account.told += taken
            account.left = account.left[taken:]

    # Feeds.

    def _write_feeds(self, account: Account, told: Told) -> None:
        """Put what is new on top of each feed that it belongs to. The feed knows by ids what it has."""
        if "id" not in told.state:
            told.change(lambda state: {"id": self._world.new_id()} | state)
        events = list(account.left)
        feeds = {keys.ALL_FEED: ("all", "chartlake: all lists", events)}
        watched = [event for event in events if self._watchlist.wants(event)]
        feeds[keys.WATCHED_FEED] = ("watched", "chartlake: what is watched", watched)
        for event in events:
            title = list_name(event.playlist_name, event.playlist_id)
            key = keys.list_feed(event.playlist_id)
            feeds.setdefault(key, (key.removeprefix(keys.FEEDS), title, []))[2].append(event)
        for key, (name, title, new) in feeds.items():
            self._write_feed(key, f"{told.state['id']}/{name}", title, new)
        if events:
            told.mark(events)
        account.told, account.left = len(events), []

    def _write_feed(self, key: str, name: str, title: str, new: Sequence[Event]) -> None:
        now = self._world.now()
        update(self._lake.store, key, lambda old: add_to_feed(old, name, title, new, now), self._world)

    # Mail.

    def _mail(self, account: Account, told: Told) -> None:
        """Keep what is in today's mail, send it, keep that it went out."""
        topic = _needed(self._settings.topic, "tell mail", "CHARTLAKE_TOPIC")
        mine = self._world.new_id()
        if self._world.time_left() < _SHORTEST or not self._claim(account, told, mine):
            return
        claim = told.state["sending"]
        doubtful = [event for event in self._in_doubt(claim) if event.event_id not in ids_of(account.left)]
        subject, text = digest(account.left, doubtful, self._today)
        try:
            if account.left or doubtful:
                send_mail(topic, subject, text)
        except MailDoubtful as error:
            raise ChannelFailed(
                f"{error}. Whether the mail went out is not known; the next one tells it again, and says so."
            ) from None
        except ChannelFailed:
            told.change(lambda state: _given_back(state, mine))
            raise
        told.change(lambda state: _sent(state, mine))
        account.told, account.left = len(account.left) + len(doubtful), []

    def _claim(self, account: Account, told: Told, mine: str) -> bool:
        """Take today's mail for this process: what is new goes into it, and what was in one that was cut off."""
        every = _EVERY[account.channel.rhythm]
        fresh: list[Event] = []

        def claimed(state: State) -> State:
            nonlocal fresh
            fresh = []
            if state.get("last") and self._today - date.fromisoformat(state["last"]) < every:
                return state
            known = {event_id for ids in state["told"].values() for event_id in ids}
            new = [event for event in account.left if event.event_id not in known]
            before = state.get("sending", {})
            doubtful = {**before.get("doubtful", {}), **before.get("new", {})}
            if not new and not doubtful:
                return state
            fresh = new
            sending = {
                "by": mine,
                "new": {event.event_id: event.snapshot_date.isoformat() for event in new},
                "doubtful": doubtful,
                "before": state.get("last"),
            }
            return with_told(state, new) | {"sending": sending, "last": self._today.isoformat()}

        told.change(claimed)
        if told.state.get("sending", {}).get("by") != mine:
            return False
        account.left = fresh
        return True

    def _in_doubt(self, claim: Mapping[str, Any]) -> list[Event]:
        """The events that were perhaps in an earlier mail, read again."""
        doubtful = claim["doubtful"]
        if not doubtful:
            return []
        days = [date.fromisoformat(day) for day in doubtful.values()]
        found = read_events(self._lake, since=min(days), until=max(days), today=self._today)
        return [event for event in found if event.event_id in doubtful]


def _sent(state: State, mine: str) -> State:
    rest = {name: value for name, value in state.items() if name not in FAILING}
    if state.get("sending", {}).get("by") == mine:
        rest.pop("sending")
    return rest


def _given_back(state: State, mine: str) -> State:
    """The mail surely did not go out: its events are news as before, and today may have another mail."""
    claim = state.get("sending", {})
    if claim.get("by") != mine:
        return state
    back = without_told(state, claim["new"])
    sending = {"by": "", "new": {}, "doubtful": claim["doubtful"], "before": None} if claim["doubtful"] else None
    return (
        {name: value for name, value in back.items() if name != "sending"}
        | {"last": claim["before"]}
        | ({"sending": sending} if sending else {})
    )


def secret_of(settings: Settings, name: str) -> str:
    """A secret of a channel: from the environment, else from the SSM parameter that holds the credentials."""
    from ..spotify.credentials import stored_fields

    here: str = getattr(settings, name)
    return here or (str(stored_fields(settings).get(name, "")) if settings.secret else "")


def _needed(value: str, what: str, variable: str) -> str:
    if not value:
        raise BadSetting(f"{variable} is not set, and {what} needs it.", advice="docs/watch.md tells what to set.")
    return value
