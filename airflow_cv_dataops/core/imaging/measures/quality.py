"""Quality of a picture in numbers, and which of them are out of bounds. Defined in docs/image-measures.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.pictures import Pictures
from airflow_cv_dataops.core.imaging.measures.colour import Colours, colours

if TYPE_CHECKING:
    from PIL import Image

_PERCENTILES = (5, 50, 95, 99)


@dataclass(frozen=True)
class QualityThresholds:
    """Where a measure becomes an issue. A threshold of 0 never does; of those that end in ``_above``, ``inf`` (``light_above``: 1).

    :param dark_below: mean luminance, 0 to 1.
    :param light_above: mean luminance, 0 to 1.
    :param low_contrast_below: standard deviation of luminance, 0 to 0.5.
    :param blurry_below: variance of the Laplacian. On 186 photographs (clothing, COCO, PDQ), each resized to a side of 500 to 1024
        px, 50 flagged about 1 in 100 as they were, and nine in ten after a Gaussian blur of 0.4 % of the longest side.
    :param low_information_below: entropy of the luminance histogram in bits, 0 to 8.
    :param aspect_ratio_above: longest side by shortest side.
    :param grayscale_below: largest difference between two channels of one pixel of the colour sample, 0 to 255; 0 for one channel.
    :param odd_size_deviations_above: distance of the area from the partition's median in robust standard deviations of its logarithm.
    :param odd_size_ratio_above: factor between the area and the partition's median, at least 1; within it no size is odd.
    """

    dark_below: float = 0.10
    light_above: float = 0.95
    low_contrast_below: float = 0.04
    blurry_below: float = 50.0
    low_information_below: float = 1.0
    aspect_ratio_above: float = 4.0
    grayscale_below: float = 3.0
    odd_size_deviations_above: float = 3.5
    odd_size_ratio_above: float = 4.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or math.isnan(value) or value < 0:
                raise ConfigurationError(f"Threshold {field.name}={value!r} cannot be used: expected a number of at least 0.")
        if self.odd_size_ratio_above < 1:
            raise ConfigurationError(f"Threshold odd_size_ratio_above={self.odd_size_ratio_above!r} cannot be used: expected at least 1.")


@dataclass(frozen=True, slots=True)
class Measures:
    """Numbers of one image; ``schema.IMAGES`` has a column for each, which says range and unit."""

    brightness: float
    brightness_p05: float
    brightness_p50: float
    brightness_p95: float
    brightness_p99: float
    contrast: float
    sharpness: float
    entropy: float
    colours: Colours


def measure(pictures: Pictures) -> Measures:
    """Return an image's measures. Sums are of integers, so the same pixels give the same numbers on every machine."""
    import numpy as np

    picture = pictures.luminance
    histogram = np.array(picture.histogram(), np.int64)
    levels = np.arange(256)
    pixels = picture.width * picture.height
    total = int(histogram @ levels)
    squares = int(histogram @ (levels * levels))
    p05, p50, p95, p99 = _percentiles(histogram)
    return Measures(
        brightness=total / pixels / 255,
        brightness_p05=p05,
        brightness_p50=p50,
        brightness_p95=p95,
        brightness_p99=p99,
        contrast=math.sqrt(squares * pixels - total * total) / pixels / 255,
        sharpness=_laplacian_variance(picture),
        entropy=_entropy(histogram[histogram > 0] / pixels),
        colours=colours(pictures.colour),
    )


def quality_issues(measures: Measures, width: int, height: int, thresholds: QualityThresholds) -> list[str]:
    """Return the names of the issues, in the schema's order."""
    numbers = {
        "brightness": measures.brightness,
        "contrast": measures.contrast,
        "sharpness": measures.sharpness,
        "entropy": measures.entropy,
        "width": width,
        "height": height,
    }
    found = {**issues_by_measure(numbers, thresholds), "grayscale": measures.colours.spread < thresholds.grayscale_below}
    return [name for name, holds in found.items() if holds]


def issues_by_measure(numbers: Mapping[str, Any], thresholds: QualityThresholds) -> dict[str, Any]:
    """Say which issues hold, by name in the schema's order: of an image that was just measured, and of rows that hold its measures.

    :param numbers: columns of ``schema.IMAGES`` by name: the numbers of one image, or a numpy array of many.
    :returns: a truth value by issue, or an array of them.
    """
    width, height = numbers["width"], numbers["height"]
    # The longest side by the shortest, whichever it is; not as a quotient, which is rounded.
    is_odd = (width > thresholds.aspect_ratio_above * height) | (height > thresholds.aspect_ratio_above * width)
    return {
        "dark": numbers["brightness"] < thresholds.dark_below,
        "light": numbers["brightness"] > thresholds.light_above,
        "low_contrast": numbers["contrast"] < thresholds.low_contrast_below,
        "blurry": numbers["sharpness"] < thresholds.blurry_below,
        "low_information": numbers["entropy"] < thresholds.low_information_below,
        "odd_aspect_ratio": is_odd,
    }


def _percentiles(histogram: Any) -> list[float]:
    """Return the smallest levels, of 1, that 5, 50, 95 and 99 % of the pixels do not exceed."""
    import numpy as np

    cumulated = np.cumsum(histogram) * 100
    wanted = [share * (int(cumulated[-1]) // 100) for share in _PERCENTILES]
    return [level / 255 for level in np.searchsorted(cumulated, wanted).tolist()]


def _laplacian_variance(picture: Image.Image) -> float:
    """Return the variance of ``4 c - up - down - left - right`` over the inner pixels; 0 where there are none."""
    import numpy as np

    width, height = picture.size
    if min(width, height) < 3:
        return 0.0
    # On one line of pixels, where a neighbour is a shift: faster than two dimensions. What wraps round an edge is cut off below. The
    # pixels above and left of one are as far apart as those right of it and below: sums of such pairs are worked out once for both.
    line = np.frombuffer(picture.tobytes(), np.uint8).astype(np.int16)
    pairs = line[: 1 - width] + line[width - 1 :]
    edges = line[width:-width] << 2
    edges -= pairs[: -width - 1]
    edges -= pairs[width + 1 :]
    values = edges.reshape(height - 2, width)[:, 1:-1].astype(np.int32)
    # In the sum of all, inner pixels cancel out: it is small, and what overflows on the way comes back. A row has at most 512 squares of at
    # most 1020: 32 bits hold their sum.
    total = int(values.sum(dtype=np.int32))
    squares = int(np.einsum("ij,ij->i", values, values).sum(dtype=np.int64))
    return (squares * values.size - total * total) / values.size**2


def _entropy(shares: Any) -> float:
    """Return the Shannon entropy in bits of shares that add up to 1, to 12 decimals (the last digits are the machine's)."""
    import numpy as np

    return abs(round(-float((shares * np.log2(shares)).sum()), 12))
