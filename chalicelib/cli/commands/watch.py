"""The commands for the watchlist: what is watched, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ...analysis.artists import find_artists
from ...analysis.watchlist import CHANNELS, SUBJECTS, Channel, Watch, bare, parse_line, parse_watchlist, written
from ...errors import BadSetting, ChartlakeError, NotKept
from ...handlers.telling import Account, name_of, tell_all
from ...handlers.told import is_dead
from ...lake import keys
from ...lake.lake import Lake
from ...lake.store import update
from ...lake.tables import Row
from ...report.event_words import sentence
from ...text import counted, printable
from ...time_and_chance import World
from ..base import DONE, FAILED, PARTLY_DONE, as_json_option, open_lake_now, settings_now
from ..lookup import Asked, one_artist, one_track

_CANDIDATES = 10
# As long as S3 signs a link at most; with temporary credentials it ends with them.
_LINK_SECONDS = 7 * 24 * 3600
_HEAD = "# What is watched, and how it is told: one a line. docs/watch.md tells the forms.\n"


@click.group()
def watch() -> None:
    """Watch artists, tracks, labels and lists, and be told what happens to them.

    \b
    Example:
      chartlake watch add artist "Dua Lipa"
      chartlake watch on feeds
      chartlake watch tell --dry-run
    """


@watch.command()
@click.argument("subject", type=click.Choice(SUBJECTS))
@click.argument("name", required=False, default="")
@click.option("--only", metavar="KINDS", default="", help='The events that count, such as "entered, moved 10".')
@as_json_option
def add(subject: str, name: str, only: str, as_json: bool) -> None:
    """Watch an artist, a track, a label, a list, or all lists.

    NAME is an id, a link, an ISRC, or a name that the lake knows; where several have it, they are shown.

    \b
    Example:
      chartlake watch add track "Blinding Lights" --only "entered, left, new_peak"
    """
    reference, note = _found(subject, bare(subject, name.strip()))
    line = f"{subject} {written(reference)}".strip() + (f" | {only}" if only else "") + (f"  # {note}" if note else "")
    _add(line)
    _say(as_json, {"added": line}, f"Watched from now on: {printable(line)}")


@watch.command()
@click.argument("subject", type=click.Choice(SUBJECTS))
@click.argument("name", required=False, default="")
@as_json_option
def remove(subject: str, name: str, as_json: bool) -> None:
    """Watch something no longer: by its id, or by its name as `chartlake watch list` shows it."""
    wanted = bare(subject, name.strip()).casefold()

    def is_meant(one: Watch | Channel | None) -> bool:
        called = (one.reference.casefold(), one.note.casefold()) if isinstance(one, Watch) else ()
        return isinstance(one, Watch) and one.subject == subject and wanted in called

    gone = _remove(is_meant)
    if not gone:
        raise NotKept(f"No {subject} {name!r} is watched.", advice="`chartlake watch list` shows what is.")
    _say(as_json, {"removed": gone}, *(f"No longer watched: {printable(line)}" for line in gone))


@watch.command()
@click.argument("channel", type=click.Choice(CHANNELS))
@click.argument("options", nargs=-1)
@as_json_option
def on(channel: str, options: tuple[str, ...], as_json: bool) -> None:
    """Be told by feeds, mail, a webhook, Slack, Discord or EventBridge.

    \b
    Example:
      chartlake watch on feeds
      chartlake watch on mail weekly
      chartlake watch on webhook https://example.org/hook
    """
    line = " ".join(("tell", channel, *options))
    _add(line)
    _say(as_json, {"added": line}, f"Told from now on: {printable(line)}")


@watch.command()
@click.argument("channel", type=click.Choice(CHANNELS))
@click.argument("address", required=False, default="")
@as_json_option
def off(channel: str, address: str, as_json: bool) -> None:
    """End one way of telling (of webhooks the one with that address; without, all of them)."""

    def is_meant(one: Watch | Channel | None) -> bool:
        return isinstance(one, Channel) and one.kind == channel and address in ("", one.address)

    gone = _remove(is_meant)
    if not gone:
        raise NotKept(f"{channel} is off already.", advice="`chartlake watch list` shows what is on.")
    _say(as_json, {"removed": gone}, *(f"Told no longer: {printable(line)}" for line in gone))


@watch.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """Show what is watched, how it is told, and where the feeds are."""
    lake, now = open_lake_now(), World().now()
    found = lake.store.get(keys.WATCH)
    watchlist = parse_watchlist(found.data.decode("utf-8", "replace") if found else "")
    watches = [str(one) for one in watchlist.watches]
    channels = [_state_of(lake, channel, now) for channel in watchlist.channels]
    feeds = _feeds(lake)
    wrong = [error.message for error in watchlist.wrong]
    words = list(map(printable, watches)) or ["Nothing is watched yet: chartlake watch add."]
    words += list(map(_channel_words, channels)) or ["Nothing is told yet: chartlake watch on."]
    words += [*feeds, *(f"Not understood: {printable(one)}" for one in wrong)]
    _say(as_json, {"watches": watches, "channels": channels, "feeds": feeds, "wrong": wrong}, *words)


def _feeds(lake: Lake) -> list[str]:
    """Links to what is a feed for a purge, too: all, watched, and one a list."""
    return [lake.store.link(key, _LINK_SECONDS) for key in lake.store.list(keys.FEEDS) if keys.is_feed(key)]


@watch.command()
@click.option("--dry-run", is_flag=True, help="Show what would be told, tell nobody.")
@as_json_option
@click.pass_context
def tell(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Tell every channel what it was not told yet, as every deployed run does at its end."""
    settings, world = settings_now(), World()
    accounts = tell_all(settings, open_lake_now(settings, world), world, dry_run=dry_run)
    failed = [account for account in accounts if account.error]
    if as_json:
        events = {"events": {event.event_id: sentence(event) for one in accounts for event in one.left}}
        click.echo(json.dumps({"channels": [one.to_json() for one in accounts]} | (events if dry_run else {})))
    else:
        _show(accounts, dry_run)
    ctx.exit(DONE if not failed else PARTLY_DONE if len(failed) < len(accounts) else FAILED)


def _show(accounts: Iterable[Account], dry_run: bool) -> None:
    console = Console(highlight=False)
    for account in accounts:
        kind, left = account.channel.kind, account.left
        if dry_run:
            lines = [f"{kind} would be told {counted(len(left), 'event')}.", *(f"  {sentence(one)}" for one in left)]
        else:
            waiting = f"; {len(left):,} wait" if left else ""
            lines = [f"{kind} was told {counted(account.told, 'event')}{waiting}."]
        if account.error:
            lines = [f"× {kind}: {account.error.message}", f"  {account.error.advice}"]
        for line in lines:
            console.print(Text(printable(line)), soft_wrap=True)
    if not accounts:
        console.print("Nobody is told anything yet: chartlake watch on feeds.", soft_wrap=True)


# Finding what a person means.


def _found(subject: str, name: str) -> tuple[str, str]:
    """The id that a line names, and a name beside it for whoever reads the file.

    Raises `BadSetting` with the candidates where several have that name, `NotKept` where nobody has.
    """
    if subject == "all":
        if name:
            raise BadSetting("'all' takes no name; `chartlake watch add list NAME` watches one list.")
        return "", ""
    if not name:
        raise BadSetting(f"Which {subject} is meant is not said.", advice="Give its id, its link or its name.")
    asked = Asked()
    if subject == "list":
        return _found_list(asked, name)
    with asked.charts() as charts:
        if subject == "track":
            track = one_track(charts.find_tracks(name), name)[0]
            title = " by ".join(filter(None, (track["name"], track["artist"])))
            return str(track["item_id"] or track["track_key"]), _note(title)
        if subject == "artist" and (found := find_artists(charts.warehouse, name)):
            return _named(one_artist(found, name)[0])
        labels = charts.warehouse.read(_LABELS, {"name": name}) if subject == "label" else []
        return _only(labels, subject, name)


def _found_list(asked: Asked, name: str) -> tuple[str, str]:
    playlist_id = asked.playlist_id(name)
    with asked.charts(playlist_id, entries=False) as charts:
        known = charts.find_playlists(playlist_id)
    return playlist_id, _note(known[0]["name"] if known else "")


_LABELS = """
    SELECT label AS id, label AS name, count(DISTINCT playlist_id) AS lists
    FROM entries WHERE contains(lower(strip_accents(label)), lower(strip_accents($name)))
    GROUP BY label ORDER BY lists DESC, label
"""


def _only(found: list[Row], subject: str, name: str) -> tuple[str, str]:
    same = [row for row in found if name.casefold() in map(str.casefold, filter(None, (row["name"], row["id"])))]
    for rows in (same, found):
        if len(rows) == 1:
            return _named(rows[0])
    raise _none_or_several(found, subject, name)


def _named(row: Row) -> tuple[str, str]:
    """An artist without an id, as files of others have them, is watched by name."""
    if row["id"] in (None, "", row["name"]):
        return " ".join(row["name"].split()), ""
    return row["id"], _note(row["name"])


def _none_or_several(found: list[Row], subject: str, name: str) -> ChartlakeError:
    if not found:
        advice = f"An id or a link of Spotify's is watched by a line in {keys.WATCH}: {subject} and the id."
        if subject == "label":
            advice = f"Another name is watched by a line in {keys.WATCH}: label and the name."
        return NotKept(f"No {subject} in the lake is called {name!r}.", advice=advice)
    lines = [f"  {row['id'] or ''}  {printable(row['name'])}, on {counted(row['lists'], 'list')}" for row in found]
    more = [f"  … and {len(lines) - _CANDIDATES} more"] if len(lines) > _CANDIDATES else []
    return BadSetting(
        f"{name!r} is in the names of {len(found)} {subject}s.",
        advice="\n".join(["Name one by its id:", *lines[:_CANDIDATES], *more]),
    )


def _note(name: str | None) -> str:
    return printable(name).replace("#", "").strip()


# Changing the file.


def _add(line: str) -> None:
    """Put a line at the file's end, unless it says so already. Raises `BadSetting` for a wrong one."""
    new = str(parse_line(line))

    def changed(old: bytes | None) -> bytes | None:
        text = old.decode("utf-8", "replace") if old else _HEAD
        known = parse_watchlist(text)
        if new in map(str, (*known.watches, *known.channels)):
            return None
        return f"{text.rstrip(chr(10))}\n{line}\n".encode()

    update(open_lake_now().store, keys.WATCH, changed, World())


def _remove(is_meant: Callable[[Watch | Channel | None], bool]) -> list[str]:
    gone: list[str] = []

    def stays(line: str) -> bool:
        try:
            return not is_meant(parse_line(line))
        except BadSetting:
            return True

    def changed(old: bytes | None) -> bytes | None:
        lines = old.decode("utf-8", "replace").splitlines() if old else []
        gone[:] = [line for line in lines if not stays(line)]
        return "".join(f"{line}\n" for line in lines if stays(line)).encode() if gone else None

    update(open_lake_now().store, keys.WATCH, changed, World())
    return gone


def _state_of(lake: Lake, channel: Channel, now: datetime) -> dict[str, Any]:
    state = lake.read_state(keys.told(name_of(channel)))
    failing = {name: state[name] for name in ("failing_since", "why") if name in state}
    return {"channel": str(channel), "dead": is_dead(state, now)} | failing


def _channel_words(told: dict[str, Any]) -> str:
    since = f"  fails since {told['failing_since'][:16]}: {told['why']}" if "failing_since" in told else ""
    return printable(told["channel"] + since)


def _say(as_json: bool, document: dict[str, Any], *lines: str) -> None:
    for line in [json.dumps(document)] if as_json else lines:
        click.echo(line)
