"""Histograms with bins that never change, so that those of any two partitions can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Bins:
    """:param inner: the edges between bins, ascending; the first bin is open downwards and the last one upwards.
    :param unit: what the numbers are, for people.
    """

    inner: tuple[float, ...]
    unit: str

    def count(self, values: np.ndarray) -> np.ndarray:
        """Return int64 counts of shape (bins,); values that are not finite are in none."""
        import numpy as np

        finite = values[np.isfinite(values)]
        places = np.searchsorted(self.inner, finite, side="right")
        return np.bincount(places, minlength=len(self.inner) + 1).astype(np.int64)

    def median(self, counts: Sequence[int]) -> float | None:
        """Return the middle of the bin that holds the median, of an open bin its edge; ``None`` without counts."""
        half = sum(counts) / 2
        if not half:
            return None
        at = next(at for at, seen in enumerate(accumulate(counts)) if seen >= half)
        below, above = max(at - 1, 0), min(at, len(self.inner) - 1)
        return (self.inner[below] + self.inner[above]) / 2


def _even(start: float, step: float, number: int) -> tuple[float, ...]:
    return tuple(round(start + step * at, 10) for at in range(1, number))


def _doubling(start: float, number: int, factor: float = 2.0) -> tuple[float, ...]:
    return tuple(round(start * factor**at, 10) for at in range(number))


# By measure of the images table.
IMAGE_BINS: Mapping[str, Bins] = {
    "brightness": Bins(_even(0, 0.05, 20), "mean luminance, 0 to 1"),
    "contrast": Bins(_even(0, 0.025, 20), "standard deviation of luminance, 0 to 0.5"),
    "sharpness": Bins(_doubling(1, 28, 2**0.5), "variance of the Laplacian"),
    "entropy": Bins(_even(0, 0.4, 20), "bits"),
    "saturation": Bins(_even(0, 0.05, 20), "mean saturation, 0 to 1"),
    "colourfulness": Bins((5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90, 100, 120), "Hasler and Süsstrunk"),
    "aspect_ratio": Bins(
        (0.33, 0.45, 0.55, 0.6, 0.7, 0.72, 0.78, 0.9, 0.98, 1.02, 1.1, 1.28, 1.4, 1.45, 1.6, 1.7, 1.8, 2.2, 3), "width by height"
    ),
    "megapixels": Bins(_doubling(0.0078125, 27, 2**0.5), "million pixels"),
    "bytes": Bins(_doubling(1024, 30, 2**0.5), "bytes"),
}
# By measure of the labels of a label set.
LABEL_BINS: Mapping[str, Bins] = {
    "boxes_per_image": Bins((0.5, 1.5, 2.5, 3.5, 4.5, 6.5, 9.5, 14.5, 19.5, 29.5, 49.5, 99.5, 199.5), "labels on a labelled image"),
    "box_size": Bins(
        (0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.25, 0.3, 0.36, 0.42, 0.5, 0.6, 0.7, 0.85, 1),
        "square root of the box's share of the image",
    ),
}
