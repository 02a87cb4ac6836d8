"""The commands that measure lists and compare them; docs/measures.md defines what they tell."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click

from ...analysis import measures
from ...errors import BadSetting
from ...lake.tables import Row, to_json
from .. import measure_tables
from ..base import a_console, as_json_option, day_option
from ..lookup import Asked

# What a terminal shows of a long answer; what is not a terminal gets all of it.
_SCREEN = 100

_top_option = click.option("--top", type=click.IntRange(1), help="At most so many lines; on a terminal else 100.")
_from_option = day_option("--from", "first", help="The first day; else the first known one.")
_to_option = day_option("--to", "last", help="The last day; else the newest known one.")


@click.group()
def measure() -> None:
    """Measure a list, and compare it with others.

    How much of it is replaced a day, how long items stay, how old they are, whose they are; what two lists have in
    common, and who had it first. What gaps leave open is told, never guessed.

    \b
    Example:
      chartlake measure turnover "top 50"
      chartlake measure lead "top 50"
    """


@measure.command()
@click.argument("playlist", required=False)
@_from_option
@_to_option
@_top_option
@as_json_option
def turnover(playlist: str | None, first: date | None, last: date | None, top: int | None, as_json: bool) -> None:
    """Show how much of a list is another than on the known day before.

    Turnover is those that came and went as a part of those before and now: 0% nothing was replaced, 100% everything.
    After a gap it is of several days, and what came and went within the gap is in no number.

    \b
    Example:
      chartlake measure turnover "top 50" --from 2026-11-01
    """
    _refuse_backwards(first, last)
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id) as found:
        told = found.playlist(playlist_id)
        rows = measures.turnover(found, playlist_id, first or date.min, last or date.max)
    if as_json:
        _print_json(told, turnover=rows)
    else:
        console = a_console()
        measure_tables.show_turnover(console, told, rows[::-1], _lines(console.is_terminal, top))


@measure.command()
@click.argument("playlist", required=False)
@_top_option
@as_json_option
def tenure(playlist: str | None, top: int | None, as_json: bool) -> None:
    """Show how long items stay on a list: the share that is still there after so many days.

    The Kaplan-Meier estimate. What had been there before the first known day, or came in a gap, is left out; what is
    still there counts as long as it is known. Two numbers are the least and the most that gaps allow.

    \b
    Example:
      chartlake measure tenure "top 50"
    """
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id) as found:
        told = found.playlist(playlist_id)
        survival = measures.tenure(found, playlist_id)
    if as_json:
        _print_json(told, **survival.to_json())
    else:
        console = a_console()
        measure_tables.show_tenure(console, told, survival, _lines(console.is_terminal, top))


@measure.command()
@click.argument("playlist", required=False)
@_top_option
@as_json_option
def overlap(playlist: str | None, top: int | None, as_json: bool) -> None:
    """Show what a list has in common with each other one, on the newest day on which both are known.

    Jaccard is what is on both as a part of what is on either. RBO, rank-biased overlap, weighs the first places more;
    it means something where the order of both lists is a rank.

    \b
    Example:
      chartlake measure overlap "top 50"
    """
    asked = Asked()
    playlist_id = asked.kept_id(playlist) if playlist else asked.playlist_id(None)
    with asked.charts() as found:
        told = found.playlist(playlist_id)
        rows = measures.overlap(found, playlist_id)
    if as_json:
        _print_json(told, overlap=rows)
    else:
        console = a_console()
        measure_tables.show_overlap(console, told, rows, _lines(console.is_terminal, top))


@measure.command()
@click.argument("playlist", required=False)
@_top_option
@as_json_option
def lead(playlist: str | None, top: int | None, as_json: bool) -> None:
    """Show who had it first: a list beside each other one, over the items that came to both.

    The median lead is negative where the other list is ahead. Only items count of which both debuts are known, after
    both lists were watched; how many were left out is told.

    \b
    Example:
      chartlake measure lead "top 50"
    """
    asked = Asked()
    playlist_id = asked.kept_id(playlist) if playlist else asked.playlist_id(None)
    with asked.charts() as found:
        told = found.playlist(playlist_id)
        rows = measures.leads(found, playlist_id)
    if as_json:
        _print_json(told, lead_lag=rows)
    else:
        console = a_console()
        measure_tables.show_leads(console, told, rows, _lines(console.is_terminal, top))


@measure.command()
@click.argument("name", required=False, default="")
@click.option("--artists", is_flag=True, help="Of artists; else of tracks.")
@_top_option
@as_json_option
def reach(name: str, artists: bool, top: int | None, as_json: bool) -> None:
    """Show how many follow the lists that a track, or an artist, is on.

    Each list counts with its followers on its newest known day, where they are known. Who follows two of the lists
    counts twice. With NAME only those whose title, artist or key contains it.

    \b
    Example:
      chartlake measure reach --artists --top 20
    """
    asked = Asked()
    asked.only_playlist()
    with asked.charts() as found:
        rows = measures.reach(found, "artist" if artists else "item", name)
    if as_json:
        click.echo(json.dumps({"reach": [to_json(row) for row in rows[:top]]}, ensure_ascii=False))
    else:
        console = a_console()
        measure_tables.show_reach(console, rows, artists, _lines(console.is_terminal, top))


@measure.command()
@click.argument("playlist", required=False)
@_from_option
@_to_option
@_top_option
@as_json_option
def freshness(playlist: str | None, first: date | None, last: date | None, top: int | None, as_json: bool) -> None:
    """Show how old the releases on a list are, in days.

    Only releases count whose date is known to the day; how many these are is told.

    \b
    Example:
      chartlake measure freshness "top 50"
    """
    _refuse_backwards(first, last)
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id) as found:
        told = found.playlist(playlist_id)
        rows = measures.freshness(found, playlist_id, first or date.min, last or date.max)
    if as_json:
        _print_json(told, freshness=rows)
    else:
        console = a_console()
        measure_tables.show_freshness(console, told, rows[::-1], _lines(console.is_terminal, top))


@measure.command()
@click.argument("playlist", required=False)
@click.option(
    "--by",
    "kind",
    type=click.Choice(["artist", "label", "explicit", "length"]),
    default="artist",
    show_default=True,
    help="What is counted.",
)
@day_option("--date", "day", help="The day; else the newest known one.")
@_top_option
@as_json_option
def shares(playlist: str | None, kind: str, day: date | None, top: int | None, as_json: bool) -> None:
    """Show what part of a list's entries an artist or a label has, or is explicit, or is so many minutes long.

    The part is that of the entries of which it is known; the others are counted apart. Only imported charts tell
    labels. For artists over many days there is `chartlake artists`.

    \b
    Example:
      chartlake measure shares "top 50" --by explicit
    """
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id) as found:
        told = found.playlist(playlist_id)
        known = found.known_day(told, day)["snapshot_date"]
        rows = measures.shares(found, playlist_id, kind, known)
    if as_json:
        _print_json(told, snapshot_date=known.isoformat(), kind=kind, shares=rows)
    else:
        console = a_console()
        measure_tables.show_shares(console, told, kind, known, rows, _lines(console.is_terminal, top))


def _lines(is_terminal: bool, top: int | None) -> int | None:
    return top or (_SCREEN if is_terminal else None)


def _refuse_backwards(first: date | None, last: date | None) -> None:
    if first and last and first > last:
        raise BadSetting(f"--from {first} is after --to {last}.", advice="Exchange them.")


def _print_json(playlist: Row, **measured: Any) -> None:
    """The list, and what was measured: rows, or values that JSON has already."""
    told = {
        name: [to_json(row) for row in value] if isinstance(value, list) else value for name, value in measured.items()
    }
    click.echo(json.dumps({"playlist": to_json(playlist)} | told, ensure_ascii=False))
