"""Fingerprints and measures of real edits of one photo, of different photos, and of EXIF-oriented copies."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.imaging.measures.fingerprint import hash_distance

pytestmark = pytest.mark.integration

SharedData = Callable[[str], Path]
ORIGINAL = "pdq/bridge-mods/aaa-orig.jpg"

# How far an oriented copy may be from its upright original: each is a JPEG that was turned and compressed anew.
LARGEST_DIFFERENCE = {
    "brightness": 0.002,
    "brightness_p05": 0.005,
    "brightness_p50": 0.005,
    "brightness_p95": 0.005,
    "brightness_p99": 0.005,
    "contrast": 0.002,
    "entropy": 0.02,
    "saturation": 0.005,
}
LARGEST_RATIO = {"sharpness": 1.05, "colourfulness": 1.02}


@cache
def facts_by_path(folder: Path, group: str) -> dict[str, ImageFacts]:
    with open(folder / "groups.csv", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file) if row["group"].startswith(group)]
    found = {path: image_facts((folder / path).read_bytes(), path) for path in paths if not path.endswith(".md")}
    assert all(isinstance(facts, ImageFacts) for facts in found.values()), found
    return found  # type: ignore[return-value]


def is_turned(path: str) -> bool:
    return "-rotate-" in path or "-flip" in path


def test_edits_that_keep_the_geometry_stay_within_eight_bits(shared_data: SharedData) -> None:
    group = facts_by_path(shared_data("neardup"), "bridge")
    edits = {path: facts for path, facts in group.items() if not is_turned(path)}
    distances = {path: hash_distance(group[ORIGINAL].phash, facts.phash) for path, facts in edits.items()}
    assert len(distances) == 27
    assert max(distances.values()) <= 8, distances


def test_the_difference_hash_of_the_same_edits_stays_within_eight_bits(shared_data: SharedData) -> None:
    group = facts_by_path(shared_data("neardup"), "bridge")
    distances = {path: hash_distance(group[ORIGINAL].dhash, facts.dhash) for path, facts in group.items() if not is_turned(path)}
    assert max(distances.values()) <= 8, distances


def test_rotations_and_reflections_are_far_away(shared_data: SharedData) -> None:
    group = facts_by_path(shared_data("neardup"), "bridge")
    turned = [facts for path, facts in group.items() if is_turned(path)]
    assert len(turned) == 7
    assert min(hash_distance(group[ORIGINAL].phash, facts.phash) for facts in turned) > 20
    assert min(hash_distance(group[ORIGINAL].dhash, facts.dhash) for facts in turned) > 16


def test_different_photographs_are_far_apart(shared_data: SharedData) -> None:
    found = list(facts_by_path(shared_data("neardup"), "distinct").values())
    pairs = [(one, other) for place, one in enumerate(found) for other in found[:place]]
    assert min(hash_distance(one.phash, other.phash) for one, other in pairs) > 16
    assert min(hash_distance(one.dhash, other.dhash) for one, other in pairs) > 8


def test_grey_copies_are_told_from_coloured_ones(shared_data: SharedData) -> None:
    group = facts_by_path(shared_data("neardup"), "bridge")
    grey = {Path(path).stem for path, facts in group.items() if "/modes/" in path and facts.is_grayscale}
    assert grey == {"1", "L", "LA", "I", "F"}


@pytest.mark.parametrize("scene", ["Landscape", "Portrait"])
def test_oriented_copies_equal_their_upright_original(shared_data: SharedData, scene: str) -> None:
    group = facts_by_path(shared_data("neardup"), f"exif-{scene}")
    upright = group[f"exif_orientation/{scene}_1.jpg"]
    assert len(group) == 9
    for path, facts in group.items():
        assert (facts.width, facts.height, facts.aspect_ratio) == (upright.width, upright.height, upright.aspect_ratio)
        assert (facts.phash, facts.dhash) == (upright.phash, upright.dhash), path
        assert (facts.is_grayscale, facts.issues) == (upright.is_grayscale, upright.issues), path
        for name, largest in LARGEST_DIFFERENCE.items():
            assert abs(getattr(facts, name) - getattr(upright, name)) <= largest, (path, name)
        for name, ratio in LARGEST_RATIO.items():
            assert 1 / ratio <= getattr(facts, name) / getattr(upright, name) <= ratio, (path, name)
    assert sorted({facts.exif_orientation for facts in group.values()} - {None}) == list(range(1, 9))
