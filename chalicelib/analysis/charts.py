"""The questions: a list on a day, a track's runs, two days compared, artists' shares, which days are known.

Asked of the views over the lake; a day that is not known is an error that names the days around it, never another day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import NotKept
from ..lake.lake import Lake
from ..lake.tables import Question as SqlQuestion
from ..lake.tables import Row, to_json
from ..lake.warehouse import Warehouse, open_warehouse
from .asked_views import AskedViews
from .views import VIEWS

# The columns of the view `runs` that are told of what left.
LEAVER = (
    "track_key, item_id, uri, url, name, artist, last_position, peak_position, days, gap_days, most_days, entered_on, "
    "entered_after, last_seen_on"
)
# Looking a key up in a list of more of them costs more than it saves.
_FEW = 1000


@dataclass(frozen=True)
class Chart:
    """A list on one day. `entries` are rows of the view `chart`, `leavers` those of `runs` that ended with this day,
    and `unseen` those that go on though nobody sees them on it: an empty slot may hold them.

    `previous_date` is the known day before it (None: there is none), `gap_days` how many days between them are unknown,
    `cadence_days` how many days lie between two days of the list: 1, or 7 for weekly charts.
    """

    playlist: Row
    snapshot_date: date
    previous_date: date | None
    gap_days: int | None
    cadence_days: int
    entries: list[Row]
    leavers: list[Row]
    unseen: list[Row]

    def to_json(self) -> dict[str, Any]:
        return {
            "playlist": to_json(self.playlist),
            "snapshot_date": self.snapshot_date.isoformat(),
            "previous_date": self.previous_date.isoformat() if self.previous_date else None,
            "gap_days": self.gap_days,
            "entries": [to_json(row) for row in self.entries],
            "leavers": [to_json(row) for row in self.leavers],
            "unseen": [to_json(row) for row in self.unseen],
        }


@dataclass(frozen=True)
class Listing:
    """A track's time on one list: its `runs` (view `runs`), and where it stood on each known day it was there.

    `cadence_days` lie between two days of the list: 1, or 7 for weekly charts.
    """

    playlist: Row
    runs: list[Row]
    positions: list[tuple[date, int]]
    cadence_days: int

    def to_json(self) -> dict[str, Any]:
        return {
            "playlist": to_json(self.playlist),
            "runs": [to_json(row) for row in self.runs],
            "positions": [{"snapshot_date": day.isoformat(), "position": place} for day, place in self.positions],
        }


@dataclass(frozen=True)
class TrackHistory:
    """A track (a row of the view `tracks`) and its time on every list."""

    track: Row
    listings: list[Listing]

    def to_json(self) -> dict[str, Any]:
        return {"track": to_json(self.track), "playlists": [listing.to_json() for listing in self.listings]}


@dataclass(frozen=True)
class Comparison:
    """Two known days of a list: one row an item that is on either, `change` being entered, left, up, down or same,
    or unseen: on one of the two an empty slot may hold it.

    `unknown_days` of the days (where `cadence_days` is 7: of the weeks) between the two are gaps, so what came and went
    on them is not known.
    """

    playlist: Row
    from_date: date
    to_date: date
    unknown_days: int
    cadence_days: int
    items: list[Row]

    def to_json(self) -> dict[str, Any]:
        return {
            "playlist": to_json(self.playlist),
            "from_date": self.from_date.isoformat(),
            "to_date": self.to_date.isoformat(),
            "unknown_days": self.unknown_days,
            "items": self.items,
        }


@contextmanager
def open_charts(
    lake: Lake,
    today: date,
    playlist_ids: Iterable[str] = (),
    *,
    entries: bool = True,
    features: bool = False,
    since: date = date.min,
    choose: Callable[[Warehouse], None] | None = None,
) -> Iterator[Charts]:
    """The views over these playlists (none: over all); see `open_warehouse`. `today` is the day not over yet.

    `choose` may narrow `entries` when it is known which URIs are one recording (`recordings`) and which slots are empty
    (`slots`), before each entry's key and moves are computed.
    """
    with open_warehouse(lake, playlist_ids, entries=entries, features=features, since=since) as warehouse:
        views = AskedViews(warehouse, today)
        if choose:
            views.hold("recordings", "slots")
            with views.as_they_are():
                choose(warehouse)
        yield Charts(warehouse, views)


class Charts:
    """What can be asked. Raises `NotKept` for a playlist, day or track that is not in the lake."""

    def __init__(self, warehouse: Warehouse, views: AskedViews) -> None:
        self.warehouse = warehouse
        self._views = views

    def ask(self, sql: str) -> SqlQuestion:
        """A person's own SELECT over the tables and views; see `Warehouse.ask`."""
        if "show" in sql.lower():
            # Who asks what there is, is told of all views.
            self._views.hold(*VIEWS)
        return self.warehouse.ask(sql)

    def playlists(self) -> list[Row]:
        """Rows of the view `playlists`, those with the newest known day first."""
        return self.warehouse.read("SELECT * FROM playlists ORDER BY last_date DESC NULLS LAST, name, playlist_id")

    def playlist(self, playlist_id: str) -> Row:
        """One row of the view `playlists`."""
        found = self.warehouse.read("SELECT * FROM playlists WHERE playlist_id = $id", {"id": playlist_id})
        if not found:
            raise NotKept(f"playlist {playlist_id} is not in the lake.")
        return found[0]

    def find_playlists(self, text: str) -> list[Row]:
        """Rows of the view `playlists` whose name or id contains the text, those with the newest known day first."""
        return self.warehouse.read(
            "SELECT * FROM playlists WHERE contains(lower(strip_accents(concat_ws(' ', name, playlist_id))), "
            "lower(strip_accents($text))) ORDER BY last_date DESC NULLS LAST, name, playlist_id",
            {"text": text.strip()},
        )

    def coverage(self, playlist_id: str) -> list[Row]:
        """Rows of the view `coverage`, by day."""
        return self.warehouse.read(
            "SELECT * FROM coverage WHERE playlist_id = $id ORDER BY snapshot_date", {"id": playlist_id}
        )

    def known_day(self, playlist: Row, day: date | None = None) -> Row:
        """The row of `known_days`, with its gap, of `day`; of the newest known day without.

        Raises `NotKept` with what is known of the day and of those around it.
        """
        asked = {"id": playlist["playlist_id"], "day": day or playlist["last_date"]}
        found = self.warehouse.read(
            "SELECT *, CASE WHEN previous_date IS NOT NULL "
            "THEN greatest(date_diff('day', previous_date, snapshot_date) // cadence_days - 1, 0) END AS gap_days "
            "FROM known_days WHERE playlist_id = $id AND snapshot_date = $day",
            asked,
        )
        if found:
            return found[0]
        if day is None:
            why = playlist["last_reason"] or playlist["last_status"]
            raise NotKept(f"playlist {playlist['playlist_id']}: no day of it is known: {why}")
        raise self._unknown(asked)

    def _unknown(self, asked: Mapping[str, Any]) -> NotKept:
        """What is known of a day that is not known, and of those around it."""
        covered = self.warehouse.read(
            "SELECT status, reason FROM coverage WHERE playlist_id = $id AND snapshot_date = $day", asked
        )
        around = self.warehouse.read(
            "SELECT max(snapshot_date) FILTER (snapshot_date < $day) AS before, "
            "min(snapshot_date) FILTER (snapshot_date > $day) AS after FROM known_days WHERE playlist_id = $id",
            asked,
        )[0]
        status = covered[0]["status"] if covered else "outside of what was followed"
        reason = f" ({covered[0]['reason']})" if covered and covered[0]["reason"] else ""
        near = [str(one) for one in (around["before"], around["after"]) if one]
        known_days = "day is" if len(near) == 1 else "days are"
        return NotKept(
            f"playlist {asked['id']}: {asked['day']} is not known: {status}{reason}.",
            advice=f"The nearest known {known_days} {' and '.join(near)}." if near else None,
        )

    def known_days(self, playlist_id: str, first: date, last: date) -> list[date]:
        """The known days from `first` to `last`. Raises `NotKept` where there is none."""
        found = self.warehouse.read(
            "SELECT snapshot_date FROM known_days WHERE playlist_id = $id AND snapshot_date BETWEEN $first AND $last "
            "ORDER BY snapshot_date",
            {"id": playlist_id, "first": first, "last": last},
        )
        if not found:
            raise NotKept(f"playlist {playlist_id}: no day from {first} to {last} is known.")
        return [row["snapshot_date"] for row in found]

    def unknown_days(self, playlist_id: str, one: date, other: date) -> int:
        """How many of the days between two known days are not known."""
        found = self.warehouse.read(
            "SELECT greatest(date_diff('day', $first, $last) // any_value(cadence_days) - count(*) + 1, 0) AS days "
            "FROM known_days WHERE playlist_id = $id AND snapshot_date BETWEEN $first AND $last",
            {"id": playlist_id, "first": min(one, other), "last": max(one, other)},
        )
        return int(found[0]["days"])

    def chart(self, playlist_id: str, day: date | None = None) -> Chart:
        """The list on `day`; on its newest known day without."""
        playlist = self.playlist(playlist_id)
        known = self.known_day(playlist, day)
        asked = {"id": playlist_id, "day": known["snapshot_date"]}
        entries = self.warehouse.read(
            "SELECT * EXCLUDE (playlist_id, snapshot_date, previous_date, gap_days) FROM chart "
            "WHERE playlist_id = $id AND snapshot_date = $day ORDER BY position",
            asked,
        )
        here = {entry["track_key"] for entry in entries}
        leavers = self._leavers(asked | {"before": known["previous_date"]}, here)
        unseen = [run for run in self._unseen(playlist_id, known["snapshot_date"]) if run["track_key"] not in here]
        facts = {name: known[name] for name in ("snapshot_date", "previous_date", "gap_days", "cadence_days")}
        return Chart(playlist=playlist, entries=entries, leavers=leavers, unseen=unseen, **facts)

    def compare(self, playlist_id: str, from_date: date, to_date: date) -> Comparison:
        """What became of a list between two known days, whichever of the two comes first."""
        playlist = self.playlist(playlist_id)
        known = [self.known_day(playlist, day) for day in (from_date, to_date)]
        cadence = known[0]["cadence_days"]
        items = self.warehouse.read(
            """
            WITH told AS (SELECT * FROM standings WHERE playlist_id = $id AND occurrence = 1 AND track_key IS NOT NULL)
            SELECT
              track_key,
              CASE
                WHEN old.position IS NULL THEN 'entered'
                WHEN new.position IS NULL THEN 'left'
                WHEN new.position < old.position THEN 'up'
                WHEN new.position > old.position THEN 'down'
                ELSE 'same'
              END AS change,
              old.position AS from_position,
              new.position AS to_position,
              old.position - new.position AS movement,
              coalesce(new.name, old.name) AS name,
              coalesce(new.artist, old.artist) AS artist,
              coalesce(new.item_id, old.item_id) AS item_id,
              coalesce(new.uri, old.uri) AS uri,
              coalesce(new.url, old.url) AS url
            FROM (SELECT * FROM told WHERE snapshot_date = $old) AS old
            FULL JOIN (SELECT * FROM told WHERE snapshot_date = $new) AS new USING (track_key)
            ORDER BY new.position NULLS LAST, old.position
            """,
            {"id": playlist_id, "old": from_date, "new": to_date},
        )
        for change, day in (("entered", from_date), ("left", to_date)):
            unseen = {run["track_key"] for run in self._unseen(playlist_id, day)}
            for item in items:
                if item["change"] == change and item["track_key"] in unseen:
                    item["change"] = "unseen"
        unknown = self.unknown_days(playlist_id, from_date, to_date)
        return Comparison(playlist, from_date, to_date, unknown, cadence, items)

    def narrow(self, reference: str) -> None:
        """Forget every track but the one with this ISRC, id, URI, link or key, under all of its URIs; none, where no
        entry has it.

        What is asked of it afterwards is answered the same, and soon however much is in the lake.
        """
        asked = {"text": reference.strip(), "bare": bare_id(reference)}
        named = "uri = $text OR item_id = $bare OR upper(replace(isrc, '-', '')) = upper(replace($text, '-', ''))"
        self._views.hold("recordings", "slots")
        if not self.warehouse.read(f"SELECT 1 AS one FROM entries WHERE uri IS NOT NULL AND ({named}) LIMIT 1", asked):
            return
        self.warehouse.narrow(
            "entries",
            f"""
            -- What has no URI stays: an empty slot may hold it.
            uri IS NULL OR uri IN (
              WITH named AS (SELECT uri FROM entries WHERE {named}),
              meant AS (SELECT lake_key FROM recordings WHERE uri IN (SELECT uri FROM named)),
              same AS (SELECT * FROM recordings WHERE lake_key IN (SELECT lake_key FROM meant))
              SELECT uri FROM named
              UNION SELECT uri FROM same
              -- A list may join them with others, which are another item elsewhere.
              UNION SELECT recordings.uri FROM recordings JOIN same USING (playlist_id, track_key)
            )
            """,
            asked,
        )

    def find_tracks(self, text: str) -> list[Row]:
        """Rows of the view `tracks`: the one that has this ISRC, id, URI or link, else those whose title or artist
        contains the text, the longest seen first."""
        return self.tracks_with_id(text) or self.warehouse.read(
            "SELECT * FROM tracks WHERE contains(lower(strip_accents(concat_ws(' ', name, artist))), "
            "lower(strip_accents($text))) ORDER BY days_seen DESC, name, track_key",
            {"text": text.strip()},
        )

    def tracks_with_id(self, text: str) -> list[Row]:
        """The same by this ISRC, id, URI, link or key alone."""
        return self.warehouse.read(
            """
            SELECT * FROM tracks WHERE track_key = $text OR track_key = upper(replace($text, '-', '')) OR track_key IN (
              SELECT coalesce(lake.lake_key, standings.track_key)
              FROM standings LEFT JOIN (SELECT DISTINCT uri, lake_key FROM recordings) AS lake USING (uri)
              WHERE standings.uri = $text OR standings.item_id = $bare
            )
            ORDER BY days_seen DESC, name, track_key
            """,
            {"text": text.strip(), "bare": bare_id(text)},
        )

    def history(self, track: Row, *others: Row) -> TrackHistory:
        """A track (as `find_tracks` gives it) on every list, those where it was longest first; with the others that are
        the same song under ids which no list joins."""
        asked = {"keys": [one["track_key"] for one in (track, *others)]}
        rows = self.warehouse.read(
            """
            SELECT playlist_id, track_key, snapshot_date, position, cadence_days
            FROM standings LEFT JOIN (SELECT DISTINCT uri, lake_key FROM recordings) AS lake USING (uri)
            WHERE list_contains($keys, coalesce(lake.lake_key, standings.track_key)) AND occurrence = 1
            ORDER BY snapshot_date
            """,
            asked,
        )
        places: dict[str, dict[date, int]] = {}
        keys: dict[str, set[str]] = {}
        cadence = {row["playlist_id"]: row["cadence_days"] for row in rows}
        for row in rows:
            days = places.setdefault(row["playlist_id"], {})
            days[row["snapshot_date"]] = min(row["position"], days.get(row["snapshot_date"], row["position"]))
            keys.setdefault(row["playlist_id"], set()).add(row["track_key"])
        playlists, runs = {row["playlist_id"]: row for row in self.playlists()}, self._runs(keys)
        listings = [
            Listing(playlists[one], runs[one], list(days.items()), cadence[one])
            for one, days in sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        return TrackHistory(track, listings)

    def artists(self, playlist_id: str, first: date, last: date) -> list[Row]:
        """Each artist's part of a list on the known days from `first` to `last`, the largest first.

        `share` is the part of all entries that credit the artist, 0 to 1; a track by two counts for both.
        """
        self.playlist(playlist_id)
        return self.warehouse.read(
            """
            WITH told AS (
              SELECT * FROM standings
              WHERE playlist_id = $id AND snapshot_date BETWEEN $first AND $last AND track_key IS NOT NULL
            ),
            -- As the view `credits`, which reckons with all days before it knows that some are asked for.
            credited AS (SELECT snapshot_date, position, track_key, unnest(artists) AS artist FROM told),
            named AS (
              SELECT
                credited.*,
                artist.id AS artist_id,
                artist.name AS artist_name,
                coalesce(artist.id, artist.name) AS artist_key
              FROM credited
            )
            SELECT
              artist_key,
              min(artist_id) AS artist_id,
              arg_max(artist_name, snapshot_date) AS name,
              count(*) AS entries,
              count(DISTINCT track_key) AS tracks,
              count(DISTINCT snapshot_date) AS days,
              min(position) AS peak_position,
              count(*) / (SELECT count(*) FROM told) AS share
            FROM named WHERE artist_key IS NOT NULL
            GROUP BY artist_key ORDER BY entries DESC, peak_position, name
            """,
            {"id": playlist_id, "first": first, "last": last},
        )

    def _leavers(self, asked: Row, here: set[str]) -> list[Row]:
        """The runs that ended with a day: of those who were there the known day before, for the runs of all of a long
        list's history take many seconds."""
        if self._empty_slots(asked["id"], asked["before"]):
            # Some who had not been seen for longer may be known to be gone only now.
            return self.warehouse.read(
                f"SELECT {LEAVER} FROM runs WHERE playlist_id = $id AND left_on = $day "
                "ORDER BY last_position, track_key",
                {"id": asked["id"], "day": asked["day"]},
            )
        before = self.warehouse.read(
            "SELECT DISTINCT track_key FROM standings WHERE playlist_id = $id AND snapshot_date = $before "
            "AND track_key IS NOT NULL",
            {"id": asked["id"], "before": asked["before"]},
        )
        gone = [row["track_key"] for row in before if row["track_key"] not in here]
        if not gone:
            return []
        return self.warehouse.read(
            f"SELECT {LEAVER} FROM runs WHERE playlist_id = $id AND left_on = $day "
            "AND ($keys IS NULL OR list_contains($keys, track_key)) ORDER BY last_position, track_key",
            {"id": asked["id"], "day": asked["day"], "keys": gone if len(gone) <= _FEW else None},
        )

    def _unseen(self, playlist_id: str, day: date) -> list[Row]:
        """The runs of those whom an empty slot may hold on a known day, and of those who are seen on it."""
        if not self._empty_slots(playlist_id, day):
            return []
        return self.warehouse.read(
            f"SELECT {LEAVER} FROM runs WHERE playlist_id = $id AND $day > coalesce(entered_after, DATE '0001-01-01') "
            "AND $day < coalesce(left_on, DATE '9999-12-31') ORDER BY last_position, track_key",
            {"id": playlist_id, "day": day},
        )

    def _empty_slots(self, playlist_id: str, day: date | None) -> int:
        """How many places of a known day nobody is seen to hold."""
        found = self.warehouse.read(
            "SELECT empty_slots FROM slots WHERE playlist_id = $id AND snapshot_date = $day",
            {"id": playlist_id, "day": day},
        )
        return int(found[0]["empty_slots"]) if found else 0

    def _runs(self, track_keys: Mapping[str, set[str]]) -> dict[str, list[Row]]:
        """The runs on each playlist of what has one of these keys there."""
        found: dict[str, list[Row]] = {playlist_id: [] for playlist_id in track_keys}
        for row in self.warehouse.read(
            "SELECT * FROM runs WHERE list_contains($keys, track_key) ORDER BY entered_on, track_key",
            {"keys": sorted(set().union(*track_keys.values()))},
        ):
            playlist_id = row.pop("playlist_id")
            if row["track_key"] in track_keys.get(playlist_id, ()):
                found[playlist_id].append(row)
        return found


def bare_id(reference: str) -> str:
    """The id in an id, a URI or a link."""
    return reference.strip().split("?")[0].rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
