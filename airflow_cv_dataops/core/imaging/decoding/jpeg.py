"""JPEG: let libjpeg decode no more than is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.decoding.pictures import halvings_to_fit

if TYPE_CHECKING:
    from PIL import ImageFile

_LARGEST_DCT_SCALE = 8


def decode_only_what_is_measured(image: ImageFile.ImageFile) -> None:
    """Have the image decoded scaled down in the DCT domain, and its luminance left as the file stores it.

    The whole stream is still read: truncation shows. Of 100 photos of 400 x 533, that took 0.47 ms, a full decode to RGB 0.69 ms.
    """
    scale = min(halvings_to_fit(image.size), _LARGEST_DCT_SCALE)
    size = (max(1, image.width // scale), max(1, image.height // scale))
    image.draft("YCbCr" if _stores_ycbcr(image) else None, size)


def _stores_ycbcr(image: Any) -> bool:
    """Say what libjpeg takes three channels for (``default_decompress_parms``): it has no way from RGB to YCbCr."""
    if any(name == "APP0" and content.startswith(b"JFIF\0") and len(content) >= 14 for name, content in image.applist):
        return True
    adobe = [content for name, content in image.applist if name == "APP14" and content.startswith(b"Adobe") and len(content) >= 12]
    if adobe:
        return bool(adobe[-1][11] != 0)
    return [layer[0] for layer in image.layer[:3]] != [0x52, 0x47, 0x42]  # R, G, B
