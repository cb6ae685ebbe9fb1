"""Quality measures of pictures whose numbers a person can work out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from property_tests import examples
from unit.core.imaging.imaging_pictures import photo, picture

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.pictures import Pictures
from airflow_cv_dataops.core.imaging.measures.colour import Colours
from airflow_cv_dataops.core.imaging.measures.quality import Measures, QualityThresholds, measure, quality_issues


def measured(image: Image.Image) -> Measures:
    return measure(Pictures(image, None))


def some_measures(brightness: float = 0.5, contrast: float = 0.2, sharpness: float = 500, entropy: float = 7, spread: int = 90) -> Measures:
    return Measures(brightness, 0.1, 0.5, 0.8, 0.9, contrast, sharpness, entropy, Colours(30.0, 0.4, spread))


def test_a_flat_picture_has_brightness_and_nothing_else() -> None:
    assert measured(Image.new("L", (40, 30), 51)) == Measures(0.2, 0.2, 0.2, 0.2, 0.2, 0.0, 0.0, 0.0, Colours(0.0, 0.0, 0))


def test_a_checkerboard_is_half_bright_with_most_contrast_and_one_bit() -> None:
    found = measured(picture(40, 40, lambda x, y: 255 * ((x + y) % 2)))
    assert found.brightness == 0.5
    assert found.contrast == 0.5
    assert found.entropy == 1.0
    assert found.sharpness == 1020.0**2  # every inner pixel differs from all four neighbours by 255


def test_each_grey_once_has_eight_bits() -> None:
    assert measured(picture(16, 16, lambda x, y: 16 * y + x)).entropy == 8.0


def test_percentiles_are_the_smallest_levels_that_so_many_pixels_do_not_exceed() -> None:
    found = measured(picture(100, 1, lambda x, y: x + 1))  # one pixel of each level from 1 to 100
    levels = [found.brightness_p05, found.brightness_p50, found.brightness_p95, found.brightness_p99]
    assert [round(level * 255) for level in levels] == [5, 50, 95, 99]


@settings(max_examples=examples(50), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 90), height=st.integers(1, 90), bits=st.integers(0, 8))
def test_measures_agree_with_plain_numpy(seed: int, width: int, height: int, bits: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 2**bits, (height, width)).astype(float)
    found = measured(Image.fromarray(pixels.astype(np.uint8)))
    assert math.isclose(found.brightness, pixels.mean() / 255, abs_tol=1e-12)
    assert math.isclose(found.contrast, pixels.std() / 255, abs_tol=1e-9)
    inner = 4 * pixels[1:-1, 1:-1] - pixels[:-2, 1:-1] - pixels[2:, 1:-1] - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    assert math.isclose(found.sharpness, inner.var() if inner.size else 0.0, rel_tol=1e-9, abs_tol=1e-6)
    expected = np.percentile(pixels, [5, 50, 95, 99], method="inverted_cdf") / 255
    assert [found.brightness_p05, found.brightness_p50, found.brightness_p95, found.brightness_p99] == expected.tolist()


def test_the_strongest_edges_of_the_largest_picture_do_not_overflow() -> None:
    assert measured(picture(512, 512, lambda x, y: 255 * ((x + y) % 2))).sharpness == 1020.0**2


def test_blur_lowers_sharpness() -> None:
    image = Image.effect_noise((200, 200), 80)
    values = [measured(image.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (9, 2)])
def test_a_picture_without_inner_pixels_has_no_sharpness(size: tuple[int, int]) -> None:
    assert measured(Image.new("L", size, 7)).sharpness == 0.0


def test_a_picture_with_colours_has_those_of_its_sample() -> None:
    image = photo()
    assert measure(Pictures(image.convert("L"), image)).colours.saturation > 0


@pytest.mark.parametrize(
    ("measures", "size", "issues"),
    [
        (some_measures(), (40, 30), []),
        (some_measures(brightness=0.05), (40, 30), ["dark"]),
        (some_measures(brightness=0.99), (40, 30), ["light"]),
        (some_measures(contrast=0.01), (40, 30), ["low_contrast"]),
        (some_measures(sharpness=20), (40, 30), ["blurry"]),
        (some_measures(entropy=0.5), (40, 30), ["low_information"]),
        (some_measures(), (400, 99), ["odd_aspect_ratio"]),
        (some_measures(), (99, 400), ["odd_aspect_ratio"]),
        (some_measures(), (400, 100), []),
        (some_measures(spread=2), (40, 30), ["grayscale"]),
        (some_measures(spread=3), (40, 30), []),
        (some_measures(0.0, 0.0, 0.0, 0.0, 0), (9, 9), ["dark", "low_contrast", "blurry", "low_information", "grayscale"]),
    ],
)
def test_issues_follow_the_thresholds(measures: Measures, size: tuple[int, int], issues: list[str]) -> None:
    assert quality_issues(measures, *size, QualityThresholds()) == issues


def test_thresholds_can_be_switched_off() -> None:
    off = QualityThresholds(0, 1, 0, 0, 0, math.inf, 0)
    assert quality_issues(some_measures(0, 0, 0, 0, 0), 1, 1000, off) == []


@pytest.mark.parametrize("value", [-1.0, math.nan, "x"])
def test_a_threshold_that_is_no_number_is_a_configuration_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="dark_below"):
        QualityThresholds(dark_below=value)  # type: ignore[arg-type]
