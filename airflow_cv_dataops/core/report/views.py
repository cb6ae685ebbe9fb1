"""Which part of an image shows a box well: the box in the middle, with some of what is around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the upright image."""

_AROUND = 0.6  # of the longer side of what is looked at, on each side
_LEAST_PX = 40
_NO_SIZE_PX = 2
_AROUND_A_POINT = 0.25  # of the image's longer side
_ASPECT = 4 / 3
_BEYOND = 0.1  # of the image's sides: so far beyond the image a box is still shown
_NEARLY_ALL = 0.6  # of the image's area: then the whole image is shown


def view_of(boxes: Iterable[Sequence[float] | None], width: int, height: int) -> Box | None:
    """Return the part of an image of ``width`` x ``height`` px that shows all boxes, in whole pixels; ``None``: show the whole image.

    It reaches a little beyond the image where a box does.
    """
    focus = _hull([box for box in boxes if box], width, height)
    if focus is None:
        return None
    left, top, right, bottom = focus
    around = _AROUND * max(right - left, bottom - top)
    # A box without area says nothing of how large things are: then as much is shown as lets one see where it is.
    least = _LEAST_PX if around > _NO_SIZE_PX else max(_LEAST_PX, _AROUND_A_POINT * max(width, height))
    wide, high = max(right - left + 2 * around, least), max(bottom - top + 2 * around, least)
    wide, high = max(wide, high * _ASPECT), max(high, wide / _ASPECT)
    if wide * high >= _NEARLY_ALL * width * height and _inside(focus, width, height):
        return None
    x, across = _placed((left + right) / 2, wide, min(left, 0), max(right, width))
    y, down = _placed((top + bottom) / 2, high, min(top, 0), max(bottom, height))
    return (x, y, across, down)


def _hull(boxes: Sequence[Sequence[float]], width: int, height: int) -> Box | None:
    """Return left, top, right and bottom of all boxes, as far as they are near the image; ``None`` where nothing is."""
    if not boxes or width < 1 or height < 1:
        return None
    # A box of negative width reaches to the left of its corner.
    left = min(min(x, x + across) for x, _, across, _ in boxes)
    right = max(max(x, x + across) for x, _, across, _ in boxes)
    top = min(min(y, y + down) for _, y, _, down in boxes)
    bottom = max(max(y, y + down) for _, y, _, down in boxes)
    over, above = _BEYOND * width, _BEYOND * height
    left, right = max(left, -over), min(right, width + over)
    top, bottom = max(top, -above), min(bottom, height + above)
    return (left, top, right, bottom) if left <= right and top <= bottom else None


def _inside(focus: Box, width: int, height: int) -> bool:
    left, top, right, bottom = focus
    return left >= 0 and top >= 0 and right <= width and bottom <= height


def _placed(centre: float, length: float, lowest: float, highest: float) -> tuple[int, int]:
    """Return where a stretch begins and how long it is: around the centre, moved and cut to lie between the two bounds."""
    length = min(length, highest - lowest)
    start = min(max(centre - length / 2, lowest), highest - length)
    first = math.floor(start)
    return first, max(1, math.ceil(start + length) - first)
