"""One reading of one playlist: the answers as they came, plus when and how."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast

from ..errors import DamagedFile
from .entries import QUICK, KeptPage, Page, UnknownEntryShape, page_of, refuse_another

# What helps to explain an answer later; nothing that could hold a secret.
KEPT_HEADERS = ("date", "content-type", "etag", "cache-control", "location", "retry-after", "x-chartlake-simulator")

# Bytes of a document, unpacked: 10,000 entries have 40 MB.
_LONGEST = 256 << 20

UNCHANGED = "unchanged snapshot_id"
EQUAL_HEAD = "equal total and head"
NOT_UNDERSTOOD = "none"

_thread = threading.local()


@dataclass(frozen=True)
class Answer:
    """One response of Spotify: `content` holds its body, compressed where the answer `is_kept` until a long list is
    whole, and `kept_page` what its page is then known to hold."""

    url: str
    status: int
    received_at: datetime
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_kept: bool = False
    kept_page: KeptPage | None = field(default=None, repr=False)

    @property
    def body(self) -> bytes:
        """The bytes as sent (after HTTP's own compression)."""
        return zlib.decompress(self.content) if self.is_kept else self.content

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def source(self) -> str:
        """`simulator` where the answer says that it is one, else `spotify`."""
        simulated = any(name.lower() == "x-chartlake-simulator" for name in self.headers)
        return "simulator" if simulated else "spotify"

    def json(self) -> Any:
        """The body, parsed; not to be changed, since the next caller may be given the same objects."""
        return parsed(self.body)

    def page(self, playlist_id: str) -> Page | KeptPage | None:
        """The page in an answer to a question about that playlist; None where it holds none. Raises
        `UnknownEntryShape`."""
        if self.kept_page is not None:
            return self.kept_page
        refuse_another(self.json(), playlist_id)
        return page_of(self.json())

    def kept(self, page: Page) -> Answer:
        """The same answer in a tenth of the memory, to be parsed no more; `page` is the one in it."""
        try:
            kept_page = page.kept()
        except Exception:
            # Whatever is wrong is told to whoever asks for its entries, when all answers are safe.
            kept_page = None
        _parser().cache_clear()
        return replace(self, content=zlib.compress(self.body, QUICK), is_kept=True, kept_page=kept_page)


@dataclass(frozen=True)
class Capture:
    """One complete reading: the playlist object, its further pages in order, and the closing check if there was one.

    `captured_at` is when the reading began, `requests` how many it took in all (re-reads included), `proof` why the
    pages belong together: `one answer`, `equal snapshot_id`, `equal content` or, for Liked Songs, `EQUAL_HEAD`;
    `UNCHANGED` for the one answer that says that a list is still the one already kept, `NOT_UNDERSTOOD` for answers of
    an unknown shape.
    """

    playlist_id: str
    capture_id: str
    captured_at: datetime
    source: str
    requests: int
    answers: tuple[Answer, ...]
    proof: str

    def playlist(self) -> Any:
        """The playlist object, parsed."""
        return self.answers[0].json()

    @property
    def total(self) -> int | None:
        """How many entries Spotify counts; None where it does not say, or contradicts itself."""
        try:
            for answer in self.answers:
                if page := answer.kept_page or page_of(answer.json()):
                    return page.total
        except UnknownEntryShape:
            pass
        return None

    def pages(self) -> Iterator[Page | KeptPage]:
        """The pages that hold the entries, in order, each parsed when its turn comes; where two overlap, the
        second one's share of the overlap is left out.

        Raises `UnknownEntryShape` where they are not one list from its first entry on: a page of another place or of
        another size, an answer about another playlist.
        """
        place, total = 0, self.total
        for answer in self.answers:
            page = answer.page(self.playlist_id)
            if page is not None:
                if not 0 <= page.offset <= place:
                    raise UnknownEntryShape(f"a page begins at entry {page.offset + 1}, where {place + 1} comes next")
                if page.total != total:
                    raise UnknownEntryShape(f"one page counts {total} entries, another {page.total}")
                known = max(0, place - page.offset)
                yield _rest(answer, known) if known else page
                place = max(place, page.offset + page.size)

    def to_raw(self) -> bytes:
        """The raw document, gzipped: the capture's facts and every answer with its body byte for byte.

        The same capture always gives the same bytes (no time stamp in the gzip header).
        """
        facts = {
            "format": "chartlake-raw-1",
            "playlist_id": self.playlist_id,
            "capture_id": self.capture_id,
            "captured_at": self.captured_at.isoformat(),
            "source": self.source,
            "requests": self.requests,
            "proof": self.proof,
        }
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as out:
            out.write(json.dumps(facts)[:-1].encode() + b', "answers": [')
            for number, answer in enumerate(self.answers):
                out.write((b",\n" if number else b"\n") + json.dumps(_answer_to_json(answer)).encode())
            out.write(b"\n]}\n")
        return buffer.getvalue()


def from_raw(data: bytes, name: str) -> Capture:
    """Read a raw document back; `name` is for the error. Raises `DamagedFile` where bytes and SHA-256 disagree."""
    try:
        document = json.loads(_unpacked(data))
        answers = tuple(_answer_from_json(one) for one in document["answers"])
        capture = Capture(
            playlist_id=document["playlist_id"],
            capture_id=document["capture_id"],
            captured_at=datetime.fromisoformat(document["captured_at"]).astimezone(UTC),
            source=document["source"],
            requests=document["requests"],
            answers=answers,
            proof=document["proof"],
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise DamagedFile(f"{name} is not a raw capture of chartlake: {error}") from error
    for answer, stored in zip(answers, document["answers"], strict=True):
        if answer.sha256 != stored["sha256"]:
            raise DamagedFile(f"{name}: the answer of {answer.url} does not match its SHA-256.")
    return capture


def _unpacked(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        text = stream.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise ValueError(f"it unpacks to more than {_LONGEST:,} bytes.")
    return text


def parsed(body: bytes) -> Any:
    """An answer's JSON, not to be changed. Raises `ValueError` where it is none."""
    return _parser()(body)


def _parser() -> Any:
    """`json.loads` of this thread, which remembers two answers."""
    # A Top 50's one answer is looked at six times, all in the thread that has asked for it, beside others with theirs.
    if not hasattr(_thread, "parse"):
        _thread.parse = lru_cache(maxsize=2)(json.loads)
    return _thread.parse


def _rest(answer: Answer, known: int) -> Page:
    """The page in an answer without its first entries."""
    page = cast(Page, page_of(answer.json()))
    return replace(page, entries=page.entries[known:], offset=page.offset + known)


def _answer_to_json(answer: Answer) -> dict[str, Any]:
    body = answer.body
    stored: dict[str, Any] = {
        "url": answer.url,
        "status": answer.status,
        "received_at": answer.received_at.isoformat(),
        "headers": dict(answer.headers),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    try:
        stored["body"] = body.decode()
    except UnicodeDecodeError:
        stored["body_base64"] = base64.b64encode(body).decode()
    return stored


def _answer_from_json(stored: Mapping[str, Any]) -> Answer:
    text = stored.get("body")
    body = text.encode() if isinstance(text, str) else base64.b64decode(stored["body_base64"])
    return Answer(
        stored["url"], stored["status"], datetime.fromisoformat(stored["received_at"]), body, stored["headers"]
    )
