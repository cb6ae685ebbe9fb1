"""Pictures for people's eyes: upright, in RGB, from any mode, and never more than the limits allow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from airflow_cv_dataops.core.imaging.decoding.decode import Limits, Reject
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_picture_stands_upright(kind, orientation):
    from PIL import ImageOps

    stored = Image.new("RGB", (64, 32), "white")
    stored.paste((200, 0, 0), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    found = decode_for_viewing(data)
    assert isinstance(found, Image.Image)
    assert found.size == wanted.size
    assert np.abs(np.asarray(found, int) - np.asarray(wanted, int)).max() <= 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F", "LAB"])
def test_any_mode_becomes_rgb(mode):
    image = Image.linear_gradient("L").convert("RGB")
    given = Image.new("LAB", (256, 256), (128, 128, 128)) if mode == "LAB" else image.convert("L" if mode == "I;16" else mode)
    given = given.convert("I;16") if mode == "I;16" else given
    found = decode_for_viewing(encoded(given, "TIFF" if mode != "P" else "PNG"))
    assert isinstance(found, Image.Image)
    assert (found.mode, found.size) == ("RGB", (256, 256))


def test_transparent_pixels_lie_on_white():
    found = decode_for_viewing(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"))
    assert isinstance(found, Image.Image)
    assert found.getpixel((0, 0)) == (255, 255, 255)


def test_a_jpeg_is_decoded_no_larger_than_needed_and_no_smaller():
    data = encoded(Image.new("RGB", (4_000, 2_000), "white"), "JPEG")
    sizes = {scale: decode_for_viewing(data, scale=scale).size for scale in (1.0, 0.3, 0.16)}
    assert sizes == {1.0: (4_000, 2_000), 0.3: (2_000, 1_000), 0.16: (1_000, 500)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_an_image"),
        (b"<svg onload=alert(1)>", "not_an_image"),
        (encoded(Image.new("L", (200, 200)), "PNG")[:60], "truncated"),
        (encoded(Image.new("1", (2_000, 2_000)), "PNG"), "too_large"),
    ],
)
def test_what_cannot_be_shown_is_a_reject(data, reason):
    found = decode_for_viewing(data, limits=Limits(max_pixels=1_000_000))
    assert isinstance(found, Reject)
    assert found.reason == reason
    assert decode_for_viewing(data * 10 + b"x" * 2_000, limits=Limits(max_bytes=1_000)).reason == "too_large"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_tall_transparent_picture_is_the_same_from_top_to_bottom(mode):
    image = Image.new("RGBA", (3, 1100), (0, 0, 0, 0))
    for y in (0, 511, 512, 1099):
        image.putpixel((1, y), (255, 255, 255, 255))
        image.putpixel((2, y), (0, 0, 0, 255))
    shown = decode_for_viewing(encoded(image.quantize() if mode == "P" else image.convert(mode), "PNG"))
    assert {shown.getpixel((0, y)) for y in range(1100)} == {(255, 255, 255)}
    assert [y for y in range(1100) if shown.getpixel((2, y)) == (0, 0, 0)] == [0, 511, 512, 1099]
