"""The views over an open warehouse, each made when a query first names it: to define all of them takes longer than most
answers, and to compute those that the others are made of takes longer than the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache

from ..lake.warehouse import Warehouse
from .views import VIEWS, view_sql

# What most of the others are made of, some of it several times: narrow rows, computed once.
HELD = ("mixed_days", "known_days", "recordings", "emptied", "slots", "moments", "placed", "playlists")


class AskedViews:
    """The views over a warehouse; `today` is the day that is not over yet."""

    def __init__(self, warehouse: Warehouse, today: date) -> None:
        self._warehouse = warehouse
        self._today = today
        self._made: set[str] = set()
        warehouse.announce(*VIEWS)
        warehouse.before_each(self._expect)

    def hold(self, *names: str) -> None:
        """Have these views, and those that they are made of: of `HELD` their rows as they are now."""
        with self.as_they_are():
            for name in in_order(*names):
                self._make(name)

    def _expect(self, text: str) -> None:
        self.hold(*_words(text))

    @contextmanager
    def as_they_are(self) -> Iterator[None]:
        """Around what needs no views but those that are there."""
        self._warehouse.before_each(lambda text: None)
        try:
            yield
        finally:
            self._warehouse.before_each(self._expect)

    def _make(self, name: str) -> None:
        if name not in self._made:
            self._made.add(name)
            make = self._warehouse.hold if name in HELD else self._warehouse.define
            make(name, view_sql(name).replace("CURRENT_DATE", f"DATE '{self._today}'"))


def in_order(*names: str) -> list[str]:
    """These views and those that they are made of, each after all that it needs."""
    needed = {one for name in names for one in _made_of(name)}
    return [name for name in VIEWS if name in needed]


@cache
def _made_of(name: str) -> frozenset[str]:
    """A view and all that its text names, and theirs."""
    inner = _words(view_sql(name)) & set(VIEWS[: VIEWS.index(name)])
    return frozenset({name}).union(*map(_made_of, inner))


def _words(text: str) -> set[str]:
    """The views whose names are in a text, whatever they mean there."""
    return {word.lower() for word in re.findall(r"\w+", text)} & set(VIEWS)
