"""The command that sets everything up: it asks what a person can answer, and does the rest."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import click
from dotenv import dotenv_values
from rich.console import Console

from ...errors import BadSetting, ChartlakeError
from ...lake import keys
from ...lake.lake import Lake
from ...lake.store import update
from ...settings import ENV_FILE, Settings, from_environment
from ...snapshots.outcome import Run
from ...spotify.credentials import keep_in_env_file
from ...spotify.references import ME, ME_LIKED, parse_follow_list, parse_followed
from ...time_and_chance import World
from .. import terminal
from ..base import DONE, FAILED, as_json_option, command_name, exit_code_of, open_lake_now, settings_now
from ..doctor import examine
from ..doctor.check import Check
from ..embedded_spotify import is_simulated, reachable_spotify
from .account import login
from .snapshots import show_taken, take_snapshots

_APP = (
    "A Spotify app reads Spotify for you: make one on developer.spotify.com/dashboard. Without one the embedded "
    "simulator answers, with invented songs."
)
_LINK = "https://open.spotify.com/playlist/"
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class _Person:
    """Who answers: `asks` is False where nobody is to be asked, and then every question has its default."""

    asks: bool

    def prompt(self, words: str, default: str, *, hidden: bool = False) -> str:
        if not self.asks:
            return default
        shown = bool(default) and not hidden
        return str(click.prompt(words, default=default, show_default=shown, hide_input=hidden)).strip()

    def agrees(self, words: str, given: bool | None, default: bool) -> bool:
        """What an option said, else what the person says, else the default."""
        if given is not None:
            return given
        return click.confirm(words, default=True) if self.asks else default

    def valid(self, ask: Callable[[], _Answer]) -> _Answer:
        """The first answer that can be used; without a person a wrong one is an error."""
        while True:
            try:
                return ask()
            except BadSetting as error:
                if not self.asks:
                    raise
                click.echo(error.message, err=True)


@click.command()
@click.option("--client-id", metavar="ID", help="The Spotify app's client id; '' for the simulator.")
@click.option("--client-secret", metavar="SECRET", help="Its secret; '-' reads it from standard input.")
@click.option(
    "--playlist",
    "playlists",
    multiple=True,
    metavar="LINK",
    help="A playlist to follow, me or me/liked; also several.",
)
@click.option("--lake", metavar="WHERE", help="A folder, or s3://bucket/prefix.")
@click.option("--login/--no-login", "sign_in", default=None, help="Sign in to Spotify, or do not.")
@click.option("--snapshot/--no-snapshot", default=None, help="Take the first snapshot, or do not.")
@click.option("--yes", is_flag=True, help="Ask nothing: what is not given stays as it is.")
@as_json_option
@click.pass_context
def init(
    ctx: click.Context,
    client_id: str | None,
    client_secret: str | None,
    playlists: tuple[str, ...],
    lake: str | None,
    sign_in: bool | None,
    snapshot: bool | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Set up chartlake in this folder: asks, writes .env and the lake's list of playlists, takes the first snapshot.

    Run again, it changes only what is answered anew: Enter keeps what is there, and a playlist is added to the others.

    \b
    Example:
      chartlake init
      chartlake init --yes --lake s3://my-charts/chartlake --playlist https://open.spotify.com/playlist/…
    """
    if sign_in and as_json:
        raise BadSetting("A sign-in needs a person.", advice="Run `chartlake login` by itself, or leave out --json.")
    person, world = _Person(asks=not (yes or as_json)), World()
    before, links = settings_now(), [parse_followed(one) for one in playlists]
    answers = _app(person, before, client_id, client_secret) | _place(person, before, lake)
    keep_in_env_file(ENV_FILE, answers)
    settings, kept = settings_now(), open_lake_now(world=world)
    added = _follow(person, settings, kept, links, world)
    if not as_json:
        _tell_where(kept, answers)
    settings, checks = _with_a_user(ctx, person, settings, kept, sign_in)
    run = None
    if person.agrees("Take the first snapshot now?", snapshot, True):
        run = take_snapshots(settings, kept, world, quiet=as_json)
    if as_json:
        click.echo(json.dumps(_document(kept, added, checks, run), ensure_ascii=False))
    else:
        _tell(settings, kept, world, run)
    ctx.exit(_exit_code(checks, run))


def _app(person: _Person, before: Settings, client_id: str | None, client_secret: str | None) -> dict[str, str]:
    """The Spotify app, as far as it is answered anew."""
    if before.secret and client_id is None:
        return {}  # an SSM parameter holds it
    if person.asks and client_id is None:
        click.echo(_APP)
        client_id = person.prompt("Client id (Enter for none)", before.client_id)
    if client_secret == "-":
        client_secret = sys.stdin.readline().strip()
    if client_id is not None and client_secret is None:
        client_secret = _secret(person, before, client_id)
    given = {"SPOTIPY_CLIENT_ID": client_id, "SPOTIPY_CLIENT_SECRET": client_secret}
    if client_id not in (None, before.client_id):
        # A sign-in belongs to the app that it was made with.
        given |= {"SPOTIPY_REFRESH_TOKEN": "", "SPOTIPY_CONSENTED_AT": ""}
    return _new(given)


def _secret(person: _Person, before: Settings, client_id: str) -> str:
    """The secret of that app; none for no app."""
    if not client_id:
        return ""
    known = before.client_secret if client_id == before.client_id else ""
    words = "Client secret (not shown; Enter keeps it)" if known else "Client secret (not shown)"
    return person.prompt(words, known, hidden=True)


def _place(person: _Person, before: Settings, lake: str | None) -> dict[str, str]:
    """Where the lake is. It is written down even if it is the default, so that it can be found and changed."""

    def ask() -> str:
        text = person.prompt("Where is the lake: a folder, or s3://bucket/prefix", before.lake)
        return from_environment({"CHARTLAKE_LAKE": text}).lake

    place = person.valid(ask) if lake is None else from_environment({"CHARTLAKE_LAKE": lake}).lake
    return _new({"CHARTLAKE_LAKE": place})


def _new(given: Mapping[str, str | None]) -> dict[str, str]:
    """Those of the answers that .env does not hold already; None is no answer."""
    in_file = dict.fromkeys(given, "") | dotenv_values(ENV_FILE, interpolate=False)
    return {name: value for name, value in given.items() if value is not None and value != in_file[name]}


def _follow(person: _Person, settings: Settings, lake: Lake, links: Sequence[str], world: World) -> list[str]:
    """Add playlists to the lake's list, whose other lines stay; gives those that are new there."""
    if settings.playlists and not links:
        return []  # CHARTLAKE_PLAYLISTS wins over the list
    if not links and person.asks and not _simulated(settings):
        links = _pasted(person, lake)
    new: list[str] = []

    def added(data: bytes | None) -> bytes | None:
        text = (data or b"").decode("utf-8-sig", "replace")
        known = parse_follow_list(text).references
        new[:] = [one for one in links if one not in known]
        lines = [*text.splitlines(), *(one if one in (ME, ME_LIKED) else f"{_LINK}{one}" for one in new)]
        return "".join(f"{line}\n" for line in lines).encode() if new else None

    update(lake.store, keys.PLAYLISTS, added, world)
    return new


def _pasted(person: _Person, lake: Lake) -> list[str]:
    """What a person pastes, until an empty line."""
    found = lake.store.get(keys.PLAYLISTS)
    known = parse_follow_list(found.data.decode("utf-8-sig", "replace") if found else "").references
    words = "Which playlists? Paste links as they are; `me` is all of your own, `me/liked` your Liked Songs."
    click.echo(f"You follow {len(known)} so far." if known else words)
    links: list[str] = []
    while line := person.prompt("A playlist (Enter when that is all)", ""):
        said = parse_follow_list(line)
        links += said.references
        for error in said.wrong:
            click.echo(error.message, err=True)
    return links


def _simulated(settings: Settings) -> bool:
    try:
        return is_simulated(settings)
    except BadSetting:
        return False  # an app whose user has to sign in yet


def _lacks_a_user(settings: Settings) -> bool:
    """An app without a secret can do nothing before somebody signs in."""
    return bool(settings.client_id) and not settings.has_credentials


def _wants_a_user(settings: Settings, checks: list[Check]) -> bool:
    """Whether the doctor found something that a sign-in would mend."""
    mended = ("credentials",) if settings.refresh_token else ("credentials", "playlist")
    return any(one.mark == "bad" and one.name.startswith(mended) and "sign" in one.advice.lower() for one in checks)


def _with_a_user(
    ctx: click.Context, person: _Person, settings: Settings, lake: Lake, sign_in: bool | None
) -> tuple[Settings, list[Check]]:
    """What the doctor says, before it or after it a sign-in where one is needed; and the settings after that."""

    def agrees(words: str) -> bool:
        return person.agrees(words, sign_in, False)

    quiet = bool(ctx.obj["as_json"])
    if sign_in or (_lacks_a_user(settings) and agrees("This app needs a signed-in user. Sign in now?")):
        settings, sign_in = _signed_in(ctx), False
    checks = _examined(settings, lake, quiet)
    if _wants_a_user(settings, checks) and agrees("Sign in to Spotify now?"):
        settings = _signed_in(ctx)
    return settings, checks


def _signed_in(ctx: click.Context) -> Settings:
    """Settings after the sign-in; one that fails is told, and can be tried again."""
    try:
        ctx.invoke(login)
    except ChartlakeError as error:
        terminal.show_error(Console(stderr=True), error)
    return settings_now()


def _examined(settings: Settings, lake: Lake, quiet: bool) -> list[Check]:
    checks: list[Check] = []
    with reachable_spotify(settings, lake) as (reached, _):
        for check in examine(lambda: reached, World()):
            checks.append(check)
            if not quiet:
                terminal.show_check(Console(), check)
    return checks


def _tell_where(lake: Lake, answers: dict[str, str]) -> None:
    """Where the answers are; the environment wins over .env, also over what was just answered."""
    click.echo(f"Settings   {ENV_FILE}, which only you can read")
    followed = lake.store.get(keys.PLAYLISTS)
    click.echo(f"Playlists  {lake.store.locate(keys.PLAYLISTS)}{'' if followed else ' (none yet)'}\n")
    winning = [name for name, value in answers.items() if os.environ.get(name, value) != value]
    if winning:
        click.echo(f"{', '.join(winning)} in the environment wins over {ENV_FILE}: unset it.", err=True)


def _exit_code(checks: list[Check], run: Run | None) -> int:
    """That of the first snapshot; without one, whether the doctor found all that a run needs."""
    if run:
        return exit_code_of(run)
    return FAILED if any(check.mark == "bad" for check in checks) else DONE


def _document(lake: Lake, added: list[str], checks: list[Check], run: Run | None) -> dict[str, object]:
    return {
        "env_file": str(ENV_FILE),
        "lake": lake.store.locate(""),
        "added": added,
        "checks": [check.to_json() for check in checks],
        "run": run.to_json() if run else None,
    }


def _tell(settings: Settings, lake: Lake, world: World, run: Run | None) -> None:
    """What the first snapshot brought, and what to do next."""
    command = command_name()
    if run:
        show_taken(settings, lake, world, run)
    else:
        click.echo(f"Next     {command} extract")
    click.echo(
        f"         {command} report --open    the pages\n         {command} schedule         every day from now on"
    )
