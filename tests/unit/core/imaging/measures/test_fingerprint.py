"""The fingerprints, against their test vectors (docs/fingerprints.md) and their definitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from property_tests import examples
from unit.core.imaging.imaging_pictures import encoded, photo, picture

from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.imaging.measures.fingerprint import dhash, hash_distance, hashes, image_id, phash

VECTORS = [
    ((32, 32), lambda x, y: 0, "0000000000000000", "0000000000000000"),
    ((40, 30), lambda x, y: 255, "8000000000000000", "0000000000000000"),
    ((32, 32), lambda x, y: 255 if x < 16 else 0, "c400000000000000", "2424242424242424"),
    ((32, 32), lambda x, y: x * y, "813e71674c5952b5", "fffff8f3e6cdda94"),
    ((32, 32), lambda x, y: x * x + 3 * y * y, "8e0e060e073e7e7e", "edcb3142a991269a"),
    ((64, 48), lambda x, y: x * x + 7 * y, "8070005ffd55ff1a", "caafa9225151cab3"),
    ((300, 200), lambda x, y: x * y // 97 + x, "810e595356b5aef4", "f9f3e7eeccd9da96"),
]


@pytest.mark.parametrize(("size", "level", "expected_phash", "expected_dhash"), VECTORS)
def test_vectors(size: tuple[int, int], level: Callable[[int, int], int], expected_phash: str, expected_dhash: str) -> None:
    image = picture(*size, level)
    assert (phash(image), dhash(image)) == (expected_phash, expected_dhash) == hashes(image)


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 128), height=st.integers(1, 128))
def test_they_are_the_hashes_of_the_definition(seed: int, width: int, height: int) -> None:
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8))
    assert hashes(image) == (phash_by_definition(image), dhash_by_definition(image))


def phash_by_definition(image: Image.Image) -> str:
    """Spell the sums out, one coefficient at a time."""
    pixels = np.asarray(image.resize((32, 32), Image.Resampling.LANCZOS), float)
    wave = [2 * np.cos(np.pi * k * (2 * np.arange(32) + 1) / 64) for k in range(8)]
    coefficients = [round(float((pixels * np.outer(wave[r], wave[c])).sum()), 3) for r in range(8) for c in range(8)]
    median = float(np.median(coefficients))
    return f"{sum(1 << (63 - place) for place, value in enumerate(coefficients) if value > median):016x}"


def dhash_by_definition(image: Image.Image) -> str:
    """Spell the comparisons out, one pair of neighbours at a time."""
    pixels = np.asarray(image.resize((9, 8), Image.Resampling.LANCZOS)).tolist()
    bits = "".join("1" if row[column + 1] > row[column] else "0" for row in pixels for column in range(8))
    return f"{int(bits, 2):016x}"


def test_a_larger_picture_is_halved_until_128_px() -> None:
    large = photo(600, 400).convert("L")
    assert hashes(large) == hashes(large.reduce(8))


def test_a_last_column_that_stands_for_half_a_pixel_counts_half() -> None:
    odd = photo(131, 75).convert("L")
    fair = np.asarray(odd.reduce(2).resize((9, 8), Image.Resampling.LANCZOS, box=(0, 0, 65.5, 37.5)))
    assert dhash(odd) == np.packbits(fair[:, 1:] > fair[:, :-1]).tobytes().hex()


def test_the_image_id_is_the_sha256_of_the_bytes() -> None:
    assert image_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_distance_counts_differing_bits() -> None:
    assert hash_distance("8000000000000000", "8000000000000000") == 0
    assert hash_distance("ffffffffffffffff", "0000000000000000") == 64
    assert hash_distance("000000000000000f", "0000000000000003") == 2


def test_a_jpeg_and_a_png_of_one_large_photo_hash_alike() -> None:
    large = photo(192, 128).resize((1920, 1280), Image.Resampling.BICUBIC)
    png, jpeg = (image_facts(encoded(large, name), "x") for name in ("PNG", "JPEG"))
    assert isinstance(png, ImageFacts)
    assert isinstance(jpeg, ImageFacts)
    assert hash_distance(png.phash, jpeg.phash) <= 2
    assert hash_distance(png.dhash, jpeg.dhash) <= 2
    assert abs(png.brightness - jpeg.brightness) < 0.01
