"""Commands about the accounts behind a lake: what AWS bills, the sign-in to Spotify, what is missing."""

from __future__ import annotations

import json
import os

import click
from rich.console import Console

from ...errors import ChartlakeError
from ...settings import ENV_FILE, Settings
from ...snapshots.following import follow_list
from ...spotify import login as logins
from ...spotify.consent import LIBRARY_SCOPE, SCOPES
from ...spotify.credentials import app_to_sign_in, store_consent
from ...time_and_chance import World
from .. import cost as bills
from .. import terminal
from ..base import DONE, FAILED, as_json_option, open_in_browser, open_lake_now, settings_now, today_of
from ..doctor import examine
from ..doctor.check import Check


@click.command()
@click.option("--playlists", type=click.IntRange(1), help="How many are followed; else as many as the lake shows.")
@click.option("--entries", type=click.IntRange(0), help="Entries in each; else as many as the lake shows.")
@as_json_option
def cost(playlists: int | None, entries: int | None, as_json: bool) -> None:
    """Show the monthly AWS bill, line by line, at list prices and after what is always free.

    \b
    Example:
      chartlake cost --playlists 100 --entries 50
    """
    load, prices = _load(playlists, entries), bills.load_prices()
    lines = bills.bill(load, prices)
    if as_json:
        facts = {"playlists": load.playlists, "entries": load.entries, "measured": load.measured}
        listed = [line.to_json() for line in (*lines, bills.total(lines))]
        click.echo(json.dumps(facts | {"prices_of": prices["date"], "currency": "USD", "lines": listed}))
    else:
        terminal.show_bill(Console(), load, lines, prices)


@click.command()
@click.option("--port", default=logins.DEFAULT_PORT, show_default=True, help="Port on 127.0.0.1 for Spotify's answer.")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--paste", is_flag=True, help="For a machine without a browser: paste the address that yours ended at.")
@click.option(
    "--timeout", default=logins.DEFAULT_SECONDS, show_default=True, metavar="SECONDS", help="How long to wait for you."
)
@as_json_option
def login(port: int, no_browser: bool, paste: bool, timeout: float, as_json: bool) -> None:
    """Sign in to Spotify, so that your own playlists can be read; good for six months.

    Register http://127.0.0.1:8731/callback as a redirect URI of your app first. The sign-in is stored in the SSM
    parameter that CHARTLAKE_SECRET names, else in the file .env beside you. Where you follow `me` or `me/liked` it also
    asks for your Liked Songs.

    \b
    Example:
      chartlake login
    """
    settings, world = settings_now(), World()
    app, scopes = app_to_sign_in(settings), _scopes(settings, world)

    def show(address: str) -> None:
        click.echo(f"Agree on this page:\n\n  {address}\n", err=True)
        if not (no_browser or paste):
            open_in_browser(address)

    def ask(address: str) -> str:
        show(address)
        return str(click.prompt("The address at which the browser ended (it shows no page)", err=True))

    if paste:
        signed_in = logins.sign_in_by_paste(settings.accounts_url, app, world, ask, port=port, scopes=scopes)
    else:
        signed_in = logins.sign_in_by_browser(
            settings.accounts_url, app, world, show, port=port, seconds=timeout, scopes=scopes
        )
    where = store_consent(settings, signed_in, ENV_FILE)
    if as_json:
        click.echo(json.dumps({"stored_in": where, "consented_at": str(signed_in.consented_at)}))
        return
    click.echo(f"Signed in; stored in {where}. Spotify ends it in six months: sign in again before.")
    if not settings.secret and os.environ.get("SPOTIPY_REFRESH_TOKEN"):
        click.echo("SPOTIPY_REFRESH_TOKEN in the environment wins over .env: unset it.", err=True)


def _scopes(settings: Settings, world: World) -> str:
    """What the person is asked to agree to: no more than the followed lists need."""
    try:
        said = follow_list(settings, open_lake_now(settings, world))
    except ChartlakeError:
        return SCOPES  # nothing is followed yet, or the lake is not there yet
    return f"{SCOPES} {LIBRARY_SCOPE}" if said.needs_user else SCOPES


@click.command()
@as_json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look at everything a run needs, and say what to do where something is missing.

    \b
    Example:
      chartlake doctor
    """
    found: list[Check] = []
    console = Console()
    for check in examine(settings_now, World()):
        found.append(check)
        if not as_json:
            terminal.show_check(console, check)
    if as_json:
        click.echo(json.dumps([check.to_json() for check in found], ensure_ascii=False))
    ctx.exit(FAILED if any(check.mark == "bad" for check in found) else DONE)


def _load(playlists: int | None, entries: int | None) -> bills.Load:
    """The day to reckon with: the lake's own where there is one, but for what the person says."""
    settings, world = settings_now(), World()
    try:
        return bills.load_of(open_lake_now(settings, world), today_of(settings, world), playlists, entries)
    except ChartlakeError:
        # Who says how much he will follow may not have a lake yet.
        if playlists is None or entries is None:
            raise
        return bills.assumed(playlists, entries)
