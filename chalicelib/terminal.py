"""What a person sees in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .coverage import MISSED, Coverage
from .entries import Row
from .errors import ChartlakeError
from .lake.schema import PUBLISHED, Status

if TYPE_CHECKING:
    from .cost import Line, Load
    from .doctor import Check
    from .imports import ImportedFile
    from .lake.lake import Lake
    from .outcome import Outcome, Run
    from .purge import Purged
    from .replay import Replayed
    from .verify import Verdict

_TOP = 10
_TABLES_SHOWN = 3
_GAPS_SHOWN = 10
_MARKS = {Status.OK: ("●", "green"), Status.UNCHANGED: ("○", "green"), MISSED: ("·", "red")}
_FAILED_MARK = ("×", "red")


def show_error(console: Console, error: ChartlakeError) -> None:
    """What happened, and what to do next."""
    console.print(Text(error.message, style="bold red"), soft_wrap=True)
    console.print(Text(error.advice), soft_wrap=True)


def show_outcome(console: Console, outcome: Outcome) -> None:
    """One line a playlist; two where there is advice."""
    mark, style = _MARKS.get(outcome.status, _FAILED_MARK)
    name = printable(outcome.row.get("name")) or outcome.playlist_id
    line = Text.assemble((f"{mark} ", style), (name, "bold"), f"  {outcome.snapshot_date}  ")
    if outcome.published:
        line.append(_counted(outcome.row["entry_count"], "entry", "entries"))
        line.append(" (today's snapshot is already there)" if outcome.already else f", {outcome.status}")
    else:
        line.append(f"{outcome.status}: ", style)
        line.append(printable(outcome.row.get("reason")))
    console.print(line, soft_wrap=True)


def show_run(console: Console, run: Run, lake: Lake | None, command: str) -> None:
    """After the lines of the playlists: errors' advice once each, and of a lake at hand the top ten, the files, the
    next command."""
    advised = [run.stopped] if run.stopped else []
    advised += [one.error for one in run.outcomes if one.error and not one.published]
    if run.stopped and not any(one.error is run.stopped for one in run.outcomes):
        show_error(console, run.stopped)
    else:
        for advice in dict.fromkeys(error.advice for error in advised):
            console.print(Text(advice), soft_wrap=True)
    if run.left:
        console.print(f"{_counted(len(run.left), 'playlist')} not reached; the next run continues there.")
    if lake is None:
        return
    published = [outcome for outcome in run.outcomes if outcome.published]
    for outcome in published[:_TABLES_SHOWN]:
        _show_top(console, outcome, lake)
    if published:
        console.print()
        entries_key = published[-1].row["entries_key"] or "tables/entries"
        console.print(Text(f"Entries  {lake.store.locate(entries_key)}"), soft_wrap=True)
        if published[-1].row["raw_key"]:
            console.print(Text(f"Raw      {lake.store.locate(published[-1].row['raw_key'])}"), soft_wrap=True)
        console.print(Text(f"Next     {command} coverage    or    {command} verify"))


def _show_top(console: Console, outcome: Outcome, lake: Lake) -> None:
    entries = lake.entries(outcome.playlist_id, outcome.snapshot_date)
    if not entries:
        return
    before = _previous(lake, outcome)
    title = printable(outcome.row["name"]) or outcome.playlist_id
    caption = f"{title}, {outcome.snapshot_date}" + (f", since {before[0]['snapshot_date']}" if before else "")
    table = Table(title=Text(caption), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    # Given no widths, rich takes the room that is missing from the figures, which are what one looks for.
    words = max(24, min(80, console.width - 34))
    table.add_column("#", justify="right", width=2)
    if before:
        table.add_column("", justify="right", width=5)
    table.add_column("Title", overflow="ellipsis", no_wrap=True, width=words * 3 // 5)
    table.add_column("Artists", overflow="ellipsis", no_wrap=True, width=words - words * 3 // 5)
    table.add_column("Popularity", justify="right", width=10)
    places = {entry["uri"]: entry["position"] for entry in reversed(before)}
    for entry in entries[:_TOP]:
        movement = [_movement(entry, places)] if before else []
        artists = ", ".join(printable(artist["name"]) for artist in entry["artists"] or [])
        popularity = "" if entry["popularity"] is None else str(entry["popularity"])
        name = printable(entry["name"]) or f"({entry['item_type']})"
        table.add_row(str(entry["position"]), *movement, Text(name), Text(artists), popularity)
    console.print()
    console.print(table)
    if outcome.row["source"] == "simulator":
        console.print("Simulated data: no such artists, no such songs.")


def _previous(lake: Lake, outcome: Outcome) -> list[Row]:
    history = lake.history(outcome.playlist_id, outcome.snapshot_date)
    earlier = [r for r in history if r["status"] in PUBLISHED and r["snapshot_date"] < outcome.snapshot_date]
    return lake.entries(outcome.playlist_id, earlier[-1]["snapshot_date"]) if earlier else []


def _movement(entry: Row, places: dict[str, int]) -> Text:
    before = places.get(entry["uri"]) if entry["uri"] else None
    if before is None:
        return Text("new", style="cyan")
    change = before - entry["position"]
    if change == 0:
        return Text("=")
    return Text(f"▲ {change}", style="green") if change > 0 else Text(f"▼ {-change}", style="red")


def show_verdict(console: Console, verdict: Verdict, where: str) -> None:
    """The counts, then every broken promise."""
    if not verdict.days and not verdict.findings:
        console.print(Text(f"There is no snapshot in {where} yet."))
        return
    for finding in verdict.findings:
        day = finding.snapshot_date or "every day"
        console.print(Text(f"× {finding.playlist_id} {day}: {finding.problem}", style="red"), soft_wrap=True)
    tried, entries = _counted(verdict.days, "day"), _counted(verdict.entries, "entry", "entries")
    kept = f"{tried} tried, {verdict.published} kept, {entries}"
    if verdict.findings:
        console.print(
            Text(f"{_counted(len(verdict.findings), 'problem')} in {where}: {kept}.", style="bold red"), soft_wrap=True
        )
    else:
        console.print(Text(f"Proven: {kept} in {where}.", style="bold green"), soft_wrap=True)


def show_check(console: Console, check: Check) -> None:
    """A tick, a sign of exclamation or a cross, and advice under the latter two."""
    mark, style = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("×", "bold red")}[check.mark]
    console.print(Text.assemble((mark, style), f" {check.name}: {printable(check.message)}"), soft_wrap=True)
    if check.advice:
        console.print(Text(f"  {check.advice}"), soft_wrap=True)


def show_replayed(console: Console, found: Replayed, dry_run: bool) -> None:
    """The days that are other than before, then how much was read."""
    told = found.to_json()
    show_replay_result(console, told | {"changed_days": len(found.changed)}, "would change" if dry_run else "changed")


def show_replay_result(console: Console, told: Mapping[str, Any], verb: str = "changed") -> None:
    """The same of a replay elsewhere, which counts all changed days and names the first."""
    for one in told["changed"]:
        console.print(Text(f"{one['playlist_id']} {one['snapshot_date']}"), soft_wrap=True)
    if told["changed_days"] > len(told["changed"]):
        console.print(f"… and {told['changed_days'] - len(told['changed'])} more")
    read = f"{_counted(told['captures'], 'raw capture')} read"
    if not told["changed_days"]:
        console.print(f"{read}: every day is as it was.")
    else:
        console.print(f"{read}: {_counted(told['changed_days'], 'day')} {verb}.")


def show_purged(console: Console, found: Purged, dry_run: bool) -> None:
    """Every object that is touched, then the counts."""
    for key in found.raw_keys:
        console.print(Text(f"{key}: removed"), soft_wrap=True)
    for verb, counts in (("removed", found.removed), ("made anonymous or without raw", found.redacted)):
        for key, rows in counts.items():
            console.print(Text(f"{key}: {_counted(rows, 'row')} {verb}"), soft_wrap=True)
    removed, redacted = sum(found.removed.values()), sum(found.redacted.values())
    summary = f"{_counted(len(found.raw_keys), 'raw document')} and {_counted(removed, 'row')} removed"
    console.print(f"{summary}, {_counted(redacted, 'row')} changed.")
    if dry_run:
        console.print("This was a dry run: nothing is gone. Add --yes to do it.")


def show_imported(console: Console, found: ImportedFile) -> None:
    """A line a file; a refused one with what to do."""
    if found.error:
        console.print(Text(f"× {printable(found.error.message)}", style="red"), soft_wrap=True)
        console.print(Text(f"  {found.error.advice}"), soft_wrap=True)
        return
    counts = f"{_counted(found.days, 'day')}, {_counted(found.rows, 'row')}, {found.changed} new or changed"
    rejected = f", {_counted(len(found.rejects), 'bad line')} kept in {found.rejects_path}" if found.rejects else ""
    purged = f", {_counted(found.purged, 'purged day')} left out" if found.purged else ""
    console.print(Text(f"● {printable(found.name)}  {found.format}: {counts}{purged}{rejected}"), soft_wrap=True)


def show_coverage(console: Console, found: list[Coverage]) -> None:
    """A calendar a playlist, a line a month, then the newest gaps with their reasons."""
    if not found:
        console.print("There is no snapshot in the lake yet.")
    for one in found:
        simulated = "  (simulated)" if one.source == "simulator" and "simulated" not in (one.name or "") else ""
        title = Text.assemble((printable(one.name), "bold"), "  " if one.name else "", one.playlist_id, simulated)
        console.print(title, soft_wrap=True)
        for month, days in groupby(one.days, key=lambda day: f"{day.day:%Y-%m}"):
            line = Text(f"  {month}  ")
            listed = list(days)
            line.append(" " * (listed[0].day.day - 1))
            for day in listed:
                mark, style = _MARKS.get(day.status, _FAILED_MARK)
                line.append(mark, style)
            console.print(line, soft_wrap=True)
        gaps = [day for day in one.days if day.status not in PUBLISHED]
        for day in gaps[-_GAPS_SHOWN:]:
            reason = printable(day.reason) or "no run tried this day"
            console.print(Text(f"  {day.day}  {day.status}: {reason}"), soft_wrap=True)
        if len(gaps) > _GAPS_SHOWN:
            console.print(f"  … and {len(gaps) - _GAPS_SHOWN} earlier gaps (--json lists all)")
        counts = ", ".join(f"{count} {status}" for status, count in one.counts.items())
        console.print(Text(f"  {counts or 'never tried'}"))
    if found:
        console.print("● kept  ○ unchanged  × tried, no snapshot  · missed")


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def printable(text: str | None) -> str:
    """A name without control characters: names are anybody's text, and a terminal obeys some of it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text or "")


def show_bill(console: Console, load: Load, lines: list[Line], prices: Mapping[str, Any]) -> None:
    """A line a service, the total, and what the figures rest on."""
    console.print(f"{load.playlists} playlist(s) of {load.entries} entries, every day, for a month (USD)")
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for name in ("amount", "list price", "after always-free"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(line.name, line.amount, f"{line.list_price:.4f}", f"{line.to_pay:.4f}")
    from .cost import total

    whole = total(lines)
    table.add_section()
    table.add_row(whole.name, "", f"{whole.list_price:.2f}", f"{whole.to_pay:.2f}", style="bold")
    console.print(table)
    basis = "the lake's last 30 days" if load.measured else "Spotify's page sizes"
    console.print(
        f"List prices of {prices['date']} in {prices['region']}; requests from {basis}; durations and sizes are "
        "assumptions. The always-free allowance is the account's, whatever else uses it.",
        soft_wrap=True,
    )
