"""A number over partitions as inline SVG: a line that breaks where a number is missing, and upright marks for releases.

No script, no library and no network; colours are the page's style classes. Of more points than there are pixels, each pixel shows the
first, the least, the greatest and the last, so that no spike is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.report.line_scale import BASE, LEFT, RIGHT, TOP, Scale
from airflow_cv_dataops.core.report.plots import clean, cut

_WIDTH, _HEIGHT = 440, 190
_MARK_ROWS = (12, 26)
_LETTER = 6.3  # pixels, of a label at the page's size
_MOST_HOVERS = 120
_MOST_DOTS = 90
_MOST_SPOKEN = 20
_LONGEST_TICK = 12


@dataclass(frozen=True)
class Mark:
    """An upright line. :param at: a place on the axis. :param label: short. :param title: shown by the mouse, and read out."""

    at: float
    label: str
    title: str


@dataclass(frozen=True)
class LineChart:
    """:param places: where each value stands, ascending: days, or 0, 1, 2, …
    :param values: NaN where there is none: the line breaks.
    :param names: of each place, for the axis and the mouse.
    :param current: the index of what the page is about, drawn as a dot; ``None``: nothing is.
    :param is_share: values are told as percentages.
    :param note: small print below.
    """

    title: str
    places: Sequence[float]
    values: Sequence[float]
    names: Sequence[str]
    marks: Sequence[Mark] = ()
    current: int | None = None
    is_share: bool = False
    note: str = ""

    def in_words(self, value: float) -> str:
        """Return a value as a person reads it, to four digits, whole numbers to the last."""
        if self.is_share:
            return f"{value:.2%}"
        return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.4g}"


def line_chart(chart: LineChart) -> str:
    """Return a figure; nothing where there is no value at all."""
    there = [index for index, value in enumerate(chart.values) if math.isfinite(value)]
    if not there:
        return ""
    scale = Scale.of(_ends(chart), [chart.values[index] for index in there])
    runs = _runs(chart.values)
    parts = [
        *_grid(chart, scale),
        *_marks(chart.marks, scale),
        *(_path(chart, scale, run) for run in runs if len(run) > 1),
        *_dots(chart, scale, runs, len(there)),
        *_hovers(chart, scale, there),
        *_current(chart, scale),
    ]
    note = f'<p class="small">{clean(chart.note)}</p>' if chart.note else ""
    return (
        f"<figure><figcaption>{clean(cut(chart.title, 120))}</figcaption>"
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_spoken(chart, there)}">'
        f"{''.join(parts)}</svg>{note}</figure>"
    )


def _ends(chart: LineChart) -> list[float]:
    return [place for place in (*chart.places, *(mark.at for mark in chart.marks)) if math.isfinite(place)]


def _runs(values: Sequence[float]) -> list[list[int]]:
    """Return the indices of values that follow each other without a gap."""
    runs: list[list[int]] = []
    before = -2
    for index, value in enumerate(values):
        if math.isfinite(value):
            if index != before + 1:
                runs.append([])
            runs[-1].append(index)
            before = index
    return runs


def _path(chart: LineChart, scale: Scale, run: Sequence[int]) -> str:
    points = [(scale.x(chart.places[index]), scale.y(chart.values[index])) for index in run]
    drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in _thinned(points))
    return f'<path class="line" d="M{drawn}"/>'


def _thinned(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield, of the points in each column of pixels, the first, the highest, the lowest and the last, in their order."""
    start = 0
    for index in range(1, len(points) + 1):
        if index < len(points) and int(points[index][0]) == int(points[start][0]):
            continue
        column = range(start, index)
        heights = [points[place][1] for place in column]
        kept = {start, start + heights.index(min(heights)), start + heights.index(max(heights)), index - 1}
        yield from (points[place] for place in sorted(kept))
        start = index


def _dots(chart: LineChart, scale: Scale, runs: Sequence[Sequence[int]], count: int) -> Iterator[str]:
    """Yield a dot for each value where there is room, and else for those between two gaps, which no line shows."""
    shown = [index for run in runs for index in run if count <= _MOST_DOTS or len(run) == 1]
    for index in shown:
        yield f'<circle class="dot" cx="{scale.x(chart.places[index]):.1f}" cy="{scale.y(chart.values[index]):.1f}" r="2"/>'


def _hovers(chart: LineChart, scale: Scale, there: Sequence[int]) -> Iterator[str]:
    """Yield strips that nobody sees and that tell the values below the mouse."""
    each = math.ceil(len(there) / _MOST_HOVERS)
    groups = [there[start : start + each] for start in range(0, len(there), each)]
    middles = [(scale.x(chart.places[group[0]]) + scale.x(chart.places[group[-1]])) / 2 for group in groups]
    for number, group in enumerate(groups):
        left = LEFT if number == 0 else (middles[number - 1] + middles[number]) / 2
        right = RIGHT if number == len(groups) - 1 else (middles[number] + middles[number + 1]) / 2
        yield (
            f'<rect class="hover" x="{left:.1f}" y="{TOP}" width="{max(0.5, right - left):.1f}" height="{BASE - TOP}">'
            f"<title>{_told(chart, group)}</title></rect>"
        )


def _told(chart: LineChart, group: Sequence[int]) -> str:
    values = [chart.values[index] for index in group]
    first, last = (clean(cut(chart.names[group[place]], 60)) for place in (0, -1))
    if len(group) == 1:
        return f"{first}: {clean(chart.in_words(values[0]))}"
    return f"{first} to {last}: {clean(chart.in_words(min(values)))} to {clean(chart.in_words(max(values)))}"


def _current(chart: LineChart, scale: Scale) -> Iterator[str]:
    if chart.current is not None and math.isfinite(value := chart.values[chart.current]):
        x, y = scale.x(chart.places[chart.current]), scale.y(value)
        title = f"{clean(cut(chart.names[chart.current], 60))}: {clean(chart.in_words(value))}"
        yield f'<circle class="current" cx="{x:.1f}" cy="{y:.1f}" r="4.5"><title>{title}</title></circle>'


def _grid(chart: LineChart, scale: Scale) -> Iterator[str]:
    for tick in scale.ticks:
        y = scale.y(tick)
        yield f'<path class="axis" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        yield f'<text class="label tick" x="{LEFT - 6}" y="{y + 4:.1f}">{clean(scale.tick_in_words(tick, is_share=chart.is_share))}</text>'
    for index, anchor, x in _named(chart, scale):
        yield f'<text class="tick" x="{x:.1f}" y="{BASE + 17}" text-anchor="{anchor}">{clean(_short(chart.names[index]))}</text>'


def _named(chart: LineChart, scale: Scale) -> Iterator[tuple[int, str, float]]:
    """Yield which places the axis names, as many as have room: the first, the last, and some between."""
    last = len(chart.places) - 1
    xs = [scale.x(chart.places[index]) for index in (0, last)]
    if last == 0:
        yield 0, "middle", xs[0]
        return
    yield 0, "start", xs[0]
    yield last, "end", xs[1]
    wide = _LETTER * min(_LONGEST_TICK, max(len(chart.names[0]), len(chart.names[last]))) + 14
    room = int((xs[1] - xs[0]) // wide) - 1
    inner = sorted({round(last * number / (room + 1)) for number in range(1, room + 1)}) if room > 0 else []
    end = xs[0] + wide * 1.5
    for index in inner:
        x = scale.x(chart.places[index])
        if 0 < index < last and end <= x <= xs[1] - wide * 1.5:
            yield index, "middle", x
            end = x + wide


def _marks(marks: Sequence[Mark], scale: Scale) -> Iterator[str]:
    """Yield the lines, and above them the labels that have room in one of the rows; a line without one tells its own by the mouse."""
    labels: list[str] = []
    free = [0.0] * len(_MARK_ROWS)
    for mark in sorted(marks, key=lambda one: one.at):
        x = scale.x(mark.at)
        label = _short(mark.label, 14)
        half = _LETTER * len(label) / 2 + 3
        middle = min(max(x, LEFT - 20 + half), _WIDTH - half)
        row = next((row for row, end in enumerate(free) if middle - half >= end), None)
        top = TOP - 4 if row is None else _MARK_ROWS[row] + 4
        if row is not None:
            free[row] = middle + half
            labels.append(f'<text class="mark" x="{middle:.1f}" y="{_MARK_ROWS[row]}" text-anchor="middle">{clean(label)}</text>')
        yield (
            f'<g><title>{clean(cut(mark.title))}</title><path class="mark" d="M{x:.1f} {top}V{BASE}"/>'
            f'<path class="hover" d="M{x - 3:.1f} {top}h6V{TOP}h-6Z"/></g>'
        )
    yield from labels


def _spoken(chart: LineChart, there: Sequence[int]) -> str:
    """Return the chart in words, for who does not see it."""
    values = [chart.values[index] for index in there]
    least, most = (there[values.index(pick(values))] for pick in (min, max))
    gaps = len(chart.values) - len(there)
    words = [
        f"{cut(chart.title, 120)}: {len(there):,} values" + (f" and {gaps:,} missing" if gaps else ""),
        f"from {_at(chart, there[0])} to {_at(chart, there[-1])}",
        f"least {_at(chart, least)}, greatest {_at(chart, most)}",
        *(mark.title for mark in chart.marks[-_MOST_SPOKEN:]),
    ]
    return clean("; ".join(words) + ".")


def _at(chart: LineChart, index: int) -> str:
    return f"{chart.in_words(chart.values[index])} at {cut(chart.names[index], 60)}"


def _short(label: str, longest: int = _LONGEST_TICK) -> str:
    """Cut in the middle: long names often differ at their ends."""
    return label if len(label) <= longest else f"{label[: longest // 2]}…{label[-(longest - longest // 2 - 1) :]}"
