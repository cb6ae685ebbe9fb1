"""Colourfulness, saturation and grey content, of pictures and of files."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from older_libraries import PILLOW
from PIL import Image
from property_tests import examples
from unit.core.imaging.imaging_pictures import encoded, photo

from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.imaging.measures.colour import Colours, colours


def facts(image: Image.Image, image_format: str = "PNG", **options: object) -> ImageFacts:
    found = image_facts(encoded(image, image_format, **options), "x")
    assert isinstance(found, ImageFacts), found
    return found


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((90, 90, 90), Colours(0.0, 0.0, 0)),
        ((255, 0, 0), Colours(0.3 * math.hypot(255, 127.5), 1.0, 255)),
        ((0, 0, 255), Colours(0.3 * 255, 1.0, 255)),
        ((200, 100, 100), Colours(0.3 * math.hypot(100, 50), 0.5, 100)),
        ((0, 0, 0), Colours(0.0, 0.0, 0)),
    ],
)
def test_a_plain_colour(colour: tuple[int, int, int], expected: Colours) -> None:
    found = colours(Image.new("RGB", (128, 128), colour))
    assert math.isclose(found.colourfulness, expected.colourfulness, rel_tol=1e-12)
    assert (found.saturation, found.spread) == (expected.saturation, expected.spread)


@settings(max_examples=examples(30), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 40), height=st.integers(1, 40))
def test_colours_agree_with_their_definitions(seed: int, width: int, height: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = colours(Image.fromarray(pixels))
    red, green, blue = pixels.astype(float).reshape(-1, 3).T
    rg, yb = red - green, (red + green) / 2 - blue
    expected = math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())
    assert math.isclose(found.colourfulness, expected, rel_tol=1e-9)
    assert math.isclose(found.saturation, np.mean([colorsys.rgb_to_hsv(*pixel)[1] for pixel in pixels.reshape(-1, 3) / 255]), abs_tol=1e-6)
    assert found.spread == int((pixels.max(axis=2).astype(int) - pixels.min(axis=2)).max())


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_an_rgb_file_that_shows_only_greys_is_grayscale(image_format: str) -> None:
    grey = photo(300, 200).convert("L").convert("RGB")
    found = facts(grey, image_format)
    assert found.is_grayscale
    assert "grayscale" in found.issues
    assert found.saturation < 0.02
    coloured = facts(photo(300, 200), image_format)
    assert not coloured.is_grayscale
    assert "grayscale" not in coloured.issues


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_a_file_with_one_channel_is_grayscale_without_colour(mode: str) -> None:
    found = facts(photo().convert("L").convert(mode))
    assert (found.is_grayscale, found.colourfulness, found.saturation) == (True, 0.0, 0.0)


OTHER_MODES = [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("RGBA", "PNG")]
if PILLOW >= (13, 0):  # an older one cannot read back the YCbCr that it wrote
    OTHER_MODES.append(("YCbCr", "TIFF"))


@pytest.mark.parametrize(("mode", "image_format"), OTHER_MODES)
def test_colours_of_other_modes_are_those_of_the_rgb_picture(mode: str, image_format: str) -> None:
    image = photo()
    expected = colours(image)
    found = facts(image.convert(mode), image_format)
    assert found.colourfulness == pytest.approx(expected.colourfulness, rel=0.1)
    assert found.saturation == pytest.approx(expected.saturation, abs=0.1)


def test_a_lab_file_has_the_colours_of_its_profile() -> None:
    lab = Image.merge("LAB", [Image.new("L", (40, 30), level) for level in (136, 208, 195)])  # L* 53, a* 80, b* 67: red
    found = facts(lab, "TIFF")
    assert found.saturation > 0.9
    assert facts(Image.merge("LAB", [Image.new("L", (40, 30), level) for level in (136, 128, 128)]), "TIFF").is_grayscale


def test_an_rgb_jpeg_is_read_like_a_ycbcr_one() -> None:
    one, other = facts(photo(), "JPEG", quality=95), facts(photo(), "JPEG", quality=95, keep_rgb=True)
    assert other.colourfulness == pytest.approx(one.colourfulness, rel=0.05)
    assert other.brightness == pytest.approx(one.brightness, abs=0.01)


def test_scaled_decoding_keeps_the_colours_of_a_large_jpeg() -> None:
    large = photo(192, 128).resize((1920, 1280), Image.Resampling.BICUBIC)
    png, jpeg = facts(large, "PNG"), facts(large, "JPEG", quality=95)
    assert jpeg.colourfulness == pytest.approx(png.colourfulness, rel=0.03)
    assert jpeg.saturation == pytest.approx(png.saturation, abs=0.02)
