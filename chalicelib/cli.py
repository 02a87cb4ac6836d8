"""The `chartlake` command, for a person at a terminal. Never imported by the Lambda functions."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from dotenv import dotenv_values
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from . import __version__, terminal
from . import cost as bills
from . import login as logins
from .coverage import coverage as read_coverage
from .credentials import app_to_sign_in, store_consent
from .doctor import Check, examine
from .errors import BadSetting, ChartlakeError
from .imports import ImportedFile, Options, import_path
from .lake.lake import Lake
from .outcome import Outcome, Run
from .pipeline import followed_playlists, open_lake, open_pipeline
from .purge import purge as purge_lake
from .purge import wish
from .replay import replay as replay_raw
from .settings import Settings, from_environment
from .spotify.references import parse_playlist_reference
from .verify import verify as verify_lake
from .world import World

DONE, FAILED, WRONG_USAGE, PARTLY_DONE = 0, 1, 2, 3

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead, for machines.")


class _Commands(click.Group):
    """Turns every error of ours into words and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChartlakeError as error:
            if ctx.obj and ctx.obj.get("as_json"):
                click.echo(json.dumps({"error": error.kind, "message": error.message, "advice": error.advice}))
            else:
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


@main.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@click.option("--again", is_flag=True, help="Take another snapshot where today's is there already.")
@_as_json
@click.pass_context
def extract(ctx: click.Context, playlists: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Make sure that each playlist has today's snapshot.

    A PLAYLIST is an id, a URI or a link; without one, those that you follow (CHARTLAKE_PLAYLISTS, or
    config/playlists.txt in the lake).

    \b
    Example:
      chartlake extract "https://open.spotify.com/playlist/37i9dQZEVXbMDoHDwVN2tF?si=abc"
    """
    ctx.obj["as_json"] = as_json
    world = World()
    named = [parse_playlist_reference(one) for one in playlists]
    with _spotify(_settings(), Console(stderr=as_json)) as settings:
        lake = open_lake(settings, world)
        playlist_ids = list(dict.fromkeys(named)) or followed_playlists(settings, lake)
        pipeline = open_pipeline(settings, world, lake)
        with _progress(len(playlist_ids), quiet=as_json) as report:
            run = pipeline.extract(playlist_ids, again=again, report=report)
    if as_json:
        click.echo(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        terminal.show_run(Console(), run, lake, _command_name())
    ctx.exit(_exit_code(run))


@main.command()
@click.option("--playlist", "playlists", multiple=True, metavar="PLAYLIST", help="Only this one; may be repeated.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="The last day.")
@click.option("--dry-run", is_flag=True, help="Show which days would change, and write nothing.")
@_as_json
@click.pass_context
def replay(
    ctx: click.Context,
    playlists: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Rebuild the tables from raw, with today's code; Spotify is not asked.

    \b
    Example:
      chartlake replay --from 2026-11-01 --dry-run
    """
    ctx.obj["as_json"] = as_json
    world = World()
    columns = (TextColumn("Replaying"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("")
        found = replay_raw(
            open_lake(_settings(), world),
            world,
            playlist_ids=[parse_playlist_reference(one) for one in playlists],
            first=first.date() if first else date.min,
            last=last.date() if last else date.max,
            dry_run=dry_run,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        terminal.show_replayed(Console(), found, dry_run)


@main.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The day, where neither file nor name tells it.")
@click.option("--region", help="The region (global, us, …), where neither file nor name tells it.")
@click.option("--skip-bad", is_flag=True, help="Import a file without its bad lines, and keep them in FILE.rejects.")
@_as_json
@click.pass_context
def import_(
    ctx: click.Context, files: tuple[Path, ...], day: datetime | None, region: str | None, skip_bad: bool, as_json: bool
) -> None:
    """Bring history in: chart downloads, Kaggle's charts, playlist archives, saved answers of Spotify's API.

    FILES are files (also .gz), ZIP archives, folders, or a git clone of a playlist archive. The format is told by
    the content. A file with a bad line is not imported at all, and every bad line is named.

    \b
    Example:
      chartlake import ~/Downloads/regional-global-daily-2025-05-01.csv
    """
    ctx.obj["as_json"] = as_json
    lake, console = _open_lake(), Console(stderr=as_json)
    options = Options(day.date() if day else None, region, skip_bad)
    found: list[ImportedFile] = []
    with console.status("Importing") as status:
        for path in files:
            status.update(f"Importing {path}")
            for one in import_path(lake, path, options):
                found.append(one)
                terminal.keep_rejects(one)
                if not as_json:
                    terminal.show_imported(console, one)
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    good = sum(one.error is None for one in found)
    ctx.exit(DONE if good == len(found) else PARTLY_DONE if good else FAILED)


@main.command()
@click.option(
    "--playlist", metavar="PLAYLIST", help="Its raw documents and rows; with --before, of the days before it."
)
@click.option("--user", metavar="ID", help="The user's id in rows, and the raw documents that name the user.")
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), help="Alone: all raw documents of earlier days.")
@click.option("--yes", is_flag=True, help="Do it; without, only show what would go.")
@_as_json
@click.pass_context
def purge(
    ctx: click.Context, playlist: str | None, user: str | None, before: datetime | None, yes: bool, as_json: bool
) -> None:
    """Remove what must go, and remember it, so that neither replay nor import brings it back.

    The AWS identity needs s3:DeleteObject, which no function of the deployment has. Take the playlist off your list
    first: what is followed is captured anew.

    \b
    Example:
      chartlake purge --before 2026-01-01
    """
    ctx.obj["as_json"] = as_json
    if bool(playlist) + bool(user) + (before is not None and not playlist) != 1:
        raise BadSetting(
            "Say one thing that is to go.",
            advice="Give --playlist (and perhaps --before), or --user, or --before alone.",
        )
    settings, world = _settings(), World()
    lake = open_lake(settings, world)
    today = world.now().astimezone(settings.timezone).date()
    named = playlist if playlist is None or playlist.startswith("chart:") else parse_playlist_reference(playlist)
    asked = wish(lake, today, named, user, before.date() if before else None)
    console = Console(stderr=as_json)
    with console.status("Reading the lake") as status:
        found = purge_lake(lake, world, asked, dry_run=not yes, progress=lambda key: status.update(f"Reading {key}"))
    if as_json:
        click.echo(json.dumps(found.to_json() | {"before": asked.before.isoformat(), "dry_run": not yes}))
    else:
        terminal.show_purged(console, found, dry_run=not yes)


@main.command()
@_as_json
@click.pass_context
def verify(ctx: click.Context, as_json: bool) -> None:
    """Re-read the whole lake and prove it: hashes, rows, counts, positions, commits.

    \b
    Example:
      CHARTLAKE_LAKE=s3://my-charts/chartlake chartlake verify
    """
    ctx.obj["as_json"] = as_json
    lake, console = _open_lake(), Console()
    with console.status("Reading the lake") as status:
        verdict = verify_lake(lake, lambda playlist_id, year: status.update(f"Reading {playlist_id} {year}"))
    if as_json:
        click.echo(json.dumps(verdict.to_json(), ensure_ascii=False))
    else:
        terminal.show_verdict(console, verdict, lake.store.locate(""))
    ctx.exit(FAILED if verdict.findings else DONE)


@main.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@_as_json
@click.pass_context
def coverage(ctx: click.Context, playlists: tuple[str, ...], as_json: bool) -> None:
    """Show which days are known, which failed and why, and which were missed.

    \b
    Example:
      chartlake coverage 37i9dQZEVXbMDoHDwVN2tF
    """
    ctx.obj["as_json"] = as_json
    settings, world = _settings(), World()
    today = world.now().astimezone(settings.timezone).date()
    found = read_coverage(open_lake(settings, world), today, [parse_playlist_reference(one) for one in playlists])
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    else:
        terminal.show_coverage(Console(), found)


@main.command()
@click.option("--playlists", type=click.IntRange(1), help="How many are followed; else as many as the lake shows.")
@click.option("--entries", type=click.IntRange(0), help="Entries in each; else as many as the lake shows.")
@_as_json
@click.pass_context
def cost(ctx: click.Context, playlists: int | None, entries: int | None, as_json: bool) -> None:
    """Show the monthly AWS bill, line by line, at list prices and after what is always free.

    \b
    Example:
      chartlake cost --playlists 100 --entries 50
    """
    ctx.obj["as_json"] = as_json
    load, prices = _load(playlists, entries), bills.load_prices()
    lines = bills.bill(load, prices)
    if as_json:
        facts = {"playlists": load.playlists, "entries": load.entries, "measured": load.measured}
        listed = [line.to_json() for line in (*lines, bills.total(lines))]
        click.echo(json.dumps(facts | {"prices_of": prices["date"], "currency": "USD", "lines": listed}))
    else:
        terminal.show_bill(Console(), load, lines, prices)


@main.command()
@click.option("--port", default=logins.DEFAULT_PORT, show_default=True, help="Port on 127.0.0.1 for Spotify's answer.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--paste", is_flag=True, help="For a machine without a browser: paste the address that yours ended at.")
@click.option(
    "--timeout", default=logins.DEFAULT_SECONDS, show_default=True, metavar="SECONDS", help="How long to wait for you."
)
@_as_json
@click.pass_context
def login(ctx: click.Context, port: int, no_browser: bool, paste: bool, timeout: float, as_json: bool) -> None:
    """Sign in to Spotify, so that your own playlists can be read; good for six months.

    Register http://127.0.0.1:8731/callback as a redirect URI of your app first. The sign-in is stored in the SSM
    parameter that CHARTLAKE_SECRET names, else in the file .env beside you.

    \b
    Example:
      chartlake login
    """
    ctx.obj["as_json"] = as_json
    settings, world = _settings(), World()
    app = app_to_sign_in(settings)

    def show(address: str) -> None:
        click.echo(f"Agree on this page:\n\n  {address}\n", err=True)
        if not (no_browser or paste):
            click.launch(address)

    def ask(address: str) -> str:
        show(address)
        return str(click.prompt("The address at which the browser ended (it shows no page)", err=True))

    if paste:
        signed_in = logins.sign_in_by_paste(settings.accounts_url, app, world, ask, port=port)
    else:
        signed_in = logins.sign_in_by_browser(settings.accounts_url, app, world, show, port=port, seconds=timeout)
    where = store_consent(settings, signed_in, Path(".env"))
    if as_json:
        click.echo(json.dumps({"stored_in": where, "consented_at": str(signed_in.consented_at)}))
        return
    click.echo(f"Signed in; stored in {where}. Spotify ends it in six months: sign in again before.")
    if not settings.secret and os.environ.get("SPOTIPY_REFRESH_TOKEN"):
        click.echo("SPOTIPY_REFRESH_TOKEN in the environment wins over .env: unset it.", err=True)


@main.command()
@_as_json
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at everything a run needs, and say what to do where something is missing.

    \b
    Example:
      chartlake doctor
    """
    ctx.obj["as_json"] = as_json
    found: list[Check] = []
    console = Console()
    for check in examine(_settings, World()):
        found.append(check)
        if not as_json:
            terminal.show_check(console, check)
    if as_json:
        click.echo(json.dumps([check.to_json() for check in found], ensure_ascii=False))
    ctx.exit(FAILED if any(check.mark == "bad" for check in found) else DONE)


def _load(playlists: int | None, entries: int | None) -> bills.Load:
    """The day to reckon with: the lake's own where there is one, but for what the person says."""
    if playlists and entries is not None:
        return bills.assumed(playlists, entries)
    settings, world = _settings(), World()
    found = bills.measured(open_lake(settings, world), world.now().astimezone(settings.timezone).date())
    if found and entries is None:
        return replace(found, playlists=playlists or found.playlists)
    return bills.assumed(playlists or (found.playlists if found else 1), 50 if entries is None else entries)


def _settings() -> Settings:
    in_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    # AWS's own variables in .env are for boto3, which reads the environment by itself.
    for name, value in in_file.items():
        if name.startswith("AWS_"):
            os.environ.setdefault(name, value)
    return from_environment(in_file | dict(os.environ))


def _open_lake() -> Lake:
    return open_lake(_settings(), World())


@contextmanager
def _spotify(settings: Settings, console: Console) -> Iterator[Settings]:
    """Settings that reach a Spotify: the real one, or the embedded simulator where there are no credentials."""
    if settings.has_credentials or settings.api_url != Settings.api_url:
        yield settings
        return
    from simulator import EXTENDED, TOP_50, Simulator

    console.print(
        "No Spotify credentials: reading the embedded simulator (invented artists and songs).", soft_wrap=True
    )
    with Simulator().serve() as server:
        yield replace(
            settings,
            api_url=server.api_url,
            accounts_url=server.accounts_url,
            client_id=EXTENDED.client_id,
            client_secret=EXTENDED.client_secret,
            playlists=settings.playlists or TOP_50,
        )


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Any]:
    """A function that takes each outcome: a line a playlist, and a bar while a person watches."""
    console = Console(stderr=quiet)
    if quiet:
        yield lambda outcome: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Playlists", total=total)

        def report(outcome: Outcome) -> None:
            terminal.show_outcome(bar.console, outcome)
            bar.advance(task)

        yield report


def _exit_code(run: Run) -> int:
    if run.complete:
        return DONE
    return PARTLY_DONE if run.published else FAILED


def _command_name() -> str:
    """How this person called the command, so that the next one can be copied as it is."""
    called = sys.argv[0]
    return called if called.endswith("chartlake") and not Path(called).is_absolute() else "chartlake"
