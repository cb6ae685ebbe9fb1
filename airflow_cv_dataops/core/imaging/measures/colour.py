"""How colourful a picture is, in three numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

GRAYSCALE_SPREAD = 2  # what rounding leaves of a grey pixel on its way through YCbCr


@dataclass(frozen=True, slots=True)
class Colours:
    """Colour of a picture.

    :param colourfulness: M3 of Hasler and Süsstrunk, "Measuring colourfulness in natural images", 2003: from 0 (grey); 109 is extreme.
    :param saturation: mean HSV saturation, 0 to 1.
    :param spread: largest difference between two channels of one pixel, 0 to 255.
    """

    colourfulness: float
    saturation: float
    spread: int

    @property
    def is_grayscale(self) -> bool:
        return self.spread <= GRAYSCALE_SPREAD


def colours(picture: Image.Image | None) -> Colours:
    """Measure an ``RGB`` picture; ``None``, a picture without colour channels, has none."""
    import numpy as np

    if picture is None:
        return Colours(0.0, 0.0, 0)
    planes = _planes(picture)
    brightest = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    spread = brightest - np.minimum(np.minimum(planes[0], planes[1]), planes[2])
    saturation = np.divide(spread, np.maximum(brightest, 1), dtype=np.float32)
    return Colours(
        colourfulness=_colourfulness(planes),
        saturation=round(float(saturation.sum(dtype=np.float64)) / spread.size, 9),  # the last digits are the machine's
        spread=int(spread.max()),
    )


def _planes(picture: Image.Image) -> Any:
    """Return all red, all green and all blue values: a 3 x pixels array, of which each row is one piece of memory."""
    import numpy as np

    lines = np.frombuffer(picture.tobytes("raw", "RGB;L"), np.uint8)  # one line of R, one of G, one of B, and so on
    return lines.reshape(picture.height, 3, picture.width).transpose(1, 0, 2).reshape(3, -1)


def _colourfulness(planes: Any) -> float:
    """Return ``sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)² + mean(yb)²)`` with ``rg = R - G``, ``yb = (R + G) / 2 - B``."""
    import numpy as np

    red, green, blue = planes.astype(np.float64)  # of whole numbers: sums and squares of 128 x 128 of them are exact
    count = red.size
    rg_total, rg_squares = _moments(red - green)
    yb_total, yb_squares = _moments(red + green - 2 * blue)  # twice yb: whole numbers
    variance = (rg_squares * count - rg_total**2) + (yb_squares * count - yb_total**2) / 4
    return (math.sqrt(variance) + 0.3 * math.sqrt(rg_total**2 + yb_total**2 / 4)) / count


def _moments(values: Any) -> tuple[int, int]:
    """Return the sum of whole numbers and the sum of their squares."""
    return int(values.sum()), int(values @ values)
