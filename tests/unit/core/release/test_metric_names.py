"""The one name that a slice of a metric has."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.release.gates.metric_names import SlicedMetric, sliced, slices_in, unsliced

# Two surrogates that make a pair are one character wherever they are written down.
HOSTILE = (st.text() | st.text('[]"=<>*!\\\n a') | st.text(st.characters(categories=["Cs", "Cc"]))).filter(
    lambda text: json.loads(json.dumps(text)) == text
)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("stop", "annotations[category=stop]"),
        ("s3://bucket/signs", "annotations[category=s3://bucket/signs]"),
        ("Straße", "annotations[category=Straße]"),
        ("traffic light", 'annotations[category="traffic light"]'),
        ("a]b", 'annotations[category="a]b"]'),
        ('"', r'annotations[category="\""]'),
        ("*", 'annotations[category="*"]'),
        ("", 'annotations[category=""]'),
        ("\0", r'annotations[category="\u0000"]'),
        ("\ud800", r'annotations[category="\ud800"]'),
        (None, "annotations[category=*]"),
    ],
)
def test_a_slice_is_named_by_its_value_quoted_where_it_is_no_plain_word(value: str | None, name: str) -> None:
    assert sliced("annotations", "category", value) == name
    assert unsliced(name) == SlicedMetric("annotations", "category", value)


@given(HOSTILE.filter(bool), st.sampled_from(["category", "split", "source"]), st.none() | HOSTILE)
def test_any_value_has_a_name_of_its_own(metric: str, dimension: str, value: str | None) -> None:
    assert unsliced(sliced(metric, dimension, value)) == SlicedMetric(metric, dimension, value)


@pytest.mark.parametrize(
    "name", ["images", "foo[bar]", "audit:label_audit/error rate", "images[split=]", "images[split=a]b]", 'images[split="a]', ""]
)
def test_what_is_no_slice_is_none(name: str) -> None:
    assert unsliced(name) is None


def test_slices_are_found_however_they_are_written() -> None:
    metrics = {"map50": 0.5, "map50[class=stop]": 0.4, "map50[class=traffic light]": 0.3, "map50[split=a]": 1, "map5[class=stop]": 2}
    assert dict(slices_in(metrics, "map50", "class")) == {"stop": 0.4, "traffic light": 0.3}
