"""Commands for people who write SQL: ask the lake in it, and take the views to another engine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import click
from rich.console import Console

from ...analysis.charts import Charts
from ...analysis.copies import TABLES, open_copy, read_copy, words_for
from ...analysis.views import VIEWS
from ...errors import BadSetting
from ...lake.tables import Question
from ...lake.warehouse import Warehouse
from .. import chart_tables
from ..base import a_console, as_json_option, chunks_of, write_all
from ..lookup import Asked

_ROWS = 50
_TABLES = ("entries", "snapshots", "audio_features")


@click.command()
@click.argument("sql")
@click.option("--playlist", "playlists", multiple=True, metavar="PLAYLIST", help="Only this one; may be repeated.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV; that is the form without a terminal, too.")
@click.option("--parquet", type=click.File("wb"), metavar="FILE", help="Write all rows to a Parquet file.")
@as_json_option
def query(sql: str, playlists: tuple[str, ...], as_csv: bool, parquet: IO[bytes] | None, as_json: bool) -> None:
    """Answer a question in SQL over the tables and views.

    DuckDB's SQL. The tables: audio_features, entries, snapshots. The views: albums, artists, chart, coverage, credits,
    emptied, events, freshness, keyed, known_days, lead_lag, mixed_days, moments, moves, overlap, placed, playlists,
    reach, recordings, runs, shares, slots, standings, tracks, turnover. `DESCRIBE chart` shows one's columns. A - reads
    SQL from stdin. On a terminal the first 50 rows are shown.

    The question is asked of copies, so no SQL changes the lake. An S3 lake is downloaded for it whole; with
    --playlist only that list's files are. Instants are UTC.

    \b
    Examples:
      chartlake query "SELECT name, artist, days_seen FROM tracks ORDER BY days_seen DESC LIMIT 10"
      chartlake query "FROM chart" --playlist 37i9dQZEVXbMDoHDwVN2tF --csv > chart.csv
    """
    if as_csv + as_json + (parquet is not None) > 1:
        raise BadSetting("--csv, --json and --parquet are forms of one answer.", advice="Give one of them.")
    text = sys.stdin.read() if sql == "-" else sql
    asked, console = Asked(), a_console()
    with _open(asked, text, [asked.kept_id(one) for one in playlists]) as found:
        question = found.ask(text)
        if console.is_terminal and not (parquet or as_csv or as_json):
            _show_first(console, question)
            return
        form = "parquet" if parquet else "json" if as_json else "csv"
        write_all(chunks_of(question.save(form)), parquet or sys.stdout.buffer)


@contextmanager
def _open(asked: Asked, text: str, playlist_ids: list[str]) -> Iterator[Charts | Warehouse]:
    """What a question can name: where the copy has all of it, the copy, and says so."""
    named = {word for word in re.findall(r"\w+", text.lower()) if word in (*VIEWS, *_TABLES)}
    copy = read_copy(asked.lake) if named and named <= TABLES.keys() and not playlist_ids else None
    if copy is None:
        with asked.charts(*playlist_ids, features=True) as found:
            yield found
        return
    click.echo(words_for(copy), err=True)
    with open_copy(asked.lake, asked.today, copy, named) as warehouse:
        yield warehouse


def _show_first(console: Console, question: Question) -> None:
    rows = question.head(_ROWS + 1)
    chart_tables.show_rows(console, question.columns, rows[:_ROWS])
    if len(rows) > _ROWS:
        console.print(f"These are the first {_ROWS} rows; --csv and --json give all.")


@click.command()
@click.option("--dialect", type=click.Choice(["duckdb", "athena", "spark"]), default="duckdb", show_default=True)
@as_json_option
def views(dialect: str, as_json: bool) -> None:
    """Print the views for another engine, as CREATE VIEW.

    The engine needs the lake's two tables under the names `entries` and `snapshots`; `make deploy` makes them in
    Athena.

    \b
    Example:
      chartlake views --dialect spark > views.sql
    """
    from ..view_dialects import create_statements

    statements = create_statements(dialect)
    if as_json:
        click.echo(json.dumps({"dialect": dialect, "statements": statements}))
    else:
        click.echo("\n\n".join(f"{statement};" for statement in statements))
