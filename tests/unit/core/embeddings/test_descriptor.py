"""The descriptor: always as long, the same for the same pixels, near for what looks alike."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from airflow_cv_dataops.core.embeddings.descriptor import DIMENSIONS, Descriptor
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing

LAYOUT, COLOUR_LAYOUT, EDGES, COLOURS = slice(0, 64), slice(64, 96), slice(96, 224), slice(224, 256)


def described(*pictures: Image.Image) -> np.ndarray:
    maker = Descriptor()
    return maker.embed(np.stack([maker.prepare(picture) for picture in pictures]))


def stored(picture: Image.Image, kind: str = "PNG") -> Image.Image:
    """Return a picture as the step sees it, out of a file."""
    file = io.BytesIO()
    picture.save(file, kind)
    found = decode_for_viewing(file.getvalue())
    assert isinstance(found, Image.Image), found
    return found


def noise(seed: int, size: tuple[int, int] = (80, 60)) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1] // 10, size[0] // 10, 3), dtype=np.uint8)
    return Image.fromarray(values).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"])
def test_any_picture_has_a_vector_of_256_finite_numbers_of_length_one_at_most(mode: str) -> None:
    grey = np.asarray(noise(1).convert("L")).astype(np.uint16) * 257
    picture = Image.fromarray(grey) if mode == "I;16" else noise(1).convert(mode)
    (vector,) = described(stored(picture, "TIFF" if mode == "CMYK" else "PNG"))
    assert (vector.shape, vector.dtype) == ((DIMENSIONS,), np.float32)
    assert np.isfinite(vector).all()
    assert 0.5 <= np.linalg.norm(vector) <= 1.0001


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (1, 500), (700, 3)])
def test_small_and_narrow_grey_pictures_have_one_too(size: tuple[int, int]) -> None:
    (vector,) = described(stored(noise(2).convert("L").resize(size)))
    assert np.isfinite(vector).all()
    assert np.allclose(vector[COLOUR_LAYOUT], 0, atol=1e-6)  # a grey picture has no colour


def test_a_flat_picture_has_neither_layout_nor_edges_but_a_colour() -> None:
    black, red = described(Image.new("RGB", (30, 20)), Image.new("RGB", (30, 20), "red"))
    assert not black[LAYOUT].any()
    assert not black[EDGES].any()
    assert black[COLOURS].max() == pytest.approx(0.5)  # all pixels in one bin
    assert np.linalg.norm(red[COLOUR_LAYOUT]) == pytest.approx(0.5, abs=0.01)
    assert np.linalg.norm(black - red) > 0.5


def test_edges_are_told_by_their_orientation() -> None:
    stripes = np.tile((np.arange(64) // 8 % 2 * 255).astype(np.uint8), (64, 1))
    upright, lying = described(*(Image.fromarray(np.ascontiguousarray(values)).convert("RGB") for values in (stripes, stripes.T)))
    by_orientation = [np.square(vector[EDGES]).reshape(8, 16).sum(axis=1) for vector in (upright, lying)]
    assert [int(found.argmax()) for found in by_orientation] == [0, 4]  # of gradients from left to right, and from top to bottom


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6))
def test_a_vector_depends_on_its_own_picture_alone(seeds: list[int]) -> None:
    pictures = [noise(seed) for seed in seeds]
    together = described(*pictures)
    assert np.array_equal(together, np.concatenate([described(picture) for picture in pictures]))


def test_a_jpeg_is_decoded_no_smaller_than_twice_what_is_looked_at() -> None:
    assert Descriptor().needed(1024, 512) == 0.25
    assert Descriptor().needed(50, 2000) == 1.0


def test_edits_of_a_photo_are_nearer_to_it_than_any_other_photo(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("neardup")
    with open(folder / "groups.csv", newline="") as file:
        groups = {row["path"]: row["group"] for row in csv.DictReader(file) if not row["path"].endswith(".md")}
    kept = {path: group for path, group in groups.items() if "-rotate" not in path and "-flip" not in path}
    edits = [path for path, group in kept.items() if group == "bridge"]
    others = [path for path, group in kept.items() if group.startswith("distinct")]
    pictures = [decode_for_viewing((folder / path).read_bytes()) for path in (*edits, *others)]
    vectors = described(*(picture for picture in pictures if isinstance(picture, Image.Image)))
    distances = np.linalg.norm(vectors - vectors[edits.index("pdq/bridge-mods/aaa-orig.jpg")], axis=1)
    assert (len(edits), len(others), len(vectors)) == (27, 20, 47)
    assert distances[: len(edits)].max() < distances[len(edits) :].min()
