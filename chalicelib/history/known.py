"""The formats that chartlake knows, for people: what each is, and which of them a strange file is nearest to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .formats import (
    chartlake_export,
    charts_legacy,
    charts_official,
    charts_scraped,
    chosic,
    exportify,
    exportify_copy,
    fycharts,
    kaggle,
    kaggle_charts,
    kaggle_worldwide,
    soundiiz,
    tunemymusic,
)


@dataclass(frozen=True)
class Format:
    """One kind of file: the beginning of its name in `source`, what it is, where its list and its day stand, and the
    columns or keys (of JSON, wherever they stand) by which it is known."""

    name: str
    what: str
    list: str
    day: str
    columns: tuple[frozenset[str], ...] = ()
    keys: tuple[frozenset[str], ...] = ()


_NEAR = 0.4
_LIST = "id in the file's name, else --playlist"
_DAY = "file's name, else --date"
_CHART = "chart:regional-<region>-daily"

FORMATS = (
    Format("charts-official", "CSV of charts.spotify.com", "chart:<kind>-<region>-<daily or weekly>", _DAY,
           (charts_official.REQUIRED,)),
    Format("charts-legacy", "CSV of spotifycharts.com", "chart:<kind>-<region>-<daily or weekly>", _DAY,
           (charts_legacy.REQUIRED,)),
    Format("charts-scraped", "CSV of several markets a day, 2026", "chart:scraped-<region>-daily", "in the file",
           (charts_scraped.REQUIRED,)),
    Format("kaggle-top50", "Kaggle, Top Spotify Songs in 73 Countries", "chart:kaggle-top50-<region>-daily",
           "in the file", (kaggle.REQUIRED,)),
    Format("kaggle-worldwide", "Kaggle, Spotify's Worldwide Daily Song Ranking", _CHART, "in the file",
           (kaggle_worldwide.REQUIRED,)),
    Format("kaggle-charts", "Kaggle, Spotify Charts", "chart:<regional or viral>-<region>-daily", "in the file",
           (kaggle_charts.REQUIRED,)),
    Format("fycharts", "CSV of fycharts", "chart:<kind>-<region>-<daily or weekly>", "in the file", fycharts.REQUIRED),
    Format("exportify", "CSV of Exportify, both makers", _LIST, _DAY, exportify.REQUIRED),
    Format("tunemymusic", "CSV of TuneMyMusic", "file:<name>, one a list", _DAY, (tunemymusic.REQUIRED,)),
    Format("soundiiz", "CSV of Soundiiz", _LIST, _DAY, (soundiiz.REQUIRED,)),
    Format("chosic", "CSV of Chosic", _LIST, _DAY, (chosic.REQUIRED,)),
    Format("links", "links or URIs, one a line; M3U", _LIST, _DAY),
    Format("account-playlists", "Spotify's account data, Playlist1.json", "file:<name>, one a list",
           "file's name, else its last change", keys=(frozenset({"playlists", "items", "lastModifiedDate"}),)),
    Format("account-library", "Spotify's account data, YourLibrary.json", "file:liked-songs", _DAY,
           keys=(frozenset({"tracks", "albums", "shows", "bannedTracks"}),)),
    Format("spotify-backup-json", "JSON of spotify-backup", "Spotify's id, one a list", _DAY,
           keys=(frozenset({"playlists", "tracks", "name"}),)),
    Format("spotify-backup-text", "text of spotify-backup", "file:<name>, one a list", _DAY),
    Format("flat-history", "JSON of many days of a Top 50", "chart:flat-top50-<region>-daily", "in the file"),
    Format("archive-pretty-json", "spotify-playlist-archive, <id>.json, or a git clone of it", "Spotify's id", _DAY,
           keys=(frozenset({"tracks", "num_followers", "url"}),)),
    Format("archive-pretty-markdown", "the same until 2021, <name>.md", "Spotify's id", _DAY),
    Format("archive-followers", "its playlists/followers/<id>.json", "Spotify's id, in the name", "in the file"),
    Format("other-archive-json", "gesoges0's spotify-archive", "Spotify's id", _DAY,
           keys=(frozenset({"id", "tracks"}),)),
    Format("spotify-json", "saved answers of Spotify's API", "Spotify's id, else " + _LIST, _DAY,
           keys=(frozenset({"items", "href", "total"}), frozenset({"track", "added_at"}))),
    Format("chartlake-export", "what chartlake export wrote (all forms but urls and m3u)", "in the file", "in the file",
           (chartlake_export.REQUIRED, exportify_copy.REQUIRED)),
    Format("mapped", "any other CSV, with --map or --map-file", _LIST, "in the file, else " + _DAY),
)  # fmt: skip


def nearest(names: Iterable[str], what: str = "CSV") -> str | None:
    """The known format (of CSV or JSON, as `what` says) that these columns or keys are nearest to, and what they lack,
    in words; None where they have less than two fifths of any."""
    there = {name.strip().lower() for name in names}
    found = [
        (len(needs & there) / len(needs), one.name, sorted(needs - there))
        for one in FORMATS
        for needs in ({name.lower() for name in known} for known in (one.columns if what == "CSV" else one.keys))
    ]
    share, name, missing = max(found, key=lambda one: one[0])
    if share < _NEAR:
        return None
    lacks = f"which also has {', '.join(missing)}" if missing else "which has these names in other places"
    return f"The nearest known format is {name}, {lacks}"
