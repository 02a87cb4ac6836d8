"""The columns of the tables, in order, with their types as DuckDB writes them to Parquet."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from .. import __version__

ENTRIES = {
    "snapshot_date": "DATE",
    "playlist_id": "VARCHAR",
    "position": "INTEGER",
    "item_type": "VARCHAR",
    "item_id": "VARCHAR",
    "uri": "VARCHAR",
    "name": "VARCHAR",
    "url": "VARCHAR",
    "artists": "STRUCT(id VARCHAR, name VARCHAR)[]",
    "album_id": "VARCHAR",
    "album_name": "VARCHAR",
    "album_type": "VARCHAR",
    "album_release_date": "VARCHAR",
    "album_release_precision": "VARCHAR",
    "album_total_tracks": "INTEGER",
    "album_image_url": "VARCHAR",
    "show_id": "VARCHAR",
    "show_name": "VARCHAR",
    "isrc": "VARCHAR",
    "duration_ms": "BIGINT",
    "explicit": "BOOLEAN",
    "popularity": "INTEGER",
    "disc_number": "INTEGER",
    "track_number": "INTEGER",
    "is_local": "BOOLEAN",
    "is_playable": "BOOLEAN",
    "added_at": "TIMESTAMP WITH TIME ZONE",
    "added_by": "VARCHAR",
    "streams": "BIGINT",
    "label": "VARCHAR",
    "reported_peak": "INTEGER",
    "reported_previous": "INTEGER",
    "reported_days": "INTEGER",
    "captured_at": "TIMESTAMP WITH TIME ZONE",
    "capture_id": "VARCHAR",
    "source": "VARCHAR",
}

SNAPSHOTS = {
    "snapshot_date": "DATE",
    "playlist_id": "VARCHAR",
    "name": "VARCHAR",
    "description": "VARCHAR",
    "owner_id": "VARCHAR",
    "owner_name": "VARCHAR",
    "public": "BOOLEAN",
    "collaborative": "BOOLEAN",
    "followers": "BIGINT",
    "snapshot_id": "VARCHAR",
    "total": "INTEGER",
    "entry_count": "INTEGER",
    "entries_key": "VARCHAR",
    "status": "VARCHAR",
    "reason": "VARCHAR",
    "content_hash": "VARCHAR",
    "requests": "INTEGER",
    "dialect": "VARCHAR",
    "captured_at": "TIMESTAMP WITH TIME ZONE",
    "capture_id": "VARCHAR",
    "source": "VARCHAR",
    "raw_key": "VARCHAR",
    "raw_sha256": "VARCHAR",
    "position_quality": "VARCHAR",
    "replacing": "VARCHAR",
    "app_version": "VARCHAR",
}

# What files told of tracks, of each the newest: a row a track. Spotify gives it to no app that is new.
AUDIO_FEATURES = {
    "track_id": "VARCHAR",
    "danceability": "DOUBLE",
    "energy": "DOUBLE",
    "key": "INTEGER",
    "loudness": "DOUBLE",
    "mode": "INTEGER",
    "speechiness": "DOUBLE",
    "acousticness": "DOUBLE",
    "instrumentalness": "DOUBLE",
    "liveness": "DOUBLE",
    "valence": "DOUBLE",
    "tempo": "DOUBLE",
    "time_signature": "INTEGER",
    "snapshot_date": "DATE",
    "playlist_id": "VARCHAR",
    "captured_at": "TIMESTAMP WITH TIME ZONE",
    "capture_id": "VARCHAR",
    "source": "VARCHAR",
}


# Spotify was founded in 2006, so no list of it is older; and a day as far off as the last one is a mistake.
FIRST_DAY, LAST_DAY = date(2006, 1, 1), date(2199, 12, 31)


class Status(StrEnum):
    """What a day is worth."""

    OK = "ok"
    UNCHANGED = "unchanged"
    INCOMPLETE = "incomplete"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    DEFERRED = "deferred"
    SUSPECT = "suspect"
    ENDED = "ended"


# A day with one of these has its entries; a day with any other status, or without a row, has none.
PUBLISHED = (Status.OK, Status.UNCHANGED)


def empty_row(playlist_id: str, day: date, moment: datetime) -> dict[str, Any]:
    """A day of which nothing is known yet but that it was tried at `moment`."""
    return dict.fromkeys(SNAPSHOTS) | {
        "snapshot_date": day,
        "playlist_id": playlist_id,
        "captured_at": moment,
        "app_version": __version__,
    }
