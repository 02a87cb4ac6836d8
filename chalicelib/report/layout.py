"""Templates to bytes: a whole page in one file, whose styles and script are allowed by their hashes alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..text import counted
from . import phrases
from .event_words import first_name, isolated

_HERE = Path(__file__).parent
# The files of `script/` in the order in which they run, in one scope: each knows what the ones before it have made, and
# a function also what comes after.
SCRIPT = (
    "basics",  # elements, dates and counts
    "every_page",  # what the index has too: how old it is, the filter
    "songs",  # and its search over all lists
    "data",  # the list's past, as `script_data.py` wrote it
    "pieces",  # a name, a movement, a small line
    "chart",  # the table of any known day
    "export",  # the table to take along
    "drawing",  # axes, and the reading under the pointer
    "over_time",  # the entries that lead
    "curves",  # one line over time, and the followers
    "measures",  # how long entries stay, and how much is replaced
    "track",  # a track's own run
    "search",
    "compare",
    "address",  # what is open, by the page's address
    "start",
)
# What the index needs of it, and pages of tracks and artists.
INDEX_SCRIPT, SHORT_SCRIPT = SCRIPT[:3], SCRIPT[:2]
_HEAD = """\
"use strict";
// What the page does beyond being read. Names come from anybody: they only ever become text nodes.
(() => {
"""


def render(template: str, context: Mapping[str, Any], parts: tuple[str, ...] = SCRIPT) -> bytes:
    """A page from `templates/` with these parts of the script; equal contexts give equal bytes."""
    return _environment().get_template(template).render(context, **_head(parts)).encode()


@cache
def _head(parts: tuple[str, ...]) -> dict[str, Any]:
    """The style and the script, and the policy that allows them alone."""
    style, script = (_HERE / "page.css").read_text("utf-8"), _script(parts)
    return {"style": Markup(style), "script": Markup(script), "policy": _policy(style, script)}


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "counted": counted,
        "data": _data,
        "first_name": first_name,
        "isolated": isolated,
        "day": phrases.day_words,
        "short_day": phrases.short_day,
        "span": phrases.span_words,
    }
    return found


def _script(names: tuple[str, ...]) -> str:
    """The parts as one function, so that nothing of it is global. Since they are indented, no text in them may go over
    the end of a line."""
    parts = ((_HERE / "script" / f"{name}.js").read_text("utf-8") for name in names)
    body = indent("\n".join(parts), "  ")
    return f"{_HEAD}{body}}})();\n"


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing is loaded from anywhere, and no script runs but ours."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(value: Any) -> Markup:
    """JSON for a script element, which ends at the first `</script>` whatever stands around it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))
