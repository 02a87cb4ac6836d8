"""Tables of text that fit the width of a terminal: figures stay whole, names are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment, Segments

from ..text import counted

# Names narrower than this, together, tell nothing: a table rather does without its last figures.
_NAMES = 27
_NARROWEST = 10
_WIDE = 100

# A text and rich's style of it.
Cell = tuple[str, str]


@dataclass(frozen=True)
class Column:
    """A column: `names` may be cut, figures never are; one that is not `needed` gives way where names lack room."""

    header: str
    cells: Sequence[Cell]
    names: bool = False
    right: bool = False
    needed: bool = True

    @cached_property
    def width(self) -> int:
        """The widest cell's, in cells of a terminal, of which some letters take two."""
        return max(cell_len(self.header), *(cell_len(text) for text, _ in self.cells), 1)


def draw(console: Console, columns: Sequence[Column]) -> None:
    """Print a table; where even the figures have no room, the last are left out, which is said.

    It is made of segments, since rich's own takes seconds for 10,000 rows.
    """
    kept, left_out = _chosen(console, columns)
    sizes = _sizes(console, kept)
    gap = " " * _gap(console)
    segments: list[Segment] = []

    def put(cells: Sequence[Cell]) -> None:
        for place, (column, size, (text, style)) in enumerate(zip(kept, sizes, cells, strict=True)):
            last = place == len(kept) - 1
            segments.append(Segment(_fitted(text, size, column.right, last), console.get_style(style)))
            segments.append(Segment("\n" if last else gap))

    put([(column.header, "bold") for column in kept])
    line = "-" if console.options.ascii_only else "─"
    segments.append(Segment(line * (sum(sizes) + len(gap) * (len(sizes) - 1)) + "\n"))
    for cells in zip(*(column.cells for column in kept), strict=True):
        put(cells)
    console.print(Segments(segments), end="", crop=console.is_terminal)
    if left_out:
        console.print(f"There is no room for {counted(left_out, 'column')} more; --json gives all.")


def that_fit(console: Console, columns: Sequence[Column]) -> Sequence[Column]:
    """The first columns that there is room for when names are cut."""
    for count in range(len(columns), 1, -1):
        shown = columns[:count]
        if _room(console, shown) >= _least(shown):
            return shown
    return columns[:1]


def _wanted_for_names(columns: Sequence[Column]) -> int:
    return min(_NAMES, sum(column.width for column in columns if column.names))


def _chosen(console: Console, columns: Sequence[Column]) -> tuple[list[Column], int]:
    """The columns that leave room for names, and how many of the needed ones had to go for it."""
    kept = list(columns)
    wanted = _wanted_for_names(columns)
    spare = [column for column in columns if not column.needed]
    while spare and _room(console, kept) < wanted:
        kept.remove(spare.pop())
    figures = [column for column in kept if not column.names]
    needed = len(kept)
    while len(figures) > 1 and _room(console, kept) < _least(kept):
        kept.remove(figures.pop())
    return kept, needed - len(kept)


def _sizes(console: Console, columns: Sequence[Column]) -> list[int]:
    """Each column's width: that of names is cut, the widest first, until all fit."""
    names = [column.width for column in columns if column.names]
    room = max(_room(console, columns), _least(columns))
    while sum(names) > room:
        names[names.index(max(names))] -= 1
    cut = iter(names)
    return [next(cut) if column.names else column.width for column in columns]


def _least(columns: Sequence[Column]) -> int:
    return sum(min(column.width, _NARROWEST) for column in columns if column.names)


def _fitted(text: str, size: int, right: bool, last: bool) -> str:
    width = cell_len(text)
    if width > size:
        return set_cell_size(text, size - 1) + "…"
    pad = " " * (size - width)
    return pad + text if right else text if last else text + pad


def _gap(console: Console) -> int:
    return 2 if console.width >= _WIDE else 1


def _room(console: Console, columns: Sequence[Column]) -> int:
    """What the figures leave for names."""
    figures = sum(column.width for column in columns if not column.names)
    return console.width - figures - _gap(console) * (len(columns) - 1)
