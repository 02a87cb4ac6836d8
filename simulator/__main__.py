"""`python -m simulator`: a Spotify to run against, in a terminal."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from .accounts import APPS, LISTENER, App
from .faults import Fault, parse_fault
from .server import Server
from .simulator import Simulator

_EPILOG = """
\b
Examples:
  python -m simulator
  python -m simulator --today 2026-03-01 --latency 120
  python -m simulator --recorded ../shared/data/api_track
  python -m simulator --fault 429:retry-after=7200@items*3 --fault slow=2@token

\b
A fault is WHAT[:option=value,...][@WHERE][*TIMES]:
  WHAT     a status (404, 429, 502, ...), empty, html, truncated, reset, edit, slow=SECONDS, drip=SECONDS,
           rate-limited, quota-exceeded, premium-required, not-registered, bad-gateway
  option   retry-after=SECONDS, after=REQUESTS let through first, playlist=ID, clean (truncated with a matching
           length), and for edit: remove-at=N, insert-at=N, rename=NAME
  WHERE    token, playlist (the playlist object), items (a page of entries); everywhere when left out
  TIMES    how often; once when left out, for ever when * stands alone
  So: 502@playlist   reset@items   empty   truncated:clean@items*2   edit:insert-at=0,after=1@items

\b
While it runs:
  curl http://127.0.0.1:8711/_simulator/
  curl -X POST http://127.0.0.1:8711/_simulator/clock -d '{"advance_days": 1}'
  curl -X POST http://127.0.0.1:8711/_simulator/faults -d '{"kind": "status", "status": 502, "times": 3}'
  curl -X DELETE http://127.0.0.1:8711/_simulator/faults
"""


class _FaultSpec(click.ParamType[Fault]):
    name = "fault"

    def convert(self, value: str | Fault, param: click.Parameter | None, ctx: click.Context | None) -> Fault:
        if isinstance(value, Fault):
            return value
        try:
            return parse_fault(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(epilog=_EPILOG)
@click.option("--port", default=8711, show_default=True, help="Port on 127.0.0.1; 0 takes any free one.")
@click.option("--latency", default=0, metavar="MS", help="Milliseconds that every answer takes longer.")
@click.option(
    "--recorded",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of recorded answers (.json, .json.gz) to serve under their own playlist ids.",
)
@click.option(
    "--today", type=click.DateTime(["%Y-%m-%d"]), help="Start at noon (UTC) of this day; the clock then runs."
)
@click.option("--token-lifetime", default=3600, show_default=True, metavar="S", help="Seconds access tokens live.")
@click.option("--fault", "faults", type=_FaultSpec(), multiple=True, metavar="SPEC", help="A fault to come; see below.")
@click.option(
    "--app",
    "dialect",
    type=click.Choice(sorted(app.dialect for app in APPS.values())),
    default="extended",
    show_default=True,
    help="Whose variables to print; all three apps are served. The newer two come with a listener's refresh token.",
)
@click.option("--verbose", is_flag=True, help="Log every request.")
def main(
    port: int,
    latency: int,
    recorded: Path | None,
    today: datetime | None,
    token_lifetime: int,
    faults: tuple[Fault, ...],
    dialect: str,
    verbose: bool,
) -> None:
    """Simulate Spotify on this machine: accounts, playlists, and whatever can go wrong.

    Artists, songs and playlists are invented, and a Top 50 moves from day to day. This is never Spotify, and nothing
    here talks to it.
    """
    simulator = Simulator(now=_clock(today), latency=latency / 1000, recorded=recorded, token_lifetime=token_lifetime)
    for fault in faults:
        simulator.faults.add(fault)
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        server = Server(simulator, port, verbose)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise click.ClickException(
            f"Port {port} is in use; choose another with --port." if taken else f"Port {port}: {error}"
        ) from None
    with server:
        _introduce(simulator, server, next(app for app in APPS.values() if app.dialect == dialect))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo("\nStopped.")


def _clock(today: datetime | None) -> Callable[[], datetime]:
    if today is None:
        return lambda: datetime.now(UTC)
    ahead = today.replace(hour=12, tzinfo=UTC) - datetime.now(UTC)
    return lambda: datetime.now(UTC) + ahead


def _introduce(simulator: Simulator, server: Server, app: App) -> None:
    click.echo(
        f"chartlake's Spotify simulator on {server.accounts_url} - this is not Spotify, and the data is not its."
    )
    click.echo(f"It is {simulator.clock():%Y-%m-%d %H:%M} UTC here. Ctrl-C stops it.\n")
    click.echo(f"export SPOTIFY_API_URL={server.api_url}")
    click.echo(f"export SPOTIFY_ACCOUNTS_URL={server.accounts_url}")
    click.echo(f"export SPOTIPY_CLIENT_ID={app.client_id}")
    click.echo(f"export SPOTIPY_CLIENT_SECRET={app.client_secret}")
    now = simulator.clock()
    if app.dialect != "extended":
        click.echo(f"export SPOTIPY_REFRESH_TOKEN={simulator.refresh_token(LISTENER, app)}")
        click.echo(f"export SPOTIPY_CONSENTED_AT={now:%Y-%m-%d}")
    click.echo()
    for short, playlist in simulator.playlist_names.items():
        state = playlist.state(now)
        whose = "" if playlist.owner == LISTENER else f", of {playlist.owner}"
        click.echo(f"  {playlist.id}  {short:<16}{len(state.entries):>6}  {state.name}{whose}")
    for one in simulator.recorded.lists.values():
        click.echo(f"  {one.id}  {'recorded':<16}{len(one.entries):>6}  of {one.total}: {one.file.name}")
    for remark in simulator.recorded.remarks:
        click.echo(f"  {remark}", err=True)


if __name__ == "__main__":
    main(prog_name="python -m simulator")
