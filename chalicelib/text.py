"""Words for people: counted things, and other people's text made safe to print."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun: `1 day`, `1,200 entries`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def unknown_between(gap: int, cadence_days: int) -> str:
    """So many days of a list (weeks, of one whose days are 7 apart) are a gap between two known ones."""
    return f"{gap:,} of its {'weeks' if cadence_days == 7 else 'days'} between {'is' if gap == 1 else 'are'} unknown"


def printable(text: str | None) -> str:
    """A name without control characters: names are anybody's text, and a terminal obeys some of it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text or "")
