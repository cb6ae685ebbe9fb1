"""Gates on checks that had nothing to look at: their zero is no clean bill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.open_findings import open_findings
from airflow_cv_dataops.core.release.promote import promote_dataset

BY_SEVERITY = ["findings.error == 0", "findings == 0", "label_error_rate <= 0", "unaudited_partitions == 0"]
QUIET = ("image_without_label", "single_category", "rare_category", "category_imbalance", "outlying_bbox_size")


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    """A day of classes without any box, audited."""
    found = make_dataset()
    write_images(found, "classes", ["a", "b"])
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,dog\n")
    import_labels(found, "classes", tmp_path / "labels.csv", format="csv")
    audit(found, "classes")
    return found


def audit(dataset: Dataset, key: str, **arguments: Any) -> None:
    result = audit_labels(dataset, key, report=None, disabled=QUIET, **arguments)
    assert result.failure is None


def failure(dataset: Dataset, *gates: str) -> str | None:
    return promote_dataset(dataset, gates=gates, stage="asked").failure


def add_boxes(dataset: Dataset, key: str) -> None:
    write_images(dataset, key, ["c"])
    write_annotations(dataset, key, [("c", "cat")])
    audit(dataset, key)


def test_a_gate_on_a_check_that_had_nothing_to_look_at_fails_and_says_so(dataset: Dataset) -> None:
    refused = failure(dataset, "findings.zero_area_bbox == 0", "findings.unknown_category == 0")
    assert refused is not None
    assert "1 of 2 gates failed" in refused
    assert "findings.zero_area_bbox: wanted == 0, found no such metric" in refused
    assert refused.endswith("(zero_area_bbox had nothing to check in any of the 1 partitions)")


def test_gates_by_severity_go_on_to_hold(dataset: Dataset) -> None:
    assert failure(dataset, *BY_SEVERITY) is None


def test_one_partition_with_something_to_look_at_is_enough(dataset: Dataset) -> None:
    add_boxes(dataset, "boxes")
    assert failure(dataset, *BY_SEVERITY, "findings.zero_area_bbox == 0") is None
    refused = promote_dataset(dataset, gates=["findings.zero_area_bbox == 0"], partition_keys=["classes"], stage="narrow").failure
    assert "zero_area_bbox had nothing to check" in str(refused)


def test_of_two_audits_of_a_partition_one_that_looked_is_enough(dataset: Dataset) -> None:
    """One looks at the classes, the other at the boxes."""
    write_annotations(dataset, "classes", [("a", "cat")], label_set="boxes")
    audit(dataset, "classes", audit="of_classes", label_sets=["default"])
    assert failure(dataset, "findings.zero_area_bbox == 0") is not None
    audit(dataset, "classes", audit="of_boxes", label_sets=["boxes"])
    assert failure(dataset, "findings.zero_area_bbox == 0") is None


def test_a_release_that_moves_on_is_asked_at_its_own_snapshots(dataset: Dataset) -> None:
    assert promote_dataset(dataset, stage="staging", gates=BY_SEVERITY).failure is None
    add_boxes(dataset, "boxes")
    named = promote_dataset(dataset, release="staging", gates=["findings.zero_area_bbox == 0"])
    assert "zero_area_bbox had nothing to check" in str(named.failure)
    assert promote_dataset(dataset, release="staging", gates=BY_SEVERITY).failure is None


def test_rules_of_exclusion_need_no_check_to_have_looked(dataset: Dataset) -> None:
    assert promote_dataset(dataset, exclude=["labels: zero_area_bbox"]).failure is None


def test_a_card_counts_no_idle_check_as_clean(dataset: Dataset) -> None:
    assert promote_dataset(dataset).failure is None
    release = dataset.release("production")
    clean = open_findings(release, CardItems.of(release)).clean
    assert "unknown_category" in clean
    assert "zero_area_bbox" not in clean
