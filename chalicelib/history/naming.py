"""What a file's name tells where the file itself is silent: the day, the region, the chart, the playlist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from .day import refused

_CHART = re.compile(r"(?<![a-z])(?P<kind>regional|viral)-(?P<region>global|[a-z]{2})-(?P<every>daily|weekly)(?![a-z])")
_PERIOD = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)--(\d{4}-\d\d-\d\d)(?!\d)")
_DAY = re.compile(r"(?<!\d)(20\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)")
_MOMENT = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)T(\d\d):?(\d\d):?(\d\d)Z")
_PLAYLIST = re.compile(r"(?<![0-9A-Za-z])([0-9A-Za-z]{22})(?![0-9A-Za-z])")
_REGION_OF_TOP50 = re.compile(
    r"(?<![a-z])(global|[a-z]{2})[-_ ]?top[-_ ]?50|top[-_ ]?50[-_ ](global|[a-z]{2})(?![a-z])"
)
_WEEK = timedelta(days=7)

_DAY_ADVICE = (
    "Give the day of the list with --date YYYY-MM-DD, or put it into the file's name; a day is never guessed, since a "
    "wrong one cannot be seen later."
)


@dataclass(frozen=True)
class ChartName:
    """What Spotify's own chart pages put into the name of a download."""

    kind: str
    region: str
    every: str


@dataclass(frozen=True)
class Named:
    """A file's name and what the caller said about the file; the caller's word counts more."""

    file: str
    day: date | None = None
    region: str | None = None

    def chart(self) -> ChartName | None:
        found = _CHART.search(self.file.lower())
        return ChartName(found["kind"], found["region"], found["every"]) if found else None

    def single_day(self) -> date:
        """The one day of the file. Raises `BadImport` where neither the caller nor the name tells it."""
        if self.day:
            return self.day
        days = self._days()
        if len(days) != 1:
            known = "no day" if not days else f"{len(days)} different days"
            raise refused(self.file, f"neither the file tells its day nor its name, which has {known}", _DAY_ADVICE)
        return days.pop()

    def has_date(self) -> bool:
        return self.day is not None or len(self._days()) == 1

    def moment(self) -> datetime | None:
        """The instant in the name (UTC), where the caller did not overrule the name's day."""
        found = None if self.day else _MOMENT.search(self.file)
        try:
            return (
                datetime.fromisoformat(f"{found[1]}T{found[2]}:{found[3]}:{found[4]}").replace(tzinfo=UTC)
                if found
                else None
            )
        except ValueError:
            return None

    def region_or(self, other: str | None) -> str:
        """The caller's region, else `other`, which the name gave. Raises `BadImport` where there is none."""
        region = (self.region or other or "").lower()
        if not re.fullmatch(r"global|[a-z]{2}", region):
            reason = (
                f"the region {self.region!r} is none"
                if self.region
                else "neither the file tells its region nor its name"
            )
            raise refused(self.file, reason, "Give it with --region: a country's two letters, such as us, or global.")
        return region

    def region_of_top50(self) -> str | None:
        found = _REGION_OF_TOP50.search(self.file.lower())
        return found[1] or found[2] if found else None

    def playlist(self) -> str:
        """The Spotify id of the playlist. Raises `BadImport` where the name has none, or several."""
        found = self.playlist_or_none()
        if found is None:
            raise refused(
                self.file,
                "neither the file tells whose playlist it is nor its name",
                "Put the playlist's id (22 letters and digits) into the file's name.",
            )
        return found

    def playlist_or_none(self) -> str | None:
        ids = set(_PLAYLIST.findall(self.file))
        return str(ids.pop()) if len(ids) == 1 else None

    def _days(self) -> set[date]:
        name = _PLAYLIST.sub(" ", self.file.rpartition("/")[2])
        period = _PERIOD.search(name)
        if period:
            return _last_day(*period.groups())
        found = {_day(f"{year}-{month}-{day}") for year, _, month, day in _DAY.findall(name)}
        return {day for day in found if day}


def _last_day(start: str, end: str) -> set[date]:
    first, last = _day(start), _day(end)
    if not first or not last:
        return set()
    # spotifycharts.com named a week by the Fridays on both its sides; the chart ends on the Thursday, and so
    # charts.spotify.com names the same week.
    return {last - timedelta(days=1) if last - first == _WEEK else last}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
