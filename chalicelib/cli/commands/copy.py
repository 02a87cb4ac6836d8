"""The command that makes the copy for questions over thousands of lists."""

from __future__ import annotations

import json

import click

from ...analysis.copies import drop_copy, make_copy
from ...text import counted
from ...time_and_chance import World
from ..base import DONE, PARTLY_DONE, as_json_option, open_lake_now, progress_bar, settings_now, today_of


@click.command()
@click.option("--drop", is_flag=True, help="Delete the copy. It can be made again.")
@as_json_option
@click.pass_context
def copy(ctx: click.Context, drop: bool, as_json: bool) -> None:
    """Make the copy that answers questions over thousands of lists.

    It is below warehouse/ in the lake: the views runs, known_days and keyed of all lists, and which songs each ever
    had. `track` and `query` read it, and say so; what was committed to since is read from the lists themselves. Run it
    after the daily run; only what has changed is made anew.

    \b
    Example:
      chartlake copy
    """
    settings, world = settings_now(), World()
    lake = open_lake_now(settings, world)
    if drop:
        objects = drop_copy(lake)
        click.echo(json.dumps({"deleted": objects}) if as_json else f"Deleted {counted(objects, 'object')}.")
        return
    with progress_bar("Making the copy") as progress:
        made = make_copy(lake, world, today_of(settings, world), progress)
    if as_json:
        click.echo(json.dumps(made.to_json()))
    else:
        shelves = counted(made.remade + made.kept + len(made.failed), "shelf", "shelves")
        click.echo(f"{counted(made.lists, 'list')} on {shelves}: {made.remade} made, {made.kept} unchanged.")
        for problem in made.failed:
            click.echo(f"Not made, its lists are read from their segments: {problem}", err=True)
    ctx.exit(PARTLY_DONE if made.failed else DONE)
