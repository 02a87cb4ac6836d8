"""Charts, runs, comparisons, shares and the rows of a query, as a person sees them in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ..text import counted, printable, unknown_between
from .text_table import Cell, Column, draw, that_fit

if TYPE_CHECKING:
    from ..analysis.artists import ArtistHistory, ArtistListing
    from ..analysis.charts import Chart, Comparison, Listing, TrackHistory
    from ..analysis.events import Event
    from ..lake.tables import Row

_SPARK = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH = 60
# On a scale of fewer places than this, a step from 1 to 2 would look like a fall.
_SPARK_PLACES = 10
_BAR = "▏▎▍▌▋▊▉█"
_BAR_WIDTH = 20
_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE"}


def show_chart(console: Console, chart: Chart, top: int | None = None, brief: bool = False) -> None:
    """A list on a day, and who left since the known day before it; at most `top` lines of each, `brief` only these."""
    entries = chart.entries[:top]
    console.print(_heading(chart.playlist, str(chart.snapshot_date)), soft_wrap=True)
    console.print(_since(chart), soft_wrap=True)
    if entries:
        draw(console, _columns(chart, entries))
    else:
        console.print("There is nothing on it.")
    if not brief:
        _say_more(console, len(chart.entries) - len(entries), "entry", "entries")
        _show_leavers(console, chart, top)
        if chart.unseen:
            names = ", ".join(printable(run["name"] or run["track_key"]) for run in chart.unseen[:top])
            console.print(
                f"\nNot seen, though an empty slot may hold it, so neither gone nor back: {names}", soft_wrap=True
            )
    if chart.playlist["source"] == "simulator":
        console.print("Simulated data: no such artists, no such songs.")


def _columns(chart: Chart, entries: list[Row]) -> list[Column]:
    """A chart's columns; those that compare need a known day before it."""
    columns = [_figures("#", entries, "position"), *_names(entries)]
    if chart.previous_date:
        columns.insert(1, Column("", [_change(entry) for entry in entries]))
        columns += [
            _figures("Peak", entries, "peak_position", needed=False),
            *_reported(entries),
            _figures(_unit(chart.cadence_days), entries, "days_on_list", needed=False),
            _figures("Streak", entries, "streak", needed=False),
            Column("Debut", [_debut(entry) for entry in entries], needed=False),
        ]
    for header, name in (("Streams", "streams"), ("Pop.", "popularity")):
        if any(entry[name] is not None for entry in entries):
            columns.append(_figures(header, entries, name, needed=False))
    return columns


def _since(chart: Chart) -> str:
    if chart.previous_date is None:
        return "Its first known day: what moved, and since when each is there, is not known."
    if not chart.gap_days:
        return f"Since {chart.previous_date}."
    return f"Since {chart.previous_date}; {unknown_between(chart.gap_days, chart.cadence_days)}."


def _show_leavers(console: Console, chart: Chart, top: int | None) -> None:
    leavers = chart.leavers[:top]
    if not leavers:
        return
    console.print(f"\nLeft since {chart.previous_date}")
    columns = [
        _figures("Was", leavers, "last_position"),
        *_names(leavers),
        _figures("Peak", leavers, "peak_position"),
        *_stay(leavers, chart.cadence_days),
        Column("Entered", [(_entered(run, chart.cadence_days), "") for run in leavers]),
        _days("Last seen", leavers, "last_seen_on", needed=False),
    ]
    draw(console, columns)
    _say_more(console, len(chart.leavers) - len(leavers), "leaver")


def show_playlists(console: Console, playlists: list[Row]) -> None:
    """The lists of a lake with what is kept of each, ids to be copied."""
    columns = [
        Column("Playlist", [(printable(one["playlist_id"]), "") for one in playlists]),
        _text("Name", (one["name"] for one in playlists)),
        _days("Newest day", playlists, "last_date"),
        _figures("Known", playlists, "days_known"),
        _figures("Entries", playlists, "entry_count", needed=False),
    ]
    draw(console, columns)


def show_track(console: Console, history: TrackHistory) -> None:
    """A track's attributes, then its runs on every list under a line that draws its positions."""
    track = history.track
    name = printable(track["name"]) or f"({track['item_type']})"
    console.print(Text.assemble((name, "bold"), f"  {printable(track['artist'])}"), soft_wrap=True)
    facts = {
        "Album": ", ".join(text for text in (track["album_name"], track["album_release_date"]) if text),
        "Length": _length(track["duration_ms"]),
        "ISRC": track["isrc"],
        "Popularity": track["popularity"],
        "Link": track["url"] or track["uri"],
    }
    for label, fact in facts.items():
        if fact not in (None, ""):
            console.print(Text(f"  {label:<11}{printable(str(fact))}"), soft_wrap=True)
    for listing in history.listings:
        _show_listing(console, listing)


def _show_listing(console: Console, listing: Listing) -> None:
    runs, playlist, places = listing.runs, listing.playlist, [place for _, place in listing.positions]
    console.print()
    console.print(_heading(playlist, playlist["playlist_id"] if playlist["name"] else ""), soft_wrap=True)
    drawn = sparkline(listing, min(_SPARK_WIDTH, console.width - 2))
    console.print(Text.assemble((drawn, "green"), f"  best {min(places)}, worst {max(places)}"))
    columns = [
        Column("Entered", [(_entered(run, listing.cadence_days), "") for run in runs]),
        Column("Left", [(_left(run, playlist["last_date"], listing.cadence_days), "") for run in runs]),
        _days("Last seen", runs, "last_seen_on", needed=False),
        *_stay(runs, listing.cadence_days),
        _figures("Peak", runs, "peak_position"),
        _figures("First at", runs, "first_position", needed=False),
        _figures("Last at", runs, "last_position", needed=False),
    ]
    draw(console, columns)


def show_artist(console: Console, history: ArtistHistory) -> None:
    """An artist, where it was seen first, then each list with the stays there and the runs of its tracks."""
    artist, first = history.artist, history.first_seen
    console.print(Text.assemble((printable(artist["name"]), "bold"), f"  {artist['artist_id'] or ''}"), soft_wrap=True)
    if artist["url"]:
        console.print(Text(f"  Link       {artist['url']}"), soft_wrap=True)
    day = _entered(vars(first), _cadence(first.playlist_id))
    told = "" if first.is_certain else "; another list may have been earlier"
    name = printable(first.playlist_name) or first.playlist_id
    console.print(Text(f"  First seen {day} on {name}{told}"), soft_wrap=True)
    there = sum(one.is_there for one in history.listings)
    before = len(history.listings) - there
    console.print(Text(f"  Lists      on {there} now, on {before} before"), soft_wrap=True)
    for listing in history.listings:
        _show_artist_listing(console, listing)


def _show_artist_listing(console: Console, listing: ArtistListing) -> None:
    playlist, runs, newest = listing.playlist, listing.runs, listing.playlist["last_date"]
    cadence = _cadence(playlist["playlist_id"])
    stays = [vars(stay) for stay in listing.stays]
    console.print()
    console.print(_heading(playlist, playlist["playlist_id"] if playlist["name"] else ""), soft_wrap=True)
    times = ", ".join(f"{_entered(stay, cadence)} to {_left(stay, newest, cadence)}" for stay in stays)
    console.print(Text(f"Best place {listing.peak_position}; there {times}"), soft_wrap=True)
    columns = [
        *_names(runs),
        Column("Entered", [(_entered(run, cadence), "") for run in runs]),
        Column("Left", [(_left(run, newest, cadence), "") for run in runs]),
        *_stay(runs, cadence),
        _figures("Peak", runs, "peak_position"),
    ]
    draw(console, columns)


def _cadence(playlist_id: str) -> int:
    """As the view `known_days` has it."""
    return 7 if playlist_id.endswith("-weekly") else 1


def sparkline(listing: Listing, width: int) -> str:
    """Its positions from the first day on the list to the last, the first place highest, in at most `width` cells.

    A space is a day off the list, a dot one that is not known; a cell that stands for several days shows the best.
    """
    step = timedelta(days=listing.cadence_days)
    first, places = listing.runs[0]["entered_on"], dict(listing.positions)
    days = [first + number * step for number in range((max(places) - first) // step + 1)]
    lowest = max(_SPARK_PLACES, *places.values())
    cells = min(len(days), width)
    return "".join(
        _spark(days[number * len(days) // cells : (number + 1) * len(days) // cells], places, listing.runs, lowest)
        for number in range(cells)
    )


def _spark(days: list[date], places: dict[date, int], runs: list[Row], lowest: int) -> str:
    best = min((places[day] for day in days if day in places), default=None)
    if best is not None:
        return _SPARK[(lowest - best) * (len(_SPARK) - 1) // (lowest - 1)]
    unknown = any(run["entered_on"] <= day <= run["last_seen_on"] for day in days for run in runs)
    return "·" if unknown else " "


def show_comparison(console: Console, found: Comparison, top: int | None = None) -> None:
    """Who entered, who left, who moved, at most `top` lines; how many stayed where they were."""
    console.print(_heading(found.playlist, f"{found.from_date} to {found.to_date}"), soft_wrap=True)
    if found.unknown_days:
        unknown = unknown_between(found.unknown_days, found.cadence_days)
        console.print(f"{unknown}: what came and went on them is not told.", soft_wrap=True)
    entered, left, moved, same = (
        [one for one in found.items if one["change"] in kinds]
        for kinds in (["entered"], ["left"], ["up", "down"], ["same"])
    )
    changed = entered + left + moved
    shown = changed[:top]
    columns = [
        Column("", [_change(one) for one in shown]),
        _figures("Was", shown, "from_position"),
        _figures("Is", shown, "to_position"),
        *_names(shown),
    ]
    if shown:
        draw(console, columns)
    _say_more(console, len(changed) - len(shown), "change")
    console.print(f"{len(entered)} entered, {len(left)} left, {len(moved)} moved, {len(same)} stayed in place.")
    unseen = sum(one["change"] == "unseen" for one in found.items)
    if unseen:
        console.print(f"{unseen} not seen on one of the two days: an empty slot may hold them.", soft_wrap=True)


def show_shares(
    console: Console, playlist: Row, days: list[date], unknown: int, artists: list[Row], top: int | None = None
) -> None:
    """Each artist's part of a list on its known `days`, drawn as a part of the largest one's."""
    if len(days) == 1:
        console.print(_heading(playlist, str(days[0])), soft_wrap=True)
    else:
        known = f"{counted(len(days), 'known day')}{f', {unknown} unknown' if unknown else ''}"
        console.print(_heading(playlist, f"{days[0]} to {days[-1]} ({known})"), soft_wrap=True)
    shown = artists[:top]
    if not shown:
        console.print("Nobody is credited.")
        return
    columns = [
        _text("Artist", (one["name"] or "(no name)" for one in shown)),
        Column("Share", [(f"{one['share']:.1%}", "") for one in shown], right=True),
        Column("", [(_bar(one["share"] / shown[0]["share"]), "green") for one in shown], needed=False),
        _figures("Entries", shown, "entries"),
        _figures("Tracks", shown, "tracks"),
        _figures(_unit(_cadence(playlist["playlist_id"])), shown, "days"),
        _figures("Peak", shown, "peak_position"),
    ]
    draw(console, columns)
    _say_more(console, len(artists) - len(shown), "artist")


def show_events(console: Console, found: list[Event], top: int | None = None) -> None:
    """One line an event, at most `top` lines."""
    shown = found[:top]
    if not shown:
        console.print("Nothing is known to have happened.")
        return
    draw(
        console,
        [
            Column("Day", [(_happened(one), "") for one in shown]),
            Column("", [_told(one) for one in shown]),
            _text("Title", map(_title_of, shown)),
            _text("Artists", (one.artist_names for one in shown)),
            _text("List", map(_list_of, shown)),
        ],
    )
    if len(found) > len(shown):
        console.print(f"… and {counted(len(found) - len(shown), 'event')} more (--limit shows them).")
    for one in shown:
        if one.kind in _REWORDED:
            words = f"{one.playlist_id} {one.kind}: {printable(one.was)} → {printable(one.became)}"
            console.print(words, soft_wrap=True, markup=False)


# What a list says of itself, in other words than before.
_REWORDED = ("list_renamed", "description_changed", "owner_changed")


def _list_of(event: Event) -> str:
    return event.playlist_name or event.playlist_id


def _title_of(event: Event) -> str | None:
    return event.name or (event.item_key and "(no name)")


def _happened(event: Event) -> str:
    return f"{_doubt(event.after_date, event.snapshot_date, _cadence(event.playlist_id))}{event.snapshot_date}"


def _told(event: Event) -> Cell:
    number = event.number or 0
    if event.kind == "moved":
        text = f"▲{number}" if number > 0 else f"▼{-number}"
        return f"{text} to {event.position}", "green" if number > 0 else "red"
    words = {
        "entered": f"new at {event.position}",
        "re-entered": f"back at {event.position}",
        "left": f"left from {event.previous_position}",
        "new_peak": f"peak {event.position}",
        "number_one": "number one",
        "milestone": f"{number} {_unit(_cadence(event.playlist_id)).lower()}",
        "followers_jump": f"{number:+,} followers",
        "gap_began": f"not seen: {number}",
        "gap_ended": f"seen again after {number}",
    }
    return words.get(event.kind, event.kind.replace("_", " ")), "red" if event.kind == "left" else "cyan"


def show_rows(console: Console, columns: dict[str, str], rows: list[tuple[str | None, ...]]) -> None:
    """The rows of a query as text, `columns` being their names and types; as many columns as there is room for."""
    made = [
        Column(
            printable(name),
            [("null", "dim") if row[place] is None else (printable(row[place]), "") for row in rows],
            names=kind not in {*_NUMBERS, "DATE"},
            right=kind in _NUMBERS,
        )
        for place, (name, kind) in enumerate(columns.items())
    ]
    shown = that_fit(console, made)
    draw(console, shown)
    if len(shown) < len(made):
        console.print(
            f"There is no room for {counted(len(made) - len(shown), 'column')} more; --csv and --json give all."
        )


# Columns and cells.


def _figures(header: str, rows: list[Row], name: str, needed: bool = True) -> Column:
    cells = [("" if row[name] is None else f"{row[name]:,}", "") for row in rows]
    return Column(header, cells, right=True, needed=needed)


def _days(header: str, rows: list[Row], name: str, needed: bool = True) -> Column:
    return Column(header, [(str(row[name] or ""), "") for row in rows], needed=needed)


def _text(header: str, texts: Iterable[str | None]) -> Column:
    return Column(header, [(printable(text), "") for text in texts], names=True)


def _names(rows: list[Row]) -> list[Column]:
    titles = (row["name"] or f"({row.get('item_type') or 'no name'})" for row in rows)
    return [_text("Title", titles), _text("Artists", (row["artist"] for row in rows))]


def _unit(cadence_days: int) -> str:
    """What a list's days are: a weekly chart has a day a week."""
    return "Weeks" if cadence_days == 7 else "Days"


def _stay(runs: list[Row], cadence_days: int) -> list[Column]:
    """For how many days (weeks), and how many more of these are not known."""
    days = [_figures(_unit(cadence_days), runs, "days")]
    if any(run["most_days"] not in (None, run["days"]) for run in runs):
        days.append(_figures("At most", runs, "most_days"))
    return [*days, _figures("Unknown", runs, "gap_days")] if any(run["gap_days"] for run in runs) else days


def _reported(entries: list[Row]) -> list[Column]:
    """The chart's own peaks, where one differs from ours: its history reaches back further."""
    if all(row["reported_peak"] in (None, row["peak_position"]) for row in entries):
        return []
    return [_figures("Chart's", entries, "reported_peak", needed=False)]


def _change(row: Row) -> Cell:
    change = row["change"]
    if change == "up":
        return f"▲{row['movement']}", "green"
    if change in ("down", "left"):
        return ("left" if change == "left" else f"▼{-row['movement']}"), "red"
    if change == "same":
        return "=", ""
    return "again" if change == "duplicate" else change or "", "cyan"


def _debut(entry: Row) -> Cell:
    if entry["listed_before"]:
        return "before", "dim"
    return str(entry["debut_date"] or ""), ""


def _entered(run: Row, cadence_days: int) -> str:
    if run["entered_after"] is None:
        return f"≤{run['entered_on']}"
    return f"{_doubt(run['entered_after'], run['entered_on'], cadence_days)}{run['entered_on']}"


def _left(run: Row, newest: date, cadence_days: int) -> str:
    if run["left_on"] is None:
        # An empty slot may hold what is not seen on the newest day.
        return "still there" if run["last_seen_on"] == newest else "not seen"
    return f"{_doubt(run['last_seen_on'], run['left_on'], cadence_days)}{run['left_on']}"


def _doubt(before: date, day: date, cadence_days: int) -> str:
    """A mark where it may have happened on an earlier day, since those just before are not known."""
    return "≤" if (day - before).days > cadence_days else ""


def _length(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02d}"


def _bar(part: float) -> str:
    eighths = max(1, round(part * _BAR_WIDTH * len(_BAR)))
    whole, rest = divmod(eighths, len(_BAR))
    return _BAR[-1] * whole + (_BAR[rest - 1] if rest else "")


def _heading(playlist: Row, what: str) -> Text:
    """A list's name, or its id where it has none, and what is told of it."""
    return Text.assemble((printable(playlist["name"] or playlist["playlist_id"]), "bold"), f"  {what}")


def _say_more(console: Console, more: int, one: str, many: str = "") -> None:
    if more > 0:
        console.print(f"… and {counted(more, one, many)} more (--top shows them).")
