"""Which users the raw answers of a capture name: a purge has to find them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from ..spotify.capture import Capture

_USER_ADDRESS = re.compile(r"\b(?:spotify:user:|/users?/)([^\s\"'\\/:?#<>&]+)")


def users_of(capture: Capture) -> set[str]:
    """The ids of all users that the answers of a capture name: owners, adders, and links to users in any text."""
    found: set[str] = set()
    for answer in capture.answers:
        try:
            found.update(_users_in(answer.json()))
        except (ValueError, RecursionError):
            found.update(map(unquote, _USER_ADDRESS.findall(answer.body.decode("utf-8", "replace"))))
    return found


def _users_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from map(unquote, _USER_ADDRESS.findall(value))
    elif isinstance(value, list):
        for one in value:
            yield from _users_in(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in ("owner", "added_by") and isinstance(one, dict) and isinstance(one.get("id"), str):
                yield one["id"]
            yield from _users_in(one)
