"""Words for people: counted things, and other people's text made safe to print."""

from __future__ import annotations

import re

# A spreadsheet takes a cell that begins with one of these for a formula, and names are anybody's text; where it divides
# lines at semicolons, a cell begins after one too. Where there are apostrophes before it already it gets another, so
# that one can be taken off again. The pattern is SQL's (RE2) as well.
FORMULA = r"(^|;)('*[=+\-@\t\r＝＋－＠])"
_FORMULA, _HARMLESS = re.compile(FORMULA), re.compile(FORMULA.replace("('*", "'('*"))


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun: `1 day`, `1,200 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def unknown_between(gap: int, cadence_days: int) -> str:
    """So many days of a list (weeks, of one whose days are 7 apart) are a gap between two known ones."""
    return f"{gap:,} of its {'weeks' if cadence_days == 7 else 'days'} between {'is' if gap == 1 else 'are'} unknown"


def printable(text: str | None) -> str:
    """A name without control characters: names are anybody's text, and a terminal obeys some of it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text or "")


def printable_lines(text: str | None) -> str:
    """The same for a text of several lines, as foreign programs' errors are."""
    return "\n".join(map(printable, (text or "").split("\n")))


def harmless_cell(text: str) -> str:
    """A cell's text, with an apostrophe wherever a spreadsheet would see a formula."""
    return _FORMULA.sub(r"\1'\2", text)


def cell_text(cell: str) -> str:
    """The text that `harmless_cell` was given."""
    return _HARMLESS.sub(r"\1\2", cell)
