"""What many lists take and cost: Spotify's pace, the queue as a simulation, and list prices.

    .venv/bin/python -m benchmarks.scale [--against [LISTS]] [--write]

`--against` lets real workers take 2,000 lists first (ten minutes; see `benchmarks.fan_out`), at a pace, with faults
and one pause that Spotify asks for, and remembers what came of it in docs/scale.json; the simulation of the same is
held against that. `--write` puts the tables into docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.fan_out import paced
from benchmarks.simulated_queue import Course, Load
from chalicelib.cli import cost

DOCUMENT = Path(__file__).parents[1] / "docs" / "scale.md"
# What the last real run was asked to do, and what it did.
RECORD = DOCUMENT.with_suffix(".json")
# The pace is below what the simulated AWS can take, so that it is the pace that is looked at.
AGREED = Load(2000, workers=2, rate=4.0, throttled_after=1000, pause=10.0)


# Of the bill's table by parts: so many lists, and the names of prices.
MANY, STORAGE = 100_000, "S3: storage after a year"
PUT, GET, COMPUTING = "s3_put_or_list", "s3_get", "lambda_gb_second_arm64"


@dataclass(frozen=True)
class Part:
    """What a list's day asks for: so many requests to S3 of one price, or seconds of Lambda; and why not less."""

    words: str
    number: float
    price: str
    why: str

    @property
    def amount(self) -> str:
        return f"{self.number:g} s" if self.price == COMPUTING else f"{self.number:g}"

    def dollars(self, prices: Mapping[str, float]) -> float:
        """Of one list and day, at list price."""
        return self.number * prices[self.price]


PAGES, LISTING = "yes: pages are derived", "perhaps: the rows that were just read name the last one"
_A_DAY = cost.assumed(1, 50)
PARTS = (
    Part("write the raw document", 1, PUT, "no: it proves the day, and mends it"),
    Part("write the segment of `entries`", 1, PUT, "no: it is the day"),
    Part("write the rows of `snapshots`", 1, PUT, "no: it is the commit"),
    Part("read these two before", 2, GET, "no: what is written again is compared and swapped"),
    Part("compute: the request and all that follows", _A_DAY.seconds_a_request.value, COMPUTING, "no"),
    Part("list the year's segments", 1, PUT, LISTING),
    Part("write the page", 1, PUT, PAGES),
    Part("list the page's years", 1, PUT, PAGES),
    Part("read what the page and the index show", 9, GET, PAGES),
    Part("compute: the page", _A_DAY.seconds_a_page.value, COMPUTING, PAGES),
)


def agreement() -> Iterator[str]:
    """Lines of a table: what the last real run took and asked, beside what is simulated with its own parameters."""
    record = json.loads(RECORD.read_text("utf-8"))
    real, simulated = record["told"], Course(Load(**record["load"])).run()
    for words, name in (
        ("lists with the status `ok`", "kept"),
        ("requests to Spotify", "requests"),
        ("of them refused with 429", "refused"),
        ("seconds until the last list was kept", "seconds"),
    ):
        one, other = real[name], getattr(simulated, name)
        yield f"| {words} | {one:,.0f} | {other:,.0f} | {other / one:.3f} |"
    yield f"| of these, seconds in which something waited for a core | {real['waited']:,.0f} | 0 | |"


def run_really(load: Load) -> None:
    """Let real workers take so many lists, and remember what came of it with the work that a list took there."""
    told = paced(load)
    RECORD.write_text(
        json.dumps({"load": asdict(replace(load, work=told["work"])), "told": told}, indent=2) + "\n", "utf-8"
    )


def money() -> Iterator[str]:
    """Lines of a table: what so many lists of 50 entries take and cost."""
    prices = cost.load_prices()
    for lists in (1, 1_000, MANY, 1_000_000):
        lines = {line.name: line for line in cost.bill(cost.assumed(lists, 50), prices)}
        storage, seconds = lines[STORAGE], lists / Load(lists).rate
        yield (
            f"| {lists:,} | {_duration(seconds)} | {lines['S3: writing and listing'].amount} "
            f"| {_without_storage(lists):,.2f} USD | {storage.amount}, {storage.to_pay:,.2f} USD |"
        )


def parts() -> Iterator[str]:
    """Lines of a table: what a list's day asks for, what that costs a month for `MANY` lists, and why not less."""
    prices = cost.load_prices()["prices"]
    dollars = {part: part.dollars(prices) * MANY * cost.DAYS for part in PARTS}
    rest = _without_storage(MANY) - sum(dollars.values())
    for part, spent in dollars.items():
        yield f"| {part.words} | {part.amount} | {spent:,.2f} USD | {part.why} |"
    yield f"| the run itself and the queue, less what is always free | | {rest:,.2f} USD | |"
    needed = {part: spent for part, spent in dollars.items() if part.why not in (PAGES, LISTING)}
    a_write = min(spent for part, spent in needed.items() if part.price == PUT)
    least = rest + sum(needed.values())
    for words, total in (
        ("all of it", rest + sum(dollars.values())),
        ("without pages", rest + sum(spent for part, spent in dollars.items() if part.why != PAGES)),
        ("what may not be left out", least),
        ("of that the three writes", 3 * a_write),
        ("were raw of ten lists one object, and the row in the segment", least - 1.9 * a_write),
    ):
        yield f"| **{words}** | | **{total:,.2f} USD** | |"


def _without_storage(lists: int) -> float:
    """USD a month that so many lists of 50 entries cost."""
    lines = cost.bill(cost.assumed(lists, 50), cost.load_prices())
    return sum(line.to_pay for line in lines if line.name != STORAGE)


def queues() -> Iterator[str]:
    """Lines of a table: how long a queue takes."""
    for lists in (1_000, 10_000, 100_000):
        for words, load in (
            ("all goes well", Load(lists, fails_in=0)),
            ("1 % of the requests fail", Load(lists)),
            ("and Spotify allows 200 requests in 30 s", Load(lists, allowed=200)),
        ):
            told = Course(load).run()
            asked = f"{told.requests:,} requests, {told.refused:,} of them refused"
            yield f"| {lists:,} | {words} | {_duration(told.seconds)} | {asked} |"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


TABLES = {"money": money, "parts": parts, "queue": queues, "agreement": agreement}


@contextmanager
def _document() -> Iterator[dict[str, list[str]]]:
    """The tables of the document by the marks around them; what is put there is written."""
    tables: dict[str, list[str]] = {}
    yield tables
    text = DOCUMENT.read_text("utf-8")
    for name, lines in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        head = "".join(rest.partition(end)[0].splitlines(keepends=True)[:2])
        text = before + begin + head + "".join(f"{line}\n" for line in lines) + end + rest.partition(end)[2]
    DOCUMENT.write_text(text, "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--against", nargs="?", type=int, const=AGREED.lists, metavar="LISTS", help="make a real run first"
    )
    options.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    chosen = options.parse_args()
    if chosen.against:
        run_really(replace(AGREED, lists=chosen.against, throttled_after=chosen.against // 2))
    told = {name: list(lines()) for name, lines in TABLES.items()}
    if chosen.write:
        with _document() as tables:
            tables.update(told)
    print("\n".join(line for lines in told.values() for line in lines))


if __name__ == "__main__":
    main()
