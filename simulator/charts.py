"""Which songs lead on which day: in closed form, so that any day of any year costs the same."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from .catalogue import LIBRARY_SONGS, SONGS_A_DAY, is_release_day, record_of
from .hashing import fraction, number

_CACHED_CURVES = 4096


class Chart:
    """A Top 50: most songs rise within days and fade over weeks; some climb for two months, some come back."""

    _WINDOW_DAYS = 300

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.leaders = lru_cache(64)(self._leaders)
        self._curve = lru_cache(_CACHED_CURVES)(self._draw_curve)

    def _leaders(self, day: date, count: int) -> tuple[int, ...]:
        today = day.toordinal()
        first = (today - self._WINDOW_DAYS) * SONGS_A_DAY
        keys = range(first, today * SONGS_A_DAY)
        return tuple(sorted(keys, key=lambda key: (-self._score(key, today), key))[:count])

    def _score(self, key: int, today: int) -> float:
        """Weigh a song: up to its peak, then half as much every `half_life` days, and up once more at its return."""
        age = today - key // SONGS_A_DAY
        peak, rise, half_life, comeback = self._curve(key)
        fame: float = (age / rise) ** 1.5 if age < rise else 0.5 ** ((age - rise) / half_life)
        if comeback is not None and age >= comeback:
            fame = max(fame, 0.9 * 0.5 ** ((age - comeback) / 9))
        mood = fraction(self._seed, "mood", key, today // 4) - 0.5
        wobble = fraction(self._seed, "wobble", key, today) - 0.5
        return peak * fame * (1 + 0.12 * mood + 0.06 * wobble)

    def _draw_curve(self, key: int) -> tuple[float, int, int, int | None]:
        """Draw a song's peak, its days up to there, the days after which half of it is left, and the age at which it
        comes back, if it does."""
        record = record_of(key)
        luck, dice = number(self._seed, "luck", record), number(self._seed, "curve", key)
        peak = (12 + 70 * ((luck & 0xFFFF) / 0x10000) ** 3) * (2.2 if (luck >> 16) % 60 == 0 else 1)
        peak *= (1.3 if is_release_day(key // SONGS_A_DAY) else 1) * 0.8 ** (key - record)
        rise = 25 + dice % 45 if (dice >> 8) % 9 == 0 else 1 + (dice >> 16) % 9
        comeback = rise + 45 + (dice >> 24) % 90 if (dice >> 40) % 6 == 0 else None
        return peak, rise, 8 + (dice >> 48) % 50, comeback


class ViralChart:
    """A Viral 50: sparks, four a day, that set a song alight for days; new ones, and out of the library old ones."""

    _WINDOW_DAYS = 75
    _SPARKS_A_DAY = 4

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.leaders = lru_cache(64)(self._leaders)
        self._spark = lru_cache(_CACHED_CURVES)(self._draw_spark)

    def _leaders(self, day: date, count: int) -> tuple[int, ...]:
        today = day.toordinal()
        heat: dict[int, float] = {}
        for spark in range((today - self._WINDOW_DAYS) * self._SPARKS_A_DAY, today * self._SPARKS_A_DAY):
            song, peak, rise, half_life = self._spark(spark)
            age = today - spark // self._SPARKS_A_DAY
            glow = age / rise if age < rise else 0.5 ** ((age - rise) / half_life)
            wobble = fraction(self._seed, "flicker", spark, today) - 0.5
            heat[song] = max(heat.get(song, 0.0), peak * glow * (1 + 0.12 * wobble))
        return tuple(sorted(heat, key=lambda song: (-heat[song], song))[:count])

    def _draw_spark(self, spark: int) -> tuple[int, float, int, int]:
        """Draw the song that catches fire, how hot it gets, the days up to there, and those that halve it."""
        dice = number(self._seed, "spark", spark)
        released = spark // self._SPARKS_A_DAY - 1 - (dice >> 8) % 120
        song = (dice >> 8) % LIBRARY_SONGS if dice % 3 == 0 else released * SONGS_A_DAY + (dice >> 40) % SONGS_A_DAY
        peak = 20 + 80 * ((dice >> 64 & 0xFFFF) / 0x10000) ** 3
        return song, peak, 1 + (dice >> 84) % 4, 3 + (dice >> 90) % 14
