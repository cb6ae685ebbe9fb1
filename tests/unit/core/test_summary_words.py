"""A summary as lines of a log."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_cv_dataops.core.summary import Summary
from airflow_cv_dataops.core.summary_words import in_words


def lines_of(**given: Any) -> list[str]:
    return in_words(Summary("digits", "2026-11-05", **given).to_dict())


def test_an_audit_tells_its_error_rate_first_and_then_what_it_found_the_largest_first() -> None:
    counts = {
        "images": 1_300,
        "annotations": 1_200,
        "by_severity": {"error": 3, "warning": 60, "info": 0},
        "by_check": {"tiny_bbox": 3, "suspect_label": 60, "duplicate_id": 0},
        "checks_without_findings": 7,
        "erroneous": 63,
    }
    rate = {"label_error_rate": 0.0525, "label_error_rate_low": 0.041, "label_error_rate_high": 0.0667}
    metrics = {**rate, "suspect_rate": 0.05, "worst_categories": [{"category": "8", "label_error_rate": 0.25, "annotations": 4}]}
    assert lines_of(counts=counts, metrics=metrics, report_uri="file:///lake/Stra%C3%9Fe%203/report.html", duration_seconds=75.2) == [
        "Label error rate 5.25% (95% interval 4.1% to 6.67%): 63 of 1,200 labels are wrong or suspect",
        "1,300 images, 1,200 annotations, 7 checks without findings, 63 erroneous",
        "Findings by severity: error 3, warning 60",
        "Findings by check: suspect_label 60, tiny_bbox 3",
        "Measured: suspect rate 5%",
        "Worst categories: '8' 25%",
        "Report: file:///lake/Straße 3/report.html",
        "Took 75 s",
    ]


def test_one_of_a_thing_is_told_in_the_singular_whose_plural_it_is() -> None:
    counts = {"images": 1, "categories": 1, "erroneous": 1, "annotations_with_findings": 1}
    assert lines_of(counts=counts, metrics={}) == ["1 image, 1 category, 1 erroneous, 1 annotation with findings"]


def test_an_error_rate_of_zero_is_told() -> None:
    counts, metrics = (
        {"annotations": 400, "erroneous": 0},
        {"label_error_rate": 0.0, "label_error_rate_low": 0.0, "label_error_rate_high": 0.0095},
    )
    assert lines_of(counts=counts, metrics=metrics)[0] == (
        "Label error rate 0% (95% interval 0% to 0.95%): 0 of 400 labels are wrong or suspect"
    )


def test_an_ingest_tells_images_rejects_and_the_share_of_these() -> None:
    counts = {
        "listed": 605,
        "skipped": 0,
        "images": 599,
        "rejects": 6,
        "rejects_by_reason": {"truncated": 4, "not_an_image": 2},
        "bytes": 1_050_761,
    }
    metrics = {"reject_ratio": 6 / 605, "duplicate_ratio": 0.0, "images_per_second": 464.6, "brightness_mean": None}
    assert lines_of(counts=counts, metrics=metrics) == [
        "605 listed, 599 images, 6 rejects, 1.05 MB",
        "Rejects by reason: truncated 4, not_an_image 2",
        "Measured: reject ratio 0.992%, images per second 464.6",
    ]


def test_the_first_number_is_told_also_where_it_is_zero_and_all_others_only_where_not() -> None:
    assert lines_of(metrics={"match_ratio": 0.0, "mean_score": 0.0}) == ["Measured: match ratio 0%"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("partitions_outdated", "1 partition outdated"),
        ("checks_without_findings", "1 check without findings"),
        ("labelled_images", "1 labelled image"),
        ("categories", "1 category"),
        ("matched", "1 matched"),
    ],
)
def test_of_one_thing_the_singular_is_told(name: str, told: str) -> None:
    assert lines_of(counts={name: 1}) == [told]


def test_a_step_that_found_nothing_says_so() -> None:
    assert lines_of(counts={"listed": 0, "images": 0, "issues": {}}, metrics={"reject_ratio": 0.0}) == [
        "0 listed",
        "Measured: reject ratio 0%",
    ]
    assert lines_of(counts={}) == []


def test_a_promotion_tells_release_and_stage_first_and_counts_no_finding_twice_in_a_line() -> None:
    metrics = {
        "images": 599,
        "findings": 40,
        "findings.warning": 37,
        "findings.error": 3,
        "findings.tiny_bbox": 3,
        "findings.duplicate_id": 0,
    }
    assert lines_of(counts={"partitions": 1}, metrics=metrics, details={"release": "v3", "stage": "production"}) == [
        "Release v3, stage production",
        "1 partition",
        "Findings by severity: error 3, warning 37",
        "Findings by check: tiny_bbox 3",
        "Measured: images 599, findings 40",
    ]


def test_of_many_names_the_largest_few_are_told_and_how_many_more_there_are() -> None:
    assert lines_of(counts={"by_category": {str(number): number for number in range(1, 14)}}) == [
        "By category: '13' 13, '12' 12, '11' 11, '10' 10, '9' 9, '8' 8 and 7 more"
    ]


def test_ages_are_told_in_words() -> None:
    assert lines_of(metrics={"newest_image_age_hours": 30.0, "settled_seconds": 125.0}) == [
        "Measured: newest image age 30 h, settled 2 min"
    ]


def test_what_does_not_fit_one_line_stands_in_several() -> None:
    told = lines_of(counts={f"a_rather_long_name_number_{number}": 1_000 for number in range(10)})
    assert len(told) == 4
    assert all(len(line) <= 125 for line in told)


@pytest.mark.parametrize("name", ["x\nTask succeeded", "x\u202ey", "x\x1b[31m"])
def test_a_name_forges_no_line(name: str) -> None:
    (line,) = lines_of(counts={"by_category": {name: 1}})
    assert line.isprintable()
