"""Decoded pictures to what a browser shows, without anything that a file said of itself."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


def fitted(picture: Image.Image, longest: int) -> Image.Image:
    """Return the picture, scaled down to at most so many pixels on its longer side."""
    size = fit(picture.width, picture.height, longest)
    return picture if size == picture.size else picture.resize(size, reducing_gap=2.0)


def fit(width: float, height: float, longest: int) -> tuple[int, int]:
    """Return the size of a picture, scaled down to at most so many pixels on its longer side; no side is less than 1."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def encoded(picture: Image.Image, *, quality: int | None) -> tuple[str, bytes]:
    """Return media type and bytes. :param quality: of JPEG; ``None``: without loss, as PNG."""
    buffer = io.BytesIO()
    picture.info = {}
    if quality is None:
        picture.save(buffer, "PNG", optimize=True)
        return "image/png", buffer.getvalue()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return "image/jpeg", buffer.getvalue()
