"""Every route against its own description: schemathesis asks what nobody would think of, over real HTTP."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from chalicelib.api.openapi import document
from chalicelib.history.importing import import_path
from chalicelib.lake import keys
from chalicelib.lake.address import open_store
from chalicelib.lake.lake import Lake
from simulator import EXTENDED, TOP_50, Fault, Simulator

from .chalice_local import chalice_local
from .conftest import Clock
from .test_extract import TODAY, Rig
from .test_imports import CHART, TRACKS, write

DAYS = [TODAY + timedelta(days=number) for number in range(6)]

_LISTS = [TOP_50, CHART, f"spotify:playlist:{TOP_50}"]
_DAYS = [day.isoformat() for day in (*DAYS, TODAY - timedelta(days=1))]
_TRACKS = [f"spotify:track:{TRACKS[1]}", TRACKS[2]]
# What this lake can be asked for; the last of each it does not know.
WORTH_ASKING = {
    "playlist_id": [*_LISTS, "0" * 22],
    "playlist": [*_LISTS, "0" * 22],
    "track_id": [*_TRACKS, "GBAYE6800011"],
    "date": _DAYS,
    "from": _DAYS,
    "to": _DAYS,
}


def description_of_here() -> dict[str, Any]:
    """The document, narrowed to what is worth asking here: by chance alone hardly any id is one that is known."""
    found = copy.deepcopy(document())
    # Signatures are API Gateway's business: locally nothing is authorised.
    del found["security"]
    # A playlist that Spotify does not know is a 502, rightly.
    extract, replay = (mode["properties"] for mode in found["components"]["schemas"]["Backfill"]["anyOf"])
    for fields in (extract, replay):
        fields["playlists"]["items"] = {"enum": [_LISTS[0], _LISTS[2]]}
    # That the first day is not after the last no schema can tell.
    replay |= {"from": {"enum": [_DAYS[0], None]}, "to": {"enum": [_DAYS[5], None]}}
    operations = [(path, operation) for path, methods in found["paths"].items() for operation in methods.values()]
    for path, operation in operations:
        # A cursor by chance is never the right one; one route suffices to try wrong ones.
        asked = [one for one in operation["parameters"] if one["name"] != "cursor" or path == "/playlists"]
        operation["parameters"] = [
            one | {"schema": {"enum": WORTH_ASKING[one["name"]]}} if one["name"] in WORTH_ASKING else one
            for one in asked
        ]
    return found


description = schemathesis.openapi.from_dict(description_of_here())
# Other methods are refused by API Gateway, before anything of ours.
description.config.phases.coverage.unexpected_methods = set()


def fill(path: str) -> None:
    """Six days of two lists: a day that failed, one that was missed, and a chart that was imported."""
    clock = Clock()
    simulator = Simulator(now=clock.now, sleep=clock.sleep)
    lake = Lake(open_store(path, clock.world()), clock.world())
    with simulator.serve() as server:
        rig = Rig(simulator, server, lake, clock)
        for day in DAYS:
            if day == DAYS[2]:
                simulator.faults.add(Fault.premium_required(on="playlist"))
            if day != DAYS[3]:
                rig.extract("top-50", "fifty")
            clock.advance(days=1)
    for day in DAYS[:2]:
        list(import_path(lake, write(Path(path).parent, day)))
    lake.store.create(keys.INDEX_PAGE, b"<!doctype html>")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`chalice local` on a lake with days in it, beside a simulated Spotify."""
    folder = tmp_path_factory.mktemp("served")
    fill(str(folder / "lake"))
    with Simulator().serve() as spotify:
        environment = {
            "CHARTLAKE_LAKE": str(folder / "lake"),
            "CHARTLAKE_PLAYLISTS": TOP_50,
            "SPOTIFY_API_URL": spotify.api_url,
            "SPOTIFY_ACCOUNTS_URL": spotify.accounts_url,
            "SPOTIPY_CLIENT_ID": EXTENDED.client_id,
            "SPOTIPY_CLIENT_SECRET": EXTENDED.client_secret,
        }
        with chalice_local(environment, folder / "log") as address:
            yield address


@description.parametrize()
@settings(max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_the_answer_is_one_that_is_described(case: schemathesis.Case, url: str) -> None:
    case.call_and_validate(base_url=url, timeout=30)
