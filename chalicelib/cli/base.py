"""What every command needs: exit codes, the option for machines, the settings and the lake of this person."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console

from ..lake.lake import Lake
from ..settings import ENV_FILE, Settings, from_environment
from ..snapshots.outcome import Run
from ..time_and_chance import World
from .env_file import read_env_file

# Wide enough for any table: what reads a pipe wants names whole.
_UNBOUNDED = 10_000
DONE, FAILED, WRONG_USAGE, PARTLY_DONE = 0, 1, 2, 3


class CannotPrint(click.ClickException):
    """Whatever takes the answer has no room for it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The answer could not be written: {error.strerror or error}")


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, some at a time."""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk


def write_all(chunks: Iterable[bytes], target: IO[bytes]) -> None:
    """Write an answer; where it does not fit, that is no fault of the lake's."""
    try:
        for chunk in chunks:
            target.write(chunk)
        target.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotPrint(error) from None


def _keep(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    # The group prints errors in the same form.
    ctx.ensure_object(dict)["as_json"] = value
    return value


as_json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_keep, help="Print one JSON document instead, for machines."
)


def _day(_: click.Context, __: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None


def day_option(*names: str, help: str) -> Callable[[Any], Any]:
    """An option whose value is a day, or None."""
    return click.option(*names, type=click.DateTime(["%Y-%m-%d"]), callback=_day, help=help)


def a_console() -> Console:
    """Where results are printed: as wide as the terminal, or as wide as they are where there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNBOUNDED)


@contextmanager
def progress_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """A bar while a person watches; gives what takes how many of how many are done (of 0: of how many is not known)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns, console = (TextColumn(words), BarColumn(), MofNCompleteColumn()), Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def command_name() -> str:
    """How this person called the command, so that the next one can be copied as it is."""
    called = sys.argv[0]
    return called if called.endswith("chartlake") and not Path(called).is_absolute() else "chartlake"


def open_in_browser(address: str) -> None:
    """Open what was printed already, where there is a browser."""
    import webbrowser

    # Not click.launch: it asks xdg-open in any case, which writes all that it tried in vain over the terminal.
    if not webbrowser.open(address):
        click.echo("No browser was found here; open that address in one yourself.", err=True)


def exit_code_of(run: Run) -> int:
    """What a run over playlists ends the command with."""
    if run.complete:
        return DONE
    return PARTLY_DONE if run.published else FAILED


def settings_now() -> Settings:
    """The settings of the environment and of a file .env beside the person. Raises `BadSetting`."""
    in_file = read_env_file(ENV_FILE, os.environ)
    # AWS's own variables are for boto3, which reads the environment by itself.
    for name, value in in_file.items():
        if name.startswith("AWS_"):
            os.environ.setdefault(name, value)
    return from_environment(in_file | dict(os.environ))


def open_lake_now(settings: Settings | None = None, world: World | None = None) -> Lake:
    """The lake that the settings name."""
    from ..lake.address import open_store

    world = world or World()
    return Lake(open_store((settings or settings_now()).lake, world), world)


def today_of(settings: Settings, world: World) -> date:
    """The day that it is in the zone in which days are counted."""
    return world.now().astimezone(settings.timezone).date()


def kept_playlist(text: str) -> str:
    """The id of a playlist in the lake: an imported list's own (`chart:…`, `file:…`), Liked Songs (`liked:…`), else an
    id, a URI or a link."""
    if text.startswith(("chart:", "file:", "liked:")):
        return text
    from ..spotify.references import parse_playlist_reference

    return parse_playlist_reference(text)
