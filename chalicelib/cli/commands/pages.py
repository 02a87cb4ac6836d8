"""The command for the site: render the pages, say where they are, open them."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.text import Text

from ...lake import keys
from ...report.site import render_site, shared_index
from ...time_and_chance import World
from ..base import DONE, FAILED, PARTLY_DONE, as_json_option, open_in_browser, progress_bar, settings_now
from ..lookup import Asked

# As long as a person needs a page that was just made; with temporary credentials a link ends with them.
_LINK_SECONDS = 3600


@click.command()
@click.argument("playlists", nargs=-1, metavar="[PLAYLIST]...")
@click.option("--open", "open_it", is_flag=True, help="Open the index in the browser.")
@as_json_option
@click.pass_context
def report(ctx: click.Context, playlists: tuple[str, ...], open_it: bool, as_json: bool) -> None:
    """Render a page for each playlist, and an index, into the lake's site/.

    Without a PLAYLIST all pages are rendered. Each is one file that asks nothing of the network. For a lake in S3 the
    address is a signed link to the index: whoever has it can read the pages for an hour.

    \b
    Example:
      chartlake report --open
    """
    settings, world, asked = settings_now(), World(), Asked()
    lake, named = asked.lake, [asked.playlist_id(one) for one in playlists]
    with progress_bar("Rendering") as progress:
        rendered = render_site(lake, world, settings.timezone, named, progress=progress)
    in_s3 = settings.lake.startswith("s3://")
    link = shared_index(lake.store, world, _LINK_SECONDS) if in_s3 else lake.store.link(keys.INDEX_PAGE, _LINK_SECONDS)
    if as_json:
        click.echo(json.dumps(rendered.to_json() | {"index": lake.store.locate(keys.INDEX_PAGE), "link": link}))
    else:
        console = Console()
        for one, error in rendered.failed.items():
            console.print(Text(f"× {one}: {error.message}", style="red"), soft_wrap=True)
            console.print(Text(f"  {error.advice}"), soft_wrap=True)
        count = len(rendered.pages)
        console.print(f"{count} page{'' if count == 1 else 's'} and the index rendered.", highlight=False)
        console.print(Text(link if in_s3 else lake.store.locate(keys.INDEX_PAGE)), soft_wrap=True)
    if open_it:
        open_in_browser(link)
    ctx.exit(DONE if not rendered.failed else PARTLY_DONE if rendered.pages else FAILED)
