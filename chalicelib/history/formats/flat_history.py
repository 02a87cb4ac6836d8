"""One JSON object of many days: the moment of each reading (no zone given) to the rows of a Top 50.

`{"2023-11-21T19:39:45": [{"pos": 1, "id": "4xhs…", "artists": "Drake,Yeat", "name": "…", "popularity": 93}, …], …}`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ...spotify.entries import Json, Row
from ..day import NO_FACTS, Day, Places, Problems, bare_track_id, iso_date, rows_of_entries
from ..document import track_entry
from ..naming import Named

_LENGTH = 50
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ]\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)


def is_flat_history(body: Mapping[str, Json]) -> bool:
    first = next(iter(body.values()), None)
    return all(map(_MOMENT.fullmatch, body)) and isinstance(first, list)


def read(body: Mapping[str, Json], named: Named, problems: Problems) -> Iterator[Day]:
    """One day each; of several readings on a day the last one."""
    region = named.region_or(named.region_of_top50())
    last = {moment[:10]: moment for moment in sorted(body)}
    for day, moment in last.items():
        rows = _rows(body[moment], moment, problems)
        try:
            snapshot_date = iso_date(day)
        except ValueError as error:
            problems.add(0, str(error))
        else:
            yield Day(
                f"chart:flat-top50-{region}-daily",
                snapshot_date,
                "flat-history",
                dict(NO_FACTS),
                "exact",
                rows.in_order(),
                lengths=(_LENGTH,),
                skipped=rows.skipped,
            )


def _rows(tracks: Json, moment: str, problems: Problems) -> Places[Row]:
    rows: Places[Row] = Places()
    for number, track in enumerate(tracks if isinstance(tracks, list) else [tracks], start=1):
        try:
            row = _row(track)
            rows.add(row["position"], row)
        except ValueError as error:
            rows.skipped += 1
            problems.add(0, f"{moment}, track {number}: {error}", str(track)[:1000])
    return rows


def _row(track: Json) -> Row:
    if not isinstance(track, Mapping):
        raise ValueError("it is no object")
    position, popularity = track.get("pos"), track.get("popularity")
    if isinstance(position, bool) or not isinstance(position, int) or not 0 < position <= _LENGTH:
        raise ValueError(f"'pos' is no position from 1 to {_LENGTH}")
    url = f"https://open.spotify.com/track/{bare_track_id(str(track.get('id')))}"
    artists = [{"name": track["artists"]}] if track.get("artists") else []
    entry = track_entry({"url": url, "name": track.get("name"), "artists": artists, "popularity": popularity})
    return next(rows_of_entries([(position, entry)]))
