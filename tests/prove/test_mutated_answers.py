"""Real answers of Spotify, damaged at random: whatever is done to them, no kept day lies.

A mutation is made from its number alone, so a failure is found again by it. CHARTLAKE_MUTATIONS tells how many there are.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest

from chalicelib.errors import ChartlakeError
from chalicelib.lake.schema import Status
from chalicelib.snapshots.judgement import judge
from chalicelib.spotify.capture import Answer, Capture
from chalicelib.spotify.entries import Origin, entry_rows
from chalicelib.spotify.reader import Reader
from chalicelib.spotify.retry import RetryBudget
from simulator.recorded import read_folder

from ..conftest import NOON, SHARED_DATA, Clock

MUTATIONS = int(os.environ.get("CHARTLAKE_MUTATIONS") or 500)
BATCH = 250
ROOMS = ("api_track", "api_item", "api_variants")
# What a reading embeds at first, so that short recorded lists have further pages too.
EMBEDDED, PAGE = 7, 50
RAW = {"raw_key": "raw", "raw_sha256": "0"}
TODAY = date(2026, 11, 23)
YESTERDAY = {"snapshot_date": TODAY - timedelta(days=1), "status": Status.OK, "capture_id": "b", "content_hash": "b"}

Json = Any
Answers = dict[str, Json]


@cache
def recorded() -> list[tuple[str, Json]]:
    """Every recorded list as (id, playlist object that holds all of it), without the long lists of markets."""
    lists = []
    for room in ROOMS:
        for playlist_id, found in sorted(read_folder(SHARED_DATA / room).lists.items()):
            body = json.loads(json.dumps(found.body), object_hook=_without_markets)
            body["id"] = playlist_id
            for page in _pages(body):
                page |= {"offset": 0, "total": len(page["items"]), "limit": 100}
            lists.append((playlist_id, body))
    return lists


def _without_markets(value: Json) -> Json:
    return {name: inner for name, inner in value.items() if name != "available_markets"}


def _pages(body: Json) -> list[Json]:
    wrappers = [body.get(name) for name in ("tracks", "items")] if isinstance(body, dict) else []
    found = [one for one in (body, *wrappers) if isinstance(one, dict) and isinstance(one.get("items"), list)]
    return found


def page_of_list(entries: list[Json], offset: int, limit: int = PAGE) -> Json:
    """One page, as Spotify gives it."""
    shown = copy.deepcopy(entries[offset : offset + limit])
    return {"items": shown, "offset": offset, "limit": limit, "total": len(entries)}


def answers_of(body: Json, in_pages: bool) -> Answers:
    """What Spotify answers about that list: in one answer, or with all but the first few entries in further pages."""
    if not in_pages:
        return {"playlist": copy.deepcopy(body)}
    cover = dict(body)
    for wrapper in ("tracks", "items"):
        if wrapper in body:
            cover[wrapper] = page_of_list(body[wrapper]["items"], 0, EMBEDDED)
    entries = _pages(body)[0]["items"]
    pages = {f"page {offset}": page_of_list(entries, offset) for offset in range(EMBEDDED, len(entries), PAGE)}
    return {"playlist": cover, **pages, "check": {"id": body["id"], "snapshot_id": body.get("snapshot_id")}}


# What is done to an answer: each takes a place in it (the container and the key) and the randomness.

Place = tuple[Any, Any]


def _drop(random_: random.Random, box: Any, key: Any) -> None:
    del box[key]


def _rename(random_: random.Random, box: Any, key: Any) -> None:
    if isinstance(box, dict):
        box[f"{key}_"] = box.pop(key)
    else:
        box.reverse()


def _replace(random_: random.Random, box: Any, key: Any) -> None:
    box[key] = random_.choice([None, {}, [], "", "x", 0, -1, 5, 10**7, 10**12, 1.5, True, False, [[]], {"track": {}}])


def _number(random_: random.Random, box: Any, key: Any) -> None:
    value = box[key]
    if isinstance(value, int) and not isinstance(value, bool):
        box[key] = random_.choice([value + 1, value - 1, value * 10, -value, value + 10**9, str(value), float(value)])
    else:
        _wrap(random_, box, key)


def _wrap(random_: random.Random, box: Any, key: Any) -> None:
    box[key] = random_.choice([lambda value: {key: value}, lambda value: [value], lambda value: {"data": value}])(
        box[key]
    )


def _cut(random_: random.Random, box: Any, key: Any) -> None:
    value = box[key]
    if isinstance(value, str | list):
        box[key] = value[: random_.randrange(len(value) + 1)]
    elif isinstance(value, dict):
        for name in random_.sample(sorted(value), len(value) // 2):
            del value[name]


def _double(random_: random.Random, box: Any, key: Any) -> None:
    if isinstance(box[key], list):
        box[key] = box[key] * 2
    elif isinstance(box, list):
        box.insert(key, copy.deepcopy(box[key]))


MUTATORS: list[Callable[[random.Random, Any, Any], None]] = [_drop, _rename, _replace, _number, _wrap, _cut, _double]


def places(answers: Answers) -> Iterator[Place]:
    """Where an answer can be damaged: its own keys, its pages', some entries', and what these hold."""
    for body in answers.values():
        yield from ((body, key) for key in body)
        for page in _pages(body):
            if page is not body:
                yield from ((page, key) for key in page)
            for number, entry in enumerate(page["items"]):
                yield page["items"], number
                if isinstance(entry, dict):
                    yield from ((entry, key) for key in entry)
                    for payload in filter(lambda one: isinstance(one, dict), (entry.get("track"), entry.get("item"))):
                        yield from ((payload, key) for key in payload)


def mutate(random_: random.Random, answers: Answers) -> None:
    """One to three places damaged, or one kind of damage to the same key of all entries."""
    for _ in range(random_.choice([1, 1, 1, 2, 3])):
        found = list(places(answers))
        # Each kind of place alike: there are hundreds of entries' keys to one `total`.
        kinds = Counter(str(key) if isinstance(key, str) else "an entry" for _, key in found)
        kind = random_.choice([*kinds, *("total", "offset", "items", "uri", "id", "track") * 2])
        same = [(box, key) for box, key in found if (key if isinstance(key, str) else "an entry") == kind]
        mutator = random_.choice(MUTATORS)
        chosen = same if random_.random() < 0.3 and kind != "an entry" else [random_.choice(same)] if same else []
        for box, key in chosen:
            if (key in box) if isinstance(box, dict) else (key < len(box)):
                mutator(random_, box, key)


# The reading of them.


class Spotify:
    """Gives these answers, and keeps what it gave of the list: the place asked for, the entries due there, the body."""

    def __init__(self, answers: Answers, entries: list[Json]) -> None:
        self._asked = 0
        self._answers, self._entries = answers, entries
        self.given: list[tuple[int, int, Json]] = []

    def _answer(self, body: Json) -> Answer:
        self._asked += 1
        assert self._asked < 500, "it is read without end"
        return Answer("https://api.spotify.com/v1/x", 200, NOON, json.dumps(body).encode())

    def request_count(self, playlist_id: str) -> int:
        return self._asked

    def playlist(self, playlist_id: str) -> Answer:
        due = EMBEDDED if "check" in self._answers else len(self._entries)
        self.given = [(0, min(due, len(self._entries)), self._answers["playlist"])]
        return self._answer(self._answers["playlist"])

    def snapshot(self, playlist_id: str) -> Answer:
        return self._answer(self._answers.get("check", {"snapshot_id": self._answers["playlist"].get("snapshot_id")}))

    def page(self, playlist_id: str, offset: int) -> Answer:
        true = page_of_list(self._entries, offset)
        body = self._answers.get(f"page {offset}", true)
        self.given.append((offset, len(true["items"]), body))
        return self._answer(body)


def lies(number: int) -> tuple[bool, list[str]]:
    """Whether the mutation of that number makes a kept day, and what is untrue of it."""
    random_ = random.Random(number)
    playlist_id, body = random_.choice(recorded())
    entries = _pages(body)[0]["items"]
    answers = answers_of(body, in_pages=random_.random() < 0.5)
    mutate(random_, answers)
    world = Clock().world(number)
    spotify = Spotify(answers, entries)
    try:
        capture = Reader(spotify, world, RetryBudget(1.0, world), parallel=1).read(playlist_id)  # type: ignore[arg-type]
    except ChartlakeError as error:
        return False, [] if error.message and error.advice else ["an error without words"]
    assert isinstance(capture, Capture)
    kept = False
    for history in ([], [YESTERDAY | {"entry_count": len(entries)}]):
        row, _ = judge(capture, TODAY, RAW, history)
        if row["status"] == Status.OK:
            kept = True
            rows = list(entry_rows(capture.pages(), Origin(TODAY, playlist_id, NOON, "c", "spotify")))
            found = list(_untrue(rows, row["total"], spotify.given, playlist_id))
            if found:
                return True, found
    return kept, []


def _untrue(rows: list[Json], total: int, given: list[tuple[int, int, Json]], playlist_id: str) -> Iterator[str]:
    if [row["position"] for row in rows] != list(range(1, len(rows) + 1)):
        yield "the positions are not those from 1 on"
    if given[0][2].get("id") not in (None, playlist_id):
        yield f"it is the answer about {given[0][2]['id']}"
    slots: dict[int, Json] = {}
    for asked, due, body in given:
        pages = _pages(body)
        counts = {page["total"] for page in pages} | {total}
        if counts != {len(rows)}:
            yield f"{len(rows)} rows, where {counts} are told"
        if any(page.get("offset") not in (None, asked) for page in pages):
            yield f"a page of another place than {asked}"
        if any(len(page["items"]) < due and isinstance(page.get("limit"), int) for page in pages[:1]):
            yield f"a page with {len(pages[0]['items'])} of {due} entries"
        for page in pages:
            for place, entry in enumerate(page["items"], start=asked + 1):
                slots.setdefault(place, entry)
    yield from _lost(rows, slots)


def _lost(rows: list[Json], slots: dict[int, Json]) -> Iterator[str]:
    """Rows that are not what Spotify gave for their place; a slot is empty only where Spotify says so."""
    for row in rows:
        entry = slots[row["position"]] or {"track": None}
        item = next((one for one in (entry.get("item"), entry.get("track")) if isinstance(one, dict)), None)
        if (item is None) != (row["item_type"] == "unavailable") and (item.get("uri") or item.get("name")):
            yield f"position {row['position']} is {row['item_type']}, given was {item}"
        if item is not None and (row["uri"] or "") != (item["uri"] or ""):
            yield f"position {row['position']} is {row['uri']}, given was {item['uri']}"
        if item is not None and (row["item_id"] or "") != (item.get("id") or ""):
            yield f"position {row['position']} has the id {row['item_id']}, given was {item.get('id')}"
    lost = sum(not row["uri"] and not row["item_id"] for row in rows)
    if 2 * lost > len(rows):
        yield f"{lost} of {len(rows)} have lost their identity"


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the recorded payloads of ../shared/data are not on this machine")
@pytest.mark.parametrize("first", range(0, MUTATIONS, BATCH))
def test_no_damage_to_a_real_answer_makes_a_day_that_lies(first: int) -> None:
    numbers = range(first, min(first + BATCH, MUTATIONS))
    found = {number: lies(number) for number in numbers}
    assert {number: told for number, (_, told) in found.items() if told} == {}
    # Damage that does no harm leaves a day; were there none, nothing would have been proven.
    assert any(kept for kept, _ in found.values())


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the recorded payloads of ../shared/data are not on this machine")
@pytest.mark.parametrize("in_pages", [False, True])
def test_undamaged_they_are_all_kept(in_pages: bool) -> None:
    for playlist_id, body in recorded():
        world = Clock().world()
        spotify = Spotify(answers_of(body, in_pages), _pages(body)[0]["items"])
        capture = Reader(spotify, world, RetryBudget(1.0, world)).read(playlist_id)  # type: ignore[arg-type]
        assert isinstance(capture, Capture)
        row, _ = judge(capture, TODAY, RAW, [])
        dead = all(not entry["track"] for entry in spotify.given[0][2].get("tracks", {}).get("items", [{"track": 1}]))
        assert row["status"] == (Status.SUSPECT if dead else Status.OK), playlist_id
