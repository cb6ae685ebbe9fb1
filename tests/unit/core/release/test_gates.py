"""Gates: how they are written, what holds them, what fails them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.gates.gates import Gate, parse_gates
from airflow_cv_dataops.core.release.gates.metric_names import sliced


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
        ("images >= previous", Gate("images", ">=", 1, "*")),
        ("images >= 0.95 * previous", Gate("images", ">=", 0.95, "*")),
        ("images>=previous*0.95", Gate("images", ">=", 0.95, "*")),
        ("images >= previous - 10", Gate("images", ">=", -10, "+")),
        ("label_error_rate <= previous + 1e-2", Gate("label_error_rate", "<=", 0.01, "+")),
        ("warn: images >= 100", Gate("images", ">=", 100, severity="warning")),
        ("annotations[category=stop] >= 100", Gate("annotations[category=stop]", ">=", 100)),
        ('annotations [ category = "stop" ] >= 100', Gate("annotations[category=stop]", ">=", 100)),
        ("annotations[category=traffic light] >= 1", Gate('annotations[category="traffic light"]', ">=", 1)),
        ('warn: images[category="a]<= b"] < previous', Gate('images[category="a]<= b"]', "<", 1, "*", "warning")),
        ("label_error_rate[source=s3://b/signs] <= 1", Gate("label_error_rate[source=s3://b/signs]", "<=", 1)),
        ("annotations[category=*] >= 1", Gate("annotations[category=*]", ">=", 1)),
        ('annotations[category="*"] >= 1', Gate('annotations[category="*"]', ">=", 1)),
        ({"metric": "annotations", "slice": {"category": "a]b"}, "op": ">=", "value": 5}, Gate('annotations[category="a]b"]', ">=", 5)),
        (
            {"metric": "annotations", "slice": {"category": "*"}, "op": ">=", "value": "previous"},
            Gate("annotations[category=*]", ">=", 1, "*"),
        ),
        ({"metric": "images", "op": ">=", "value": 0.9, "relative": "*", "severity": "warning"}, Gate("images", ">=", 0.9, "*", "warning")),
        ("foo[bar] >= 5", Gate("foo[bar]", ">=", 5)),
        ('"a<b" >= 5', Gate("a<b", ">=", 5)),
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
        "images >= 2 * previous * 3",
        "images >= previous / 2",
        "images >= previous previous",
        "images >= nan * previous",
        "images[split=] >= 5",
        "images[=test] >= 5",
        "images[split=a]b] >= 5",
        "warn: >= 5",
        {"metric": "images", "op": ">=", "value": "previous", "relative": "*"},
        {"metric": "images", "op": ">=", "value": 1, "relative": "/"},
        {"metric": "images", "op": ">=", "value": 1, "severity": "fatal"},
        {"metric": "images", "op": ">=", "value": 1, "slice": "split=test"},
        {"metric": "images", "op": ">=", "value": 1, "slice": {"split": 5}},
        {"metric": "images", "op": ">=", "value": 1, "slice": {"split": "a", "source": "b"}},
        {"metric": "images", "op": ">=", "value": 10**400},
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
    assert str(outcome) == f"m: wanted {op} 1, found {'no such metric' if found is None else 'no finite number'}"


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


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
ODD = st.text(min_size=1) | st.text('[]"=<>*!\\\n warn:ab', min_size=1)


@given(
    ODD | st.builds(sliced, ODD, st.sampled_from(["category", "split"]), st.none() | ODD),
    st.sampled_from(sorted(OPERATORS)),
    NUMBERS,
    st.sampled_from([None, "*", "+"]),
    st.sampled_from(["error", "warning"]),
)
def test_any_gate_can_be_written_down_and_read_again(metric: str, op: str, value: float, relative: str | None, severity: str) -> None:
    gate = Gate(metric, op, value, relative, severity)
    assert parse_gates([str(gate)]) == (gate,)


@given(st.sampled_from(sorted(OPERATORS)), st.floats(allow_nan=False, allow_infinity=False))
def test_a_gate_survives_being_written_down(op: str, value: float) -> None:
    assert parse_gates([f"label_error_rate {op} {value!r}"]) == (Gate("label_error_rate", op, value),)
