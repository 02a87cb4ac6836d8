"""The `fields` parameter: `name,snapshot_id,tracks.items(added_at,track(id,name)),!owner`."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"[^,().!\s]+|[,().!]")

Tree = dict[str, "Tree | None"]
"""Name to the names wanted inside it; None for all of it. A name that begins with `!` is left out."""


def select(value: Any, fields: str | None) -> Any:
    """Give a copy of `value` with only what `fields` names; unknown names yield nothing, without an error."""
    if not fields:
        return value
    return _pick(value, _parse(_TOKEN.findall(fields)))


def _parse(tokens: list[str]) -> Tree:
    """Take one comma-separated list off the front of `tokens`, up to its closing parenthesis."""
    tree: Tree = {}
    while tokens and tokens[0] != ")":
        name = tokens.pop(0)
        if name == "!" and tokens:
            tree["!" + tokens.pop(0)] = None
        elif name != ",":
            tree[name] = _parse_inside(tokens)
    if tokens:
        tokens.pop(0)
    return tree


def _parse_inside(tokens: list[str]) -> Tree | None:
    if not tokens or tokens[0] not in ("(", "."):
        return None
    if tokens.pop(0) == "(":
        return _parse(tokens)
    return {tokens.pop(0): _parse_inside(tokens)} if tokens else None


def _pick(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_pick(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    only_leaves_out = all(name.startswith("!") for name in tree)
    picked = {}
    for name, inner in value.items():
        if "!" + name in tree or not (only_leaves_out or name in tree):
            continue
        below = tree.get(name)
        picked[name] = inner if below is None else _pick(inner, below)
    return picked
