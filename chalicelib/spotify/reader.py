"""Reading one playlist so that the result is provably complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import InconsistentPlaylist, OutOfTime, UnknownShape
from ..time_and_chance import World
from .capture import EQUAL_HEAD, Answer, Capture
from .client import PAGE_SIZE, Client
from .entries import KeptPage, Page, UnknownEntryShape, page_of, refuse_another, snapshot_id_of, summarise
from .references import is_liked
from .retry import RetryBudget, with_retries

READINGS = 4
PLAYLIST_BUDGET = 60.0
# Spotify lets a list grow to 10,000 entries, and a few have some more. A `total` beyond this is no count of a list, and
# believing it would cost thousands of requests.
LONGEST_LIST = 20_000
# Liked Songs have no such limit; this is what one raw document can hold.
LONGEST_LIKED = 50_000
# How often what short pages left out is asked for. Pages of ten entries are still read whole.
ROUNDS = 5


@dataclass(frozen=True)
class Unchanged:
    """Spotify's `snapshot_id` and `total` are those of the day already kept, so the long list was not read again."""

    answer: Answer
    requests: int


class _Torn(Exception):
    """The pages of one reading do not belong together."""


class Reader:
    """Reads playlists, one after the other, each with up to `parallel` requests at once."""

    def __init__(self, client: Client, world: World, run_budget: RetryBudget, parallel: int = 4) -> None:
        self._client = client
        self._world = world
        self._run_budget = run_budget
        self._parallel = parallel

    def read(self, playlist_id: str, known_snapshot: tuple[str, int] | None = None) -> Capture | Unchanged:
        """Read a playlist until a reading is proven complete, at most four times.

        `known_snapshot` (snapshot_id, total) is that of the last complete day: where Spotify names it again and the
        list needs more than one request, `Unchanged` is given instead of reading it.

        Raises any of Spotify's errors, `InconsistentPlaylist` where the list kept changing, `OutOfTime` where the
        process has to end first.
        """
        before = self._client.request_count(playlist_id)
        reading = _Reading(self._client, self._world, RetryBudget(PLAYLIST_BUDGET, self._world, self._run_budget))
        last_content = trouble = ""
        for _ in range(READINGS):
            started_at = self._world.now()
            try:
                first = reading.first(playlist_id)
                if known_snapshot is not None and _is_known(playlist_id, first, known_snapshot):
                    return Unchanged(first, self._client.request_count(playlist_id) - before)
                answers, proof = reading.complete(playlist_id, first, self._parallel)
            except _Torn as torn:
                trouble, last_content = str(torn), ""
                continue
            capture = Capture(
                playlist_id=playlist_id,
                capture_id=self._world.new_id(),
                captured_at=started_at,
                source=first.source,
                requests=self._client.request_count(playlist_id) - before,
                answers=answers,
                proof=proof or "equal content",
            )
            if proof:
                return capture
            # Some lists get a new snapshot_id at every request; two complete readings with equal content prove as much.
            content = _content(capture)
            if content == last_content:
                return capture
            last_content, trouble = content, "its snapshot_id changed during every reading"
        raise InconsistentPlaylist(f"playlist {playlist_id} could not be read in one piece: {trouble}.")


class _Reading:
    """The requests of one playlist, with its own retry budget."""

    def __init__(self, client: Client, world: World, budget: RetryBudget) -> None:
        self._client = client
        self._world = world
        self._budget = budget

    def first(self, playlist_id: str) -> Answer:
        self._check_time(playlist_id)
        answer = with_retries(lambda: self._client.playlist(playlist_id), self._budget, self._world)
        page = page_in(answer, playlist_id)
        if page is not None and page.offset != 0:
            said = f"playlist {playlist_id}: Spotify's answer does not begin with the list's first entry."
            raise UnknownShape(said, evidence=(answer,))
        return answer

    def complete(self, playlist_id: str, first: Answer, parallel: int) -> tuple[tuple[Answer, ...], str]:
        """All answers of one reading in order, and its proof ("" where only equal content could prove it)."""
        body = first.json()
        pages: dict[int, tuple[Answer, int]] = {}
        held, total = self._begun(playlist_id, first, pages)
        self._take_missing(playlist_id, held, total, pages, parallel)
        answers = [first, *(answer for _, (answer, _) in sorted(pages.items()))]
        if is_liked(playlist_id):
            return (*answers, self._head_again(playlist_id, pages[0][0])), EQUAL_HEAD
        if not pages:
            return tuple(answers), "one answer"
        check = with_retries(lambda: self._client.snapshot(playlist_id), self._budget, self._world)
        answers.append(check)
        opened, closed = snapshot_id_of(body), snapshot_id_of(check.json())
        return tuple(answers), "equal snapshot_id" if opened and opened == closed else ""

    def _begun(self, playlist_id: str, first: Answer, pages: dict[int, tuple[Answer, int]]) -> tuple[int, int]:
        """How many entries the first answer holds, and how many there are; where it holds none, a page is taken."""
        page = page_in(first, playlist_id)
        if page is not None:
            return len(page.entries), _total(page, playlist_id, first)
        body = first.json()
        # A 200 proves nothing: for lists that are not one's own, some apps get the cover without the contents.
        if snapshot_id_of(body) is None and "owner" not in body and not is_liked(playlist_id):
            raise UnknownShape(f"playlist {playlist_id}: Spotify's answer is no playlist.", evidence=(first,))
        return 0, self._take(playlist_id, 0, None, pages)

    def _head_again(self, playlist_id: str, before: Answer) -> Answer:
        """The first page once more, equal to the one `before`. What is liked goes on top and what is liked no longer
        lowers the total, so a list that changed meanwhile shows it here."""
        self._check_time(playlist_id)
        again = with_retries(lambda: self._client.page(playlist_id, 0), self._budget, self._world)
        pages = [before.page(playlist_id), page_in(again, playlist_id)]
        totals = [page.total if page else None for page in pages]
        if totals[0] != totals[1] or len({_hashed([page] if page else [], playlist_id, again) for page in pages}) > 1:
            raise _Torn("its total or its newest entries changed while it was read")
        return again

    def _take_missing(
        self, playlist_id: str, held: int, total: int, pages: dict[int, tuple[Answer, int]], parallel: int
    ) -> None:
        """Fetch until every place up to `total` is held. A page may come shorter than asked for: what is still missing
        is asked for again, as long as each round brings something, a few times."""
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            for _ in range(ROUNDS):
                missing = list(_missing(held, total, pages))
                if not missing:
                    return
                size = len(pages)
                list(pool.map(lambda offset: self._take(playlist_id, offset, total, pages), missing))
                if all(pages[offset][1] == 0 for offset in list(pages)[size:]):
                    raise _Torn(f"Spotify counts {total} entries and gives none from {missing[0] + 1} on")
        if list(_missing(held, total, pages)):
            raise _Torn(f"Spotify counts {total} entries and gives too few of them a page")

    def _take(self, playlist_id: str, offset: int, total: int | None, pages: dict[int, tuple[Answer, int]]) -> int:
        self._check_time(playlist_id)
        answer = with_retries(lambda: self._client.page(playlist_id, offset), self._budget, self._world)
        page = page_in(answer, playlist_id)
        if page is None:
            raise UnknownShape(f"playlist {playlist_id}: the page at {offset} holds no entries.", evidence=(answer,))
        counted = _total(page, playlist_id, answer)
        if page.offset != offset or (total is not None and counted != total):
            raise _Torn(f"it changed size from {total} to {counted} entries, or a page came from another place")
        if offset + len(page.entries) > counted:
            raise _Torn(f"Spotify counts {counted} entries and gives more")
        pages[offset] = (answer.kept(page), page.size)
        return counted

    def _check_time(self, playlist_id: str) -> None:
        if self._world.time_left() <= 0:
            raise OutOfTime(f"playlist {playlist_id}: the time was over before it was read.")


def _missing(held: int, total: int, pages: dict[int, tuple[Answer, int]]) -> Iterator[int]:
    """The offsets to ask for next: every 50th place that nothing covers yet."""
    place = held
    for offset, (_, count) in [*sorted(pages.items()), (total, (None, 0))]:
        while place < offset:
            yield place
            place = min(place + PAGE_SIZE, offset)
        place = max(place, offset + count)


def page_in(answer: Answer, playlist_id: str) -> Page | None:
    """The page in an answer to a question about that playlist; None where it holds none. Raises `UnknownShape`."""
    try:
        refuse_another(answer.json(), playlist_id)
        return page_of(answer.json())
    except UnknownEntryShape as error:
        raise UnknownShape(f"playlist {playlist_id}: {error}.", evidence=(answer,)) from None


def _total(page: Page, playlist_id: str, answer: Answer) -> int:
    if page.total is None:
        raise UnknownShape(
            f"playlist {playlist_id}: Spotify does not say how many entries there are.", evidence=(answer,)
        )
    longest = LONGEST_LIKED if is_liked(playlist_id) else LONGEST_LIST
    if not 0 <= page.total <= longest:
        raise UnknownShape(
            f"playlist {playlist_id}: Spotify counts {page.total:,} entries; no list has more than {longest:,}.",
            evidence=(answer,),
        )
    if len(page.entries) > page.total:
        raise _Torn(f"Spotify counts {page.total} entries and gives {len(page.entries)}")
    if page.limit is not None and len(page.entries) < min(page.limit, page.total - page.offset):
        # Whatever is missing in the middle has moved all that follows it.
        raise _Torn(f"a page of {page.limit} entries holds {len(page.entries)}, though the list goes on")
    return page.total


def _is_known(playlist_id: str, first: Answer, known: tuple[str, int]) -> bool:
    page = page_in(first, playlist_id)
    return (
        page is not None
        and page.total is not None
        and page.total > len(page.entries)
        and (snapshot_id_of(first.json()), page.total) == known
    )


def _content(capture: Capture) -> str:
    return _hashed(capture.pages(), capture.playlist_id, *capture.answers)


def _hashed(pages: Iterable[Page | KeptPage], playlist_id: str, *evidence: Answer) -> str:
    try:
        return summarise(pages).content_hash
    except UnknownEntryShape as error:
        raise UnknownShape(f"playlist {playlist_id}: {error}.", evidence=evidence) from None
