"""What becomes of a picture's size on its way out: cut, scaled, padded, in whole pixels of the upright image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.export.transform.given_sizes import check_crop, check_fit, check_share, check_size, crop_of, share_of, size_of


@dataclass(frozen=True)
class Resize:
    """How every image of an export is changed.

    :param size: an int: the longest side is at most this, the aspect is kept, nothing is enlarged. A pair: width and height, which
        ``fit`` explains. ``None``: pictures keep their size, and there is nothing to fit.
    :param fit: ``within``: the largest size inside of ``size`` that keeps the aspect, never enlarged. ``stretch``: exactly ``size``.
        ``cover``: fills ``size``, and what reaches over it is cut off, as much on either side. ``pad``: the largest size inside of
        ``size``, enlarged if need be, and grey around it up to exactly ``size``, as much on either side (YOLO's letterbox). Only the
        first goes with an int.
    :param crop: left, top, right, bottom as fractions of the upright image, 0 to 1, cut out before anything else; rounded to pixels.
    :param min_visible: 0 to 1: a label that was cut, and has less than this share of its area left, is left out.
    """

    size: tuple[int, int] | int | None = None
    fit: str = "within"
    crop: tuple[float, float, float, float] | None = None
    min_visible: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", size_of(self.size))
        object.__setattr__(self, "crop", crop_of(self.crop))
        check_size(self.size)
        check_fit(self.fit, self.size)
        check_crop(self.crop)
        check_share("min_visible", self.min_visible)

    @classmethod
    def of(cls, size: Any = None, fit: str | None = "within", crop: Any = None, min_visible: Any = 0.0) -> Resize:
        """Return what templates say: ``None`` and ``""`` are nothing, ``640`` and ``"640"`` a longest side, ``"640x480"`` and
        ``[640, 480]`` a pair, ``"0,0.4,1,1"`` and ``[0, 0.4, 1, 1]`` a crop.

        :raises ConfigurationError: one of them says something else.
        """
        return cls(size_of(size), fit or "within", crop_of(crop), share_of(min_visible))

    @property
    def changes_nothing(self) -> bool:
        """Say whether every picture stays as it is."""
        return self.size is None and self.crop in (None, (0, 0, 1, 1))

    def as_json(self) -> dict[str, Any]:
        """Return what a manifest says of it; equal settings say the same."""
        return {
            "size": list(self.size) if isinstance(self.size, tuple) else self.size,
            "fit": self.fit,
            "crop": None if self.crop is None else [float(part) for part in self.crop],
            "min_visible": float(self.min_visible),
        }

    def place(self, width: int, height: int) -> Placement:
        """Return what becomes of an image of this upright size in pixels."""
        window = _window(self.crop, width, height)
        inside = (window[2] - window[0], window[3] - window[1])
        if self.size is None:
            return Placement(width, height, window, inside, (0, 0), inside, self.min_visible)
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if self.fit == "cover":
            window = _middle(window, size)
        scaled = size if self.fit in ("stretch", "cover") else _fitted(inside, size, enlarge=self.fit == "pad")
        output = size if self.fit == "pad" else scaled
        offset = ((output[0] - scaled[0]) // 2, (output[1] - scaled[1]) // 2)
        return Placement(width, height, window, scaled, offset, output, self.min_visible)


@dataclass(frozen=True)
class Placement:
    """What becomes of one image: the window is cut out, scaled, and laid on a canvas at an offset. All in pixels, all whole.

    :param width: of the upright image, as is ``height``.
    :param window: left, top, right, bottom of what is cut out of it; right and bottom are the first pixels that are not.
    :param scaled: width and height of the window after it was scaled.
    :param offset: from left and top of the canvas to the scaled window.
    :param output: width and height of the canvas, which is the exported picture.
    :param min_visible: as of :class:`Resize`.
    """

    width: int
    height: int
    window: tuple[int, int, int, int]
    scaled: tuple[int, int]
    offset: tuple[int, int]
    output: tuple[int, int]
    min_visible: float = 0.0

    @property
    def scale(self) -> tuple[float, float]:
        """Return pixels of the exported picture for each of the upright image, across and down."""
        left, top, right, bottom = self.window
        return self.scaled[0] / (right - left), self.scaled[1] / (bottom - top)

    @property
    def cuts(self) -> tuple[float, float, float, float]:
        """Return the window as left, top, right, bottom, infinite at each side where nothing is cut off."""
        left, top, right, bottom = self.window
        return (
            left if left > 0 else -math.inf,
            top if top > 0 else -math.inf,
            right if right < self.width else math.inf,
            bottom if bottom < self.height else math.inf,
        )

    @property
    def is_identity(self) -> bool:
        """Say whether every pixel stays where and what it is."""
        size = (self.width, self.height)
        return self.window == (0, 0, *size) and self.scaled == self.output == size


def _window(crop: Sequence[float] | None, width: int, height: int) -> tuple[int, int, int, int]:
    if crop is None:
        return 0, 0, width, height
    left, right = _pixels(crop[0], crop[2], width)
    top, bottom = _pixels(crop[1], crop[3], height)
    return left, top, right, bottom


def _pixels(begin: float, end: float, side: int) -> tuple[int, int]:
    """Return the nearest whole pixels of two fractions of a side, at least one pixel apart."""
    first = min(_nearest(begin * side), side - 1)
    return first, max(_nearest(end * side), first + 1)


def _middle(window: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest part of the window that has the aspect of ``size``, from its middle."""
    left, top, right, bottom = window
    scale = max(size[0] / (right - left), size[1] / (bottom - top))
    width = min(max(_nearest(size[0] / scale), 1), right - left)
    height = min(max(_nearest(size[1] / scale), 1), bottom - top)
    left, top = left + (right - left - width) // 2, top + (bottom - top - height) // 2
    return left, top, left + width, top + height


def _fitted(inside: tuple[int, int], size: tuple[int, int], *, enlarge: bool) -> tuple[int, int]:
    scale = min(size[0] / inside[0], size[1] / inside[1], math.inf if enlarge else 1.0)
    return min(max(_nearest(inside[0] * scale), 1), size[0]), min(max(_nearest(inside[1] * scale), 1), size[1])


def _nearest(value: float) -> int:
    return math.floor(value + 0.5)
