"""The command that asks for an artist across lists."""

from __future__ import annotations

import json

import click

from ...analysis.artists import read_artist
from ...analysis.watchlist import bare
from .. import chart_tables
from ..base import a_console, as_json_option
from ..lookup import Asked, one_artist


@click.command()
@click.argument("name")
@as_json_option
def artist(name: str, as_json: bool) -> None:
    """Show on which lists an artist is and was, with which tracks, since when, and where first.

    NAME is an id, a URI, a link, or a part of a name that no other artist has. Lists of files that give no ids count
    where the track or the whole name is the same.

    ≤ stands before a day when the days just before it are not known.

    \b
    Example:
      chartlake artist "dua lipa"
    """
    asked = Asked()
    meant = bare("artist", name.strip())
    history = read_artist(asked.lake, asked.today, meant, lambda found: one_artist(found, meant))
    if as_json:
        click.echo(json.dumps(history.to_json(), ensure_ascii=False))
    else:
        chart_tables.show_artist(a_console(), history)
