"""The measures of lists, reckoned once more: plain Python, from the definitions in docs/measures.md, with sets and loops
where the views have sums and windows.

`stood` are the rows of the view `standings`, `known` those of `known_days`, as tests/lake_model.py reckons them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations, pairwise
from statistics import median
from typing import Any

from tests.chart_model import History, Watch

Row = dict[str, Any]


def turnover(
    histories: Mapping[str, History], lacking: Mapping[str, Mapping[date, int]], steps: Mapping[str, int]
) -> list[Row]:
    """`histories` are the known days of each list, `lacking` the places that an imported day lacks, `steps` how many
    days lie between two days of the list."""
    return [
        {"playlist_id": playlist_id} | row
        for playlist_id, history in histories.items()
        for row in _turnover(
            history, Watch.over(history, lacking[playlist_id]), lacking[playlist_id], steps[playlist_id]
        )
    ]


def _turnover(history: History, watch: Watch, lacking: Mapping[date, int], step: int) -> Iterator[Row]:
    keys = {day: {key for _, key in history[day]} - {None} for day in watch.days}
    for before, day in pairwise(watch.days):
        appeared, vanished = keys[day] - keys[before], keys[before] - keys[day]
        whole = not (lacking[before] or lacking[day])
        came = went = 0
        if whole or watch.slots[before] == 0:
            for key in appeared:
                runs = watch.runs([one for one in watch.days if key in keys[one]])
                number = next((place for place, run in enumerate(runs) if run[0] == day), None)
                if number is not None:
                    gone = watch.gone(runs[number - 1][-1]) if number else None
                    came += before in (watch.away(day), gone)
        if whole or watch.slots[day] == 0:
            went = sum(watch.gone(before) == day for _ in vanished)
        both, days = len(keys[before]) + len(keys[day]), max((day - before).days // step, 1)
        yield {
            "snapshot_date": day,
            "previous_date": before,
            "interval_days": days,
            "items_before": len(keys[before]),
            "items": len(keys[day]),
            "came": came,
            "went": went,
            "perhaps_came": len(appeared) - came,
            "perhaps_went": len(vanished) - went,
            "turnover": (came + went) / both if both else None,
            "most_turnover": (len(appeared) + len(vanished)) / both if both else None,
            "turnover_a_day": (came + went) / (both * days) if both else None,
        }


def rank_biased_overlap(one: Sequence[Any], other: Sequence[Any], p: float = 0.9) -> float:
    """Webber, Moffat and Zobel, A Similarity Measure for Indefinite Rankings (2010), equation 32, term by term."""
    short, long = sorted((one, other), key=len)
    s, l = len(short), len(long)  # noqa: E741 - the paper's names
    if not s:
        return 0.0
    x = {d: len(set(short[:d]) & set(long[:d])) for d in range(1, l + 1)}
    agreed = sum(x[d] / d * p**d for d in range(1, l + 1))
    beyond = sum(x[s] * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    return (1 - p) / p * (agreed + beyond) + ((x[l] - x[s]) / l + x[s] / s) * p**l


def overlap(known: Iterable[Row], ranked: Mapping[tuple[str, date], list[str]]) -> list[Row]:
    """`ranked` are the items of a list on a day, by their keys over all lists, in order."""
    days = defaultdict(set)
    for row in known:
        days[row["playlist_id"]].add(row["snapshot_date"])
    found = []
    for one, other in combinations(sorted(days), 2):
        row = {"playlist_id": one, "other_id": other} | dict.fromkeys(
            ("snapshot_date", "items", "other_items", "common", "jaccard", "rank_biased_overlap")
        )
        shared = days[one] & days[other]
        if shared:
            day = max(shared)
            here, there = ranked.get((one, day), []), ranked.get((other, day), [])
            union = set(here) | set(there)
            row |= {"snapshot_date": day, "items": len(here), "other_items": len(there)}
            row["common"] = len(set(here) & set(there))
            if union:
                row["jaccard"] = row["common"] / len(union)
                row["rank_biased_overlap"] = round(rank_biased_overlap(here, there), 6)
        found.append(row)
    return found


def lead_lag(
    histories: Mapping[str, History], lacking: Mapping[str, Mapping[date, int]], steps: Mapping[str, int]
) -> list[Row]:
    """`histories` hold the keys over all lists."""
    debuts: dict[str, dict[str, tuple[date, date | None]]] = {}
    for playlist_id, history in histories.items():
        watch, missing = Watch.over(history, lacking[playlist_id]), lacking[playlist_id]
        debuts[playlist_id] = {}
        for day in watch.days:
            for key in {key for _, key in history[day] if key is not None} - set(debuts[playlist_id]):
                away = watch.away(day)
                if away and watch.slots[away] and (missing[away] or missing[day]):
                    away = None
                debuts[playlist_id][key] = (day, away)
    found = []
    for one in histories:
        for other in histories:
            common = set(debuts[one]) & set(debuts[other])
            if one != other and common:
                watched = max(min(histories[one]), min(histories[other]))
                step = steps[one] if steps[one] == steps[other] else 1
                pairs = [(debuts[one][key], debuts[other][key]) for key in common]
                found.append({"playlist_id": one, "other_id": other} | _compared(pairs, watched, step))
    return found


def _compared(pairs: list[tuple[tuple[date, date | None], tuple[date, date | None]]], watched: date, step: int) -> Row:
    outcomes, least, most = Counter[str](), [], []
    for (mine, away), (theirs, their_away) in pairs:
        if away is None or their_away is None or min(away, their_away) < watched:
            outcomes["not_known"] += 1
            continue
        # The first and the last day on which each can have come.
        first, their_first = (
            min(day + timedelta(days=step), seen) for day, seen in ((away, mine), (their_away, theirs))
        )
        leads = sorted(((their_first - mine).days, (theirs - first).days))
        if leads[0] <= 0 <= leads[1] and leads != [0, 0]:
            outcomes["overlapping"] += 1
            continue
        outcomes["led" if leads[0] > 0 else "followed" if leads[1] < 0 else "together"] += 1
        least.append(leads[0])
        most.append(leads[1])
    return {name: outcomes[name] for name in ("led", "followed", "together", "overlapping", "not_known")} | {
        "common": len(pairs),
        "least_median_days": float(median(least)) if least else None,
        "most_median_days": float(median(most)) if most else None,
    }


def reach(
    stood: Iterable[Row], known: Iterable[Row], snapshots: Iterable[Row], lake_keys: Mapping[str, str]
) -> list[Row]:
    newest = {row["playlist_id"]: row["snapshot_date"] for row in known if row["next_date"] is None}
    followers = {(row["playlist_id"], row["snapshot_date"]): row["followers"] for row in snapshots}
    told: defaultdict[tuple[str, str], list[tuple[Row, str | None, str | None]]] = defaultdict(list)
    last = [row for row in stood if row["track_key"] is not None and row["snapshot_date"] == newest[row["playlist_id"]]]
    # The newest day first, else as the lists are called, and as the items stand.
    last.sort(key=lambda row: (-row["snapshot_date"].toordinal(), row["playlist_id"], row["position"]))
    for row in last:
        told["item", lake_keys.get(row["uri"], row["track_key"])].append((row, row["name"], row["artist"]))
        for one in row["artists"]:
            if one["id"] or one["name"]:
                told["artist", one["id"] or one["name"]].append((row, one["name"], None))
    found = []
    for (kind, key), rows in told.items():
        days = {row["playlist_id"]: row["snapshot_date"] for row, _, _ in rows}
        numbers = [followers[one] for one in days.items() if followers[one] is not None]
        found.append(
            {
                "kind": kind,
                "reach_key": key,
                "name": next((name for _, name, _ in rows if name is not None), None),
                "artist": next((artist for _, _, artist in rows if artist is not None), None),
                "lists": len(days),
                "lists_known": len(numbers),
                "followers": sum(numbers) if numbers else None,
                "oldest_date": min(days.values()),
                "newest_date": max(days.values()),
            }
        )
    return found


def freshness(stood: Iterable[Row], known: Iterable[Row]) -> list[Row]:
    ages: defaultdict[tuple[str, date], list[int | None]] = defaultdict(list)
    for row in stood:
        if row["track_key"] is not None and row["occurrence"] == 1:
            ages[row["playlist_id"], row["snapshot_date"]].append(_age(row))
    found = []
    for row in known:
        items = ages[row["playlist_id"], row["snapshot_date"]]
        dated = sorted(age for age in items if age is not None)
        found.append(
            {
                "playlist_id": row["playlist_id"],
                "snapshot_date": row["snapshot_date"],
                "items": len(items),
                "dated": len(dated),
                "youngest_days": dated[0] if dated else None,
                "median_days": float(median(dated)) if dated else None,
                "oldest_days": dated[-1] if dated else None,
            }
        )
    return found


def _age(row: Row) -> int | None:
    released = row["album_release_date"] or ""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", released) or row["album_release_precision"] not in (None, "day"):
        return None
    try:
        return (row["snapshot_date"] - date.fromisoformat(released)).days  # type: ignore[no-any-return]
    except ValueError:
        return None


def shares(stood: Iterable[Row]) -> list[Row]:
    names: dict[tuple[str, date, str, str], set[str]] = {}
    whose: defaultdict[tuple[str, date, str], list[set[str]]] = defaultdict(list)
    for row in stood:
        if row["track_key"] is None:
            continue
        credited = {one["id"] or one["name"]: one["name"] for one in row["artists"] if one["id"] or one["name"]}
        told = {
            "artist": credited,
            "label": {row["label"]: row["label"]},
            "explicit": {word: word for word in [{True: "true", False: "false"}.get(row["explicit"])]},
            "length": {word: word for word in [row["duration_ms"] and str(row["duration_ms"] // 60_000)]},
        }
        for kind, values in told.items():
            of_day = (row["playlist_id"], row["snapshot_date"], kind)
            whose[of_day].append({value for value in values if value is not None})
            for value, name in values.items():
                names.setdefault((*of_day, value), set()).update({name} - {None})
    found = []
    for (playlist_id, day, kind), entries in whose.items():
        known = [values for values in entries if values]
        row = {"playlist_id": playlist_id, "snapshot_date": day, "kind": kind}
        for value in set().union(*known):
            count = sum(value in values for values in known)
            called = names[playlist_id, day, kind, value]
            found.append(
                row
                | {"share_key": value, "name": min(called, default=None), "entries": count, "share": count / len(known)}
            )
        if len(known) < len(entries):
            unknown = len(entries) - len(known)
            found.append(row | {"share_key": None, "name": None, "entries": unknown, "share": None})
    return found
