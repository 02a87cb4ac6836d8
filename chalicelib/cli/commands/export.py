"""The way out: a day's entries, or those of several days, as files for other programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any, cast

import click

from ...analysis import exports, other_tools
from ...analysis.kept_days import KeptDays, open_days
from ...errors import BadSetting
from ...lake.tables import Row
from ...text import counted
from ..base import CannotPrint, as_json_option, chunks_of, day_option, write_all
from ..lookup import Asked
from .answers import refuse_two_spans


@dataclass(frozen=True)
class _Form:
    """How days are written: `one_day` gives the lines of a day, of which a file has one, `any_days` those of any number
    of days (neither: Parquet). `holds` says which entries are in it, `others` what the others are."""

    ending: str
    one_day: Callable[[Row, list[Row]], Iterable[str]] | None = None
    any_days: Callable[[Iterable[Row]], Iterable[str]] | None = None
    holds: Callable[[Row], bool] = lambda entry: True
    others: str = ""


def _json(document: dict[str, Any]) -> list[str]:
    return [json.dumps(document, ensure_ascii=False), "\n"]


def _ended(lines: Iterable[str]) -> Iterator[str]:
    return (f"{line}\n" for line in lines)


def _has_link(entry: Row) -> bool:
    return bool(exports.links([entry]))


_FORMS = {
    "csv": _Form(".csv", any_days=exports.csv_lines),
    "jsonl": _Form(".jsonl", any_days=exports.json_lines),
    "parquet": _Form(".parquet"),
    "json": _Form(".json", lambda snapshot, entries: _json(exports.document(snapshot, entries))),
    "exportify": _Form(
        ".csv",
        lambda _, entries: other_tools.exportify_lines(entries),
        holds=other_tools.is_in_exportify,
        others="that Exportify has no place for",
    ),
    "spotify-backup": _Form(".json", lambda snapshot, entries: _json(other_tools.backup_document(snapshot, entries))),
    "urls": _Form(".txt", lambda _, entries: _ended(exports.links(entries)), holds=_has_link, others="without a link"),
    "m3u": _Form(
        ".m3u8", lambda _, entries: _ended(exports.m3u_lines(entries)), holds=_has_link, others="without a link"
    ),
}


@click.command()
@click.argument("playlist", required=False)
@day_option("--date", "day", help="The day; else the newest known one.")
@day_option("--from", "first", help="Over several days: the first.")
@day_option("--to", "last", help="Over several days: the last.")
@click.option("--format", "form", type=click.Choice(list(_FORMS)), default="csv", show_default=True)
@click.option(
    "--output",
    metavar="PATH",
    default="-",
    help="A file, or a folder (one that is there, or ends with a slash), in which files get names; else printed.",
)
@as_json_option
def export(
    playlist: str | None,
    day: date | None,
    first: date | None,
    last: date | None,
    form: str,
    output: str,
    as_json: bool,
) -> None:
    """Write entries for another program, of a day or of all known days of a span.

    csv, jsonl and parquet have the columns of the table `entries`, for any number of days in one file; json has one
    day, with its row of `snapshots`. exportify and spotify-backup are the files of those tools, a day each. All of
    these can be imported again. urls are links, which paste back into a playlist in Spotify's desktop app; m3u is a
    play list of these links.

    \b
    Examples:
      chartlake export "top 50" --date 2026-11-22 --output top50.csv
      chartlake export "top 50" --format urls
      chartlake export "top 50" --format exportify --from 2026-11-01 --to 2026-11-22 --output exported/
    """
    refuse_two_spans(day, first, last)
    name = "json" if as_json else form
    folder = _folder(output)
    span = (first or date.min, last or date.max) if first or last else None
    if folder is None:
        _refuse_without_folder(name, span is not None, output)
    asked = Asked()
    playlist_id = asked.playlist_id(playlist)
    days, left_out = _known_days(asked, playlist_id, day, span), Counter[str]()
    with open_days(asked.lake, playlist_id, days) as kept:
        for chunks, own in _files(kept, name, days, left_out):
            path = str(_named(folder, playlist_id, own, _FORMS[name].ending)) if folder else output
            _write(path, chunks)
    _tell(left_out, _FORMS[name])


def _write(path: str, chunks: Iterable[bytes]) -> None:
    """Write a file; `-` is what is printed. What does not fit may show only when it is closed."""
    try:
        with click.open_file(path, "wb", lazy=True) as target:
            write_all(chunks, cast(IO[bytes], target))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotPrint(error) from None


def _folder(output: str) -> Path | None:
    """The folder that a person names: one that is there, or ends with a slash; None for a file."""
    return Path(output) if output.endswith(("/", os.sep)) or Path(output).is_dir() else None


def _known_days(asked: Asked, playlist_id: str, day: date | None, span: tuple[date, date] | None) -> list[date]:
    """The known days of a span; without one that day, or the newest known one. Raises `NotKept`."""
    with asked.charts(playlist_id, entries=False) as found:
        if span:
            return found.known_days(playlist_id, *span)
        return [found.known_day(found.playlist(playlist_id), day)["snapshot_date"]]


def _refuse_without_folder(name: str, several: bool, output: str) -> None:
    """Raises `BadSetting` for what one file, or a terminal, cannot take."""
    if several and _FORMS[name].one_day:
        raise BadSetting(
            f"{name} has one day a file, and a span of days is asked for.",
            advice="Name a folder, such as --output exported/: a file for each day is written there. csv, jsonl and "
            "parquet hold any number of days.",
        )
    if name == "parquet" and output == "-" and sys.stdout.isatty():
        raise BadSetting("Parquet is no text for a terminal.", advice="Name a file with --output.")


# What is in a file, and the days that it has.
_File = tuple[Iterable[bytes], list[date]]


def _files(kept: KeptDays, name: str, days: list[date], left_out: Counter[str]) -> Iterator[_File]:
    """The files that are to be written. What none of them holds is counted in `left_out`, by kind."""
    form = _FORMS[name]
    if form.any_days:
        yield _encoded(form.any_days(entry for _, entries in kept for entry in entries)), days
    elif form.one_day:
        for snapshot, entries in kept:
            left_out.update(entry["item_type"] for entry in entries if not form.holds(entry))
            yield _encoded(form.one_day(snapshot, entries)), [snapshot["snapshot_date"]]
    else:
        yield chunks_of(kept.parquet()), days


def _encoded(lines: Iterable[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)


def _named(folder: Path, playlist_id: str, days: list[date], ending: str) -> Path:
    """The file for these days, in a folder that is made where it is not there. Raises `BadSetting`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"{folder} is no folder: {error.strerror or error}", advice="Name another one.") from None
    span = str(days[0]) if len(days) == 1 else f"{days[0]}-to-{days[-1]}"
    return folder / f"{re.sub(r'[^0-9A-Za-z_-]', '-', playlist_id)}-{span}{ending}"


def _tell(left_out: Counter[str], form: _Form) -> None:
    if left_out:
        told = ", ".join(f"{count} {kind}" for kind, count in left_out.items())
        click.echo(f"{counted(left_out.total(), 'entry', 'entries')} {form.others} left out: {told}.", err=True)
