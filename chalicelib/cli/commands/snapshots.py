"""Commands for today: take snapshots, see which days are known, prove the lake."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ...analysis.charts import Chart, open_charts
from ...analysis.coverage import coverage as read_coverage
from ...errors import BadSetting, ChartlakeError
from ...lake import keys
from ...lake.lake import Lake
from ...settings import Settings
from ...snapshots.outcome import Outcome, Run
from ...snapshots.pipeline import followed_playlists, open_pipeline
from ...snapshots.verify import verify as verify_lake
from ...spotify.references import parse_playlist_reference
from ...time_and_chance import World
from .. import terminal
from ..base import (
    DONE,
    FAILED,
    a_console,
    as_json_option,
    command_name,
    exit_code_of,
    open_lake_now,
    settings_now,
    today_of,
)
from ..lookup import Asked

# After a run: so many charts, each of at most so many entries.
_CHARTS, _CHART_LENGTH = 3, 200


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@click.option("--again", is_flag=True, help="Take another snapshot where today's is there already.")
@as_json_option
@click.pass_context
def extract(ctx: click.Context, playlists: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Make sure that each playlist has today's snapshot.

    A PLAYLIST is an id, a URI or a link; without one, those that you follow (CHARTLAKE_PLAYLISTS, or
    config/playlists.txt in the lake).

    \b
    Example:
      chartlake extract "https://open.spotify.com/playlist/37i9dQZEVXbMDoHDwVN2tF?si=abc"
    """
    world = World()
    named = [parse_playlist_reference(one) for one in playlists]
    settings, console = settings_now(), Console(stderr=as_json)
    lake = open_lake_now(settings, world)
    with _spotify(settings, lake, console) as (settings, invented):
        playlist_ids, wrong = (list(dict.fromkeys(named)), None) if named else followed_playlists(settings, lake)
        _refuse_what_is_not_invented(playlist_ids, invented)
        pipeline = open_pipeline(settings, world, lake)
        with _progress(len(playlist_ids), quiet=as_json) as report:
            run = pipeline.extract(playlist_ids, again=again, report=report)
        run = replace(run, stopped=run.stopped or wrong)
    if as_json:
        click.echo(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        terminal.show_run(a_console(), run, _charts(lake, today_of(settings, world), run), lake, command_name())
    ctx.exit(exit_code_of(run))


@click.command()
@as_json_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Re-read the whole lake and prove it: hashes, rows, counts, positions, commits.

    \b
    Example:
      CHARTLAKE_LAKE=s3://my-charts/chartlake chartlake verify
    """
    lake, console = open_lake_now(), Console()
    with console.status("Reading the lake") as status:
        verdict = verify_lake(lake, lambda playlist_id, year: status.update(f"Reading {playlist_id} {year}"))
    if as_json:
        click.echo(json.dumps(verdict.to_json(), ensure_ascii=False))
    else:
        terminal.show_verdict(console, verdict, lake.store.locate(""))
    ctx.exit(FAILED if verdict.findings else DONE)


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@as_json_option
def coverage(playlists: tuple[str, ...], as_json: bool) -> None:
    """Show which days are known, which failed and why, and which were missed.

    \b
    Example:
      chartlake coverage 37i9dQZEVXbMDoHDwVN2tF
    """
    asked = Asked()
    found = read_coverage(asked.lake, asked.today, [asked.kept_id(one) for one in playlists])
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    else:
        terminal.show_coverage(Console(), found)


@contextmanager
def _spotify(settings: Settings, lake: Lake, console: Console) -> Iterator[tuple[Settings, Collection[str] | None]]:
    """Settings that reach a Spotify: the real one, or the embedded simulator where there are no credentials; of that
    one also the ids of its playlists."""
    if settings.has_credentials or settings.api_url != Settings.api_url:
        yield settings, None
        return
    if settings.client_id or settings.client_secret or settings.refresh_token:
        raise BadSetting(
            "The Spotify credentials are not whole: SPOTIPY_CLIENT_ID goes with SPOTIPY_CLIENT_SECRET, with "
            "SPOTIPY_REFRESH_TOKEN, or with both.",
            advice="Set what is missing (`chartlake login` signs a user in), or none of them to try the simulator.",
        )
    from simulator import EXTENDED, TOP_50, Simulator

    console.print(
        "No Spotify credentials: reading the embedded simulator (invented artists and songs).", soft_wrap=True
    )
    simulator = Simulator()
    with simulator.serve() as server:
        simulated = replace(
            settings,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            playlists=settings.playlists or ("" if lake.store.get(keys.PLAYLISTS) else TOP_50),
        )
        yield simulated, simulator.playlists


def _refuse_what_is_not_invented(playlist_ids: list[str], invented: Collection[str] | None) -> None:
    """The simulator would say that there is no such playlist, and the lake would keep that as Spotify's word."""
    unknown = [one for one in playlist_ids if invented is not None and one not in invented]
    if unknown:
        raise BadSetting(
            f"Without Spotify credentials only invented playlists can be read, and {unknown[0]} is none of them.",
            advice="Set SPOTIPY_CLIENT_ID and SPOTIPY_CLIENT_SECRET, in the environment or in .env; README tells which "
            "app reads what. Without a playlist, the simulator's Top 50 is taken.",
        )


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """A function that takes each outcome: a line a playlist, and a bar while a person watches."""
    console = Console(stderr=quiet)
    if quiet:
        yield lambda outcome: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Playlists", total=total)

        def report(outcome: Outcome) -> None:
            terminal.show_outcome(bar.console, outcome)
            bar.advance(task)

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
