"""What health says of audits, labels and releases of what is no more, and what its own findings do to releases and to other steps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.core.release.release_rows import NOW, write_images

from airflow_cv_dataops import audit_labels, check_health, import_labels, promote_dataset, sample_hard_examples
from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.lineage.events import to_openlineage

pytestmark = pytest.mark.integration

KEY, MISSING = "2026-11-05", "2026-11-06"
NAMES = ("0", "1", "2", "3")


@pytest.fixture
def audited(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    """Four images with a label each, audited."""
    dataset = make_dataset()
    write_images(dataset, KEY, NAMES)
    label(dataset, tmp_path, "cat")
    audit_labels(dataset, KEY, report=None)
    return dataset


def label(dataset: Dataset, folder: Path, category: str, **options: Any) -> None:
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name}.png,{category}\n" for name in NAMES))
    import_labels(dataset, KEY, folder / "labels.csv", format="csv", **options)


def look(dataset: Dataset, key: str = KEY, **options: Any) -> Any:
    return check_health(dataset, key, on_findings="warn", report=None, **options)


def found(dataset: Dataset) -> set[str]:
    breach = look(dataset).breach
    return {problem["check"] for problem in breach.problems} if breach else set()


def test_all_is_well_where_everything_is_of_what_is_there(audited: Dataset) -> None:
    promote_dataset(audited)
    assert found(audited) == set()


def test_an_audit_older_than_its_labels_is_told(audited: Dataset, tmp_path: Path) -> None:
    label(audited, tmp_path, "dog")
    breach = look(audited).breach
    assert [problem["check"] for problem in breach.problems] == ["outdated_audit"]
    assert "annotations" in breach.problems[0]["message"]
    audit_labels(audited, KEY, report=None)
    assert found(audited) == set()


def test_a_release_of_what_has_changed_since_is_told_and_its_audit_is_not_forgotten(audited: Dataset, tmp_path: Path) -> None:
    promote_dataset(audited)
    label(audited, tmp_path, "dog")
    audit_labels(audited, KEY, report=None)
    assert found(audited) == {"outdated_release"}
    promote_dataset(audited)
    assert found(audited) == set()


def test_a_release_of_what_no_audit_had_looked_at_is_told(audited: Dataset, tmp_path: Path) -> None:
    label(audited, tmp_path, "dog")
    promote_dataset(audited)
    assert found(audited) == {"outdated_audit", "unaudited_release"}
    audit_labels(audited, KEY, report=None)
    assert found(audited) == {"unaudited_release"}


def test_labels_that_were_imported_before_the_newest_images_came_are_told(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, NAMES)
    label(dataset, tmp_path, "cat", recorded_at=NOW - timedelta(days=1))
    assert found(dataset) == {"outdated_labels"}


def test_a_breach_of_health_stops_no_release_unless_a_gate_asks_for_it(audited: Dataset) -> None:
    assert look(audited, max_unlabelled_ratio=0.0, max_image_age_hours=0, as_of=NOW + timedelta(days=1)).breach is not None
    promoted = promote_dataset(audited, gates=("findings.error == 0",))
    assert promoted.failure is None
    assert "health/breaches.error" in str(promote_dataset(audited, stage="strict", gates=("health/breaches.error <= 0",)).failure)


def test_a_missing_partition_is_told_and_is_not_there_for_other_steps(audited: Dataset) -> None:
    failure = check_health(audited, MISSING).failure
    assert failure is not None
    assert "missing_partition" in failure
    for step in (audit_labels, sample_hard_examples):
        with pytest.raises(DatasetNotFoundError, match="No step has written"):
            step(audited, MISSING)


def test_days_that_nobody_looked_at_are_told_once_by_the_next_run(audited: Dataset) -> None:
    write_images(audited, "2026-11-08", NAMES)
    breach = look(audited, "2026-11-08").breach
    assert [(problem["check"], problem["severity"]) for problem in breach.problems] == [("missing_partition_before", "warning")]
    assert "2026-11-06, 2026-11-07" in breach.message
    look(audited, "2026-11-06")
    look(audited, "2026-11-07")
    assert look(audited, "2026-11-08").breach is None


def test_lineage_has_one_assertion_a_check_that_was_judged(audited: Dataset) -> None:
    result = look(audited, max_image_age_hours=1, as_of=NOW + timedelta(days=1))
    by_table = {use.table: {one.assertion: one.success for one in use.assertions} for use in result.lineage.inputs}
    assert by_table["images"]["newest_image_age"] is False
    assert by_table["annotations"]["outdated_audit"] is True
    assert "image_count" not in by_table["images"]  # not judged without history
    assert {use.table for use in result.lineage.outputs} == {"findings", "metrics", "profiles"}
    parts = to_openlineage(result.lineage, complete=True)
    assert parts.run_facets["cvDataops_health"].byPillar == {"freshness": 1}
