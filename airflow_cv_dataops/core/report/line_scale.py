"""Places and values to pixels, and the round numbers that an axis names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

LEFT, RIGHT = 52, 432
TOP, BASE = 42, 168
_TICKS = 4


@dataclass(frozen=True)
class Scale:
    """Places and values to pixels. :param ticks: values at which the axis is labelled."""

    first: float
    last: float
    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, places: Sequence[float], values: Sequence[float]) -> Self:
        low, high = min(values), max(values)
        if 0 <= low < 0.7 * high or low == high >= 0:
            low = 0.0  # what lies far from zero is drawn closer: the axis says so
        ticks = _ticks(low, high)
        return cls(min(places), max(places), ticks[0], ticks[-1], ticks)

    def x(self, place: float) -> float:
        if self.last == self.first:
            return (LEFT + RIGHT) / 2
        return LEFT + 6 + (RIGHT - LEFT - 12) * (place - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        most = max(abs(self.low), abs(self.high)) or 1.0  # the distance of two huge values may be beyond all numbers
        low, high = self.low / most, self.high / most
        return BASE - (BASE - TOP) * ((value / most - low) / ((high - low) or 1.0))

    def tick_in_words(self, value: float, *, is_share: bool) -> str:
        """Return a round value in at most seven letters, with as many digits as tell it from the next one."""
        if value == 0:
            return "0%" if is_share else "0"
        step = self.ticks[1] - self.ticks[0]
        if is_share and abs(value) < 100:
            return f"{100 * value:.{_digits(100 * step)}f}%"
        for unit, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
            if max(abs(self.low), abs(self.high)) >= unit:
                size = 1e3 if sign == "k" else unit
                digits = _digits(step / size)
                return f"{value / size:.{digits}f}{sign}" if abs(value) < 1e13 else f"{value:.1e}"
        return f"{value:,.{_digits(step)}f}" if step >= 1e-4 else f"{value:.1e}"


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Return round values around a stretch, at most six of them."""
    if low == high:
        high = low + (abs(low) or 1.0)
    step = (high / _TICKS) - (low / _TICKS)
    if not math.isfinite(step) or step <= abs(high) * 1e-12 or step < 1e-300:
        return (low, high)
    power = 10.0 ** math.floor(math.log10(step))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor >= step * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(step * number for number in range(first, last + 1))


def _digits(step: float) -> int:
    """Return how many digits after the point a step needs: 2 for 0.25."""
    return next((digits for digits in range(5) if abs(round(step, digits) - step) < 1e-6 * abs(step)), 5)
