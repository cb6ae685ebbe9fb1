"""Gates: how they are written, what holds them, what fails them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.gates import Gate, parse_gates


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("label_error_rate <= 0.05", Gate("label_error_rate", "<=", 0.05)),
        ("images>=100", Gate("images", ">=", 100)),
        ("  findings.error  ==  0 ", Gate("findings.error", "==", 0)),
        ("ingest/brightness_mean < 1e-1", Gate("ingest/brightness_mean", "<", 0.1)),
        ("audit:label_audit/error rate != -3", Gate("audit:label_audit/error rate", "!=", -3)),
        ("mAP@0.5 > +0.7", Gate("mAP@0.5", ">", 0.7)),
        ({"metric": "images", "op": ">=", "value": 100}, Gate("images", ">=", 100)),
        ({"metric": "images", "op": ">=", "value": "100"}, Gate("images", ">=", 100)),
        (Gate("images", ">", 0), Gate("images", ">", 0)),
    ],
)
def test_a_gate_is_an_expression_a_mapping_or_a_value(written: Any, expected: Gate) -> None:
    assert parse_gates([written]) == (expected,)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "images",
        "images 100",
        "images =< 100",
        "images >= ",
        ">= 100",
        "images >= many",
        "images >= nan",
        "images >= inf",
        "images >= 1 and rejects < 3",
        "0 <= images <= 5",
        "images => 5",
        {"metric": "images", "op": ">="},
        {"metric": "images", "op": "~", "value": 1},
        {"metric": "images", "op": ">=", "value": None},
        {"metric": "images", "op": ">=", "value": True},
        5,
        None,
    ],
)
def test_what_cannot_be_read_is_refused(written: Any) -> None:
    with pytest.raises(ConfigurationError, match="Gate"):
        parse_gates([written])


OPERATORS = {"<=": le, "<": lt, ">=": ge, ">": gt, "==": eq, "!=": ne}


@pytest.mark.parametrize("op", OPERATORS)
@given(found=st.floats(-10, 10), wanted=st.floats(-10, 10))
def test_every_operator_compares_the_found_value_with_the_wanted_one(op: str, found: float, wanted: float) -> None:
    outcome = Gate("m", op, wanted).check({"m": found})
    assert outcome.passed is OPERATORS[op](found, wanted)
    assert outcome.found == found


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("found", [None, float("nan"), float("inf"), float("-inf"), [], [1.0, float("nan")]])
def test_a_metric_that_is_absent_or_not_finite_fails_every_gate(op: str, found: Any) -> None:
    outcome = Gate("m", op, 1).check({} if found is None else {"m": found})
    assert (outcome.passed, outcome.found) == (False, None)
    assert str(outcome) == f"m: wanted {op} 1, found no such metric"


@pytest.mark.parametrize(
    ("gate", "values", "passed", "found"),
    [
        (Gate("m", "<=", 0.5), [0.1, 0.6, 0.9], False, 0.9),
        (Gate("m", "<=", 0.5), [0.1, 0.3], True, 0.3),
        (Gate("m", ">=", 0.5), [0.6, 0.2, 0.4], False, 0.2),
        (Gate("m", ">", 0.5), [0.6, 0.8], True, 0.6),
        (Gate("m", "==", 2), [2, 3, 2], False, 3),
        (Gate("m", "!=", 2), [1, 2, 3], False, 2),
    ],
)
def test_of_one_value_a_partition_the_worst_counts(gate: Gate, values: Sequence[float], passed: bool, found: float) -> None:
    outcome = gate.check({"m": values})
    assert (outcome.passed, outcome.found) == (passed, found)


def test_an_outcome_says_wanted_and_found_to_people_and_to_machines() -> None:
    outcome = Gate("label_error_rate", "<=", 0.05).check({"label_error_rate": 0.125})
    assert str(outcome) == "label_error_rate: wanted <= 0.05, found 0.125"
    assert outcome.to_dict() == {"metric": "label_error_rate", "op": "<=", "wanted": 0.05, "found": 0.125, "passed": False}


@given(st.sampled_from(sorted(OPERATORS)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_gate_survives_being_written_down(op: str, value: float) -> None:
    assert parse_gates([f"label_error_rate {op} {value!r}"]) == (Gate("label_error_rate", op, value),)
