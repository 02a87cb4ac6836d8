"""Commands for the past: rebuild it from raw, bring it in, remove it."""

from __future__ import annotations

import getpass
import json
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from ...errors import BadSetting
from ...handlers.replaying import replay_all
from ...history.imported import ImportedFile, Options
from ...history.importing import import_paths, keep_rejects
from ...history.kept import keys_to_purge
from ...snapshots.purge import purge as purge_lake
from ...snapshots.purge import wish
from ...spotify.references import parse_playlist_reference
from ...text import printable
from ...time_and_chance import World
from .. import terminal
from ..base import (
    DONE,
    FAILED,
    PARTLY_DONE,
    as_json_option,
    command_name,
    day_option,
    kept_playlist,
    open_lake_now,
    progress_bar,
    settings_now,
    today_of,
)


@click.command()
@click.option("--playlist", "playlists", multiple=True, metavar="PLAYLIST", help="Only this one; may be repeated.")
@day_option("--from", "first", help="The first day.")
@day_option("--to", "last", help="The last day.")
@click.option("--dry-run", is_flag=True, help="Show which days would change, and write nothing.")
@as_json_option
@click.pass_context
def replay(
    ctx: click.Context,
    playlists: tuple[str, ...],
    first: date | None,
    last: date | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Rebuild the tables from raw, with today's code; Spotify is not asked.

    \b
    Example:
      chartlake replay --from 2026-11-01 --dry-run
    """
    world = World()
    with progress_bar("Replaying") as progress:
        found, _ = replay_all(
            open_lake_now(world=world),
            world,
            playlist_ids=[parse_playlist_reference(one) for one in playlists],
            first=first or date.min,
            last=last or date.max,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        terminal.show_replayed(Console(), found, dry_run)
    unread = len(found.damaged)
    ctx.exit(DONE if not unread else PARTLY_DONE if unread < found.captures + found.imports else FAILED)


@click.command("import")
@click.argument("files", nargs=-1, required=True)
@day_option("--date", "day", help="The day, where neither file nor name tells it.")
@click.option("--region", help="The region (global, us, …), where neither file nor name tells it.")
@click.option("--skip-bad", is_flag=True, help="Import a file without its bad lines, and keep them in FILE.rejects.")
@click.option("--no-keep", is_flag=True, help="Keep no file's bytes: its days cannot be replayed or proven then.")
@as_json_option
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[str, ...],
    day: date | None,
    region: str | None,
    skip_bad: bool,
    no_keep: bool,
    as_json: bool,
) -> None:
    """Bring history in: chart downloads, Kaggle's charts, playlist archives, saved answers of Spotify's API, exports.

    FILES are files (also .gz), ZIP archives, folders, a git clone of a playlist archive, or patterns such as
    'charts/**/*.csv'. The format is told by the content. A file with a bad line is not imported at all, and every bad
    line is named. An import that was killed is finished by the same command. The bytes of what was imported are kept
    in the lake, so that `replay` can rebuild its days.

    \b
    Example:
      chartlake import ~/Downloads/regional-global-daily-2025-05-01.csv
    """
    paths = [path for text in files for path in _matching(text)]
    lake, console = open_lake_now(), Console(stderr=as_json)
    options = Options(day, region, skip_bad, by=_user(), keep=not no_keep)
    found: list[ImportedFile] = []
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Importing", total=1.0)
        for one in import_paths(lake, paths, options, lambda name, share: _show(bar, task, name, share)):
            found.append(one)
            keep_rejects(one)
            if not as_json:
                terminal.show_imported(bar.console, one)
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    else:
        _say_what_is_next(found)
    good = sum(one.error is None for one in found)
    ctx.exit(DONE if good == len(found) else PARTLY_DONE if good else FAILED)


def _say_what_is_next(found: list[ImportedFile]) -> None:
    playlists = sorted({playlist_id for one in found for playlist_id in one.playlists})
    if playlists:
        which = f" {playlists[0]}" if len(playlists) == 1 else ""
        click.echo(f"Next     {command_name()} charts{which}    or    {command_name()} report --open")


def _user() -> str:
    """Who imports, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _show(bar: Progress, task: TaskID, name: str, share: float) -> None:
    bar.update(task, description=f"Importing {printable(name.rpartition('/')[2])}", completed=share)


def _matching(text: str) -> list[Path]:
    """The path, or those that a pattern names where the shell did not expand it. Raises `BadSetting` for none."""
    if not text.strip():
        raise BadSetting("The name of a file is empty.", advice="Say which; `.` is this folder. Nothing was imported.")
    path = Path(text)
    found = [path] if path.exists() else sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    if not found:
        raise BadSetting(f"There is no file {text!r}.", advice="Check the path; nothing was imported.")
    return found


@click.command()
@click.option(
    "--playlist", metavar="PLAYLIST", help="Its raw documents and rows; with --before, of the days before it."
)
@click.option("--user", metavar="ID", help="The user's id in rows, and the raw documents that name the user.")
@day_option("--before", help="Alone: all raw documents of earlier days.")
@click.option("--yes", is_flag=True, help="Do it; without, only show what would go.")
@as_json_option
def purge(playlist: str | None, user: str | None, before: date | None, yes: bool, as_json: bool) -> None:
    """Remove what must go, and remember it, so that neither replay nor import brings it back.

    The AWS identity needs s3:DeleteObject, which no function of the deployment has. Take the playlist off your list
    first: what is followed is captured anew.

    \b
    Example:
      chartlake purge --before 2026-01-01
    """
    if bool(playlist) + bool(user) + (before is not None and not playlist) != 1:
        raise BadSetting(
            "Say one thing that is to go.",
            advice="Give --playlist (and perhaps --before), or --user, or --before alone.",
        )
    settings, world = settings_now(), World()
    lake = open_lake_now(settings, world)
    named = None if playlist is None else kept_playlist(playlist)
    asked = wish(lake, today_of(settings, world), named, user, before)
    console = Console(stderr=as_json)
    with console.status("Reading the lake") as status, lake.folder() as folder:

        def progress(key: str) -> None:
            status.update(f"Reading {key}")

        files = keys_to_purge(lake, folder, asked.before, asked.playlist_id, asked.user_id, progress)
        found = purge_lake(lake, world, asked, imports=files, dry_run=not yes, progress=progress)
    if as_json:
        click.echo(json.dumps(found.to_json() | {"before": asked.before.isoformat(), "dry_run": not yes}))
    else:
        terminal.show_purged(console, found, dry_run=not yes)
