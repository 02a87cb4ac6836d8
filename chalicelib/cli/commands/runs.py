"""The command that shows what runs a deployed chartlake has made, and how far each is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from ...errors import NotKept
from ...handlers import runs as kept
from ...handlers.fan_out import look
from ...text import counted
from ...time_and_chance import World
from ..base import DONE, FAILED, PARTLY_DONE, a_console, as_json_option, open_lake_now
from ..text_table import Column, draw

_SHOWN = 20
_COLORS = {"done": "green", "failed": "red"}


@click.command()
@click.argument("run_id", required=False)
@as_json_option
@click.pass_context
def runs(ctx: click.Context, run_id: str | None, as_json: bool) -> None:
    """Show the newest runs over HTTP and over the queue, or all that is known of one.

    A run that is spread over workers tells what they have done up to now.

    \b
    Example:
      chartlake runs 0f1e2d3c4b5a6978
    """
    world = World()
    lake = open_lake_now(world=world)
    if run_id is None:
        told = [look(lake, run).to_json(world.now()) for run in kept.newest(lake, _SHOWN)]
        click.echo(json.dumps(told, ensure_ascii=False)) if as_json else _show_all(told)
        return
    run = kept.read(lake, run_id)
    if run is None:
        raise NotKept(f"There is no run {run_id} in this lake.", advice="`chartlake runs` lists those that there are.")
    one = look(lake, run).to_json(world.now())
    click.echo(json.dumps(one, ensure_ascii=False)) if as_json else _show(one)
    ctx.exit(_exit_code(one))


def _exit_code(told: Mapping[str, Any]) -> int:
    if told["state"] == kept.FAILED:
        return FAILED
    return DONE if told.get("complete", True) else PARTLY_DONE


def _show_all(told: Sequence[Mapping[str, Any]]) -> None:
    if not told:
        click.echo("No run is known: they are forgotten after 30 days, and `chartlake extract` needs none.")
        return
    columns = [
        Column("run", [(one["run_id"], "") for one in told]),
        Column("began (UTC)", [(_moment(one["created_at"]), "") for one in told]),
        Column("mode", [(one["mode"], "") for one in told]),
        Column("state", [(one["state"], _COLORS.get(one["state"], "yellow")) for one in told]),
        Column("done", [(f"{one['done']:,} of {one['total']:,}", "") for one in told], right=True),
        Column("without", [(f"{one.get('failed', 0):,}", "") for one in told], right=True),
    ]
    draw(a_console(), columns)


def _show(told: Mapping[str, Any]) -> None:
    console = a_console()
    console.print(
        f"Run {told['run_id']} ({told['mode']}), begun {_moment(told['created_at'])} UTC: "
        f"[{_COLORS.get(told['state'], 'yellow')}]{told['state']}[/], {told['done']:,} of {told['total']:,}."
    )
    if "statuses" in told:
        statuses = ", ".join(f"{number:,} {status}" for status, number in told["statuses"].items())
        requests, workers = counted(told["requests"], "request"), counted(told["workers"], "worker")
        console.print(f"{statuses or 'Nothing yet'}; {requests} by {workers}.")
    for one in told.get("without", ()):
        console.print(f"  {one['playlist_id']}  {one['status']}  {one.get('reason') or ''}", markup=False)
    if "message" in told:
        console.print(told["message"], style="red", markup=False)
    if "starts_again" in told:
        console.print(f"It starts again at {_moment(told['starts_again'])} UTC.")


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
