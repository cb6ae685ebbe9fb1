"""What was asserted on a dataset, as consumers read it."""

from __future__ import annotations

import json

import attr
import pytest
from older_libraries import HAS_EXPECTATION, HAS_SEVERITY
from openlineage.client.facet_v2 import data_quality_assertions_dataset
from openlineage.client.serde import Serde

from airflow_cv_dataops.core.lineage.assertions import assertions_facet
from airflow_cv_dataops.core.lineage.datasets import input_dataset
from airflow_cv_dataops.core.lineage.options import LineageOptions
from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse

NEEDS_EXPECTATION = pytest.mark.skipif(not HAS_EXPECTATION, reason="openlineage-python before 1.47 has no expected and actual value")
NEEDS_SEVERITY = pytest.mark.skipif(not HAS_SEVERITY, reason="openlineage-python before 1.43 has no severity")


def sent(*assertions, **options):
    facet = assertions_facet(assertions, producer="p", **options)
    return json.loads(Serde.to_json(facet))["assertions"]


def outcome(item):
    return item["assertion"], item.get("column"), item["success"]


@NEEDS_EXPECTATION
def test_an_assertion_says_how_severe_it_is_what_was_wanted_and_what_was_found():
    [found] = sent(Assertion("tiny_bbox", False, "bbox", "warning", "A box that is tiny.", "<= 5", "7"))
    assert {name: value for name, value in found.items() if name != "params"} == {
        "assertion": "tiny_bbox",
        "success": False,
        "column": "bbox",
        "severity": "warn",
        "description": "A box that is tiny.",
        "expected": "<= 5",
        "actual": "7",
    }


@NEEDS_SEVERITY
def test_severities_are_said_in_the_specification_s_words():
    assertions = [Assertion(name, True, severity=name) for name in ("error", "warning", "info")]
    assert [item["severity"] for item in sent(*assertions)] == ["error", "warn", "info"]


def test_nothing_asserted_is_no_facet():
    assert assertions_facet((), producer="p") is None


def test_an_assertion_and_column_come_once_and_fail_if_they_failed_once():
    found = sent(Assertion("a", True, "x"), Assertion("a", False, "x"), Assertion("a", True, "x"), Assertion("a", True))
    assert [outcome(item) for item in found] == [("a", "x", False), ("a", None, True)]


@NEEDS_EXPECTATION
def test_of_several_the_most_severe_one_that_failed_is_told():
    several = (
        Assertion("a", True, "x", "error", expected="<= 9", actual="3"),
        Assertion("a", False, "x", "info", expected="0", actual="5"),
        Assertion("a", False, "x", "warning", expected="<= 1", actual="4"),
    )
    for order in (several, several[::-1]):
        [found] = sent(*order)
        assert (found["success"], found["severity"], found["expected"], found["actual"]) == (False, "warn", "<= 1", "4")


@pytest.mark.parametrize(
    ("failed_severities", "failed"),
    [
        (frozenset({"error", "warning", "info"}), {"error", "warning", "info", None}),
        (frozenset({"error", "warning"}), {"error", "warning", None}),
        (frozenset({"error"}), {"error", None}),
        (frozenset(), {None}),
    ],
)
def test_severities_that_do_not_count_are_sent_as_a_success(failed_severities, failed):
    assertions = [Assertion(str(severity), False, severity=severity, actual="2") for severity in ("error", "warning", "info", None)]
    found = sent(*assertions, failed_severities=failed_severities)
    assert {item["assertion"] for item in found if not item["success"]} == {str(severity) for severity in failed}
    if HAS_SEVERITY:
        assert [item.get("severity") for item in found] == ["error", "warn", "info", None]
    if HAS_EXPECTATION:
        assert {item["actual"] for item in found} == {"2"}


def test_by_default_every_severity_counts():
    assert [item["success"] for item in sent(*(Assertion(name, False, severity=name) for name in ("error", "warning", "info")))] == [
        False
    ] * 3


def test_what_held_is_never_a_failure():
    assert all(item["success"] for item in sent(Assertion("a", True, severity="error"), Assertion("b", True)))


def test_of_too_many_those_that_failed_are_kept():
    """First those that count, then those that did not hold but do not count, and what held only where there is room."""
    held = [Assertion(f"held{number}", True, severity="info") for number in range(300)]
    mild = [Assertion(f"mild{number}", False, severity="info") for number in range(30)]
    grave = [Assertion(f"grave{number}", False, severity="error") for number in range(20)]
    found = sent(*held, *mild, *grave, failed_severities=frozenset({"error"}))
    kinds = [item["assertion"].rstrip("0123456789") for item in found]
    assert [kinds.count(kind) for kind in ("grave", "mild", "held")] == [20, 30, 150]


def test_an_older_client_is_told_only_what_it_knows(monkeypatch):
    @attr.define
    class Older:
        assertion: str
        success: bool
        column: str | None = None

    monkeypatch.setattr(data_quality_assertions_dataset, "Assertion", Older)
    [found] = sent(
        Assertion("tiny_bbox", False, "bbox", "warning", "A box that is tiny.", "<= 5", "7"), failed_severities=frozenset({"error"})
    )
    assert found == {"assertion": "tiny_bbox", "success": True, "column": "bbox"}


@NEEDS_EXPECTATION
def test_texts_lose_credentials_and_are_bounded():
    [found] = sent(Assertion("a", False, description="see s3://key:hunter2@bucket/x", expected="x" * 5_000, actual=""))
    assert "hunter2" not in json.dumps(found)
    assert len(found["expected"]) <= 2_001
    assert "actual" not in found


def test_a_dataset_hands_on_which_severities_count():
    use = DatasetUse("s3://lake/x", table="images", assertions=(Assertion("a", False, severity="warning"),))

    def successes(**options):
        told = input_dataset(use, producer="p", complete=True, options=LineageOptions(**options))
        facet = told.inputFacets["dataQualityAssertions"]
        return [item.success for item in facet.assertions]

    assert (successes(), successes(failed_severities=frozenset({"error"}))) == ([False], [True])
