"""Measures of lists, as a person sees them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from rich.console import Console
from rich.text import Text

from ..analysis.measures import Tenure
from ..lake.tables import Row
from ..text import counted, printable
from .text_table import Column, draw

_BAR_WIDTH = 20


def show_turnover(console: Console, playlist: Row, rows: list[Row], top: int | None) -> None:
    """A line a known day, the newest first, at most `top`; before it the mean of the days without a gap before them."""
    _print_heading(console, playlist, "turnover")
    if not rows:
        console.print("There are no two known days to compare.")
        return
    _say_mean(console, rows, "week" if playlist["playlist_id"].endswith("-weekly") else "day")
    shown = rows[:top]
    columns = [
        _days("Day", shown, "snapshot_date"),
        Column("Since", [(str(row["previous_date"]) if row["interval_days"] > 1 else "", "") for row in shown]),
        _numbers("Came", shown, "came"),
        _numbers("Went", shown, "went"),
        _range("Turnover", shown, "turnover", "most_turnover"),
        _numbers("Of", shown, "items"),
        *_unseen(shown),
    ]
    draw(console, columns)
    _say_more(console, len(rows) - len(shown), "day")
    if any(row["interval_days"] > 1 for row in shown):
        console.print("A day under Since: those between are not known, and what came and went on them is in no number.")


def _unseen(rows: list[Row]) -> list[Column]:
    """Those that an empty slot may hold, where there are any."""
    counts = [row["perhaps_came"] + row["perhaps_went"] for row in rows]
    return [Column("Unseen", [(str(count or ""), "") for count in counts], right=True)] if any(counts) else []


def _say_mean(console: Console, rows: list[Row], unit: str) -> None:
    next_to = [row["turnover"] for row in rows if row["interval_days"] == 1 and row["turnover"] is not None]
    if next_to:
        mean = sum(next_to) / len(next_to)
        console.print(
            f"{mean:.1%} of it is replaced a {unit}: the mean of {counted(len(next_to), unit)} with no gap before."
        )


def show_tenure(console: Console, playlist: Row, found: Tenure, top: int | None) -> None:
    """The half-life in a sentence, who counts and who does not, then the curve, at most `top` lines."""
    unit = "week" if found.cadence_days == 7 else "day"
    _print_heading(console, playlist, "how long items stay")
    console.print(_half_life(found, unit), soft_wrap=True)
    console.print(
        f"Of {counted(found.stays, 'stay')} that began in sight; {found.still_there:,} of them not over. Left out: "
        f"{found.begun_unseen:,} that began before the first known {unit}, or in a gap.",
        soft_wrap=True,
    )
    if found.open_ends:
        console.print(f"{counted(found.open_ends, 'end is', 'ends are')} open between two {unit}s.", soft_wrap=True)
    shown = [vars(one) for one in found.points[:top]]
    if shown:
        columns = [
            _numbers(f"{unit.title()}s", shown, "days"),
            _range("Still there", shown, "least", "most"),
            _range("95%", shown, "low", "high"),
            _numbers("Watched", shown, "at_risk"),
            Column("", [("█" * round(row["least"] * _BAR_WIDTH), "green") for row in shown], needed=False),
        ]
        draw(console, columns)
    _say_more(console, len(found.points) - len(shown), "line")


def _half_life(found: Tenure, unit: str) -> str:
    (least, most), (low, high) = found.half_life, found.half_life_interval
    if least is None:
        return f"More than half stay for as long as it is known: no half-life up to {counted(_longest(found), unit)}."
    return f"Half are gone after {_between(least, most, unit)} (95%: {_between(low, high, unit)})."


def _between(least: int | None, most: int | None, unit: str) -> str:
    if most is None:
        return f"{counted(least or 0, unit)} or more"
    return counted(most, unit) if least == most else f"{least:,} to {counted(most, unit)}"


def _longest(found: Tenure) -> int:
    return max((one.days for one in found.points), default=0)


def show_overlap(console: Console, playlist: Row, rows: list[Row], top: int | None) -> None:
    """A line for each other list, the most alike first, at most `top`."""
    _print_heading(console, playlist, "in common with other lists")
    shown = rows[:top]
    if not shown:
        console.print("There is no other list.")
        return
    columns = [
        _texts("List", (row["name"] or row["other_id"] for row in shown)),
        _numbers("Common", shown, "common"),
        _numbers("Of", shown, "items"),
        _numbers("And", shown, "other_items"),
        _parts("Jaccard", shown, "jaccard"),
        _parts("RBO", shown, "rank_biased_overlap"),
        Column("Day", [(str(row["snapshot_date"] or "none shared"), "") for row in shown]),
    ]
    draw(console, columns)
    _say_more(console, len(rows) - len(shown), "list")


def show_leads(console: Console, playlist: Row, rows: list[Row], top: int | None) -> None:
    """A line for each other list, at most `top`."""
    _print_heading(console, playlist, "who had it first")
    shown = rows[:top]
    if not shown:
        console.print("No other list ever had an item of it.")
        return
    columns = [
        _texts("Other list", (row["name"] or row["other_id"] for row in shown)),
        _numbers("First here", shown, "led"),
        _numbers("First there", shown, "followed"),
        _numbers("Same day", shown, "together"),
        Column("Days ahead", [(_median(row), "") for row in shown], right=True),
        Column("Left out", [(f"{row['overlapping'] + row['not_known']:,}", "") for row in shown], right=True),
    ]
    draw(console, columns)
    _say_more(console, len(rows) - len(shown), "list")
    console.print(
        "Days ahead: the median; negative where the other list is. Left out: a debut is not known well enough."
    )


def _median(row: Row) -> str:
    least, most = row["least_median_days"], row["most_median_days"]
    if least is None:
        return ""
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def show_reach(console: Console, rows: list[Row], artists: bool, top: int | None) -> None:
    """A line for each item or artist, at most `top`."""
    shown = rows[:top]
    if not shown:
        console.print("Nobody of that name is on a list on its newest known day.")
        return
    named = [_texts("Artist" if artists else "Title", (row["name"] or row["reach_key"] for row in shown))]
    if not artists:
        named.append(_texts("Artists", (row["artist"] for row in shown)))
    followers = Column(
        "Followers", [("" if row["followers"] is None else f"{row['followers']:,}", "") for row in shown], right=True
    )
    known = Column("Known of", [(f"{row['lists_known']} of {row['lists']}", "") for row in shown], right=True)
    columns = [*named, followers, known, _days("As of", shown, "oldest_date")]
    draw(console, columns)
    _say_more(console, len(rows) - len(shown), "line")
    console.print("Known of: of how many of its lists the followers are known. Who follows two lists counts twice.")


def show_freshness(console: Console, playlist: Row, rows: list[Row], top: int | None) -> None:
    """A line a known day, the newest first, at most `top`."""
    _print_heading(console, playlist, "age of the releases in days")
    shown = rows[:top]
    if not shown:
        console.print("No day of it is known.")
        return
    medians = ["" if row["median_days"] is None else f"{row['median_days']:,g}" for row in shown]
    columns = [
        _days("Day", shown, "snapshot_date"),
        Column("Median", [(text, "") for text in medians], right=True),
        _numbers("Youngest", shown, "youngest_days"),
        _numbers("Oldest", shown, "oldest_days"),
        Column("Known", [(f"{row['dated']} of {row['items']}", "") for row in shown], right=True),
    ]
    draw(console, columns)
    _say_more(console, len(rows) - len(shown), "day")


def show_shares(console: Console, playlist: Row, kind: str, day: date, rows: list[Row], top: int | None) -> None:
    """A line for each artist, label and so on, the largest first, at most `top`; how many entries do not tell."""
    _print_heading(console, playlist, f"{day}, by {kind}")
    known = [row for row in rows if row["share_key"] is not None]
    shown = known[:top]
    if shown:
        columns = [
            _texts("Minutes" if kind == "length" else kind.title(), (_shown_name(kind, row) for row in shown)),
            _parts("Share", shown, "share"),
            _numbers("Entries", shown, "entries"),
        ]
        draw(console, columns)
    _say_more(console, len(known) - len(shown), kind)
    unknown = sum(row["entries"] for row in rows if row["share_key"] is None)
    if unknown:
        console.print(f"Of {counted(unknown, 'entry', 'entries')} it is not known.")


def _shown_name(kind: str, row: Row) -> str:
    if kind == "explicit":
        return "explicit" if row["share_key"] == "true" else "not explicit"
    return str(row["name"] or row["share_key"])


def _print_heading(console: Console, playlist: Row, what: str) -> None:
    name = printable(playlist["name"] or playlist["playlist_id"])
    console.print(Text.assemble((name, "bold"), f"  {what}"), soft_wrap=True)


def _numbers(header: str, rows: list[Row], name: str) -> Column:
    return Column(header, [("" if row[name] is None else f"{row[name]:,}", "") for row in rows], right=True)


def _parts(header: str, rows: list[Row], name: str) -> Column:
    return Column(header, [("" if row[name] is None else f"{row[name]:.1%}", "") for row in rows], right=True)


def _range(header: str, rows: list[Row], least: str, most: str) -> Column:
    """Two parts of a whole, or one where both are the same."""

    def told(row: Row) -> str:
        if row[least] is None:
            return ""
        ends = [f"{row[least]:.1%}", f"{row[most]:.1%}"]
        return " to ".join(dict.fromkeys(ends))

    return Column(header, [(told(row), "") for row in rows], right=True)


def _days(header: str, rows: list[Row], name: str) -> Column:
    return Column(header, [(str(row[name] or ""), "") for row in rows])


def _texts(header: str, texts: Iterable[str | None]) -> Column:
    return Column(header, [(printable(text), "") for text in texts], names=True)


def _say_more(console: Console, more: int, one: str) -> None:
    if more > 0:
        console.print(f"… and {counted(more, one)} more (--top shows them).")
