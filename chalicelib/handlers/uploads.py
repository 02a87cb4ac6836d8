"""What follows on a file that was dropped below `imports/`. The heavy rooms are imported when it runs, not before."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ..settings import from_environment
from ..time_and_chance import World
from .invocation import FUNCTION_MEMORY, limited_world, render_pages


def upload(
    detail: Mapping[str, Any], milliseconds_left: Callable[[], int], world: World | None = None
) -> dict[str, Any]:
    """What follows on a file that was dropped below `imports/`; see `intake.take_in`.

    Raises where a file is refused, so that Lambda counts an error.
    """
    from ..snapshots.pipeline import open_lake
    from .intake import take_in

    settings = from_environment(os.environ)
    limited = limited_world(world, milliseconds_left, float("inf"))
    memory = os.environ.get(FUNCTION_MEMORY)
    told, refused = take_in(open_lake(settings, limited), limited, detail, int(memory) if memory else None)
    if files := told.get("files"):
        changed = [file for file in files if file["changed"]]
        render_pages([playlist_id for file in changed for playlist_id in file["playlists"]], settings, limited)
    if refused is not None:
        raise refused
    return told
