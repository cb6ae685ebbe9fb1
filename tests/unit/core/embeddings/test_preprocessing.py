"""What a picture is before a model sees it, to the pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from airflow_cv_dataops.core.embeddings.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Asked
from airflow_cv_dataops.core.errors import ConfigurationError

RED = Image.new("RGB", (16, 16), (255, 0, 0))
PLAIN = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}


def test_by_default_pixels_are_scaled_as_for_imagenet() -> None:
    found = Asked().for_input(("n", 3, 8, 8), "m").apply(RED)
    assert (found.shape, found.dtype) == ((3, 8, 8), np.float32)
    wanted = (np.array([1.0, 0.0, 0.0]) - IMAGENET_MEAN) / IMAGENET_STD
    assert np.allclose(found[:, 4, 4], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "shape", "pixel"),
    [
        ("rgb", (1, 3, 8, 8), [1, 0, 0]),
        ("bgr", (1, 3, 8, 8), [0, 0, 1]),
        ("rgb", (1, 8, 8, 3), [1, 0, 0]),
        ("bgr", (1, 8, 8, 3), [0, 0, 1]),
    ],
)
def test_channels_and_axes_are_in_the_models_order(channels: str, shape: tuple[int, ...], pixel: list[int]) -> None:
    found = Asked(**PLAIN, channels=channels).for_input(shape, "m").apply(RED)
    assert found.shape == shape[1:]
    assert (found[:, 3, 3] if shape[1] == 3 else found[3, 3]).tolist() == pixel


def test_crop_takes_the_middle_and_squash_the_whole() -> None:
    wide = Image.new("RGB", (40, 10), "blue")
    wide.paste("white", (15, 0, 25, 10))
    cropped, squashed = (Asked(**PLAIN, resize=resize).for_input((1, 3, 10, 10), "m").apply(wide) for resize in ("crop", "squash"))
    assert cropped.min() == 1.0  # nothing but white
    assert squashed[0].mean() == pytest.approx(0.25, abs=0.01)  # as much of it as in the picture


def test_a_model_of_grey_images_gets_luminance() -> None:
    found = Asked(mean=[0.0], std=[1.0]).for_input((1, 1, 4, 4), "m").apply(RED)
    assert (found.shape, found[0, 0, 0]) == ((1, 4, 4), pytest.approx(76 / 255))


def test_a_size_is_taken_from_the_argument_where_the_model_takes_any() -> None:
    assert Asked(input_size=[32, 48]).for_input(("n", 3, "h", "w"), "m").apply(RED).shape == (3, 32, 48)
    assert Asked(input_size=32).for_input(("n", 3, 32, 32), "m").apply(RED).shape == (3, 32, 32)
    assert Asked(input_size=32, layout="NHWC").for_input(("n", "h", "w", "c"), "m").apply(RED).shape == (32, 32, 3)


def test_words_say_all_that_was_done() -> None:
    words = Asked(resize="crop", channels="bgr").for_input(("n", 3, 224, 192), "m").words
    for part in ("BGR", "cut out of the middle", "224 x 192 px", "mean [0.485, 0.456, 0.406]", "std [0.229, 0.224, 0.225]"):
        assert part in words


@pytest.mark.parametrize(
    ("asked", "shape", "says"),
    [
        ({}, ("n", 3, "h", "w"), "give `input_size`"),
        ({"input_size": 224}, ("n", 3, 192, 192), "takes 192 x 192 px only"),
        ({}, ("n", 3), "expected four axes"),
        ({}, ("n", "c", "h", "w"), "give layout='NCHW' or 'NHWC'"),
        ({}, ("n", 3, 8, 3), "give layout='NCHW' or 'NHWC'"),
        ({}, ("n", 1, 8, 8), "takes grey images: give `mean` and `std`"),
        ({"layout": "NCHW"}, ("n", 4, 8, 8), "4 channels"),
        ({"mean": [0.5]}, ("n", 3, 8, 8), "1 numbers, and m takes 3 channels"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(asked: dict[str, Any], shape: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Asked(**asked).for_input(shape, "m")


@pytest.mark.parametrize(
    "asked",
    [{"input_size": 0}, {"input_size": [1, 2, 3]}, {"mean": [0.5, 0.5]}, {"mean": "0.5"}, {"std": [0, 1, 1]}, {"std": [float("nan")] * 3},
     {"resize": "pad"}, {"channels": "gbr"}, {"layout": "CHWN"}],
)  # fmt: skip
def test_what_no_model_takes_is_refused_before_there_is_one(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(asked))):
        Asked(**asked)
