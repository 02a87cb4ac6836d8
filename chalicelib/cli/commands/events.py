"""The command that tells what happened to the lists."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import fields
from datetime import date
from itertools import islice

import click

from ...analysis.events import Event, read_events
from ...analysis.views import EVENT_KINDS
from ...errors import BadSetting
from ...text import harmless_cell, printable
from .. import chart_tables
from ..base import a_console, as_json_option, day_option
from ..lookup import Asked

# What a terminal shows of a long answer; what is not a terminal gets all of it.
_SCREEN = 100


@click.command()
@click.argument("playlists", metavar="[PLAYLIST]...", nargs=-1)
@day_option("--since", help="The first day; else the newest known one.")
@day_option("--until", help="The last day.")
@day_option("--day", help="Only this day.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(EVENT_KINDS),
    default=EVENT_KINDS,
    help="Only this kind; may be repeated.",
)
@click.option(
    "--min-move", type=click.IntRange(1), default=1, show_default=True, help="Tell moves of so many places or more."
)
@click.option("--limit", type=click.IntRange(1), help="At most so many events; on a terminal else 100.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all columns as CSV.")
@as_json_option
def events(
    playlists: tuple[str, ...],
    since: date | None,
    until: date | None,
    day: date | None,
    kinds: tuple[str, ...],
    min_move: int,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Tell what happened: who entered, left, came back, moved; what lists were renamed, emptied, not seen.

    Of the lists that are named, else of all. Without a day: of the newest known one.

    ≤ stands before a day when the days just before it are not known: it happened on one of these, or on that day. What
    an empty slot may hold has not left. A list's first known day tells nothing.

    \b
    Examples:
      chartlake events "top 50" --since 2026-11-01 --kind entered --kind left
      chartlake events --day 2026-11-22 --min-move 5
    """
    if as_csv and as_json:
        raise BadSetting("--csv and --json are forms of one answer.", advice="Give one of them.")
    span = _span(day, since, until)
    asked, console = Asked(), a_console()
    ids = [asked.kept_id(one) for one in playlists]
    first, last = span or (None, date.max)
    found = read_events(
        asked.lake,
        playlists=ids,
        since=first,
        until=last,
        kinds=kinds,
        min_move=min_move,
        today=asked.today,
    )
    told = list(islice(found, limit))
    if as_json:
        click.echo(json.dumps({"events": [one.to_json() for one in told]}, ensure_ascii=False))
    elif as_csv:
        _write_csv(told)
    else:
        chart_tables.show_events(console, told, limit or (_SCREEN if console.is_terminal else None))


def _span(day: date | None, since: date | None, until: date | None) -> tuple[date, date] | None:
    """The first and the last day that are asked for; None where no day is named."""
    if day:
        if since or until:
            raise BadSetting("--day is one day, --since and --until are several.", advice="Give the one or the other.")
        return day, day
    first, last = since or date.min, until or date.max
    if first > last:
        raise BadSetting(f"--since {since} is after --until {until}.", advice="Exchange them.")
    return (first, last) if since or until else None


def _write_csv(told: list[Event]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.name for column in fields(Event)])
    for one in told:
        writer.writerow([_cell(value) for value in vars(one).values()])


def _cell(value: object) -> str:
    """Null is an empty field; a text moves no cursor, and where a spreadsheet would take it for a formula an apostrophe
    stands before it."""
    if isinstance(value, str):
        return harmless_cell(printable(value))
    return json.dumps(value) if isinstance(value, bool) else "" if value is None else str(value)
