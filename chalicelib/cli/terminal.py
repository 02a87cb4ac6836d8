"""What a person sees in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..analysis.coverage import MISSED, Coverage, Day
from ..errors import ChartlakeError
from ..lake import keys
from ..lake.schema import PUBLISHED, Status
from ..report.event_words import sentence
from ..text import counted, printable, printable_lines
from .chart_tables import show_chart

if TYPE_CHECKING:
    from ..analysis.charts import Chart
    from ..history.importing import ImportedFile
    from ..history.known import Format
    from ..lake.lake import Lake
    from ..snapshots.outcome import Outcome, Run
    from ..snapshots.purge import Purged
    from ..snapshots.replay import Replayed
    from ..snapshots.verify import Verdict
    from .cost import Line, Load
    from .demo_lake import Demo
    from .doctor.check import Check

_TOP = 10
_GAPS_SHOWN = 10
_REMARKS_SHOWN = 5
_MARKS = {Status.OK: ("●", "green"), Status.UNCHANGED: ("○", "green"), MISSED: ("·", "red")}
_FAILED_MARK = ("×", "red")


def _text(text: str, style: str = "") -> Text:
    """Words for the terminal, which obeys some of what stands in foreign ones."""
    return Text(printable_lines(text), style)


def show_error(console: Console, error: ChartlakeError) -> None:
    """What happened, and what to do next."""
    console.print(_text(error.message, style="bold red"), soft_wrap=True)
    console.print(_text(error.advice), soft_wrap=True)


def show_outcome(console: Console, outcome: Outcome) -> None:
    """One line a playlist; two where there is advice."""
    mark, style = _MARKS.get(outcome.status, _FAILED_MARK)
    name = printable(outcome.row.get("name")) or outcome.playlist_id
    line = Text.assemble((f"{mark} ", style), (name, "bold"), f"  {outcome.snapshot_date}  ")
    if outcome.published:
        line.append(counted(outcome.row["entry_count"], "entry", "entries"))
        line.append(" (today's snapshot is already there)" if outcome.already else f", {outcome.status}")
    else:
        line.append(f"{outcome.status}: ", style)
        line.append(printable(outcome.row.get("reason")))
    console.print(line, soft_wrap=True)


def show_run(console: Console, run: Run, charts: list[Chart], lake: Lake | None, command: str) -> None:
    """After the lines of the playlists: errors' advice once each, and of a lake at hand the charts' top ten, the files,
    the next command."""
    _show_what_failed(console, run)
    if lake is None:
        return
    for chart in charts:
        console.print()
        show_chart(console, chart, _TOP, brief=True)
    published = [outcome for outcome in run.outcomes if outcome.published]
    if published:
        console.print()
        _show_where(console, lake, published[-1])
        console.print(_text(f"Next     {command} charts    or    {command} coverage"))


def _show_what_failed(console: Console, run: Run) -> None:
    if run.stopped and not any(one.error is run.stopped for one in run.outcomes):
        show_error(console, run.stopped)
    else:
        advised = [run.stopped, *(one.error for one in run.outcomes if not one.published)]
        for advice in dict.fromkeys(error.advice for error in advised if error):
            console.print(_text(advice), soft_wrap=True)
    if run.left:
        console.print(f"{counted(len(run.left), 'playlist')} not reached; the next run continues there.")


def _show_where(console: Console, lake: Lake, outcome: Outcome) -> None:
    entries_key, raw_key = outcome.row["entries_key"] or "tables/entries", outcome.row["raw_key"]
    console.print(_text(f"Entries  {lake.store.locate(entries_key)}"), soft_wrap=True)
    if raw_key:
        console.print(_text(f"Raw      {lake.store.locate(raw_key)}"), soft_wrap=True)


def show_verdict(console: Console, verdict: Verdict, where: str) -> None:
    """The counts, then every broken promise."""
    if not verdict.days and not verdict.findings:
        console.print(_text(f"There is no snapshot in {where} yet."))
        return
    for finding in verdict.findings:
        which = f"{finding.playlist_id} {finding.snapshot_date or 'every day'}: " if finding.playlist_id else ""
        console.print(_text(f"× {which}{finding.problem}", style="red"), soft_wrap=True)
    for note in verdict.notes:
        console.print(_text(note, style="yellow"), soft_wrap=True)
    tried, entries = counted(verdict.days, "day"), counted(verdict.entries, "entry", "entries")
    kept = f"{tried} tried, {verdict.published} kept, {entries}"
    if verdict.findings:
        console.print(
            _text(f"{counted(len(verdict.findings), 'problem')} in {where}: {kept}.", style="bold red"), soft_wrap=True
        )
    else:
        console.print(_text(f"Proven: {kept} in {where}.", style="bold green"), soft_wrap=True)


def show_check(console: Console, check: Check) -> None:
    """A tick, a sign of exclamation or a cross, and advice under the latter two."""
    mark, style = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("×", "bold red")}[check.mark]
    console.print(Text.assemble((mark, style), f" {check.name}: {printable(check.message)}"), soft_wrap=True)
    if check.advice:
        console.print(_text(f"  {check.advice}"), soft_wrap=True)


def show_replayed(console: Console, found: Replayed, dry_run: bool) -> None:
    """The days that are other than before, then how much was read."""
    told = found.to_json()
    show_replay_result(console, told | {"changed_days": len(found.changed)}, "would change" if dry_run else "changed")


def show_replay_result(console: Console, told: Mapping[str, Any], verb: str = "changed") -> None:
    """The same of a replay elsewhere, which counts all changed days and names the first."""
    for one in told["changed"]:
        console.print(_text(f"{one['playlist_id']} {one['snapshot_date']}"), soft_wrap=True)
    if told["changed_days"] > len(told["changed"]):
        console.print(f"… and {told['changed_days'] - len(told['changed'])} more")
    for one in told.get("damaged", ()):
        console.print(_text(f"× {one['raw_key']}: {one['problem']}", style="red"), soft_wrap=True)
    read = _read_words(told)
    if told["changed_days"]:
        console.print(f"{read}: {counted(told['changed_days'], 'day')} {verb}.")
    elif told["captures"] or told.get("imports"):
        console.print(f"{read}: every day is as it was.")
    else:
        console.print(f"{read}: nothing was there to be replayed.")


def _read_words(told: Mapping[str, Any]) -> str:
    """What a replay read, and what of it could not be used."""
    damaged = {one["raw_key"] for one in told.get("damaged", ())}
    files = {key for key in damaged if key.startswith(keys.KEPT_IMPORTS)}
    read = counted(told["captures"] - len(damaged - files), "raw capture")
    if told.get("imports"):
        read += f" and {counted(told['imports'] - len(files), 'imported file')}"
    read += " read"
    if told.get("damaged"):
        read += f", {len(told['damaged'])} damaged"
    if told.get("purged"):
        read += f", {told['purged']} left out because they were purged"
    return read


def show_purged(console: Console, found: Purged, dry_run: bool) -> None:
    """Every object that is touched, then the counts."""
    for key in found.raw_keys:
        console.print(_text(f"{key}: removed"), soft_wrap=True)
    for verb, counts in (("removed", found.removed), ("made anonymous or without raw", found.redacted)):
        for key, rows in counts.items():
            console.print(_text(f"{key}: {counted(rows, 'row')} {verb}"), soft_wrap=True)
    removed, redacted = sum(found.removed.values()), sum(found.redacted.values())
    summary = f"{counted(len(found.raw_keys), 'raw document')} and {counted(removed, 'row')} removed"
    console.print(f"{summary}, {counted(redacted, 'row')} changed.")
    if found.pages:
        console.print(
            f"{counted(len(found.pages), 'rendered page')} removed; `chartlake report` renders the rest again."
        )
    if found.copied:
        console.print("The copy in warehouse/ removed; `chartlake copy` makes it again.")
    if dry_run:
        console.print("This was a dry run: nothing is gone. Add --yes to do it.")


def show_imported(console: Console, found: ImportedFile) -> None:
    """A line a file: which list it became, and how much of it; a refused one with what to do."""
    if found.error:
        console.print(_text(f"× {printable(found.error.message)}", style="red"), soft_wrap=True)
        console.print(_text(f"  {found.error.advice}"), soft_wrap=True)
        return
    counts = f"{counted(found.days, 'day')}, {counted(found.rows, 'row')}, {found.changed} new or changed"
    rejected = f", {counted(len(found.rejects), 'bad line')} kept in {found.rejects_path}" if found.rejects else ""
    purged = f", {counted(found.purged, 'purged day')} left out" if found.purged else ""
    playlists = found.playlists[0] if len(found.playlists) == 1 else counted(len(found.playlists), "list")
    line = f"● {printable(found.name)}  {found.format}, {playlists}: {counts}{purged}{rejected}"
    console.print(_text(line), soft_wrap=True)
    _show_remarks(console, found)


def _show_remarks(console: Console, found: ImportedFile) -> None:
    for playlist_id, day, reason in found.remarks[:_REMARKS_SHOWN]:
        console.print(Text(f"  {playlist_id}, {day}: {printable(reason)}", style="yellow"), soft_wrap=True)
    more = len(found.remarks) - _REMARKS_SHOWN
    if more > 0:
        console.print(f"  {counted(more, 'more day')} with a remark; the table snapshots has each as its reason.")


def show_looked_at(console: Console, found: ImportedFile) -> None:
    """What a file would become, with its first rows; a refused one as its import would be."""
    if found.error:
        return show_imported(console, found)
    playlists = found.playlists[0] if len(found.playlists) == 1 else counted(len(found.playlists), "list")
    rejected = f", {counted(len(found.rejects), 'bad line')} left out" if found.rejects else ""
    counts = f"{counted(found.days, 'day')}, {counted(found.rows, 'row')}{rejected}; nothing was written"
    line = f"○ {printable(found.name)}  {found.format}, {playlists}: {counts}"
    console.print(_text(line), soft_wrap=True)
    table = Table("list", "day", "position", "title", "artists", "uri", "streams", box=None, header_style="bold")
    for row in found.first_rows:
        artists = ", ".join(artist["name"] or "" for artist in row["artists"])
        names = ("playlist_id", "snapshot_date", "position", "name")
        cells = (*(row[name] for name in names), artists, row["uri"], row["streams"])
        table.add_row(*(_text(printable(str(cell)) if cell is not None else "–") for cell in cells))
    console.print(table)
    _show_remarks(console, found)


def show_formats(console: Console, formats: Iterable[Format]) -> None:
    """A line a format: what it is, and where its list and its day stand."""
    table = Table("format", "is", "list", "day", box=None, header_style="bold")
    for one in formats:
        table.add_row(*map(_text, (one.name, one.what, one.list, one.day)))
    console.print(table)


def show_coverage(console: Console, found: list[Coverage]) -> None:
    """A calendar a playlist, a line a month, then the newest gaps with their reasons."""
    if not found:
        console.print("There is no snapshot in the lake yet.")
        return
    for one in found:
        _show_calendar(console, one)
    console.print("● kept  ○ unchanged  × tried, no snapshot  · missed")


def _show_calendar(console: Console, one: Coverage) -> None:
    simulated = "  (simulated)" if one.source == "simulator" and "simulated" not in (one.name or "") else ""
    title = Text.assemble((printable(one.name), "bold"), "  " if one.name else "", one.playlist_id, simulated)
    console.print(title, soft_wrap=True)
    for month, days in groupby(one.days, key=lambda day: f"{day.day:%Y-%m}"):
        console.print(_month_line(month, list(days)), soft_wrap=True)
    _show_gaps(console, [day for day in one.days if day.status not in PUBLISHED])
    counts = ", ".join(f"{count} {status}" for status, count in one.counts.items())
    console.print(_text(f"  {counts or 'never tried'}"))


def _month_line(month: str, days: list[Day]) -> Text:
    """A mark a day, the first one where its day of the month stands."""
    marks = (_MARKS.get(day.status, _FAILED_MARK) for day in days)
    return Text.assemble(f"  {month}  ", " " * (days[0].day.day - 1), *marks)


def _show_gaps(console: Console, gaps: list[Day]) -> None:
    for day in gaps[-_GAPS_SHOWN:]:
        reason = printable(day.reason) or "nothing is known of this day"
        console.print(_text(f"  {day.day}  {day.status}: {reason}"), soft_wrap=True)
    if len(gaps) > _GAPS_SHOWN:
        console.print(f"  … and {len(gaps) - _GAPS_SHOWN} earlier gaps (--json lists all)")


def show_demo(console: Console, made: Demo, page: str, command: str) -> None:
    """What was made, what is missing on purpose, the page, and the next commands."""
    if not made.complete:
        console.print(f"Stopped after {made.taken} of {made.days} days; run it again to make all of them.")
    console.print(
        _text(
            f"{counted(made.taken, 'day')} of {counted(len(made.playlists), 'playlist')} in {made.lake}: "
            f"{made.entries:,} entries, in {made.seconds:.0f} s."
        ),
        soft_wrap=True,
    )
    for one in made.playlists:
        counts = ", ".join(f"{count} {status}" for status, count in one.counts.items())
        console.print(Text.assemble("  ", (printable(one.name), "bold"), f"  {counts}"), soft_wrap=True)
    console.print("The gaps are there on purpose: coverage shows each with its reason.")
    if made.news:
        console.print("The newest day of the list that is watched:")
    for event in made.news:
        console.print(_text(f"  {printable(sentence(event))}"), soft_wrap=True)
    call = f"CHARTLAKE_LAKE={quote(made.lake)} {command}"
    console.print(
        _text(f"Page     {page}\nNext     {call} charts\n         {call} events\n         {call} watch list"),
        soft_wrap=True,
    )


def show_bill(console: Console, load: Load, lines: list[Line], prices: Mapping[str, Any]) -> None:
    """A line a service, the total, and what each figure rests on."""
    playlists, entries = counted(load.playlists, "playlist"), counted(load.entries, "entry", "entries")
    console.print(f"{playlists} of {entries}, every day, for a month (USD)")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in ("amount", "list price", "to pay"):
        table.add_column(name, justify="right")
    table.add_column("figures")
    for line in lines:
        table.add_row(line.name, line.amount, f"{line.list_price:.4f}", f"{line.to_pay:.4f}", line.basis)
    from .cost import total

    whole = total(lines)
    table.add_section()
    table.add_row(whole.name, "", f"{whole.list_price:.2f}", f"{whole.to_pay:.2f}", whole.basis, style="bold")
    console.print(table)
    for basis in ("measured", "partly", "assumed"):
        for line in lines:
            if line.basis == basis:
                console.print(_text(f"{line.name}, {basis}: {line.words}."), soft_wrap=True)
    console.print(
        f"List prices of {prices['date']} in {prices['region']}; to pay is what the account's always-free allowance "
        "does not cover, if nothing else uses it.",
        soft_wrap=True,
    )
