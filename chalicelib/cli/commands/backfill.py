"""The command that asks a deployed chartlake."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import click
from rich.console import Console

from ...errors import ChartlakeError
from ...snapshots.outcome import Run
from ...time_and_chance import World
from .. import terminal
from ..base import DONE, FAILED, as_json_option, day_option, exit_code_of, progress_bar
from ..deployed_api import Remote


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@click.option("--url", required=True, help="The API's address, which `make deploy` and `chalice deploy` print.")
@click.option("--mode", type=click.Choice(["extract", "replay"]), default="extract", show_default=True)
@click.option("--again", is_flag=True, help="Take another snapshot where today's is there already.")
@day_option("--from", "first", help="With --mode replay: the first day.")
@day_option("--to", "last", help="With --mode replay: the last day.")
@click.option("--key", help="Of an earlier request: look at its run, and do nothing twice.")
@click.option("--timeout", default=3600.0, show_default=True, metavar="SECONDS", help="How long to wait for the run.")
@as_json_option
@click.pass_context
def backfill(
    ctx: click.Context,
    playlists: tuple[str, ...],
    url: str,
    mode: str,
    again: bool,
    first: date | None,
    last: date | None,
    key: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Let a deployed chartlake take snapshots now, or rebuild its tables from raw, and wait for it.

    Without a PLAYLIST: all that it follows, or all that it has raw documents of. The request is signed with your AWS
    identity, which needs execute-api:Invoke.

    \b
    Example:
      chartlake backfill --url https://abc123.execute-api.eu-west-1.amazonaws.com/api --mode replay --from 2026-11-01
    """
    world = World()
    fields: dict[str, Any] = {"mode": mode, "key": key or world.new_id()}
    fields |= {"playlists": list(playlists)} if playlists else {}
    fields |= {"again": True} if again else {}
    fields |= {name: day.isoformat() for name, day in (("from", first), ("to", last)) if day}
    with progress_bar("Waiting for the run") as progress:
        told = Remote(url, world).backfill(fields, seconds=timeout, progress=progress)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    ctx.exit(_shown(Console(stderr=as_json), told, quiet=as_json))


def _shown(console: Console, told: dict[str, Any], quiet: bool) -> int:
    """Print what came of the run, as `extract` and `replay` do; gives the exit code."""
    if "error" in told:
        if not quiet:
            terminal.show_error(console, ChartlakeError(told["message"], advice=told["advice"]))
        return FAILED
    if told["mode"] == "replay":
        if not quiet:
            terminal.show_replay_result(console, told)
        return DONE
    run = Run.from_json(told)
    if not quiet:
        for outcome in run.outcomes:
            terminal.show_outcome(console, outcome)
        terminal.show_run(console, run, [], None, "chartlake")
    return exit_code_of(run)
