"""What findings condemn is not in a release: not in its tables, readers, slices and exports, and every rule says what it took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.core.release.release_rows import annotation_id, image_id, write_annotations, write_audit, write_findings, write_images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.exclusions.rules import Exclusion, parse_exclusions
from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.slices import SlicedRelease
from airflow_cv_dataops.core.store.dataset import Dataset

MakeDataset = Callable[..., Dataset]
KEY = "2026-11-05"
CHECKS = ("suspect_label", "near_duplicate_bbox", "blurred")


@pytest.fixture
def audited(make_dataset: MakeDataset) -> Dataset:
    """Four images with two labels each; the labels 0 and 1 of image a, and the whole image d, are condemned."""
    dataset = make_dataset()
    write_images(dataset, KEY, "abcd")
    write_annotations(dataset, KEY, [(name, category) for name in "abcd" for category in ("cat", "dog")])
    found = [
        ("suspect_label", "warning", annotation_id(KEY, 0)),
        ("near_duplicate_bbox", "error", annotation_id(KEY, 1)),
        ("blurred", "warning", None),
        ("suspect_label", "warning", annotation_id(KEY, 6)),
    ]
    write_findings(dataset, KEY, *found, images=["a", "a", "d", "d"])
    write_audit(dataset, KEY, *CHECKS)
    return dataset


def promoted(dataset: Dataset, *rules: Any, **more: Any) -> dict[str, Any]:
    result = promote_dataset(dataset, exclude=rules, **more)
    assert result.failure is None, result.failure
    return result.summary.to_dict()


def labels_of(dataset: Dataset, release: str = "production") -> list[tuple[str, str]]:
    names = {image_id(name): name for name in "abcd"}
    rows = read_release(dataset, release).annotations(["image_id", "category"]).to_pylist()
    return sorted((names[row["image_id"]], row["category"]) for row in rows)


def test_labels_and_images_are_left_out_and_counted_by_rule(audited: Dataset) -> None:
    rules = ["images: blurred", "labels: suspect_label", "labels: error"]
    gates = [
        "excluded_labels == 2",
        "findings.error == 0",
        "findings.suspect_label == 0",
        "duplicates == 0",
        "annotations_of_other_images == 0",
    ]
    summary = promoted(audited, *rules, gates=[*gates, "label_error_rate == 0", "images[split=train] >= 0"])
    by_rule = [("images: blurred", 1, 0), ("labels: suspect_label", 0, 1), ("labels: error", 0, 1)]
    assert [(rule["rule"], rule["images"], rule["labels"]) for rule in summary["exclusions"]] == by_rule
    counts = {name: summary["counts"][name] for name in ("images", "annotations", "excluded_images", "excluded_labels")}
    assert counts == {"images": 3, "annotations": 4, "excluded_images": 1, "excluded_labels": 2}
    assert labels_of(audited) == [("b", "cat"), ("b", "dog"), ("c", "cat"), ("c", "dog")]
    release = read_release(audited, "production")
    assert [rule["labels"] for rule in release.exclusions] == [0, 1, 1]
    rows = audited.read("exclusions").to_pylist()
    assert {(row["rule"], row["check"], row["annotation_id"]) for row in rows} == {
        ("images: blurred", "blurred", None),
        ("labels: suspect_label", "suspect_label", annotation_id(KEY, 0)),
        ("labels: error", "near_duplicate_bbox", annotation_id(KEY, 1)),
    }


def test_the_release_goes_on_without_them_whatever_is_found_later(audited: Dataset) -> None:
    promoted(audited, "labels: suspect_label", "images: blurred")
    before = labels_of(audited, "v1")
    write_findings(audited, KEY, ("blurred", "warning", None), images=["b"])
    write_audit(audited, KEY, *CHECKS)
    promoted(audited, "labels: suspect_label", "images: blurred")
    assert labels_of(audited, "v1") == before
    assert [name for name, _ in labels_of(audited, "v2")] == [*"aaccdd"]


def test_slices_of_a_release_leave_them_out_too(audited: Dataset) -> None:
    promoted(audited, "labels: suspect_label", "images: blurred")
    with SlicedRelease(read_release(audited, "production"), ["file_name"], ["category"]) as sliced:
        slices = list(sliced.slices())
    assert sum(part.images.num_rows for part in slices) == 3
    assert sum(part.annotations.num_rows for part in slices) == 5


def test_a_release_that_is_promoted_on_is_measured_without_them(audited: Dataset) -> None:
    promoted(audited, "labels: suspect_label", "images: blurred", stage="staging")
    summary = promoted(
        audited, release="staging", gates=["annotations == 5", "findings.suspect_label == 0", "images == 3", "duplicates == 0"]
    )
    assert summary["release"] == "v1"
    assert [rule["rule"] for rule in read_release(audited, "production").exclusions] == ["labels: suspect_label", "images: blurred"]


def test_other_rules_make_another_release_and_the_same_make_none(audited: Dataset) -> None:
    assert promoted(audited, "labels: suspect_label")["release"] == "v1"
    assert promoted(audited, "labels: suspect_label")["unchanged"] is True
    assert promoted(audited)["release"] == "v2"
    assert len(labels_of(audited)) == 8


def test_what_copies_of_an_image_say_alike_is_left_out_together(make_dataset: MakeDataset) -> None:
    """The same annotation ids in another partition, whose label files are named alike, are other labels."""
    dataset = make_dataset()
    for key in ("p", "q"):
        write_images(dataset, key, [f"{key}1"], contents={f"{key}1": "same"})
        write_annotations(dataset, key, [(f"{key}1", "cat"), (f"{key}1", key)], contents={f"{key}1": "same"})
        condemned = annotation_id(key, 0)
        write_findings(
            dataset, key, *([("suspect_label", "warning", condemned)] if key == "p" else []), images=["same"] if key == "p" else []
        )
        write_audit(dataset, key, "suspect_label")
    summary = promoted(dataset, "labels: suspect_label")
    rows = read_release(dataset, "production").annotations(["category"])
    assert sorted(rows["category"].to_pylist()) == ["p", "q"]
    assert (summary["counts"]["annotations"], summary["counts"]["excluded_labels"]) == (2, 2)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("labels: swapped_category", "no audit ran this check"),
        ("labels: suspect_lable", "did you mean suspect_label"),
        ("labels: suspekt_*", "no audit ran a check of that name"),
    ],
)
def test_a_rule_on_a_check_that_did_not_look_keeps_the_stage_where_it_is(audited: Dataset, rule: str, why: str) -> None:
    result = promote_dataset(audited, exclude=[rule])
    assert result.failure is not None
    assert "unknown_exclusions: wanted == 0, found 1" in result.failure
    assert why in result.failure
    assert audited.load_table("releases") is None or read_release(audited, "production") is None


def test_a_rule_over_a_partition_that_nobody_audited_keeps_the_stage_where_it_is(audited: Dataset) -> None:
    write_images(audited, "2026-11-06", ["e"])
    result = promote_dataset(audited, exclude=["images: error"])
    assert result.failure is not None
    assert "images: error: no audit has looked at 2026-11-06 as they are" in result.failure
    write_audit(audited, "2026-11-06", "suspect_label")
    result = promote_dataset(audited, exclude=["images: blurred"])
    assert result.failure is not None
    assert "blurred did not run in 2026-11-06" in result.failure
    assert result.may_pass_later, "it may run there yet"
    assert not promote_dataset(audited, exclude=["images: blurred", "labels: suspekt"]).may_pass_later


def test_rules_are_read_from_texts_and_mappings() -> None:
    assert parse_exclusions(["labels: suspect_label", "images: warning duplicate_*", {"what": "labels", "severity": "error"}]) == (
        Exclusion("labels", "suspect_label"),
        Exclusion("images", "duplicate_*", "warning"),
        Exclusion("labels", severity="error"),
    )
    assert [str(rule) for rule in parse_exclusions(["images :error  x_*"])] == ["images: error x_*"]


@pytest.mark.parametrize(
    "rule",
    [
        "labels",
        "labels:",
        "label: error",
        "labels: *",
        "labels: a b",
        "images: error warning",
        {"check": "x"},
        {"what": "labels", "x": 1},
        5,
    ],
)
def test_rules_that_cannot_be_read_or_would_take_everything_are_refused(rule: Any) -> None:
    with pytest.raises(ConfigurationError):
        parse_exclusions([rule])


def test_a_rule_twice_and_a_text_for_a_list_are_refused() -> None:
    for rules in (["labels: error", "labels:error"], "labels: error"):
        with pytest.raises(ConfigurationError):
            parse_exclusions(rules)  # type: ignore[arg-type]


def test_a_finding_of_an_import_names_no_image_and_takes_its_label_all_the_same(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, KEY, "ab")
    write_annotations(dataset, KEY, [("a", "cat"), ("b", "dog")])
    write_findings(dataset, KEY, ("malformed_record", "error", annotation_id(KEY, 0)), images=[None])
    write_audit(dataset, KEY, "suspect_label")
    summary = promoted(dataset, "labels: malformed_record", gates=["findings.malformed_record == 0"])
    assert labels_of(dataset) == [("b", "dog")]
    assert summary["counts"]["excluded_labels"] == 1
    assert promoted(dataset, "images: malformed_record", stage="other")["counts"]["images"] == 1
