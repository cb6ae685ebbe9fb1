from __future__ import annotations

import math

import pytest

from airflow_cv_dataops.core.audit.label_errors.estimates import EstimatedErrors
from airflow_cv_dataops.core.audit.statistics import AuditStatistics, CategoryStatistics, audit_metrics
from airflow_cv_dataops.core.intervals import wilson_interval


def numbers(*categories, estimated=()):
    erroneous = sum(found.erroneous for found in categories)
    annotations = sum(found.annotations for found in categories)
    return AuditStatistics(1, 1, annotations, 0, {}, {}, {}, erroneous, erroneous, 0, categories, estimated)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_the_interval_is_the_published_one(hits, trials, low, high):
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_interval():
    assert all(math.isnan(end) for end in wilson_interval(0, 0))


def test_the_worst_category_is_the_one_whose_rate_is_surely_high():
    found = numbers(CategoryStatistics("bird", 1, 1), CategoryStatistics("cat", 200, 100), CategoryStatistics("dog", 500, 0)).rates()
    assert [worst["category"] for worst in found["worst_categories"]] == ["cat", "bird"]
    assert found["worst_categories"][1] == {
        "category": "bird",
        "label_error_rate": 1.0,
        "label_error_rate_low": 0.206549,
        "label_error_rate_high": 1.0,
        "annotations": 1,
    }


def test_error_rates_stand_with_their_interval_in_the_metrics():
    rows = {
        (metric.name, metric.dimensions.get("category")): metric.value
        for metric in audit_metrics(numbers(CategoryStatistics("cat", 263, 81)))
    }
    for category in (None, "cat"):
        assert rows["label_error_rate", category] == 81 / 263
        assert rows["label_error_rate_low", category] == pytest.approx(0.2553, abs=5e-5)
        assert rows["label_error_rate_high", category] == pytest.approx(0.3662, abs=5e-5)


def test_estimates_join_the_metrics_and_those_of_the_whole_the_summary():
    found = numbers(CategoryStatistics("cat", 10, 1), estimated=(EstimatedErrors(None, 20, 2.0, 15), EstimatedErrors("cat", 10, 3.0, 5)))
    assert {name: found.rates()[name] for name in ("estimated_label_error_rate", "model_agreement", "judged_labels")} == {
        "estimated_label_error_rate": 0.1,
        "model_agreement": 0.75,
        "judged_labels": 20,
    }
    rows = [(metric.value, metric.dimensions) for metric in audit_metrics(found) if metric.name == "estimated_label_error_rate"]
    assert rows == [(0.1, {}), (0.3, {"category": "cat"})]


def test_no_error_rate_is_estimated_where_the_models_agree_with_fewer_than_half_of_the_labels():
    weak = EstimatedErrors(None, 20, 12.0, 9)
    found = numbers(CategoryStatistics("cat", 10, 1), estimated=(weak, EstimatedErrors("cat", 10, 3.0, 5)))
    assert {name: value for name, value in found.rates().items() if name.startswith(("estimated", "model", "judged"))} == {
        "model_agreement": 0.45,
        "judged_labels": 20,
    }
    rows = [(metric.value, metric.dimensions) for metric in audit_metrics(found) if metric.name == "estimated_label_error_rate"]
    assert rows == [(0.3, {"category": "cat"})]
