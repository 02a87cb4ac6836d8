"""The command that makes a lake to look at."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
from rich.console import Console

from ...analysis.coverage import coverage
from ...lake.keys import INDEX_PAGE
from ...report.site import render_site
from ...settings import Settings
from ...time_and_chance import World
from .. import terminal
from ..base import (
    DONE,
    PARTLY_DONE,
    as_json_option,
    command_name,
    open_in_browser,
    open_lake_now,
    progress_bar,
    settings_now,
)
from ..demo_lake import PLAYLISTS, Demo, demo_folder, take_days, tell_news


@click.command()
@click.option("--days", type=click.IntRange(1, 1000), default=90, show_default=True, help="How many, up to today.")
@click.option(
    "--into", type=click.Path(path_type=Path), default="demo", show_default=True, metavar="DIR", help="Its own folder."
)
@click.option("--open", "open_it", is_flag=True, help="Open the page of it in the browser.")
@as_json_option
@click.pass_context
def demo(ctx: click.Context, days: int, into: Path, open_it: bool, as_json: bool) -> None:
    """Fill a lake with invented months of three playlists, to try everything on, and render its pages.

    The embedded simulator is read day by day as Spotify would be, and some days go wrong on purpose. A demo that is in
    DIR already is made anew; a folder that holds anything else is refused.

    \b
    Example:
      chartlake demo --days 30 --into spring
    """
    settings, world, console = settings_now(), World(), Console(stderr=as_json)
    console.print("Everything here is invented: no such artists, no such songs. Spotify is not asked.", soft_wrap=True)
    with demo_folder(into) as lake:
        made = _make(lake, days, settings, world)
        kept = open_lake_now(Settings(lake=lake), world)
        made = replace(made, news=tell_news(settings, kept, world))
        render_site(kept, world, settings.timezone)
    page = kept.store.link(INDEX_PAGE, 0)
    if as_json:
        click.echo(json.dumps(made.to_json() | {"page": page}, ensure_ascii=False))
    else:
        terminal.show_demo(console, made, kept.store.locate(INDEX_PAGE), command_name())
    if open_it:
        open_in_browser(page)
    ctx.exit(DONE if made.complete else PARTLY_DONE)


def _make(lake: str, days: int, settings: Settings, world: World) -> Demo:
    """Take the days; Ctrl-C ends them early."""
    began, now = world.monotonic(), world.now()
    taken = entries = 0
    last = date.min
    with progress_bar("Days") as progress:
        try:
            for day, run in take_days(lake, days, now, settings.timezone):
                last, taken = day, taken + 1
                entries += sum(one.row["entry_count"] for one in run.outcomes if one.published) if run else 0
                progress(taken, days)
        except KeyboardInterrupt:
            if not taken:
                raise
    kept = open_lake_now(Settings(lake=lake), world)
    playlists = tuple(coverage(kept, last, PLAYLISTS))
    return Demo(lake, days, taken, entries, world.monotonic() - began, playlists, ())
