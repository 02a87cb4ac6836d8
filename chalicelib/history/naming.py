"""What a file's name tells where the file itself is silent: the day, the region, the chart, the playlist."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from .day import refused, shown

_CHART = re.compile(r"(?<![a-z])(?P<kind>regional|viral)-(?P<region>global|[a-z]{2})-(?P<every>daily|weekly)(?![a-z])")
_PERIOD = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)--(\d{4}-\d\d-\d\d)(?!\d)")
_DAY = re.compile(r"(?<!\d)(20\d\d)([-_]?)(\d\d)\2(\d\d)(?!\d)")
_MOMENT = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d)T(\d\d):?(\d\d):?(\d\d)Z")
_PLAYLIST = re.compile(r"(?<![0-9A-Za-z])([0-9A-Za-z]{22})(?![0-9A-Za-z])")
_REGION_OF_TOP50 = re.compile(
    r"(?<![a-z])(global|[a-z]{2})[-_ ]?top[-_ ]?50|top[-_ ]?50[-_ ](global|[a-z]{2})(?![a-z])"
)
_WEEK = timedelta(days=7)
_LONGEST_SLUG = 60

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
class ListName:
    """A list that the caller names: its id, and its name where that is what was given."""

    id: str
    name: str | None = None


def named_list(name: str) -> ListName:
    """A list that is known by its name alone: `file:<slug>`, the slug of a-z, 0-9 and hyphens.

    Names that differ only in case or signs share one; letters that the slug cannot show are told by a hash, so that no
    two names of other alphabets meet. Raises `ValueError` for a name of nothing but signs.
    """
    folded = unicodedata.normalize("NFKD", name.casefold())
    letters = [letter for letter in folded if not unicodedata.combining(letter)]
    slug = re.sub(r"[^a-z0-9]+", "-", "".join(letters)).strip("-")[:_LONGEST_SLUG].strip("-")
    if any(letter.isalnum() and not letter.isascii() for letter in letters) or len(folded) > _LONGEST_SLUG:
        slug = f"{slug}-{hashlib.sha256(folded.encode('utf-8', 'replace')).hexdigest()[:8]}".strip("-")
    if not slug:
        raise ValueError(f"the list's name is {shown(name)}, without any letter")
    return ListName(f"file:{slug}", name)


@dataclass(frozen=True)
class Named:
    """A file's name and what the caller said about the file; the caller's word counts more."""

    file: str
    day: date | None = None
    region: str | None = None
    list: ListName | None = None

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
        """The playlist's id, as the caller gave it or as it stands in the name. Raises `BadImport` for neither."""
        found = self.list.id if self.list else self.playlist_or_none()
        if found is None:
            raise refused(
                self.file,
                "neither the file tells which playlist it is nor its name",
                "Say which with --playlist: its link or id, or a name of your own; or put the id (22 letters and "
                "digits) into the file's name.",
            )
        return found

    def playlist_and_day(self) -> tuple[str, date]:
        """Both, for a file that is one state of a list. Raises `BadImport` that asks for all that is not told."""
        if not (self.list or self.playlist_or_none() or self.has_date()):
            raise refused(
                self.file,
                "neither the file tells which playlist it is and on which day, nor its name",
                f"Say which with --playlist: its link or id, or a name of your own. {_DAY_ADVICE}",
            )
        return self.playlist(), self.single_day()

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


def last_day_of(period: str) -> date | None:
    """The last day of a chart's week as spotifycharts.com wrote it; None for any other text."""
    found = _PERIOD.fullmatch(period)
    return next(iter(_last_day(*found.groups())), None) if found else None


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
