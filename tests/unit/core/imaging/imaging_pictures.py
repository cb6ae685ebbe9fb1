"""Pictures that tests make themselves."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image


def picture(width: int, height: int, level: Callable[[int, int], int]) -> Image.Image:
    """Return an ``L`` picture with ``level(x, y)`` modulo 256."""
    image = Image.new("L", (width, height))
    image.putdata([level(x, y) % 256 for y in range(height) for x in range(width)])
    return image


def photo(width: int = 96, height: int = 64) -> Image.Image:
    """Return something with structure in every colour and no symmetry."""
    return Image.merge(
        "RGB",
        [
            picture(width, height, lambda x, y: x * 3 + y),
            picture(width, height, lambda x, y: (x * y) // 17),
            picture(width, height, lambda x, y: 255 - y * 2 + x // 3),
        ],
    )


def encoded(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    """Return the picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
