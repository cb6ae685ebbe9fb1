"""Distributions as inline SVG: bars that need no script, no library and no network. Colours are the page's style classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 440
_ROW = 24
_WIDEST_LABEL = 160
_LONGEST_LABEL = 20
_AXIS = 56
_HEIGHT = 184
_BASE = 150
# Names come from outside and may be of any length; the page is not.
_LONGEST_NAME = 200
_LONGEST_TEXT = 8_000


@dataclass(frozen=True)
class Bar:
    """:param style: class of the bar in ``page.css``. :param marked: the part of ``value`` that is drawn in the colour of findings."""

    label: str
    value: int
    style: str = "plain"
    marked: int = 0


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars, one below the other, with their numbers."""
    highest = max((row.value for row in rows), default=0) or 1
    left = min(_WIDEST_LABEL, 40 + 10 * max((len(row.label) for row in rows), default=0))
    room = _WIDTH - left - 100
    parts = []
    for number, row in enumerate(rows):
        y, length = number * _ROW, max(1.5 if row.value else 0, room * row.value / highest)
        parts.append(
            f'<text class="label" x="{left - 8}" y="{y + 16}">{clean(_short(row.label))}<title>{clean(cut(row.label))}</title></text>'
        )
        parts.append(f'<rect class="{row.style}" x="{left}" y="{y + 5}" width="{length:.1f}" height="14" rx="2"/>')
        if row.marked:
            part = max(1.5, length * row.marked / row.value)
            parts.append(f'<rect class="marked" x="{left}" y="{y + 5}" width="{part:.1f}" height="14" rx="2"/>')
        number_text = f"{row.value:,}" + (f" ({row.marked:,})" if row.marked else "")
        parts.append(f'<text class="value" x="{left + length + 6:.1f}" y="{y + 16}">{number_text}</text>')
    return _figure(title, rows, "".join(parts), len(rows) * _ROW)


def histogram(title: str, rows: Sequence[Bar], below: str) -> str:
    """Return upright bars, side by side, each labelled with where it begins. :param below: what the axis is, with its unit."""
    highest = max((row.value for row in rows), default=0) or 1
    step = (_WIDTH - _AXIS - 6) / max(1, len(rows))
    labelled = max(1, math.ceil(len(rows) / 10))
    parts = [f'<text class="label" x="{_AXIS - 6}" y="14">{highest:,}</text>', f'<text class="label" x="{_AXIS - 6}" y="{_BASE}">0</text>']
    parts.append(f'<path class="axis" d="M{_AXIS} 8V{_BASE}H{_WIDTH - 4}"/>')
    for number, row in enumerate(rows):
        x = _AXIS + 2 + number * step
        height = max(1.5 if row.value else 0, (_BASE - 12) * row.value / highest)
        inside = f"<title>{clean(row.label)}: {row.value:,}" + (f", {row.marked:,} with findings" if row.marked else "") + "</title>"
        wide = max(1, step - 2)
        parts.append(
            f'<rect class="{row.style}" x="{x:.1f}" y="{_BASE - height:.1f}" width="{wide:.1f}" height="{height:.1f}">{inside}</rect>'
        )
        if row.marked:
            part = max(1.5, height * row.marked / row.value)
            parts.append(f'<rect class="marked" x="{x:.1f}" y="{_BASE - part:.1f}" width="{wide:.1f}" height="{part:.1f}"/>')
        if number % labelled == 0:
            parts.append(f'<text class="tick" x="{x:.1f}" y="{_BASE + 15}">{clean(row.label)}</text>')
    parts.append(f'<text class="tick" x="{_WIDTH - 4}" y="{_HEIGHT - 6}" text-anchor="end">{clean(below)}</text>')
    return _figure(title, rows, "".join(parts), _HEIGHT)


def clean(text: object) -> str:
    """Return text as it may stand in HTML and SVG, element or attribute: escaped, without control characters and lone surrogates."""
    printable = "".join(letter if letter >= " " and letter != "\x7f" else "\ufffd" for letter in cut(str(text), _LONGEST_TEXT))
    return escape(printable.encode("utf-8", "replace").decode(), quote=True)


def cut(text: str, longest: int = _LONGEST_NAME) -> str:
    """Return at most so many characters of a text, with an ellipsis where some are left out."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _figure(title: str, rows: Sequence[Bar], drawn: str, height: int) -> str:
    spoken = "; ".join(f"{cut(row.label)}: {row.value}" for row in rows)
    if not rows:
        return ""
    return (
        f'<figure><figcaption>{clean(title)}</figcaption><svg class="plot" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{clean(title)}. {clean(spoken)}">{drawn}</svg></figure>'
    )


def _short(label: str) -> str:
    """Cut in the middle: long names often differ at their ends."""
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 9]}…{label[-8:]}"
