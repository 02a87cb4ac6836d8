"""The command that tells which days are known."""

from __future__ import annotations

import json

import click
from rich.console import Console

from ...analysis.coverage import coverage as read_coverage
from .. import terminal
from ..base import as_json_option
from ..lookup import Asked


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@as_json_option
def coverage(playlists: tuple[str, ...], as_json: bool) -> None:
    """Show which days are known, which failed and why, and which were missed.

    \b
    Example:
      chartlake coverage 37i9dQZEVXbMDoHDwVN2tF
    """
    asked = Asked()
    found = read_coverage(asked.lake, asked.today, [asked.kept_id(one) for one in playlists])
    if as_json:
        click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False))
    else:
        terminal.show_coverage(Console(), found)
