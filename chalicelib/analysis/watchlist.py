"""The watchlist: who and what is watched, which of their events count, and by which channels they are told.

One text file, `config/watch.txt` in the lake, for a person to read and write:

    artist 6M2wZ9GZgrQXHCFfjv46we          # Dua Lipa
    track  Blinding Lights by The Weeknd | entered, left, moved 3
    label  XL Recordings
    list   37i9dQZEVXbMDoHDwVN2tF | number_one, followers_jump 5000
    all    | number_one
    tell   feeds
    tell   mail weekly
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadSetting
from ..lake import keys
from ..lake.lake import Lake
from .events import Event
from .views import EVENT_KINDS as KINDS

# The least number that counts where a line names none: places, and followers.
THRESHOLDS = {"moved": 5, "followers_jump": 1000}
SUBJECTS = ("artist", "track", "label", "list", "all")
CHANNELS = ("feeds", "mail", "webhook", "slack", "discord", "eventbridge")
RHYTHMS = ("daily", "weekly")
PRIVATE = "private"

_EXAMPLE = "write for example: artist 6M2wZ9GZgrQXHCFfjv46we | entered, moved 10"
_COMMENT = re.compile(r"(?:^|\s)#(.*)")
# A name that holds what would end it stands in quotes, its own ones doubled.
_QUOTED = re.compile(r'\s*(\w+)\s+"((?:[^"]|"")+)"(?=\s*(?:\||\s#|$))')
_ENDS_A_NAME = re.compile(r'^"|\||(?:^|\s)#')
_REFERENCE = re.compile(r"(?:spotify:|https?://open\.spotify\.com/(?:intl-\w+/)?)(\w+)[:/]([0-9A-Za-z]{22})(?:\?.*)?")


@dataclass(frozen=True)
class Watch:
    """One line: a subject, its id or name, and the kinds of events that count, each with the least number."""

    subject: str
    reference: str = ""
    kinds: Mapping[str, int] | None = None
    note: str = ""

    def wants(self, event: Event) -> bool:
        """Whether an event is one of this line's."""
        kinds = dict.fromkeys(KINDS, 0) | THRESHOLDS if self.kinds is None else self.kinds
        if event.kind not in kinds or abs(event.number or 0) < _least(event.kind, kinds):
            return False
        return self.subject == "all" or _same(self.reference) & _names_of(self.subject, event) != set()

    def __str__(self) -> str:
        told = [name if not least else f"{name} {least}" for name, least in (self.kinds or {}).items()]
        kinds = f" | {', '.join(told)}" if told else ""
        return f"{self.subject} {written(self.reference)}".strip() + kinds + (f"  # {self.note}" if self.note else "")


ALL = Watch("all")


@dataclass(frozen=True)
class Channel:
    """One way of telling. `address` is a webhook's; `private`: it may lie in a private network, and without TLS."""

    kind: str
    address: str = ""
    rhythm: str = "daily"
    private: bool = False

    def __str__(self) -> str:
        words = [self.kind, self.address, self.rhythm if self.kind == "mail" else "", PRIVATE if self.private else ""]
        return f"tell {' '.join(filter(None, words))}"


@dataclass(frozen=True)
class Watchlist:
    """The file as understood, and what is wrong with the lines that are not."""

    watches: tuple[Watch, ...] = ()
    channels: tuple[Channel, ...] = ()
    wrong: tuple[BadSetting, ...] = ()

    def wants(self, event: Event) -> bool:
        return any(watch.wants(event) for watch in self.watches)


def read_watchlist(lake: Lake) -> Watchlist:
    """The lake's watchlist; an empty one where there is none."""
    found = lake.store.get(keys.WATCH)
    return parse_watchlist(found.data.decode("utf-8", "replace")) if found else Watchlist()


def parse_watchlist(text: str) -> Watchlist:
    """Read each line by itself: a wrong one leaves the others as they are."""
    watches: list[Watch] = []
    channels: dict[Channel, None] = {}
    wrong = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        try:
            found = parse_line(line)
        except BadSetting as error:
            wrong.append(BadSetting(f"{keys.WATCH}, line {number}: {error.message}"))
            continue
        if isinstance(found, Channel):
            channels[found] = None
        elif found:
            watches.append(found)
    return Watchlist(tuple(watches), tuple(channels), tuple(wrong))


def parse_line(line: str) -> Watch | Channel | None:
    """What one line says; None for one that is empty or a comment. Raises `BadSetting`."""
    said, note = _without_comment(line)
    words = said.split()
    if not words:
        return None
    if words[0] == "tell":
        return _channel(words[1:])
    subject, reference, kinds = _taken_apart(said)
    if subject not in SUBJECTS:
        raise BadSetting(f"{subject!r} is none of {', '.join(SUBJECTS)}, tell: {_EXAMPLE}")
    if (subject == "all") == bool(reference):
        wanted = "takes no name" if subject == "all" else "needs an id or a name"
        raise BadSetting(f"{subject!r} {wanted}: {_EXAMPLE}")
    return Watch(subject, bare(subject, reference), None if kinds is None else parse_kinds(kinds), note)


def _without_comment(line: str) -> tuple[str, str]:
    """What comes before the comment, and what the comment says."""
    quoted = _QUOTED.match(line)
    comment = _COMMENT.search(line, quoted.end() if quoted else 0)
    return (line[: comment.start()], comment[1].strip()) if comment else (line, "")


def _taken_apart(said: str) -> tuple[str, str, str | None]:
    """The subject, its id or name, and what stands after the bar (None: there is no bar)."""
    if quoted := _QUOTED.match(said):
        _, bar, kinds = said[quoted.end() :].partition("|")
        return quoted[1], quoted[2].replace('""', '"'), kinds if bar else None
    subject, _, rest = said.strip().partition(" ")
    reference, bar, kinds = rest.partition("|")
    return subject, reference.strip(), kinds if bar else None


def written(reference: str) -> str:
    """An id or a name as it stands in a line."""
    doubled = reference.replace('"', '""')
    return f'"{doubled}"' if _ENDS_A_NAME.search(reference) else reference


def parse_kinds(text: str) -> dict[str, int]:
    """`entered, moved 10`: each kind with the least number that counts. Raises `BadSetting`."""
    kinds = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        kind, _, least = part.partition(" ")
        if kind not in KINDS:
            raise BadSetting(f"{kind!r} is no kind of event; the kinds are {', '.join(KINDS)}.")
        if least and (kind not in THRESHOLDS or not least.strip().isdecimal()):
            takes = f"{kind} takes a whole number" if kind in THRESHOLDS else f"{kind} takes no number"
            raise BadSetting(f"{part!r}: {takes}; {' and '.join(THRESHOLDS)} take one, as in moved 10.")
        kinds[kind] = int(least) if least else THRESHOLDS.get(kind, 0)
    if not kinds:
        raise BadSetting(f"no kind of event stands after '|'; the kinds are {', '.join(KINDS)}.")
    return kinds


def bare(subject: str, reference: str) -> str:
    """The id in a URI or a link of Spotify's; any other text as it is. Raises `BadSetting` for another subject's."""
    found = _REFERENCE.fullmatch(reference)
    if not found:
        return reference
    what = "list" if found[1] == "playlist" else found[1]
    if what != subject and not (subject == "track" and what == "episode"):
        raise BadSetting(f"{reference} is a link to {found[1]}, not to {subject}.")
    return found[2]


def _channel(words: list[str]) -> Channel:
    kind, options = (words[0], words[1:]) if words else ("", [])
    if kind not in CHANNELS:
        raise BadSetting(f"{kind!r} is no way of telling: write tell and one of {', '.join(CHANNELS)}.")
    if kind == "webhook":
        return _webhook(options)
    if options and not (kind == "mail" and len(options) == 1 and options[0] in RHYTHMS):
        raise BadSetting(f"'tell {kind}' does not take {' '.join(options)!r}.")
    return Channel(kind, "", options[0] if options else "daily", False)


def _webhook(options: list[str]) -> Channel:
    """An address, and perhaps `private` behind it."""
    address, rest = (options[0], options[1:]) if options else ("", [])
    if rest not in ([], [PRIVATE]):
        raise BadSetting(f"'tell webhook' does not take {' '.join(rest)!r}.")
    check_address(address, private=bool(rest))
    return Channel("webhook", address, "daily", bool(rest))


def check_address(address: str, private: bool) -> None:
    """Raises `BadSetting` for what is no web address, or for one without TLS that is not said to be private."""
    try:
        url = urlsplit(address)
        host, _ = url.hostname, url.port
    except ValueError:
        host, url = None, urlsplit("")
    if not host or url.username is not None or url.fragment or url.scheme not in ("https", "http"):
        raise BadSetting("a webhook needs a web address: write tell webhook https://example.org/hook")
    if url.scheme == "http" and not private:
        raise BadSetting(f"{host}: a webhook goes over https; only one in your own network, with the word private, not")


def _least(kind: str, kinds: Mapping[str, int]) -> int:
    return kinds[kind] if kind in THRESHOLDS else 0


def _same(reference: str) -> set[str]:
    return {reference, _plain(reference)}


def _names_of(subject: str, event: Event) -> set[str]:
    """All that a line may call the subject of an event by: ids as they are, names without regard to case."""
    if subject == "list":
        return {event.playlist_id, _plain(event.playlist_name)}
    if event.item_key is None:
        return set()
    artists = _plain(event.artist_names)
    if subject == "label":
        return {_plain(event.label)}
    if subject == "artist":
        return {*(event.artist_ids or "").split(", "), artists, *artists.split(", ")} - {""}
    titles = {f"{_plain(event.name)} by {one}" for one in (artists, artists.split(", ")[0])}
    return {event.item_key, (event.uri or "").rpartition(":")[2], event.isrc or "", *titles} - {""}


def _plain(text: str | None) -> str:
    return " ".join((text or "").casefold().split())
