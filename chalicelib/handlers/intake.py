"""Files that are dropped below `imports/` of a deployed lake: from S3's event to rows, and what became of each."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from ..errors import BadImport, ChartlakeError
from ..history.imported import ImportedFile, Options
from ..history.importing import import_path, is_clutter
from ..history.opening import Limits
from ..lake import keys
from ..lake.lake import Lake
from ..time_and_chance import World

READING, IMPORTED, REFUSED, FAILED = "reading", "imported", "refused", "failed"
# A JSON document takes twenty times its size in memory while it is understood, beside what the process has anyway.
_DOCUMENTS_A_MEMORY = 32
# The temporary folder holds the file and its rows, which can be twice as large.
_FILES_A_ROOM = 3
_LONGEST_SECONDS = 900.0
_MOST_PROBLEMS = 1000

_log = logging.getLogger(__name__)


def take_in(
    lake: Lake, world: World, detail: Mapping[str, Any], memory: int | None
) -> tuple[dict[str, Any], BadImport | None]:
    """Import the object of S3's "Object Created" event; gives what `state/imports/<key>.json` tells of it, and why the
    file, or the first of an archive's files, was refused.

    `memory` is the function's, in MB. Raises `LakeUnavailable` and `DamagedFile`; what is told then is the reason. The
    same event once more changes nothing.
    """
    key = _key_of(lake, detail)
    if key is None or is_clutter(key):
        return _ignored(detail["object"]["key"], "it is no upload"), None
    with tempfile.TemporaryDirectory(prefix="chartlake-") as folder:
        path, room = Path(folder) / "upload", shutil.disk_usage(folder).free // _FILES_A_ROOM
        size = int(detail["object"].get("size", 0))
        if size > room:
            return _finish(lake, key, {"size": size}, [_too_large(key, size, room)])
        # EventBridge tells keys as they are, S3's other notifications tell them url-encoded; a key may look like both.
        found = ((one, lake.store.download(one, path)) for one in dict.fromkeys((key, unquote_plus(key))))
        key, etag = next(((one, etag) for one, etag in found if etag), (key, None))
        if etag is None:
            return _ignored(key, "it is gone"), None
        facts = {"size": path.stat().st_size, "etag": etag.strip('"')}
        _begin(lake, world, key, facts)
        limits = Limits(file=room, document=(memory << 20) // _DOCUMENTS_A_MEMORY if memory else Limits.document)
        options = Options(limits=limits, by=f"upload by {detail.get('requester', 'unknown')}")
        try:
            return _finish(lake, key, facts, import_path(lake, path, options, name=key))
        except ChartlakeError as error:
            _fail(lake, key, facts, error)
            raise


def _key_of(lake: Lake, detail: Mapping[str, Any]) -> str | None:
    """The key in the lake; None for an object that is none of its uploads."""
    address = f"s3://{detail['bucket']['name']}/{detail['object']['key']}"
    if not address.startswith(lake.store.locate(keys.IMPORTS)) or address.endswith("/"):
        return None
    return address.removeprefix(lake.store.locate(""))


def _ignored(key: str, reason: str) -> dict[str, Any]:
    _log.info("upload ignored: %s", reason, extra={"object_key": key})
    return {"file": key, "ignored": reason}


def _too_large(key: str, size: int, room: int) -> ImportedFile:
    error = BadImport(
        key,
        [(0, f"it has {size:,} bytes; this function has room for {room:,}")],
        advice="Pack it (.gz), split it, or import it by the command `chartlake import` on a machine with more room.",
    )
    return ImportedFile(key, "", error=error)


def _begin(lake: Lake, world: World, key: str, facts: Mapping[str, Any]) -> None:
    """Tell that it is being read, and until when; after that moment its process has died."""
    until = world.now().astimezone(UTC) + timedelta(seconds=min(world.time_left(), _LONGEST_SECONDS))
    reading = {"file": key, "state": READING, "until": until.isoformat(), **facts}
    _note(lake, key, facts, reading)


def _finish(
    lake: Lake, key: str, facts: Mapping[str, Any], imported: Iterable[ImportedFile]
) -> tuple[dict[str, Any], BadImport | None]:
    found = list(imported)
    refused = [one.error for one in found if one.error]
    state, level = (REFUSED, logging.ERROR) if refused else (IMPORTED, logging.INFO)
    told = {"file": key, "state": state, **facts, "files": [_shortened(one) for one in found]}
    changed = sum(one.changed for one in found)
    # What the first event changed is worth telling, not that the second changed nothing.
    news = bool(refused or changed)
    if news:
        lake.update_state(keys.imported(key), lambda _: told)
    else:
        _note(lake, key, facts, told)
    counts = {"files": len(found), "refused": len(refused), "rows": sum(one.rows for one in found), "changed": changed}
    _log.log(level, "upload %s", state, extra={"object_key": key, **counts})
    return told, refused[0] if refused else None


def _fail(lake: Lake, key: str, facts: Mapping[str, Any], error: ChartlakeError) -> None:
    """Tell why it is not read to its end; Lambda tries again."""
    failed = {"file": key, "state": FAILED, **facts, **error.to_json()}
    try:
        _note(lake, key, facts, failed)
    except ChartlakeError:
        _log.warning("what became of the upload is not kept", exc_info=True, extra={"object_key": key})


def _note(lake: Lake, key: str, facts: Mapping[str, Any], state: dict[str, Any]) -> None:
    """Tell how the upload stands, unless it is told already that this very file was imported."""
    lake.update_state(keys.imported(key), lambda before: before if _stands(before, facts) else state)


def _stands(before: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return before.get("state") == IMPORTED and before.get("etag") == facts.get("etag")


def _shortened(found: ImportedFile) -> dict[str, Any]:
    told = found.to_json()
    return told | {"problems": told["problems"][:_MOST_PROBLEMS]} if found.error else told
