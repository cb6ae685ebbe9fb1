"""After a rollback nothing of it comes back unnoticed, however the tables are turned around it; data that was mended comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.core.release.release_rows import annotation_id, write_annotations, write_audit, write_findings, write_images

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.release import obstacles
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.rollback import rollback_stage
from airflow_cv_dataops.core.store.dataset import Dataset

MakeDataset = Callable[..., Dataset]
BAD = [("a", "BAD"), ("b", "BAD")]


def failure(dataset: Dataset, **more: Any) -> str | None:
    return promote_dataset(dataset, card=False, **more).failure


def refusal(dataset: Dataset, **more: Any) -> str:
    why = failure(dataset, **more)
    assert why is not None
    return why


def roll_back(dataset: Dataset, **more: Any) -> None:
    assert rollback_stage(dataset, reason="p2 is wrong", **more).failure is None


@pytest.fixture
def taken_back(make_dataset: MakeDataset) -> Dataset:
    """Production is back at v1, which holds x of p1, after v2 held a and b of p2 as well, with wrong labels."""
    dataset = make_dataset()
    write_images(dataset, "p1", ["x"])
    write_annotations(dataset, "p1", [("x", "car")])
    assert failure(dataset) is None
    write_images(dataset, "p2", ["a", "b"])
    write_annotations(dataset, "p2", BAD)
    assert failure(dataset) is None
    roll_back(dataset)
    return dataset


def test_a_copy_of_one_image_in_an_older_partition_does_not_let_it_pass(taken_back: Dataset) -> None:
    write_images(taken_back, "p3", ["n"])
    write_images(taken_back, "p0", ["a"])
    assert "Partition p2 is as it was in v2, which was rolled back on" in refusal(taken_back)


def test_one_image_more_does_not_let_it_pass_nor_a_label_more(taken_back: Dataset) -> None:
    write_images(taken_back, "p2", ["a", "b", "n"])
    assert "Partition p2 is as it was in v2" in refusal(taken_back)
    write_annotations(taken_back, "p2", [*BAD, ("n", "car"), ("a", "car")])
    assert "Partition p2 is as it was in v2" in refusal(taken_back)


def test_an_exclusion_rule_that_is_dropped_does_not_let_it_pass(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p1", ["x"])
    write_audit(dataset, "p1", "odd")
    assert failure(dataset) is None
    write_images(dataset, "p2", ["a", "b", "c"])
    write_annotations(dataset, "p2", [*BAD, ("c", "ok")])
    write_findings(dataset, "p2", ("odd", "error", annotation_id("p2", 2)), images=["c"])
    write_audit(dataset, "p2", "odd")
    assert failure(dataset, exclude=["labels: odd"]) is None
    roll_back(dataset)
    assert "Partition p2 is as it was in v2" in refusal(dataset)
    write_findings(dataset, "p2", ("odd", "error", annotation_id("p2", 0)), images=["a"])
    write_audit(dataset, "p2", "odd")
    assert failure(dataset, exclude=["labels: odd"]) is None, "one of the labels that were taken is left out"


def test_under_another_partition_key_it_is_the_same(taken_back: Dataset) -> None:
    write_images(taken_back, "p3", ["a", "b", "q"])
    write_annotations(taken_back, "p3", BAD)
    keys = ["p1", "p3"]
    assert "Partition p2 is as it was in v2" in refusal(taken_back, partition_keys=keys)
    assert promote_dataset(taken_back, stage="staging", card=False, partition_keys=keys).failure is None
    assert "Partition p2 is as it was in v2" in refusal(taken_back, release="staging")


def test_a_part_of_it_under_another_partition_key_lacks_an_image_that_was_taken(taken_back: Dataset) -> None:
    write_images(taken_back, "p3", ["a"])
    write_annotations(taken_back, "p3", [("a", "BAD")])
    assert "It holds what v2 held" in refusal(taken_back)
    assert failure(taken_back, partition_keys=["p1", "p3"]) is None


def test_what_a_release_between_held_does_not_come_back_either(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p1", ["x"])
    assert failure(dataset) is None
    write_images(dataset, "p2", ["a"])
    write_annotations(dataset, "p2", [("a", "BAD")])
    assert failure(dataset) is None
    write_annotations(dataset, "p2", [("a", "BAD TOO")])
    write_images(dataset, "p3", ["c"])
    assert failure(dataset) is None
    roll_back(dataset, to="v1")
    write_annotations(dataset, "p2", [("a", "BAD")])
    write_images(dataset, "p3", ["d"])
    assert "Partition p2 is as it was in v2, which was rolled back on" in refusal(dataset)
    write_annotations(dataset, "p2", [("a", "good")])
    assert failure(dataset) is None


def test_a_release_that_cannot_be_read_any_more_is_said_to_be_so(taken_back: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_gone(release: Release) -> None:
        raise DatasetNotFoundError(f"A snapshot of {release.name} is gone.")

    monkeypatch.setattr(obstacles, "check_is_there", is_gone)
    write_images(taken_back, "p3", ["n"])
    why = refusal(taken_back)
    assert "What was rolled back cannot be compared with any more: A snapshot of v2 is gone." in why
    assert "allow_rolled_back=True" in why
    assert failure(taken_back, allow_rolled_back=True) is None
