"""The `chartlake` command, for a person at a terminal. Never imported by the Lambda functions."""

from __future__ import annotations

import json
import logging
from importlib import import_module
from typing import Any

import click
from rich.console import Console

from .. import __version__
from ..errors import BadSetting, ChartlakeError
from .base import FAILED, WRONG_USAGE

# Each command and the room that holds it, in the order of `--help`. A room is loaded when its command runs: reading
# Spotify and rendering pages have libraries that a quick question should not wait for.
_ROOMS = {
    "extract": "snapshots",
    "charts": "answers",
    "track": "answers",
    "compare": "answers",
    "artists": "answers",
    "export": "answers",
    "query": "sql",
    "views": "sql",
    "coverage": "snapshots",
    "verify": "snapshots",
    "import": "past",
    "replay": "past",
    "purge": "past",
    "backfill": "remote",
    "cost": "account",
    "doctor": "account",
    "login": "account",
    "demo": "demo",
}


class _Commands(click.Group):
    """Loads commands when they are asked for; turns every error of ours into words and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return None
        room = import_module(f".{_ROOMS[cmd_name]}", __name__)
        command: click.Command = getattr(room, "import_" if cmd_name == "import" else cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChartlakeError as error:
            if ctx.obj and ctx.obj.get("as_json"):
                click.echo(json.dumps(error.to_json()))
            else:
                from .. import terminal

                terminal.show_error(Console(stderr=True), error)
            ctx.exit(WRONG_USAGE if isinstance(error, BadSetting) else FAILED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Show the log that the Lambda functions would write.")
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    """Daily, complete, trustworthy snapshots of Spotify playlists in your own storage.

    Settings come from the environment or from a file .env; the README lists them. Without Spotify credentials the
    embedded simulator answers, and says so.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done.
    """
    ctx.ensure_object(dict)
    logging.getLogger("chalicelib").addHandler(logging.NullHandler())
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
