"""Every kind of change between two releases, by labels made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.core.diff.diff_rows import label, two_releases
from unit.core.release.release_rows import image_id

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.diff.diff import diff_releases, metrics_that_differ
from airflow_cv_dataops.core.diff.page import diff_page
from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff

POLYGON, OTHER_POLYGON = "[[10, 10, 30, 10, 30, 30]]", "[[10, 10, 30, 10, 30, 29]]"
WHOLE: dict[str, Any] = {"bbox": None}

ADDED, REMOVED = (["added"], None, "cat", None), (["removed"], "cat", None, None)
EMPTY: dict[str, Any] = {"task": "background", "category": None, **WHOLE}

# What an image's labels were and are, and of the rows that say what changed: changes, category before and after, and IoU.
CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], list[tuple[Any, ...]]]] = {
    "nothing": ([{}], [{}], []),
    "another id": ([{"id": 1}], [{"id": 2}], []),
    "added": ([], [{}], [ADDED]),
    "removed": ([{}], [], [REMOVED]),
    "recategorised": ([{}], [{"category": "dog"}], [(["recategorised"], "cat", "dog", 1.0)]),
    "named at last": ([{"category": None}], [{}], [(["recategorised"], None, "cat", 1.0)]),
    "moved": ([{}], [{"bbox": (10, 10, 20, 25)}], [(["moved"], "cat", "cat", 0.8)]),
    "both": ([{"id": 1}], [{"category": "dog", "bbox": (10, 10, 20, 25), "id": 2}], [(["recategorised", "moved"], "cat", "dog", 0.8)]),
    "elsewhere": ([{"id": 1}], [{"bbox": (50, 50, 20, 20), "id": 1}], [ADDED, REMOVED]),
    "far, one id": ([{"id": 1}], [{"bbox": (25, 10, 20, 20), "id": 1}], [(["moved"], "cat", "cat", 1 / 7)]),
    "far, other id": ([{"id": 1}], [{"bbox": (25, 10, 20, 20), "id": 2}], [ADDED, REMOVED]),
    "polygon": ([{"segmentation": POLYGON}], [{"segmentation": OTHER_POLYGON}], [(["reshaped"], "cat", "cat", 1.0)]),
    "polygon more": ([{}], [{"segmentation": POLYGON, "task": "segmentation"}], [(["reshaped"], "cat", "cat", 1.0)]),
    "keypoints": ([{"keypoints": [1.0, 2.0, 2.0]}], [{"keypoints": [1.0, 3.0, 2.0]}], [(["reshaped"], "cat", "cat", 1.0)]),
    "attributes": ([{"attributes": '{"lit": 1}'}], [{"attributes": '{"lit": 0}'}], [(["edited"], "cat", "cat", 1.0)]),
    "crowd": ([{"iscrowd": False}], [{"iscrowd": True}], [(["edited"], "cat", "cat", 1.0)]),
    "task": ([{}], [{"task": "segmentation"}], [(["edited"], "cat", "cat", 1.0)]),
    "class": ([WHOLE], [{**WHOLE, "category": "dog"}], [(["recategorised"], "cat", "dog", None)]),
    "class to box": ([WHOLE], [{}], [ADDED, REMOVED]),
    "one of two alike": ([{}, {}], [{}], [REMOVED]),
    "no area": ([{"bbox": (5, 5, 0, 0)}], [{"bbox": (5, 5, 0, 0), "category": "dog"}], [(["recategorised"], "cat", "dog", 1.0)]),
    "first line removed": ([{"id": 1}, {"id": 2, "bbox": (50, 50, 10, 10)}], [{"id": 1, "bbox": (50, 50, 10, 11)}], [
        (["moved"], "cat", "cat", pytest.approx(10 / 11)), (["removed"], "cat", None, None)]),
    "nothing is there": ([], [EMPTY], [(["added"], None, None, None)]),
    "something is there": ([EMPTY], [{}], [ADDED, (["removed"], None, None, None)]),
    "hostile": ([{"category": "<script>alert(1)</script>"}], [{"category": "\u202e" + "x" * 300}], [
        (["recategorised"], "<script>alert(1)</script>", "\u202e" + "x" * 300, 1.0)]),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ReleaseDiff:
    """All cases at once: each is an image."""
    dataset = open_dataset("digits", home=str(Path(tmp_path_factory.mktemp("home"))))
    sides = [[label(name, **given) for name, case in CASES.items() for given in case[side]] for side in (0, 1)]
    for labels in sides:
        for place, given in enumerate(labels):
            given["id"] = f"{given['image']} {given.get('id', place)}"
    two_releases(dataset, *sides, images=list(CASES))
    return diff_releases(dataset)


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_change_is_found(found: ReleaseDiff, name: str) -> None:
    rows = [row for row in found.labels.to_pylist() if row["image_id"] == image_id(name)]
    told = sorted(((row["changes"], row["category_before"], row["category_after"], row["iou"]) for row in rows), key=lambda row: row[0])
    assert told == [(*row[:3], pytest.approx(row[3]) if isinstance(row[3], float) else row[3]) for row in CASES[name][2]]


def test_counts_are_those_of_the_rows_without_what_is_no_label(found: ReleaseDiff) -> None:
    rows = [row for _, _, rows in CASES.values() for row in rows]
    of_backgrounds = {"added": 1, "removed": 1}
    for change in ("added", "removed", "recategorised", "moved", "reshaped", "edited"):
        assert found.counts["labels"][change] == sum(change in row[0] for row in rows) - of_backgrounds.get(change, 0)
    assert found.counts["labels"]["changed"] == sum(row[0][0] not in of_backgrounds for row in rows)
    assert found.counts["stated_empty"] == of_backgrounds
    assert found.counts["labels_of_images"] == {"added": 0, "removed": 0}
    assert found.counts["images"]["relabelled"] == sum(bool(rows) for _, _, rows in CASES.values())
    assert (found.before.name if found.before else None, found.after.name) == ("v1", "v2")
    assert not found.is_empty
    assert not found.is_capped


def test_category_shares_come_with_the_biggest_change_first(found: ReleaseDiff) -> None:
    rows = found.categories.to_pylist()
    labels = found.counts["labels"]
    assert sum(row["before"] for row in rows) == labels["before"]
    assert sum(row["after"] for row in rows) == labels["after"]
    changes = [round(abs(row["share_after"] - row["share_before"]), 12) for row in rows]
    assert changes == sorted(changes, reverse=True)
    assert {row["category"] for row in rows} == {"cat", "dog", None, "<script>alert(1)</script>", "\u202e" + "x" * 300}


def test_metrics_that_both_were_measured_by_and_that_differ_stand_side_by_side(found: ReleaseDiff) -> None:
    old: Any = SimpleNamespace(measured=lambda: {"images": 5, "rate": 0.25, "gone": 1.0, "same": 2.0, "odd": float("nan")})
    new: Any = SimpleNamespace(measured=lambda: {"images": 6, "rate": 0.5, "new": 1.0, "same": 2.0, "odd": 1.0})
    assert metrics_that_differ(old, new) == {"images": (5, 6), "rate": (0.25, 0.5)}
    assert metrics_that_differ(None, new) == metrics_that_differ(SimpleNamespace(measured=lambda: None), new) == {}  # type: ignore[arg-type]
    page = diff_page(replace(found, metrics={"</td><script>": (0.25, 0.5)}), []).decode()
    assert '<th scope="row"><bdi>&lt;/td&gt;&lt;script&gt;</bdi></th><td>0.25</td><td>0.5</td><td>+0.25</td>' in page
