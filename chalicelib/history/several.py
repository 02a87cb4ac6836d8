"""Files that hold several lists: which id each of them has."""

from __future__ import annotations

from ..spotify.entries import Json
from .day import Problems, refused, shown
from .naming import Named, named_list


class Lists:
    """The ids of a file's lists: each list's own, else that of its name. What the caller says is for a file of one.
    Of two lists of one name nobody knows which is which: the second becomes a problem."""

    def __init__(self, named: Named, problems: Problems, count: int) -> None:
        self._named = named if count == 1 else None
        self._problems = problems
        self._seen: set[str] = set()
        if named.list and count > 1:
            raise refused(
                named.file,
                f"it holds {count} lists, and --playlist names one",
                "Leave --playlist out: each list has its own id, or becomes a list of its own name.",
            )

    def id_of(self, name: Json, own: str | None) -> str | None:
        """None where it cannot be told; the reason is put to the problems."""
        try:
            list_id = self._id(name if isinstance(name, str) else "", own)
            if list_id in self._seen:
                raise ValueError("two of its lists have one name")
        except ValueError as error:
            self._problems.add(0, f"the list {shown(str(name))} is left out: {error}")
            return None
        self._seen.add(list_id)
        return list_id

    def _id(self, name: str, own: str | None) -> str:
        if own:
            return own
        if self._named and self._named.list:
            return self._named.list.id
        return (self._named and self._named.playlist_or_none()) or named_list(name).id
