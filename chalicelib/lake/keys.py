"""Every key in the lake. A key is relative to the lake's root, with '/' between its parts."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from hashlib import sha256
from urllib.parse import quote, unquote

PLAYLISTS = "config/playlists.txt"
WATCH = "config/watch.txt"
NOT_BEFORE = "state/not_before.json"
SIGN_IN = "state/sign_in.json"
NEWEST_OK = "state/newest_ok.json"
MINE = "state/mine.json"
PURGED = "state/purged.json"
MEASURED = "state/measured.json"
ENTRIES = "tables/entries/"
SNAPSHOTS = "tables/snapshots/"
AUDIO_FEATURES = "tables/audio_features/"
# One object: a hundred thousand tracks take some 6 MB, and are written by imports only.
TRACKS_FEATURES = "tables/audio_features/tracks.parquet"
RAW = "raw/"
SITE = "site/"
INDEX_PAGE = "site/index.html"
SHARED_INDEXES = "site/shared/"
CARDS = "site/cards.json"
ACROSS = "site/across.json"
FEEDS = "site/feeds/"
ALL_FEED = "site/feeds/all.xml"
WATCHED_FEED = "site/feeds/watched.xml"
STATE = "state/"
RUNS = "state/runs/"
TOLD = "state/told/"
COPY = "warehouse/"
COPY_MADE = "warehouse/_made.json"
# The files of tables that Athena makes (`deploy/iceberg.py`).
ICEBERG = "warehouse/iceberg/"
IMPORTS = "imports/"
KEPT_IMPORTS = "raw/imports/"
# Of a long name its beginning is enough: the digest before it tells which file it is.
_LONGEST_NAME = 120


def run(run_id: str) -> str:
    """One run: what was asked and what came of it."""
    return f"{RUNS}{run_id}.json"


def run_shares(run_id: str) -> str:
    """Where the workers of a run tell what each of them has done."""
    return f"{RUNS}{run_id}/shares/"


def run_share(run_id: str, worker: str, number: int) -> str:
    """One part of what one worker has done."""
    return f"{run_shares(run_id)}{worker}-{number:05d}.json"


def run_stop(run_id: str) -> str:
    """Why no worker of a run needs to ask Spotify any more."""
    return f"{RUNS}{run_id}/stop.json"


def imported(key: str) -> str:
    """What became of an upload below `imports/`: beside the tables' state, where it is no upload itself."""
    return f"state/{key}.json"


def raw(playlist_id: str, day: date, captured_at: datetime, capture_id: str) -> str:
    """One capture, for ever: its day, its moment and its own id."""
    moment = captured_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{RAW}playlist_id={_safe(playlist_id)}/date={day}/{moment}-{capture_id}.json.gz"


def raw_prefix(playlist_id: str = "") -> str:
    """Where all raw documents are, or one playlist's."""
    return f"{RAW}playlist_id={_safe(playlist_id)}/" if playlist_id else RAW


def raw_owner(key: str) -> tuple[str, date] | None:
    """The (playlist, day) of a raw document; None for another object that lies there."""
    name = re.fullmatch(rf"{RAW}playlist_id=([^/]+)/date=(\d{{4}}-\d{{2}}-\d{{2}})/[^/]+\.json\.gz", key)
    return (unquote(name[1]), date.fromisoformat(name[2])) if name else None


def kept_import(sha256: str, name: str) -> str:
    """An imported file's own bytes, once: below the SHA-256 of what it held, under the name that it had."""
    short = name.rpartition("/")[2].removesuffix(".gz")
    while len(_safe(short)) > _LONGEST_NAME:
        short = short[:-1]
    return f"{kept_prefix(sha256)}{_safe(short)}.gz"


def kept_prefix(sha256: str) -> str:
    """Where a file's bytes are kept, and beside them how it was imported."""
    return f"{KEPT_IMPORTS}{sha256}/"


def import_note(sha256: str, which: str) -> str:
    """How a file was imported: one object for each name and options."""
    return f"{kept_prefix(sha256)}{which}.json"


def kept_sha256(key: str) -> str | None:
    """The SHA-256 of the file whose bytes, or whose note, that key holds; None for another object."""
    name = re.fullmatch(rf"{KEPT_IMPORTS}([0-9a-f]{{64}})/[^/]+", key)
    return name[1] if name else None


def snapshots(playlist_id: str, year: int) -> str:
    """One playlist's year of days that were tried."""
    return f"{SNAPSHOTS}year={year}/{_safe(playlist_id)}.parquet"


def segment(playlist_id: str, first_day: date) -> str:
    """One run of a playlist's days: the segment that begins with `first_day`."""
    return f"{segments_prefix(playlist_id, first_day.year)}{first_day}.parquet"


def segments_prefix(playlist_id: str, year: int) -> str:
    return f"{ENTRIES}year={year}/{_safe(playlist_id)}-"


def segment_first_day(key: str, playlist_id: str, year: int) -> date | None:
    """The first day of a segment of that playlist; None for another object that shares the prefix."""
    try:
        return date.fromisoformat(key.removeprefix(segments_prefix(playlist_id, year)).removesuffix(".parquet"))
    except ValueError:
        return None


def segment_owner(key: str) -> tuple[str, int] | None:
    """The (playlist, year) of a segment; None for another object that lies there."""
    name = re.fullmatch(rf"{ENTRIES}year=(\d{{4}})/(.+)-\d{{4}}-\d{{2}}-\d{{2}}\.parquet", key)
    owner = (unquote(name[2]), int(name[1])) if name else None
    first_day = segment_first_day(key, *owner) if owner else None
    return owner if owner and first_day and segment(owner[0], first_day) == key else None


def snapshots_owner(key: str) -> tuple[str, int] | None:
    """The (playlist, year) of an object of the table `snapshots`; None for another object that lies there."""
    year = year_of(key)
    owner = (unquote(key.rsplit("/", 1)[-1].removesuffix(".parquet")), year) if year is not None else None
    return owner if owner and snapshots(*owner) == key else None


def year_of(key: str) -> int | None:
    """The year in the key of a table object, or of the folder of a year; None for anything else that lies there."""
    year = re.match(rf"(?:{ENTRIES}|{SNAPSHOTS})year=(\d{{4}})/", key)
    return int(year[1]) if year else None


def playlist_page(playlist_id: str) -> str:
    """One playlist's page of the site."""
    return f"{SITE}playlists/{_safe(playlist_id)}.html"


def track_page(track_key: str) -> str:
    """The page of a track across lists."""
    return f"{SITE}tracks/{_page_name(track_key.removeprefix('spotify:track:'))}.html"


def artist_page(artist_key: str) -> str:
    """The page of an artist across lists."""
    return f"{SITE}artists/{_page_name(artist_key)}.html"


def is_across_page(key: str) -> bool:
    """Whether it is the page of a track or an artist."""
    return re.fullmatch(rf"{SITE}(tracks|artists)/[0-9A-Za-z]{{12,32}}\.html", key) is not None


def link(key: str) -> str:
    """From the site's folder to what lies there: a key's own percent signs are part of a file's name."""
    return quote(key.removeprefix(SITE))


def list_feed(playlist_id: str) -> str:
    """One playlist's feed."""
    return f"{FEEDS}lists/{_safe(playlist_id)}.xml"


def is_feed(key: str) -> bool:
    """Whether chartlake wrote it as a feed."""
    return re.fullmatch(rf"{FEEDS}(all|watched|lists/[^/]+)\.xml", key) is not None


def copied(table: str, shelf: int) -> str:
    """The rows of a table of the copy (see `analysis.copies`), for the lists of one shelf."""
    return f"{COPY}{table}/shelf={shelf:04d}/rows.parquet"


def is_copied(key: str) -> bool:
    """Whether it belongs to the copy."""
    return key == COPY_MADE or re.fullmatch(rf"{COPY}[a-z_]+/shelf=\d{{4,}}/[^/]+\.parquet", key) is not None


def told(channel: str) -> str:
    """What one channel was told."""
    return f"{TOLD}{channel}.json"


def shared_index(link_id: str) -> str:
    """The index behind one link: an object of its own, since a later one would let the link live on."""
    return f"{SHARED_INDEXES}{link_id}.html"


def is_shared_index(key: str) -> bool:
    """Whether it is the index behind a link; all links had one before, `index.html`."""
    return re.fullmatch(rf"{SHARED_INDEXES}(index|[0-9a-f]{{16}})\.html", key) is not None


def _page_name(key: str) -> str:
    """An id or an ISRC as it is; any other text, which can be longer than a file's name may be, by its digest."""
    return key if re.fullmatch(r"[0-9A-Za-z]{12,22}", key) else sha256(key.encode()).hexdigest()[:32]


def _safe(playlist_id: str) -> str:
    return quote(playlist_id, safe="")
