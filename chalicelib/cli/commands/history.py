"""Commands for the past: rebuild it from raw, bring it in, remove it."""

from __future__ import annotations

import getpass
import json
import re
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
from ...history.known import FORMATS
from ...history.mapping import ColumnMap, map_of_toml, map_of_words
from ...history.naming import ListName, named_list
from ...lake.lake import Lake
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
    a_console,
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
@click.argument("files", nargs=-1)
@day_option("--date", "day", help="The day, where neither file nor name tells it.")
@click.option(
    "--playlist",
    metavar="LIST",
    help="The list, where neither file nor name tells it: a link, an id, or a name of your own (then file:<name>).",
)
@click.option("--region", help="The region (global, us, …), where neither file nor name tells it.")
@click.option("--skip-bad", is_flag=True, help="Import a file without its bad lines, and keep them in FILE.rejects.")
@click.option("--map", "words", metavar="MAP", help="Any other CSV: what its columns hold, such as position=Rank.")
@click.option("--map-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The same, in TOML.")
@click.option("--dry-run", is_flag=True, help="Show the first ten rows as they would be read, and write nothing.")
@click.option("--list-formats", is_flag=True, help="Show every format that can be read.")
@click.option("--no-keep", is_flag=True, help="Keep no file's bytes: its days cannot be replayed or proven then.")
@as_json_option
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[str, ...],
    day: date | None,
    playlist: str | None,
    region: str | None,
    skip_bad: bool,
    words: str | None,
    map_file: Path | None,
    dry_run: bool,
    list_formats: bool,
    no_keep: bool,
    as_json: bool,
) -> None:
    """Bring history in: chart downloads, Kaggle's charts, saved playlists, account data, archives, exports.

    FILES are files (also .gz), ZIP archives, folders, a git clone of a playlist archive, or patterns such as
    'charts/**/*.csv'. The format is told by the content. A file with a bad line is not imported at all, and every bad
    line is named. An import that was killed is finished by the same command. The bytes of what was imported are kept
    in the lake, so that `replay` can rebuild its days.

    \b
    Example:
      chartlake import ~/Downloads/regional-global-daily-2025-05-01.csv
    """
    if list_formats:
        show_formats(as_json)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILES...'.")
    paths = [path for text in files for path in _matching(text)]
    columns = _columns(words, map_file)
    lake, console = open_lake_now(), Console(stderr=True) if as_json else a_console()
    options = Options(
        day,
        region,
        skip_bad,
        playlist=_list(playlist or (columns.playlist if columns else None)),
        columns=columns,
        dry_run=dry_run,
        by=_user(),
        keep=not no_keep,
    )
    found = _imported(lake, paths, options, console, quiet=as_json)
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    elif not dry_run:
        _say_what_is_next(found)
    ctx.exit(_exit_code(found))


def _imported(lake: Lake, paths: list[Path], options: Options, console: Console, quiet: bool) -> list[ImportedFile]:
    """Import the files one after the other, and show what came of each."""
    found: list[ImportedFile] = []
    show = terminal.show_looked_at if options.dry_run else terminal.show_imported
    parts = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*parts, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Importing", total=1.0)
        for one in import_paths(lake, paths, options, lambda name, share: _show(bar, task, name, share)):
            found.append(one)
            if not options.dry_run:
                keep_rejects(one)
            if not quiet:
                show(bar.console, one)
    return found


def _exit_code(found: list[ImportedFile]) -> int:
    good = sum(one.error is None for one in found)
    if good == len(found):
        return DONE
    return PARTLY_DONE if good else FAILED


def _columns(words: str | None, map_file: Path | None) -> ColumnMap | None:
    """What the person says about the columns. Raises `BadSetting`."""
    if words is not None and map_file is not None:
        raise BadSetting("--map and --map-file say the same twice.", advice="Give one of them.")
    if map_file is None:
        return None if words is None else map_of_words(words)
    try:
        return map_of_toml(map_file.read_text("utf-8"), str(map_file))
    except (OSError, UnicodeError) as error:
        raise BadSetting(f"{map_file} cannot be read: {error}", advice="Save it as text in UTF-8.") from None


def _list(text: str | None) -> ListName | None:
    """The list that a person names: by link, id, `file:…`, `chart:…`, else by a name. Raises `BadSetting`."""
    if text is None:
        return None
    if re.fullmatch(r"(chart|file):[a-z0-9-]{1,80}", text):
        return ListName(text)
    if "/" in text or text.startswith("spotify:") or re.fullmatch(r"[0-9A-Za-z]{22}", text):
        return ListName(parse_playlist_reference(text))
    try:
        return named_list(text)
    except ValueError as error:
        raise BadSetting(f"--playlist: {error}.", advice="Give a link, an id, or a name of your own.") from None


def show_formats(as_json: bool) -> None:
    """Every format that can be read: as a table, or for machines."""
    if as_json:
        click.echo(
            json.dumps([{"format": one.name, "is": one.what, "list": one.list, "day": one.day} for one in FORMATS])
        )
    else:
        terminal.show_formats(a_console(), FORMATS)


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
