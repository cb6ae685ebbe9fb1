"""Every kind of change between two releases, by labels made by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.core.diff.diff_rows import label, two_releases

from airflow_cv_dataops.core.diff.diff import diff_releases
from airflow_cv_dataops.core.store.dataset import Dataset

KEPT = label("b", "dog", (0, 0, 5, 5), id=90)
POLYGON, OTHER_POLYGON = "[[10, 10, 30, 10, 30, 30]]", "[[10, 10, 30, 10, 30, 29]]"


@pytest.mark.parametrize(
    ("before", "after", "counts", "rows"),
    [
        ([label("a")], [label("a")], {}, []),
        ([label("a", id=1)], [label("a", id=2)], {}, []),
        ([], [label("a")], {"added": 1}, [(["added"], None, "cat", None)]),
        ([label("a")], [], {"removed": 1}, [(["removed"], "cat", None, None)]),
        ([label("a")], [label("a", "dog")], {"changed": 1, "recategorised": 1}, [(["recategorised"], "cat", "dog", 1.0)]),
        ([label("a")], [label("a", bbox=(10, 10, 20, 25))], {"changed": 1, "moved": 1}, [(["moved"], "cat", "cat", 0.8)]),
        (
            [label("a", id=1)],
            [label("a", "dog", bbox=(10, 10, 20, 25), id=2)],
            {"changed": 1, "moved": 1, "recategorised": 1},
            [(["recategorised", "moved"], "cat", "dog", 0.8)],
        ),
        ([label("a", id=1)], [label("a", bbox=(50, 50, 20, 20), id=1)], {"added": 1, "removed": 1}, None),
        ([label("a", id=1)], [label("a", bbox=(25, 10, 20, 20), id=1)], {"changed": 1, "moved": 1}, [(["moved"], "cat", "cat", 1 / 7)]),
        (
            [label("a", segmentation=POLYGON, task="segmentation")],
            [label("a", segmentation=OTHER_POLYGON, task="segmentation")],
            {"changed": 1, "reshaped": 1},
            [(["reshaped"], "cat", "cat", 1.0)],
        ),
        ([label("a")], [label("a", segmentation=POLYGON, task="segmentation")], {"changed": 1, "reshaped": 1}, None),
        ([label("a", keypoints=[1.0, 2.0, 2.0])], [label("a", keypoints=[1.0, 3.0, 2.0])], {"changed": 1, "reshaped": 1}, None),
        ([label("a", attributes='{"lit": 1}')], [label("a", attributes='{"lit": 0}')], {"changed": 1, "edited": 1}, None),
        ([label("a", iscrowd=False)], [label("a", iscrowd=True)], {"changed": 1, "edited": 1}, None),
        ([label("a")], [label("a", task="segmentation")], {"changed": 1, "edited": 1}, None),
        (
            [label("a", bbox=None)],
            [label("a", "dog", bbox=None)],
            {"changed": 1, "recategorised": 1},
            [(["recategorised"], "cat", "dog", None)],
        ),
        ([label("a", bbox=None)], [label("a", "cat")], {"added": 1, "removed": 1}, None),
        ([label("a"), label("a")], [label("a")], {"removed": 1}, None),
        ([label("a", None)], [label("a", "cat")], {"changed": 1, "recategorised": 1}, [(["recategorised"], None, "cat", 1.0)]),
        ([label("a", bbox=(5, 5, 0, 0))], [label("a", "dog", bbox=(5, 5, 0, 0))], {"changed": 1, "recategorised": 1}, None),
    ],
)
def test_each_kind_of_change(
    make_dataset: Callable[..., Dataset], before: list[Any], after: list[Any], counts: dict[str, int], rows: list[Any] | None
) -> None:
    dataset = make_dataset()
    two_releases(dataset, [*before, KEPT], [*after, KEPT]) if before != after else two_releases(dataset, before, [*after, KEPT])
    found = diff_releases(dataset, "v1", "v2")
    if before == after:
        counts, rows = {"added": 1}, None
    expected = dict.fromkeys(("changed", "added", "removed", "recategorised", "moved", "reshaped", "edited"), 0) | counts
    assert {name: found.counts["labels"][name] for name in expected} == expected
    assert found.labels.num_rows == counts.get("changed", 0) + counts.get("added", 0) + counts.get("removed", 0)
    if rows is not None:
        told = [(row["changes"], row["category_before"], row["category_after"], row["iou"]) for row in found.labels.to_pylist()]
        assert told == [(changes, old, new, pytest.approx(iou) if iou is not None else None) for changes, old, new, iou in rows]
