"""Pixels of one channel, however wide, to 8-bit grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_FULL_SCALES = (1.0, 255.0, 65_535.0, 4_294_967_295.0)
_FULL_SCALE_OF_SIGNED_16 = 32_767.0
_TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_TIFF_SAMPLE_FORMAT, _SIGNED = 339, 2


def is_wide(mode: str) -> bool:
    """Say whether a pixel mode has more than 8 bits in its one channel."""
    return mode.startswith("I;16") or mode in ("I", "F")


def as_grey(image: Image.Image, bit_depth: int) -> Image.Image:
    """Return an image of one channel (and perhaps alpha) as ``L``.

    ``I;16`` pixels count by their highest 8 bits of ``bit_depth``; ``I`` and ``F`` pixels against the smallest of 1 (``F`` only),
    255 (``F`` only), 65,535 and 2**32 - 1 that holds them all, those of a TIFF with signed 16 bits against 32,767, or between their
    extremes where some are negative. Where a TIFF says that 0 is white, wide pixels are inverted here; Pillow does it for others.
    """
    if image.mode == "L":
        return image
    if not is_wide(image.mode):
        return image.convert("L")
    import numpy as np
    from PIL import Image

    pixels = np.asarray(image)
    if image.mode.startswith("I;16"):
        grey = (pixels >> max(0, min(bit_depth, 16) - 8)).astype(np.uint8)
    else:
        grey = _to_full_scale(pixels, _full_scales(image, bit_depth))
    return Image.fromarray(255 - grey if is_white_zero(image) else grey)


def is_white_zero(image: Image.Image) -> bool:
    """Say whether a TIFF says that 0 is white; Pillow has inverted such pixels unless they are wide."""
    return bool(_tiff_tag(image, _TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _full_scales(image: Image.Image, bit_depth: int) -> tuple[float, ...]:
    if image.mode == "F":
        return _FULL_SCALES
    is_signed = _tiff_tag(image, _TIFF_SAMPLE_FORMAT) == _SIGNED
    return (_FULL_SCALE_OF_SIGNED_16,) if is_signed and bit_depth == 16 else _FULL_SCALES[2:]


def _tiff_tag(image: Image.Image, tag: int) -> Any:
    value = getattr(image, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) and value else value


def _to_full_scale(pixels: Any, scales: tuple[float, ...]) -> Any:
    import numpy as np

    values = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    lowest, highest = float(values.min()), float(values.max())
    if lowest >= 0:
        lowest = 0.0
        highest = next((scale for scale in scales if highest <= scale), highest)
    values -= np.float32(lowest)
    values *= np.float32(255.0 / ((highest - lowest) or 1.0))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
