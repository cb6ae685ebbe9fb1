"""COCO's run-length encoded masks: runs, what is wrong with them, and the box around what they cover."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def problem_of_rle(value: Any, image_width: float, image_height: float) -> str | None:
    """Say what is wrong with an encoded mask, if anything. :param image_width: NaN where the image is unknown."""
    if not isinstance(value, dict):
        return "the run-length encoding is not readable JSON"
    size, counts = value.get("size"), value.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and 0 < side < 2**31 for side in size)):
        return "the run-length encoding has no size of the form [height, width]"
    runs = runs_of(counts)
    if runs is None:
        return "the run-length encoding has no readable counts"
    height, width = size
    if (runs < 0).any() or runs.sum() != height * width:
        return f"the runs of the mask add up to {runs.sum():.0f}, not to {height} x {width}"
    if math.isfinite(image_width) and (width, height) != (image_width, image_height):
        return f"the mask is {width} x {height} px, the image {image_width:.0f} x {image_height:.0f} px"
    return None if runs[1::2].any() else "the mask covers no pixel"


def extent_of_rle(value: Any) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the covered pixels of a mask that has no problem; pixel i reaches from i to i + 1."""
    import numpy as np

    height, runs = value["size"][0], runs_of(value["counts"])
    assert runs is not None
    ends = np.cumsum(runs)
    # Runs go down the columns: a run within one column has its own top and bottom, a longer one touches both borders.
    first, last = (ends - runs)[1::2][runs[1::2] > 0], ends[1::2][runs[1::2] > 0] - 1
    left, right = np.floor(first / height), np.floor(last / height)
    one_column = left == right
    top = np.where(one_column, first - left * height, 0.0)
    bottom = np.where(one_column, last - right * height, height - 1)
    return float(left.min()), float(top.min()), float(right.max() + 1), float(bottom.max() + 1)


def runs_of(counts: Any) -> np.ndarray | None:
    """Return run lengths as float64 (so that absurd ones cannot overflow), or ``None`` where they cannot be read."""
    import numpy as np

    if isinstance(counts, str):
        return _decompressed(counts)
    if not isinstance(counts, list) or not all(type(run) is int and abs(run) < 2**53 for run in counts):
        return None
    return np.array(counts, dtype=np.float64)


def _decompressed(counts: str) -> np.ndarray | None:
    """Decode COCO's compressed counts (``rleFrString`` of cocoapi's maskApi.c): 5 bits a character, differences from the third run on."""
    import numpy as np

    if not counts.isascii():
        return None
    codes = np.frombuffer(counts.encode(), dtype=np.uint8).astype(np.int64) - 48
    if not codes.size:
        return np.empty(0)
    is_last = (codes & 0x20) == 0
    if (codes < 0).any() or (codes > 63).any() or not is_last[-1]:
        return None
    starts = np.concatenate([[0], np.flatnonzero(is_last)[:-1] + 1])
    lengths = np.diff(np.concatenate([starts, [len(codes)]]))
    if lengths.max() > 10:  # 50 bits: far beyond any image
        return None
    shift = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & 0x1F) << shift, starts)
    is_negative = (codes[is_last] & 0x10) != 0
    runs = (numbers - np.where(is_negative, np.int64(1) << (5 * lengths), 0)).astype(np.float64)
    # Run i > 2 is stored as its difference from run i - 2.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
