from __future__ import annotations

import json

import pytest

from airflow_cv_dataops.core.audit.policy import as_limits, audit_failure, is_within
from airflow_cv_dataops.core.audit.statistics import AuditStatistics
from airflow_cv_dataops.core.errors import ConfigurationError

CHECKS = ("zero_area_bbox", "suspect_label")


def holds(limit, findings, annotations=100):
    return as_limits({"suspect_label": limit}, CHECKS)["suspect_label"].holds(findings, annotations)


def numbers(annotations=100, erroneous=0, **by_check):
    severities = {"zero_area_bbox": "error", "suspect_label": "warning"}
    by_severity = {severity: by_check.get(check, 0) for check, severity in severities.items()}
    return AuditStatistics(1, 1, annotations, 0, by_severity, by_check, severities, 0, erroneous, 0, ())


def failure(found, limits=None, fail_on=("error",), max_error_rate=None):
    return audit_failure(
        found, fail_on=fail_on, max_error_rate=max_error_rate, limits=as_limits(limits or {}, CHECKS), where="table cells.findings"
    )


@pytest.mark.parametrize("limit", [3, "3", " 3 ", 3.0, "3.0"])
def test_a_whole_number_is_a_number_of_findings(limit):
    assert holds(limit, 3)
    assert not holds(limit, 4)


@pytest.mark.parametrize(
    ("limit", "annotations", "most"),
    [("2%", 100, 2), ("2 %", 149, 2), ("29%", 100, 29), ("0.1%", 1000, 1), ("100%", 7, 7), ("0%", 50, 0), ("5%", 0, 0)],
)
def test_a_percentage_is_a_share_of_the_annotations_without_a_rounding_error(limit, annotations, most):
    assert holds(limit, most, annotations)
    assert not holds(limit, most + 1, annotations)


@pytest.mark.parametrize("limit", [0.02, "0.02", -1, "-1%", "101%", "two", "", "%", None, True, [], "1/2", "1e3", "nan", float("inf")])
def test_anything_else_is_refused_and_says_how_to_write_a_share(limit):
    with pytest.raises(ConfigurationError, match=r"limits\['suspect_label'\].*'2%'"):
        as_limits({"suspect_label": limit}, CHECKS)


def test_without_a_limit_a_single_finding_is_too_many():
    assert is_within("suspect_label", numbers(suspect_label=0), None)
    assert not is_within("suspect_label", numbers(suspect_label=1), None)
    assert is_within("suspect_label", numbers(), None), "it did not run"


@pytest.mark.parametrize("limit", [0, 3, "2%", "3.1 %"])
def test_a_check_is_within_its_limit_exactly_where_the_audit_does_not_fail_by_it(limit):
    allowed = as_limits({"suspect_label": limit}, CHECKS)["suspect_label"]
    for found in range(5):
        counted = numbers(suspect_label=found)
        assert is_within("suspect_label", counted, allowed) == (failure(counted, {"suspect_label": limit}) is None)


@pytest.mark.parametrize(("limit", "words"), [("3.0", "<= 3"), ("0.5 %", "<= 0.5% of the annotations")])
def test_a_limit_is_told_in_words(limit, words):
    assert as_limits({"suspect_label": limit}, CHECKS)["suspect_label"].in_words() == words


def test_a_limit_of_an_unknown_check_is_refused():
    with pytest.raises(ConfigurationError, match="suspect_labels"):
        as_limits({"suspect_labels": 1}, CHECKS)


def test_limits_read_from_json_are_the_same():
    assert as_limits(json.loads('{"suspect_label": "2%", "zero_area_bbox": 0}'), CHECKS) == as_limits(
        {"suspect_label": "2%", "zero_area_bbox": 0}, CHECKS
    )


def test_a_check_with_a_limit_no_longer_counts_by_its_severity():
    found = numbers(zero_area_bbox=3, suspect_label=2)
    assert failure(found).startswith("3 findings (3 of severity error); see table cells.findings")
    assert failure(found, {"zero_area_bbox": 3}) is None
    assert failure(found, {"zero_area_bbox": 3}, fail_on=("error", "warning")).startswith("2 findings (2 of severity warning)")


def test_a_limit_is_named_with_what_was_wanted_and_found():
    assert failure(numbers(annotations=400, suspect_label=25), {"suspect_label": "2%"}) == (
        "1 check is above the limit: suspect_label (at most 2% of the annotations wanted, 25 of 400, 6.25% found); "
        "see table cells.findings (25 findings in 400 annotations: suspect_label 25)"
    )


def test_an_error_rate_and_limits_decide_together():
    found = numbers(zero_area_bbox=3, erroneous=3)
    assert failure(found, max_error_rate=0.03) is None
    both = failure(found, {"zero_area_bbox": 2}, max_error_rate=0.02)
    assert both.startswith(
        "1 check is above the limit: zero_area_bbox (at most 2 wanted, 3 found); "
        "3 of 100 annotations (3.00%) are wrong or suspect, more than max_error_rate=0.02 allows; see "
    )
