"""When an EventBridge schedule starts the next run.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from ...errors import BadSetting
from ...handlers.http import STALE_AFTER_HOURS
from .check import Check

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_SEARCHED_DAYS = 366 * 8  # a 29 February can be eight years away


def schedule(expression: str, now: datetime) -> Check:
    """The schedule in words."""
    rate = re.fullmatch(r"rate\((\d+) (\w+?)s?\)", expression)
    if rate:
        number, unit = int(rate[1]), rate[2]
        words = f"A run every {unit if number == 1 else f'{number} {unit}s'}, counted from the deployment."
        return _judged(words, timedelta(**{f"{unit}s": number}))
    try:
        runs = list(islice(runs_after(now, expression), 2))
    except BadSetting as error:
        return Check("schedule", "bad", error.message, error.advice)
    if not runs:
        return Check("schedule", "bad", f"{expression} never starts a run.", "Correct CHARTLAKE_SCHEDULE.")
    words = f"The next run is at {runs[0]:%Y-%m-%d %H:%M} UTC"
    if len(runs) == 1:
        return Check("schedule", "warning", f"{words}, and none after it.", "Correct CHARTLAKE_SCHEDULE.")
    return _judged(f"{words}, then at {runs[1]:%Y-%m-%d %H:%M}.", runs[1] - runs[0])


def _judged(words: str, gap: timedelta) -> Check:
    if gap <= timedelta(hours=STALE_AFTER_HOURS):
        return Check("schedule", "good", words)
    advice = (
        f"Days between runs are gaps that nobody can fill later; the alarm for a missed day and /health expect a run "
        f"within {STALE_AFTER_HOURS:.0f} hours."
    )
    return Check("schedule", "warning", words, advice)


def runs_after(moment: datetime, expression: str) -> Iterator[datetime]:
    """The runs that `cron(…)` starts later than `moment`, in UTC. Raises `BadSetting` for a value that is none."""
    fields = expression.upper().removeprefix("CRON(").removesuffix(")").split()
    try:
        minutes, hours = _values(fields[0], 0, 59), _values(fields[1], 0, 23)
        months, years = _values(fields[3], 1, 12, _MONTHS), _values(fields[5], 1970, 2199)
        first = moment.astimezone(UTC).date()
        days = (first + timedelta(days=number) for number in range(_SEARCHED_DAYS))
        for day in days:
            if day.month in months and day.year in years and _is_day(day, fields[2], fields[4]):
                for hour in sorted(hours):
                    for minute in sorted(minutes):
                        run = datetime.combine(day, time(hour, minute), UTC)
                        if run > moment:
                            yield run
    except ValueError as error:
        raise BadSetting(
            f"CHARTLAKE_SCHEDULE={expression!r}: {error}.", advice="Write cron(15 6 * * ? *) for 06:15 UTC every day."
        ) from None


def _is_day(day: date, of_month: str, of_week: str) -> bool:
    if of_week != "?":
        return _is_weekday(day, of_week)
    last = calendar.monthrange(day.year, day.month)[1]
    if of_month == "L":
        return day.day == last
    if of_month.endswith("W"):
        wanted = last if of_month == "LW" else int(of_month[:-1])
        return wanted <= last and day == _nearest_working_day(day.replace(day=wanted), last)
    return day.day in _values(of_month, 1, 31)


def _is_weekday(day: date, of_week: str) -> bool:
    number = day.isoweekday() % 7 + 1
    if "#" in of_week:
        weekday, _, which = of_week.partition("#")
        return number == _number(weekday, _WEEKDAYS) and (day.day - 1) // 7 + 1 == int(which)
    if len(of_week) > 1 and of_week.endswith("L"):
        last = calendar.monthrange(day.year, day.month)[1]
        return number == _number(of_week[:-1], _WEEKDAYS) and day.day > last - 7
    return number in _values(of_week.replace("L", "7"), 1, 7, _WEEKDAYS)


def _nearest_working_day(day: date, last: int) -> date:
    """The day itself, the Friday before a Saturday, the Monday after a Sunday; never in another month."""
    if day.weekday() == 5:
        return day + timedelta(days=2 if day.day == 1 else -1)
    if day.weekday() == 6:
        return day + timedelta(days=-2 if day.day == last else 1)
    return day


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The numbers that a field such as 1,5-10/2 stands for. Raises `ValueError` naming what is none."""
    found = set[int]()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = low if first in ("*", "?") else _number(first, names)
        end = _number(last, names) if last else high if step or first in ("*", "?") else start
        if not low <= start <= end <= high or (step and int(step) < 1):
            raise ValueError(f"{part!r} is not within {low} to {high}")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text!r} is no value")
    return int(text)
