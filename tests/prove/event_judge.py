"""Whether events are true, and which are missing: judged by what a plan holds, from the definitions in docs/data.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from chalicelib.analysis.events import Event
from chalicelib.analysis.views import EVENT_KINDS
from tests.prove.planned_lists import START, Plan

MILESTONES = (7, 30, 100, 365)
COMING_AND_GOING = ("entered", "re-entered", "left")
_TEXTS = {"list_renamed": "name", "description_changed": "description", "owner_changed": "owner_id"}
# A kind, of whom (None: of the list), after which day, up to which; of a milestone which one.
Happening = tuple[str, int | None, int, int, int | None]


@dataclass
class Verdict:
    """By kind: how many events were told, which of them are false, how many truly happened, which of these were not
    told. And of those whom nobody can know by their URI: how many events were told."""

    told: Counter[str] = field(default_factory=Counter)
    false: list[tuple[int, str, object]] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[int, Happening]] = field(default_factory=list)
    unknowable: Counter[str] = field(default_factory=Counter)
    vague: int = 0
    planned: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))

    def table(self) -> str:
        """Precision and recall by kind, in Markdown."""
        false, missed = Counter(kind for _, kind, _ in self.false), Counter(one[0] for _, one in self.missed)
        lines = ["| kind | told | false | precision | happened | missed | recall |", "|---|---|---|---|---|---|---|"]
        for kind in (*EVENT_KINDS, "all"):
            told, lies, true, lost = (
                sum(counts.values()) if kind == "all" else counts[kind]
                for counts in (self.told, false, self.happened, missed)
            )
            precision, recall = (f"{1 - few / many:.5f}" if many else "–" for few, many in ((lies, told), (lost, true)))
            name = kind if kind == "all" else f"`{kind}`"
            lines.append(f"| {name} | {told:,} | {lies:,} | {precision} | {true:,} | {lost:,} | {recall} |")
        return "\n".join(lines)

    def summary(self) -> str:
        """What was planned, and what else is known of the events."""
        planned = ", ".join(f"{many:,} times {what}" for what, many in sorted(self.planned.items()))
        return (
            f"Planned: {planned}.\n{self.vague:,} events of coming and going are told of more days than lie between two "
            f"known ones; {sum(self.unknowable.values()):,} events of recordings that nobody can know are left out."
        )


def judge(plan: Plan, events: Iterable[Event]) -> Verdict:
    """The verdict on what was told of one list."""
    truth, verdict = _Truth(plan), Verdict(planned=plan.planned)
    told: defaultdict[tuple[str, int | None, int | None], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        song = plan.songs[event.uri] if event.uri else None
        if song in plan.unknowable:
            verdict.unknowable[event.kind] += 1
            continue
        after, day = (_number(one) for one in (event.after_date, event.snapshot_date))
        verdict.told[event.kind] += 1
        verdict.vague += event.kind in COMING_AND_GOING and truth.before(day) != after
        if why := truth.contradicts(event, song, after, day):
            verdict.false.append((plan.number, event.kind, (why, song, after, day, event.uri)))
        told[event.kind, song, event.number if event.kind == "milestone" else None].append((after, day))
    for one in truth.happened():
        kind, song, after, day, which = one
        verdict.happened[kind] += 1
        if not any(first <= after and day <= last for first, last in told[kind, song, which]):
            verdict.missed.append((plan.number, one))
    return verdict


def _number(day: date) -> int:
    return (day - START).days


class _Truth:
    """One list as it truly was. Days are counted from 0; a song's place from 1."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._days = plan, plan.days
        self._known = [number for number, day in enumerate(plan.days) if day.known]
        self._before: dict[int, int | None] = dict(zip(self._known, (None, *self._known[:-1]), strict=True))
        self._places = {
            day: {song: place for place, song in enumerate(self._days[day].songs, 1)} for day in self._known
        }
        # Of each song: the known days on which it truly stood there; how often it was seen until each; its best place.
        self._since: dict[int, int] = {}
        self._seen: dict[tuple[int, int], int] = {}
        self._peaks: dict[tuple[int, int], int] = {}
        self._follow()

    def _follow(self) -> None:
        seen: Counter[int] = Counter()
        peaks: dict[int, int] = {}
        for day in self._known:
            for song, place in self._places[day].items():
                self._since.setdefault(song, day)
                if song in peaks:
                    self._peaks[song, day] = peaks[song]
                peaks[song] = min(place, peaks.get(song, place))
                seen[song] += song not in self._days[day].hidden
                self._seen[song, day] = seen[song]

    def before(self, day: int) -> int | None:
        """The known day before a known day."""
        return self._before.get(day)

    # Whether what is told is true.

    def contradicts(self, event: Event, song: int | None, after: int, day: int) -> str | None:
        """What of an event is untrue; None if nothing is."""
        if after not in self._places or after >= day:
            return "nobody looked on the day before it"
        if event.kind == "gap_began":
            return self._no_gap(event, after, day, self._next(after))
        if day not in self._places:
            return "nobody looked on its day"
        if event.kind == "gap_ended":
            return self._no_gap(event, after, after + 1, day)
        if song is None:
            return self._list_did_not(event, after, day)
        here, there = self._places[day].get(song), self._places[after].get(song)
        if event.kind in COMING_AND_GOING:
            return self._did_not_come_or_go(event, song, after, here, there)
        return self._stood_elsewhere(event, song, after, day, here, there)

    def _next(self, day: int) -> int:
        return next((one for one in self._known if one > day), len(self._days))

    def _no_gap(self, event: Event, after: int, day: int, end: int) -> str | None:
        unknown = end - after - 1
        return None if day == after + 1 and unknown > 0 and event.number == unknown else f"{unknown} days are not known"

    def _list_did_not(self, event: Event, after: int, day: int) -> str | None:
        old, new = self._days[after], self._days[day]
        if event.kind == "list_emptied":
            return None if old.songs and not new.songs else "it is not empty, or was before"
        if event.kind == "followers_jump":
            gained = new.facts["followers"] - old.facts["followers"]
            return None if event.number == gained != 0 else f"they were {gained}"
        was, became = old.facts[_TEXTS[event.kind]], new.facts[_TEXTS[event.kind]]
        return None if (event.was, event.became) == (was, became) and was != became else f"{was} became {became}"

    def _did_not_come_or_go(
        self, event: Event, song: int, after: int, here: int | None, there: int | None
    ) -> str | None:
        if event.kind == "left":
            return None if there == event.previous_position and here is None else f"at {there}, then at {here}"
        if here != event.position or there is not None:
            return f"at {there}, then at {here}"
        came_before = self._since[song] < after
        return None if came_before == (event.kind == "re-entered") else f"there since {self._since[song]}"

    def _stood_elsewhere(
        self, event: Event, song: int, after: int, day: int, here: int | None, there: int | None
    ) -> str | None:
        if here != event.position or after != self.before(day):
            return f"at {here}"
        if event.previous_position not in (there, None):
            return f"at {there} before"
        peak = self._peaks.get((song, day))
        true = {
            "moved": there is not None and event.number == there - here != 0,
            "new_peak": peak is not None and here < peak,
            "number_one": here == 1 and there != 1,
            "milestone": event.number == self._seen[song, day],
        }
        return None if true[event.kind] else f"at {there} before, the best place {peak}"

    # What is true, between each two known days that follow each other.

    def happened(self) -> Iterator[Happening]:
        for after, day in pairwise(self._known):
            for kind, song, which in self._between(after, day):
                if song not in self._plan.unknowable:
                    # A gap began on its first day.
                    yield kind, song, after, after + 1 if kind == "gap_began" else day, which
        if len(self._days) > self._known[-1] + 1:
            yield "gap_began", None, self._known[-1], self._known[-1] + 1, None

    def _between(self, after: int, day: int) -> Iterator[tuple[str, int | None, int | None]]:
        yield from self._of_the_list(after, day)
        old, new, hidden = self._places[after], self._places[day], self._days[day].hidden
        yield from (("left", song, None) for song in old if song not in new)
        for song, place in new.items():
            if song not in old:
                yield "re-entered" if self._since[song] < day else "entered", song, None
            if song in hidden:
                continue
            # What Spotify hides has no place that anybody can compare.
            there = None if song in self._days[after].hidden else old.get(song)
            if there not in (place, None):
                yield "moved", song, None
            if place < self._peaks.get((song, day), 0):
                yield "new_peak", song, None
            if place == 1 and old.get(song) != 1:
                yield "number_one", song, None
            if self._seen[song, day] in MILESTONES:
                yield "milestone", song, self._seen[song, day]

    def _of_the_list(self, after: int, day: int) -> Iterator[tuple[str, None, None]]:
        old, new = self._days[after], self._days[day]
        facts = _TEXTS | {"followers_jump": "followers"}
        yield from ((kind, None, None) for kind, name in facts.items() if old.facts[name] != new.facts[name])
        if old.songs and not new.songs:
            yield "list_emptied", None, None
        if day - after > 1:
            yield "gap_ended", None, None
            yield "gap_began", None, None
