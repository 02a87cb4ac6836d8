"""The `chartlake` command, for a person at a terminal. Never imported by the Lambda functions."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from .. import __version__
from ..errors import BadSetting, ChartlakeError
from .base import FAILED, WRONG_USAGE, CannotPrint

# Each command and the room that holds it, in the order of `--help`. A room is loaded when its command runs: reading
# Spotify and rendering pages have libraries that a quick question should not wait for.
_ROOMS = {
    "init": "init",
    "extract": "snapshots",
    "schedule": "schedule",
    "charts": "answers",
    "track": "answers",
    "artist": "artist",
    "compare": "answers",
    "artists": "answers",
    "events": "events",
    "measure": "measure",
    "export": "export",
    "query": "sql",
    "views": "sql",
    "copy": "copy",
    "coverage": "coverage",
    "verify": "verify",
    "report": "pages",
    "watch": "watch",
    "import": "history",
    "replay": "history",
    "purge": "history",
    "backfill": "backfill",
    "runs": "runs",
    "cost": "account",
    "doctor": "account",
    "login": "account",
    "demo": "demo",
    "completion": "completion",
}


_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """Loads commands when they are asked for; turns every error of ours into words and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return None
        room = import_module(f".commands.{_ROOMS[cmd_name]}", __name__)
        command: click.Command = getattr(room, "import_" if cmd_name == "import" else cmd_name)
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        _speak_utf8()
        return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # What is wrong with the options is told as JSON, too, though they are not understood then.
        ctx.ensure_object(dict)["as_json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            _check_folder()
            return self._invoke_and_print(ctx)
        except click.UsageError as error:
            if not ctx.obj["as_json"]:
                raise
            click.echo(json.dumps(BadSetting(error.format_message(), advice="See --help.").to_json()))
            ctx.exit(WRONG_USAGE)
        except ChartlakeError as error:
            if ctx.obj["as_json"]:
                click.echo(json.dumps(error.to_json()))
            else:
                from . import terminal

                terminal.show_error(Console(stderr=True), error)
            ctx.exit(WRONG_USAGE if isinstance(error, BadSetting) else FAILED)

    def _invoke_and_print(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                if sys.stdout:  # it may be closed
                    sys.stdout.flush()
        except OSError as error:
            if error.errno not in _NO_ROOM or error.filename is not None:
                raise
            # Else Python would try once more to write what is left, when it ends.
            sys.stdout = io.StringIO()
            raise CannotPrint(error) from None


def _check_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise BadSetting("The folder that this was started in is gone.", advice="Change into another one.") from None


def _speak_utf8() -> None:
    """Files and programs get UTF-8 whatever the locale, which on Windows is another one; a terminal that lacks a letter
    shows a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            errors = "replace" if stream.errors == "strict" else stream.errors
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors=errors)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Show the log that the Lambda functions would write.")
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    """Daily, complete, trustworthy snapshots of Spotify playlists in your own storage.

    Settings come from the environment or from a file .env; docs/settings.md lists them. Without Spotify
    credentials the embedded simulator answers, and says so.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done.
    """
    ctx.ensure_object(dict)
    logging.getLogger("chalicelib").addHandler(logging.NullHandler())
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
