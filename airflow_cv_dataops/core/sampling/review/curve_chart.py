"""A learning curve as inline SVG: the evaluations, the curve with its band, and where the next labels lead."""

from __future__ import annotations

import math
from collections.abc import Callable

from airflow_cv_dataops.core.report.plots import clean
from airflow_cv_dataops.core.sampling.learning_curve import LearningCurve

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BASE = 52, 14, 12, 216
_STEPS = 40


def curve_chart(curve: LearningCurve, next_labels: int) -> str:
    """Return a figure; nothing where there is no estimate. Labels are on a logarithmic axis."""
    if curve.reason:
        return ""
    first, then = curve.points[0].labels, curve.labels + next_labels
    last = max(then, round(1.25 * curve.labels))
    counts = sorted({round(first * (last / first) ** (step / _STEPS)) for step in range(_STEPS + 1)} | {then})
    band = [(count, curve.value(count)) for count in counts]
    values = [value for _, interval in band for value in (interval.low, interval.high)] + [point.value for point in curve.points]
    low, high = min(values), max(values)
    room = 0.06 * (high - low or 1)
    low, high = low - room, high + room

    def x(count: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log(count / first) / math.log(last / first)

    def y(value: float) -> float:
        return _BASE - (_BASE - _TOP) * (value - low) / (high - low)

    upper = [f"{x(count):.1f} {y(interval.high):.1f}" for count, interval in band]
    lower = [f"{x(count):.1f} {y(interval.low):.1f}" for count, interval in reversed(band)]
    line = "L".join(f"{x(count):.1f} {y(interval.expected):.1f}" for count, interval in band)
    dots = "".join(f'<circle class="seen" cx="{x(point.labels):.1f}" cy="{y(point.value):.1f}" r="4"/>' for point in curve.points)
    end = curve.value(then)
    target = (
        f'<path class="reach" d="M{x(then):.1f} {y(end.low):.1f}V{y(end.high):.1f}"/>'
        f'<circle class="next" cx="{x(then):.1f}" cy="{y(end.expected):.1f}" r="5"/>'
    )
    ticks = "".join(
        f'<path class="grid" d="M{_LEFT} {y(value):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text class="label" x="{_LEFT - 7}" y="{y(value) + 4:.1f}">{value:.2f}</text>'
        for value in _even(low, high)
    )
    counted = "".join(
        f'<text class="count" x="{x(count):.1f}" y="{_BASE + 18}">{count:,}</text>' for count in _apart([first, curve.labels, then], x)
    )
    return (
        f"<figure><figcaption>Evaluations, and {next_labels:,} more labels</figcaption>"
        f'<svg class="plot curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{clean(curve.in_words(next_labels))}">{ticks}<path class="band" d="M{"L".join(upper + lower)}Z"/>'
        f'<path class="line" d="M{line}"/>{dots}{target}{counted}'
        f'<text class="count" x="{(_LEFT + _WIDTH - _RIGHT) / 2}" y="{_HEIGHT - 8}">labels</text></svg></figure>'
    )


def _even(low: float, high: float) -> list[float]:
    """Return some four round values between two."""
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    start = math.ceil(low / step)
    return [(start + place) * step for place in range(int(high / step) - start + 1)]


def _apart(counts: list[int], x: Callable[[float], float]) -> list[int]:
    """Return the counts whose numbers do not run into each other; the last one always."""
    kept: list[int] = []
    for count in reversed(counts):
        if all(abs(x(count) - x(other)) > 52 for other in kept):
            kept.append(count)
    return kept
