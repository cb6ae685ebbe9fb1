"""Pixels of one channel, however wide, to 8-bit grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_FULL_SCALES = (1.0, 255.0, 65_535.0, 4_294_967_295.0)


def is_wide(mode: str) -> bool:
    """Say whether a pixel mode has more than 8 bits in its one channel."""
    return mode.startswith("I;16") or mode in ("I", "F")


def as_grey(image: Image.Image, bit_depth: int) -> Image.Image:
    """Return an image of one channel (and perhaps alpha) as ``L``.

    ``I;16`` pixels count by their highest 8 bits of ``bit_depth``; ``I`` and ``F`` pixels against the smallest of 1 (``F`` only),
    255 (``F`` only), 65,535 and 2**32 - 1 that holds them all, or between their extremes where some are negative.
    """
    if image.mode == "L":
        return image
    if not is_wide(image.mode):
        return image.convert("L")
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((pixels >> max(0, min(bit_depth, 16) - 8)).astype(np.uint8))
    return Image.fromarray(_to_full_scale(pixels, image.mode))


def _to_full_scale(pixels: Any, mode: str) -> Any:
    import numpy as np

    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    lowest, highest = float(values.min()), float(values.max())
    if lowest >= 0:
        lowest = 0.0
        highest = next((scale for scale in _FULL_SCALES[0 if mode == "F" else 2 :] if highest <= scale), highest)
    values -= np.float32(lowest)
    values *= np.float32(255.0 / ((highest - lowest) or 1.0))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
