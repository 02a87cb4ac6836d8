"""The command that has a machine run chartlake every day."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, time
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values

from ... import __version__
from ...errors import BadSetting
from ...settings import ENV_FILE, Settings
from ...time_and_chance import World
from ..base import as_json_option, command_name, settings_now
from ..env_file import HEARD
from ..schedules import KINDS, kind_of_this_machine
from ..schedules.plan import Job, Plan, Step, check_folder

_OURS = ("CHARTLAKE_", "SPOTIPY_", "SPOTIFY_")
_AWS = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID")


def _time(_: click.Context, __: click.Parameter, value: datetime) -> time:
    return value.time()


@click.command()
@click.argument("kind", required=False, type=click.Choice(list(KINDS)))
@click.option(
    "--at",
    type=click.DateTime(["%H:%M"]),
    callback=_time,
    default="06:15",
    show_default=True,
    help="When, by this machine's clock; for github in UTC.",
)
@click.option("--remove", is_flag=True, help="Remove what this command installed for this folder.")
@click.option(
    "--package",
    default=f"chartlake=={__version__}",
    show_default=True,
    help="For github: what its pip installs, also a wheel in the repository.",
)
@click.option("--yes", is_flag=True, help="Do it without asking.")
@as_json_option
def schedule(kind: str | None, at: time, remove: bool, package: str, yes: bool, as_json: bool) -> None:
    """Have this machine, or GitHub, run `chartlake extract` in this folder every day.

    Shows each file and each command first, and asks. After a day on which the machine was off, the next start catches
    up. Without a KIND it is what this system comes with: systemd or cron, launchd on a Mac, Windows' own scheduler.

    \b
    Example:
      chartlake schedule --at 07:30
      chartlake schedule github --package ./chartlake-0.1.0-py3-none-any.whl
      chartlake schedule --remove
    """
    kind = kind or kind_of_this_machine()
    settings = settings_now()
    if kind != "github" and not remove:
        _refuse_what_only_the_shell_knows(settings)
    folder = Path.cwd()
    check_folder(folder)
    job = Job(folder, _command(), at, World().now().date(), settings, package)
    plan = KINDS[kind](job)
    steps = plan.steps(remove)
    if as_json:
        done = _do(steps, yes)
        click.echo(json.dumps(_document(kind, job, plan, steps, done), ensure_ascii=False))
        return
    _show(kind, steps, remove)
    if steps:
        _tell(plan, settings, _do(steps, yes or _agreed()), remove)


def _do(steps: tuple[Step, ...], agreed: bool) -> bool:
    """Take the steps if that was agreed to; whether they are taken."""
    for step in steps if agreed else ():
        step.take()
    return agreed and bool(steps)


def _show(kind: str, steps: tuple[Step, ...], remove: bool) -> None:
    if not steps:
        click.echo(f"Nothing of {kind} runs chartlake in this folder.")
        return
    click.echo(f"To {'remove' if remove else 'install'} it, chartlake will")
    for step in steps:
        click.echo(f"\n  {step.shown().rstrip()}")
    click.echo()


def _agreed() -> bool:
    # Who only looks at it through a pipe is not asked.
    return sys.stdin.isatty() and click.confirm("Do it?", default=False)


def _tell(plan: Plan, settings: Settings, done: bool, remove: bool) -> None:
    """What came of it, and what a person should know."""
    if not done:
        click.echo("Nothing is changed. Add --yes to do it.")
    elif remove:
        click.echo("Removed. The lake and its settings stay.")
    else:
        click.echo("Installed. `chartlake coverage` shows which days were kept.")
    if remove:
        return
    for note in plan.notes:
        click.echo(note)
    if not settings.has_credentials and settings.api_url == Settings.api_url:
        click.echo(f"There are no Spotify credentials yet: it would keep invented songs. Run `{command_name()} init`.")


def _document(kind: str, job: Job, plan: Plan, steps: tuple[Step, ...], done: bool) -> dict[str, Any]:
    """The same for machines."""
    shown = [{"step": type(step).__name__.lower()} | _plain(step) for step in steps]
    return {"kind": kind, "name": job.name, "steps": shown, "done": done, "notes": plan.notes}


def _plain(step: Step) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(step).items()}


def _command() -> tuple[str, ...]:
    """How a scheduler starts this very installation. Raises `BadSetting` where that one is not there to stay."""
    python = Path(sys.executable)
    if {"uv", "pipx"} & set(python.parts) and {".cache", "cache"} & set(python.parts):
        raise BadSetting(
            "This chartlake was installed for one call only, and may be gone tomorrow.",
            advice="Run `pipx install chartlake` or `uv tool install chartlake`, then this command again.",
        )
    script = python.with_name("chartlake.exe" if os.name == "nt" else "chartlake")
    return (str(script), "extract") if script.exists() else (str(python), "-m", "chalicelib", "extract")


def _refuse_what_only_the_shell_knows(settings: Settings) -> None:
    """A scheduler starts without a person's shell: a setting that is only there would be missing, and the run would go
    to another lake, or to the simulator."""
    in_file, aws = dotenv_values(ENV_FILE, interpolate=False), settings.secret or settings.lake.startswith("s3://")
    watched = {name: value for name, value in os.environ.items() if name.startswith(_OURS) or (aws and name in _AWS)}
    missing = [name for name, value in watched.items() if value not in ("", in_file.get(name))]
    if missing:
        raise BadSetting(
            f"{', '.join(sorted(missing))}: set in this shell, and not so in {ENV_FILE.resolve()}, which is all that a "
            "scheduler sees.",
            advice="Write them into that file, or unset them."
            if HEARD.issuperset(missing)
            else "Put AWS's keys and address into a profile of ~/.aws/config, and AWS_PROFILE into that file.",
        )
