"""What a file's header says of its channels: how many bits each has, and whether it can be transparent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_DEFAULT_BITS = 8
_BITS_OF_MODE = {"1": 1, "I": 32, "F": 32}
_TIFF_BITS_PER_SAMPLE = 258
_HEAD_BYTES = 64 * 1024


def bit_depth(image: Image.Image, data: bytes) -> int:
    """Return the bits of a channel as the file stores it, 1 to 64; colours of a palette have 8.

    Pillow's mode is not enough: it reads a PNG of 3 x 16 bits, or an AVIF of 10, as ``RGB`` of 8.
    """
    if image.mode in ("P", "PA"):
        return _DEFAULT_BITS
    stated = _stated_bits(image, data)
    if isinstance(stated, int) and 1 <= stated <= 64:
        return stated
    return 16 if image.mode.startswith("I;16") else _BITS_OF_MODE.get(image.mode, _DEFAULT_BITS)


def has_alpha(image: Image.Image) -> bool:
    """Say whether pixels can be transparent: by an alpha channel, by a palette's alpha, or by one colour that stands for nothing."""
    return bool(image.has_transparency_data)


def _stated_bits(image: Image.Image, data: bytes) -> Any:
    """Return what the header states: PNG 11.2.1 (IHDR), TIFF 6.0 (BitsPerSample), ISO/IEC 23008-12, 6.5.6 (``pixi``)."""
    if image.format == "PNG" and data[12:16] == b"IHDR":
        return data[24]
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (1,))
        return max(bits) if isinstance(bits, tuple) else bits
    if image.format in ("AVIF", "HEIF"):
        place = data.find(b"pixi", 0, _HEAD_BYTES)
        return image.info.get("bit_depth") or (data[place + 9] if 0 <= place < len(data) - 9 else None)
    return 16 if image.format == "PPM" and image.mode == "I" else None
