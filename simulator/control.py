"""`/_simulator/`: what a person with a terminal can see and change while the simulator runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, request

from .accounts import APPS
from .faults import Fault
from .spotify import Spotify

_HELP = {
    "GET /_simulator/": "this page",
    "POST /_simulator/faults": 'a fault to come, such as {"kind": "status", "status": 502, "on": "items", "times": 3}',
    "DELETE /_simulator/faults": "no more faults",
    "POST /_simulator/clock": '{"advance_days": 1} or {"now": "2026-11-24T08:00:00Z"}',
}


def add_control(app: Flask, spotify: Spotify) -> None:
    """Add the pages to an application."""

    def overview() -> Response:
        return _answer(describe(spotify))

    def add_fault() -> Response:
        try:
            spotify.faults.add(Fault.from_json(request.get_json(force=True, silent=True)))
        except (TypeError, ValueError) as error:
            return _answer({"error": str(error)}, 400)
        return _answer({"faults": len(spotify.faults)}, 201)

    def clear_faults() -> Response:
        spotify.faults.clear()
        return _answer({"faults": 0})

    def set_clock() -> Response:
        try:
            _set_clock(spotify, request.get_json(force=True, silent=True))
        except (TypeError, ValueError, OverflowError) as error:
            return _answer({"error": f'{error}; give {{"advance_days": 1}} or {{"now": ISO time}}'}, 400)
        return _answer({"now": spotify.clock().isoformat()})

    app.add_url_rule("/_simulator/", "overview", overview)
    app.add_url_rule("/_simulator/faults", "add_fault", add_fault, methods=["POST"])
    app.add_url_rule("/_simulator/faults", "clear_faults", clear_faults, methods=["DELETE"])
    app.add_url_rule("/_simulator/clock", "set_clock", set_clock, methods=["POST"])


def describe(spotify: Spotify) -> dict[str, Any]:
    """Tell what there is: playlists, apps, recorded answers, the time and the pages."""
    now = spotify.clock()
    return {
        "what": "chartlake's simulator, never Spotify: everything here is invented or recorded",
        "now": now.isoformat(),
        "playlists": {
            short: {"id": one.id, "name": state.name, "owner": one.owner, "entries": len(state.entries)}
            for short, one in spotify.playlist_names.items()
            for state in [one.state(now)]
        },
        "recorded": {
            one.id: {"name": one.name, "file": one.file.name, "entries": len(one.entries), "total": one.total}
            for one in spotify.recorded.lists.values()
        },
        "recorded_remarks": list(spotify.recorded.remarks),
        "apps": {app.dialect: {"client_id": app.client_id} for app in APPS.values()},
        "use": _HELP,
    }


def _set_clock(spotify: Spotify, data: object) -> None:
    if not isinstance(data, dict) or not data.keys() & {"advance_days", "now"}:
        raise ValueError("the clock needs a JSON object")
    if "now" in data:
        moment = datetime.fromisoformat(data["now"])
        spotify.clock.set(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    spotify.clock.advance(timedelta(days=data.get("advance_days", 0)))


def _answer(data: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    return Response(text, status, content_type="application/json; charset=utf-8")
