"""Looks at everything a run needs, one thing after the other, and says what to do where something is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import ChartlakeError
from ...lake import keys
from ...lake.lake import Lake
from ...lake.store import Conflict
from ...settings import Settings
from ...snapshots.pipeline import open_lake
from ...time_and_chance import World
from . import amazon
from .account import account
from .check import Check, bad
from .schedule import schedule

# DuckDB's wheels need the glibc of Lambda's runtimes from 3.12 on.
PACKAGING_PYTHON = (3, 12)


def examine(settings_of: Callable[[], Settings], world: World) -> Iterator[Check]:
    """Check after check, as each is known. Nothing is changed, neither in the lake nor at AWS, but for a refresh token
    that Spotify replaces.

    Spotify is asked for a token and once a followed playlist, twice for one whose contents it withholds; not at all
    while it wants to be left alone.
    """
    yield _python()
    try:
        settings = settings_of()
    except ChartlakeError as error:
        yield bad("settings", error)
        return
    yield Check("settings", "good", f"Valid; days are counted in {settings.timezone.key}.")
    yield schedule(settings.schedule, world.now())
    if settings.lake.startswith("s3://"):
        yield from amazon.identity(world.now())
    lake: Lake | None = None
    try:
        lake = open_lake(settings, world)
        yield _newest(lake)
        yield _writable(settings, lake)
        if settings.lake.startswith("s3://"):
            yield from amazon.bucket(settings.lake)
    except ChartlakeError as error:
        yield bad("lake", error)
        lake = None
    yield from account(settings, world, lake)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PACKAGING_PYTHON:
        return Check("python", "good", f"Python {version}.")
    advice = "Only for deploying: use Python 3.12 or newer."
    return Check("python", "warning", f"Python {version} runs chartlake, but cannot package it for Lambda.", advice)


def _newest(lake: Lake) -> Check:
    captured_at = lake.read_state(keys.NEWEST_OK).get("captured_at")
    kept = f"the newest snapshot is of {captured_at[:16]} UTC" if captured_at else "no snapshot is in it yet"
    return Check("lake", "good", f"{lake.store.locate('')} can be read; {kept}.")


def _writable(settings: Settings, lake: Lake) -> Check:
    """Whether a run could write, found out without writing."""
    if not settings.lake.startswith("s3://"):
        folder = Path(settings.lake).expanduser().resolve()
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if os.access(there, os.W_OK):
            return Check("writing", "good", "The folder can be written.")
        return Check("writing", "bad", f"{there} cannot be written.", "Choose another folder: CHARTLAKE_LAKE.")
    for prefix in (keys.RAW, keys.ENTRIES, keys.SNAPSHOTS, keys.STATE):
        try:
            # S3 asks for the permission first, and then finds that there is no such version to be replaced.
            lake.store.replace(f"{prefix}doctor", b"", '"0"')
        except Conflict:
            continue
        except ChartlakeError as error:
            return bad("writing", error)
    return Check("writing", "good", "Raw answers, tables and state can be written.")
