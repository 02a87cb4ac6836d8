"""The command for today: take snapshots."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ...analysis.charts import Chart, open_charts
from ...errors import BadSetting, ChartlakeError
from ...lake.lake import Lake
from ...settings import Settings
from ...snapshots.following import follow_list
from ...snapshots.outcome import Outcome, Run
from ...snapshots.pipeline import open_pipeline
from ...spotify.references import FollowList, parse_followed
from ...time_and_chance import World
from .. import terminal
from ..base import (
    a_console,
    as_json_option,
    command_name,
    exit_code_of,
    open_lake_now,
    settings_now,
    today_of,
)
from ..embedded_spotify import reachable_spotify, refuse_what_is_not_invented

# After a run: so many charts, each of at most so many entries.
_CHARTS, _CHART_LENGTH = 3, 200


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@click.option("--again", is_flag=True, help="Take another snapshot where today's is there already.")
@as_json_option
@click.pass_context
def extract(ctx: click.Context, playlists: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Make sure that each playlist has today's snapshot.

    A PLAYLIST is an id, a URI or a link; `me` is all of your own, `me/liked` your Liked Songs. Without one, those that
    you follow (CHARTLAKE_PLAYLISTS, or config/playlists.txt in the lake).

    \b
    Example:
      chartlake extract "https://open.spotify.com/playlist/37i9dQZEVXbMDoHDwVN2tF?si=abc"
    """
    world = World()
    named = [parse_followed(one) for one in playlists]
    settings = settings_now()
    lake = open_lake_now(settings, world)
    run = take_snapshots(settings, lake, world, named, again=again, quiet=as_json)
    if as_json:
        click.echo(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        show_taken(settings, lake, world, run)
    ctx.exit(exit_code_of(run))


def take_snapshots(
    settings: Settings, lake: Lake, world: World, named: Sequence[str] = (), *, again: bool = False, quiet: bool = False
) -> Run:
    """Today's snapshots of the playlists named, else of those that are followed; each is told as it is taken.

    `quiet` leaves standard output to a document. Raises `BadSetting` where there is nothing that could be read.
    """
    console = Console(stderr=quiet)
    with reachable_spotify(settings, lake) as (settings, invented):
        if invented is not None:
            console.print(
                "No Spotify credentials: reading the embedded simulator (invented artists and songs).", soft_wrap=True
            )
        said = _named(named, settings, lake) if named else follow_list(settings, lake)
        refuse_what_is_not_invented(said.references, invented)
        pipeline = open_pipeline(settings, world, lake)
        found = pipeline.followed(said)
        with _progress(len(found.playlist_ids), quiet=quiet) as report:
            for outcome in found.ended:
                report(outcome, 0)
            run = pipeline.extract(found.playlist_ids, again=again, report=report)
    return replace(run, stopped=run.stopped or found.wrong)


def _named(named: Sequence[str], settings: Settings, lake: Lake) -> FollowList:
    """What is named on the command line. What is excluded from `me` for the daily run is excluded here too."""
    said = FollowList(tuple(dict.fromkeys(named)), frozenset(), ())
    if not said.needs_user:
        return said
    try:
        excluded = follow_list(settings, lake).excluded
    except BadSetting:
        return said
    return replace(said, excluded=excluded - set(named))


def show_taken(settings: Settings, lake: Lake, world: World, run: Run) -> None:
    """What a person sees after the lines of the playlists: advice, the charts, the files, the next command."""
    terminal.show_run(a_console(), run, _charts(lake, today_of(settings, world), run), lake, command_name())


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """A function that takes each outcome, and how far the bar goes with it: a line a playlist, and a bar while a person
    watches."""
    console = Console(stderr=quiet)
    if quiet:
        yield lambda outcome, steps=1: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Playlists", total=total)

        def report(outcome: Outcome, steps: int = 1) -> None:
            terminal.show_outcome(bar.console, outcome)
            bar.advance(task, steps)

        yield report


def _charts(lake: Lake, today: date, run: Run) -> list[Chart]:
    """The first charts of a run, to be shown. A longer list is no chart, and its history takes long to fetch.

    The snapshots are kept by now: what cannot be shown is told, and fails no run.
    """
    kept = [one for one in run.outcomes if one.published and 0 < one.row["entry_count"] <= _CHART_LENGTH][:_CHARTS]
    if not kept:
        return []
    try:
        with open_charts(lake, today, [one.playlist_id for one in kept]) as found:
            return [found.chart(one.playlist_id, one.snapshot_date) for one in kept]
    except ChartlakeError as error:
        terminal.show_error(Console(stderr=True), error)
        return []
