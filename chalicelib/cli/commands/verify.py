"""The command that proves the lake."""

from __future__ import annotations

import json

import click
from rich.console import Console

from ...analysis.copies import check_copy
from ...history.replaying import verify_imports
from ...snapshots.verify import Finding
from ...snapshots.verify import verify as verify_lake
from ...time_and_chance import World
from .. import terminal
from ..base import DONE, FAILED, as_json_option, open_lake_now, settings_now, today_of

# Shelves of the copy that are computed anew.
_SHELVES = 2


@click.command()
@as_json_option
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Re-read the whole lake and prove it: hashes, rows, counts, positions, commits.

    \b
    Example:
      CHARTLAKE_LAKE=s3://my-charts/chartlake chartlake verify
    """
    settings, world = settings_now(), World()
    lake, console = open_lake_now(settings, world), Console()
    with console.status("Reading the lake") as status:
        verdict = verify_lake(lake, lambda playlist_id, year: status.update(f"Reading {playlist_id} {year}"))
        problems, notes = verify_imports(lake, lambda key: status.update(f"Reading {key}"))
        copied = [Finding(None, None, problem) for problem in check_copy(lake, today_of(settings, world), _SHELVES)]
    verdict.findings += (*(Finding(*problem) for problem in problems), *copied)
    verdict.notes += tuple(notes)
    if as_json:
        click.echo(json.dumps(verdict.to_json(), ensure_ascii=False))
    else:
        terminal.show_verdict(console, verdict, lake.store.locate(""))
    ctx.exit(FAILED if verdict.findings else DONE)
