"""The file `.env` beside a person: it may have come with a clone or an archive, so it is heard in few things only."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import click
from dotenv import dotenv_values

from ..errors import BadSetting
from ..settings import SPOTIFY_ACCOUNTS_URL, SPOTIFY_API_URL
from ..text import printable

# What they say can at worst be wrong. AWS's other variables name commands to run (AWS_CONFIG_FILE), or where to and in
# whose name what is secret is sent (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID).
HEARD = frozenset(
    (
        *("CHARTLAKE_LAKE", "CHARTLAKE_PLAYLISTS", "CHARTLAKE_SCHEDULE", "CHARTLAKE_TIMEZONE", "CHARTLAKE_SECRET"),
        *("SPOTIPY_CLIENT_ID", "SPOTIPY_CLIENT_SECRET", "SPOTIPY_REFRESH_TOKEN", "SPOTIPY_CONSENTED_AT"),
        *("SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL", "CHARTLAKE_RATE"),
        *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
    )
)
_OURS = ("CHARTLAKE_", "SPOTIPY_", "SPOTIFY_", "AWS_")
_SECRETS = ("SPOTIPY_CLIENT_SECRET", "SPOTIPY_REFRESH_TOKEN")
# A command may read its settings more than once.
_told: set[Path] = set()
_ADDRESSES = {"SPOTIFY_API_URL": SPOTIFY_API_URL, "SPOTIFY_ACCOUNTS_URL": SPOTIFY_ACCOUNTS_URL}


def read_env_file(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings in the file that the environment does not have; the first time it is told what was read.

    Raises `BadSetting` where it is no UTF-8, and where a secret that does not stand in it would go to an address that
    does.
    """
    told = {name: value for name, value in _values(path).items() if name not in environment}
    heard = {name: value for name, value in told.items() if name in HEARD}
    left = [name for name in told if name.startswith(_OURS) and name not in HEARD]
    if heard or left:
        _tell(path.resolve(), sorted(heard), sorted(left))
    _refuse_redirection(printable(str(path.resolve())), heard, environment)
    return heard


def _values(path: Path) -> dict[str, str]:
    try:
        # Without interpolation: a value could take in a secret of the shell, and carry it away as an address.
        return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}
    except UnicodeDecodeError:
        raise BadSetting(f"The file {path} is not UTF-8.", advice="Save it as UTF-8 and run it again.") from None


def _tell(path: Path, heard: list[str], left: list[str]) -> None:
    if path in _told:
        return
    _told.add(path)
    where, mode = printable(str(path)), path.stat().st_mode
    if heard:
        click.echo(f"Settings from {where}: {', '.join(heard)}", err=True)
    if left:
        names = ", ".join(map(printable, left))
        click.echo(f"Not taken from {where}: {names}. If you want that, set it in your shell.", err=True)
    if mode & (stat.S_IRGRP | stat.S_IROTH) and any(name in _SECRETS for name in heard):
        click.echo(f"Others on this machine may read the secrets in {where}: chmod 600 it.", err=True)
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        click.echo(f"Others on this machine may change {where}: chmod 600 it.", err=True)


def _refuse_redirection(where: str, heard: Mapping[str, str], environment: Mapping[str, str]) -> None:
    moved = [
        name for name, usual in _ADDRESSES.items() if heard.get(name, usual).strip().rstrip("/") not in ("", usual)
    ]
    foreign = [f"{name} of your shell" for name in _SECRETS if environment.get(name, "").strip()]
    parameter = environment.get("CHARTLAKE_SECRET", heard.get("CHARTLAKE_SECRET", "")).strip()
    if parameter:
        foreign.append(f"what the SSM parameter {printable(parameter)} holds")
    if moved and foreign:
        raise BadSetting(
            f"{moved[0]} stands in {where}: {printable(heard[moved[0]])} would be sent {foreign[0]}.",
            advice=f"If you trust that address, set {moved[0]} in your shell; else take it out of the file.",
        )
