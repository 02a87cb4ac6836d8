"""Commands that ask the lake: a list on a day, a track, two days, shares."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import click
from rich.console import Console

from ...analysis import exports
from ...analysis.charts import Charts
from ...errors import BadSetting, NotKept
from ...lake.tables import to_json
from ...text import unknown_between
from .. import chart_tables
from ..base import a_console, as_json_option, command_name, day_option
from ..lookup import Asked, one_track

# What a terminal shows of a long list; what is not a terminal gets all of it.
_SCREEN = 100

_top_option = click.option("--top", type=click.IntRange(1), help="At most so many lines; on a terminal else 100.")


@click.command()
@click.argument("playlist", required=False)
@day_option("--date", "day", help="The day; else the newest known one.")
@_top_option
@as_json_option
def charts(playlist: str | None, day: date | None, top: int | None, as_json: bool) -> None:
    """Show a list on a day: what moved, what is new, who left.

    PLAYLIST is an id, a URI, a link, an imported chart (chart:regional-global-daily) or a part of a name that no
    other list has. Without it: the only list of the lake, or which lists there are.

    ▲3 is three places up since the known day before; new was never there before, re-entry was there and had left.
    Days, streaks, peaks and debuts count known days only: one that is not known is never taken for an absence.

    \b
    Examples:
      chartlake charts
      chartlake charts "top 50" --date 2026-11-22 --top 10
    """
    asked = Asked()
    playlist_id = asked.only_playlist() if playlist is None else asked.playlist_id(playlist)
    if playlist_id is None:
        _show_playlists(asked, as_json)
        return
    with asked.charts(playlist_id) as found:
        chart = found.chart(playlist_id, day)
    if as_json:
        _print_json(replace(chart, entries=chart.entries[:top]).to_json())
    else:
        console = a_console()
        chart_tables.show_chart(console, chart, _lines(console, top))


@click.command()
@click.argument("track")
@click.option("--playlist", metavar="PLAYLIST", help="On this list only; on S3 only its files are downloaded then.")
@as_json_option
def track(track: str, playlist: str | None, as_json: bool) -> None:
    """Show a track and its runs on every list.

    TRACK is an id, an ISRC, a URI, a link, or a part of title or artist that no other track has.

    A run goes on over days that are not known; they are counted as unknown. ≤ stands before a day when the days
    just before it are not known. In the line of positions (the higher the better) a space is a day off the list
    and a dot a day that is not known.

    \b
    Examples:
      chartlake track "midnight avenue"
      chartlake track QZZZZ2619768 --playlist 37i9dQZEVXbMDoHDwVN2tF
    """
    asked = Asked()
    lists = [asked.playlist_id(playlist)] if playlist else asked.lists_of_track(track)
    with asked.charts(*lists) as found:
        found.narrow(track)
        history = found.history(*one_track(found.find_tracks(track), track))
    if as_json:
        _print_json(history.to_json())
    else:
        chart_tables.show_track(a_console(), history)


@click.command()
@click.argument("playlist", required=False)
@day_option("--from", "first", help="The one day; else the known day before the other.")
@day_option("--to", "last", help="The other day; else the newest known one.")
@click.option("--diff", is_flag=True, help="Print a unified diff of the two days' lines, as `diff -u` would.")
@_top_option
@as_json_option
def compare(
    playlist: str | None, first: date | None, last: date | None, diff: bool, top: int | None, as_json: bool
) -> None:
    """Show who entered, left and moved between two days of a list.

    \b
    Examples:
      chartlake compare "top 50" --from 2026-11-01 --to 2026-11-22
      chartlake compare "top 50" --diff | less
    """
    if diff and (as_json or top):
        raise BadSetting("--diff goes with neither --json nor --top.", advice="Give one of them.")
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id, entries=not diff) as found:
        first, last = _two_days(found, playlist_id, first, last)
        if diff:
            cadence_days = found.known_day(found.playlist(playlist_id), last)["cadence_days"]
            _print_diff(asked, playlist_id, first, last)
            if unknown := found.unknown_days(playlist_id, first, last):
                click.echo(f"{unknown_between(unknown, cadence_days)}.", err=True)
            return
        comparison = found.compare(playlist_id, first, last)
    if as_json:
        _print_json(comparison.to_json())
    else:
        console = a_console()
        chart_tables.show_comparison(console, comparison, _lines(console, top))


@click.command()
@click.argument("playlist", required=False)
@day_option("--date", "day", help="The day; else the newest known one.")
@day_option("--from", "first", help="Over several days: the first.")
@day_option("--to", "last", help="Over several days: the last.")
@_top_option
@as_json_option
def artists(
    playlist: str | None, day: date | None, first: date | None, last: date | None, top: int | None, as_json: bool
) -> None:
    """Show each artist's part of a list.

    That is, of all entries on the known days, those that credit the artist; a track by two counts for both.

    \b
    Examples:
      chartlake artists "top 50"
      chartlake artists "top 50" --from 2026-11-01 --to 2026-11-30
    """
    refuse_two_spans(day, first, last)
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    with asked.charts(playlist_id) as found:
        told = found.playlist(playlist_id)
        if first or last:
            days = found.known_days(playlist_id, first or date.min, last or date.max)
        else:
            days = [found.known_day(told, day)["snapshot_date"]]
        unknown = found.unknown_days(playlist_id, days[0], days[-1])
        shares = found.artists(playlist_id, days[0], days[-1])
    if as_json:
        facts = {"from_date": days[0].isoformat(), "to_date": days[-1].isoformat(), "days_known": len(days)}
        facts |= {"unknown_days": unknown, "artists": shares[:top]}
        _print_json({"playlist": to_json(told)} | facts)
    else:
        console = a_console()
        chart_tables.show_shares(console, told, days, unknown, shares, _lines(console, top))


def refuse_two_spans(day: date | None, first: date | None, last: date | None) -> None:
    """Raises `BadSetting` where a day is asked for beside a span, or a span that ends before it begins."""
    if day and (first or last):
        raise BadSetting("--date is one day, --from and --to are several.", advice="Give the one or the other.")
    if first and last and first > last:
        raise BadSetting(f"--from {first} is after --to {last}.", advice="Exchange them.")


def _lines(console: Console, top: int | None) -> int | None:
    return top or (_SCREEN if console.is_terminal else None)


def _print_json(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False))


def _show_playlists(asked: Asked, as_json: bool) -> None:
    with asked.charts(entries=False) as found:
        playlists = found.playlists()
    if as_json:
        _print_json({"playlists": [to_json(one) for one in playlists]})
        return
    chart_tables.show_playlists(a_console(), playlists)
    click.echo(f"Next     {command_name()} charts {playlists[0]['playlist_id']}")


def _two_days(found: Charts, playlist_id: str, first: date | None, last: date | None) -> tuple[date, date]:
    """Both days, be they known, with what is not said filled in."""
    playlist = found.playlist(playlist_id)
    known = found.known_day(playlist, last)
    if first is None and known["previous_date"] is None:
        raise NotKept(f"playlist {playlist_id}: no day before {known['snapshot_date']} is known.")
    first = first or known["previous_date"]
    return found.known_day(playlist, first)["snapshot_date"], known["snapshot_date"]


def _print_diff(asked: Asked, playlist_id: str, first: date, last: date) -> None:
    from difflib import unified_diff  # six milliseconds that no other question shall wait for

    old, new = (exports.plain_lines(asked.lake.committed(playlist_id, day)[1]) for day in (first, last))
    for line in unified_diff(old, new, f"{playlist_id} {first}", f"{playlist_id} {last}", lineterm=""):
        click.echo(line)
