"""What a person says about files that are to be imported, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import BadImport
from ..spotify.entries import Row
from .mapping import ColumnMap
from .naming import ListName
from .opening import Limits

# A large file of short days has thousands; the table `snapshots` holds them all.
_MOST_REMARKS = 100


@dataclass(frozen=True)
class ImportedFile:
    """What became of one file: the playlists that it tells of, its days and rows, how many of the days are new or other
    than before, how many were left out because they were purged, its rejects; and what is to be said of single days, as
    (playlist, day, reason): places that are missing, or why it is a gap. Of a file that was only looked at also its
    first rows."""

    name: str
    format: str
    playlists: tuple[str, ...] = ()
    days: int = 0
    rows: int = 0
    changed: int = 0
    purged: int = 0
    rejects: tuple[tuple[int, str, str], ...] = field(default=(), repr=False)
    remarks: tuple[tuple[str, date, str], ...] = field(default=(), repr=False)
    first_rows: tuple[Row, ...] = field(default=(), repr=False)
    error: BadImport | None = None

    @property
    def rejects_path(self) -> Path:
        """Where its rejects are kept: beside it, or beside the archive that it lies in."""
        path = Path(self.name)
        archive = next((folder for folder in path.parents if folder.is_file()), None)
        if archive is None:
            return Path(f"{path}.rejects")
        return archive.with_name(f"{archive.name}--{'--'.join(path.relative_to(archive).parts)}.rejects")

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "file": self.name,
            "format": self.format,
            "playlists": list(self.playlists),
            "days": self.days,
            "rows": self.rows,
            "changed": self.changed,
            "purged": self.purged,
            "rejected": len(self.rejects),
            "remarks": [
                {"playlist_id": one, "snapshot_date": day.isoformat(), "reason": reason}
                for one, day, reason in self.remarks[:_MOST_REMARKS]
            ],
        }
        if self.first_rows:
            found["first_rows"] = list(self.first_rows)
        if self.error:
            found |= {"error": self.error.message, "advice": self.error.advice, "problems": self.error.problems}
        return found


@dataclass(frozen=True)
class Options:
    """What a person says about the files: their day, region and list, what the columns of an unknown CSV hold, whether
    bad lines may be left out, whether the files are only to be looked at; and how large they may be."""

    day: date | None = None
    region: str | None = None
    skip_bad: bool = False
    limits: Limits | None = None
    playlist: ListName | None = None
    columns: ColumnMap | None = None
    dry_run: bool = False
    # Who imports, and whether the files' bytes are kept: nothing by which a file is read otherwise.
    by: str = ""
    keep: bool = True

    def reading(self) -> dict[str, Any]:
        """What `read_history` is to be told of a file, but where its bad lines go and how large it may be."""
        return {"day": self.day, "region": self.region, "playlist": self.playlist, "columns": self.columns}

    def to_json(self) -> dict[str, Any]:
        """What decides how a file is read: kept beside its bytes, so that it can be read so again."""
        told: dict[str, Any] = {
            "date": self.day and self.day.isoformat(),
            "region": self.region,
            "skip_bad": self.skip_bad,
        }
        # What is not said is not there, so that notes of earlier imports stay the same.
        if self.playlist:
            told["playlist"] = asdict(self.playlist)
        if self.columns:
            told["columns"] = asdict(self.columns)
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Options:
        """What `to_json` gave. Raises `ValueError` or `TypeError`."""
        day = told.get("date")
        playlist, columns = told.get("playlist"), told.get("columns")
        return cls(
            day and date.fromisoformat(day),
            told.get("region"),
            bool(told.get("skip_bad")),
            playlist=ListName(**playlist) if playlist else None,
            columns=ColumnMap(**columns) if columns else None,
        )
