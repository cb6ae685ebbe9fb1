"""Numbers of images and boxes as bars."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.report.plots import Bar

if TYPE_CHECKING:
    import numpy as np

_BINS = 20
_MOST_BARS = 24


def even(values: np.ndarray, low: float, high: float) -> list[Bar]:
    """Return twenty bars of equal width from ``low`` to ``high``; what lies beyond counts in the outermost."""
    import numpy as np

    if not len(values):
        return []
    counts, edges = np.histogram(np.clip(values, low, high), bins=_BINS, range=(low, high))
    return [Bar(_label(edge), int(count)) for edge, count in zip(edges, counts, strict=False)]


def doubling(values: np.ndarray) -> list[Bar]:
    """Return bars in equal steps of their logarithm, as fine as twenty-four bars allow; of values above 0."""
    import numpy as np

    known = values[(values > 0) & np.isfinite(values)]
    if not len(known):
        return []
    steps = 8.0
    while True:
        first, last = (math.floor(steps * math.log2(float(value)) + 1e-9) for value in (known.min(), known.max()))
        if last - first < _MOST_BARS:
            break
        steps /= 2
    edges = 2.0 ** (np.arange(first, last + 2) / steps)
    counts = np.histogram(np.clip(known, edges[0], edges[-1]), bins=edges)[0]
    return [Bar(_label(edge), int(count)) for edge, count in zip(edges, counts, strict=False)]


def whole(values: np.ndarray) -> list[Bar]:
    """Return a bar for each whole number from 0 on; for stretches of equal length where there would be too many."""
    import numpy as np

    if not len(values):
        return []
    width = -(-(int(values.max()) + 1) // _MOST_BARS)
    counts = np.bincount(values // width)
    return [Bar(f"{number * width}", int(count)) for number, count in enumerate(counts)]


def _label(edge: float) -> str:
    """Return where a bar begins, in few letters and without exponent."""
    if edge >= 10_000:
        return f"{edge / 1000:,.0f}k"
    return f"{edge:.0f}" if edge >= 100 else f"{edge:.3g}"
