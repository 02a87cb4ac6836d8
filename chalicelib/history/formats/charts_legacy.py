"""CSV downloads of spotifycharts.com (2016 to 2022, gone): Top 200 and viral 50, daily and weekly.

`Position,"Track Name",Artist,Streams,URL`, mostly below a line of Spotify's that begins "Note that these figures"; the
first ones have no header. `Artist` is the first artist only. Kind, region, cadence and day stand in the name alone.
"""

from __future__ import annotations

from operator import itemgetter

from ...spotify.entries import Row
from ..day import refused, track_id, track_row, whole_number
from ..naming import Named
from ..table import Key, Layout, Table
from .charts_official import LENGTHS

REQUIRED = frozenset({"position", "track name", "artist", "url"})
COLUMNS = ["position", "track name", "artist", "streams", "url"]


def looks_like_a_row(fields: list[str]) -> bool:
    """Whether a file without a header begins with this record."""
    return len(fields) == len(COLUMNS) and fields[0].isdigit() and "open.spotify.com/track/" in fields[-1]


def table(header: list[str], layout: Layout, named: Named) -> Table:
    """Raises `BadImport` where the name does not tell which chart this is."""
    name = named.chart()
    if name is None:
        raise refused(
            named.file,
            "a chart of spotifycharts.com, but the file does not tell whether it is daily or weekly, nor its name",
            "Name it as spotifycharts.com did: regional-<region>-<daily or weekly>-<YYYY-MM-DD>.csv, with the two "
            "letters of a country or global for the region.",
        )
    kind = "regional" if "streams" in header else "viral"
    key = (f"chart:{kind}-{named.region_or(name.region)}-{name.every}", named.single_day())
    format_ = f"charts-legacy-{name.every}" if kind == "regional" else f"charts-legacy-viral-{name.every}"
    return Table(format_, layout, _Row(header, key), lambda fields: key, LENGTHS[kind])


class _Row:
    def __init__(self, header: list[str], key: Key) -> None:
        self._key = key
        self._pick = itemgetter(*(header.index(name) for name in ("position", "url", "artist", "track name")))
        self._streams = header.index("streams") if "streams" in header else None

    def __call__(self, fields: list[str]) -> tuple[Key, Row]:
        rank, url, artist, name = self._pick(fields)
        position = whole_number(rank, "Position", smallest=1)
        row = track_row(position, track_id(url), name, [(None, artist)])
        if self._streams is not None:
            row["streams"] = whole_number(fields[self._streams], "Streams", 2**63 - 1)
        return self._key, row
