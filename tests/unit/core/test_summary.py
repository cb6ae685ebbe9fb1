"""What a task leaves in XCom: strict JSON of at most 16 KB, with the same keys whatever went in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.summary import MAX_SUMMARY_BYTES, Summary

KEYS = ("dataset", "partition_key", "snapshot_id", "metrics", "counts", "report_uri", "duration_seconds")


def strict(document: dict[str, Any]) -> str:
    """Return the JSON of a summary; fails on NaN, infinities, and whatever JSON does not know."""
    assert tuple(document)[: len(KEYS)] == KEYS
    text = json.dumps(document, allow_nan=False)
    assert "\\u0000" not in text
    assert len(text.encode()) <= MAX_SUMMARY_BYTES
    assert json.loads(text) == document
    return text


def test_a_plain_summary_is_what_went_in() -> None:
    summary = Summary(
        "digits", "2026-11-05", "42", {"images": 3}, {"brightness": 0.5}, "s3://b/report.html", 1.23456, {"stage": "production"}
    )
    assert summary.to_dict() == {
        "dataset": "digits",
        "partition_key": "2026-11-05",
        "snapshot_id": "42",
        "counts": {"images": 3},
        "metrics": {"brightness": 0.5},
        "report_uri": "s3://b/report.html",
        "duration_seconds": 1.235,
        "stage": "production",
    }


def test_numpy_scalars_become_plain_numbers() -> None:
    document = Summary("d", "p", counts={"n": np.int64(3), "flag": np.bool_(True)}, metrics={"m": np.float32(0.5)}).to_dict()
    assert document["counts"] == {"n": 3, "flag": True}
    assert document["metrics"] == {"m": 0.5}
    assert [type(document["counts"]["n"]), type(document["counts"]["flag"]), type(document["metrics"]["m"])] == [int, bool, float]
    strict(document)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf"), np.float64("nan"), np.float32("inf")])
def test_a_number_that_is_not_finite_becomes_none(odd: float) -> None:
    document = Summary("d", "p", metrics={"m": odd, "nested": {"list": [odd]}}, duration_seconds=odd).to_dict()
    assert document["metrics"] == {"m": None, "nested": {"list": [None]}}
    strict(document)


def test_arrays_sets_dates_and_paths_become_json() -> None:
    details = {
        "array": np.arange(3),
        "empty": np.array([]),
        "set": {1},
        "tuple": (1, "a"),
        "when": datetime(2026, 11, 5, tzinfo=UTC),
        "where": Path("/data"),
        "bytes": b"x",
        1: "int key",
    }
    document = Summary("d", "p", details=details).to_dict()
    assert document["array"] == [0, 1, 2]
    assert (document["empty"], document["set"], document["tuple"], document["1"]) == ([], [1], [1, "a"], "int key")
    assert document["where"] == "/data"
    strict(document)


TOO_LARGE = {
    "map": {f"category {number}": number for number in range(100_000)},
    "list": list(range(100_000)),
    "nested": {f"group {group}": {f"category {number}": number for number in range(1_000)} for group in range(100)},
    "text": "x" * 1_000_000,
    "wide text": "ü" * 1_000_000,
    "control text": "\x00" * 1_000_000,
    "texts": ["x" * 2_000] * 1_000,
    "long key": {"k" * 1_000_000: 1},
    "long keys": {f"{number}" + "k" * 5_000: number for number in range(100)},
    "big number": 10**4_000,
    "bigger number": 10**6_000,
    "deep": json.loads("[" * 300 + "1" + "]" * 300),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_whatever_is_too_large_is_cut_to_16_kb(name: str) -> None:
    value = TOO_LARGE[name]
    document = Summary("d", "p", counts={"images": 3, name: value}, metrics={name: value}, details={name: value}).to_dict()
    strict(document)
    assert document["counts"].get("images") == 3


def test_what_was_cut_is_named() -> None:
    document = Summary("d", "p", counts={"images": 3, "by_category": {f"c{number}": number for number in range(100_000)}}).to_dict()
    assert document["truncated"] == ["counts.by_category"]
    assert document["counts"]["images"] == 3
    assert document["counts"]["by_category"]["c0"] == 0
    assert len(document["counts"]["by_category"]) > 100


def test_a_small_number_after_a_huge_map_is_kept() -> None:
    document = Summary("d", "p", counts={"by_category": {f"c{number}": number for number in range(100_000)}, "images": 3}).to_dict()
    assert document["counts"]["images"] == 3


def test_names_that_no_database_takes_are_made_harmless() -> None:
    document = Summary("d", "p", counts={"nul\x00": 1}, details={"file": "latin1-\udce4.png", "nul": "a\x00b"}).to_dict()
    assert (document["counts"], document["file"], document["nul"]) == ({"nul\ufffd": 1}, "latin1-?.png", "a\ufffdb")
    assert json.dumps(document, ensure_ascii=False).encode()


def test_many_details_at_the_top_are_cut_too() -> None:
    strict(Summary("d", "p", details={f"fact {number}": "x" * 100 for number in range(10_000)}).to_dict())


def test_long_names_at_the_top_are_cut_too() -> None:
    strict(Summary("d" * 50_000, "p" * 50_000, "s" * 50_000, report_uri="s3://b/" + "r" * 50_000).to_dict())


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=50)
    | st.text(min_size=1, max_size=5).map(lambda text: text * 2_000)
    | st.floats(width=32).map(np.float32)
    | st.integers(0, 255).map(np.uint8)
    | st.text(max_size=3).map(lambda text: [text] * 3_000)  # by itself too large where the text has two letters
    | st.integers(300, 1_000).map(lambda size: {f"key {number}": number / 7 for number in range(size)}),  # from 580 keys on
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=20), children, max_size=5) | st.tuples(children),
    max_leaves=20,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    counts=st.dictionaries(st.text(max_size=10), JSON_LIKE, max_size=5),
    metrics=st.dictionaries(st.text(max_size=10), JSON_LIKE, max_size=5),
    details=st.dictionaries(st.text(min_size=1, max_size=10).filter(lambda key: key not in KEYS), JSON_LIKE, max_size=5),
)
def test_any_summary_is_strict_json_of_at_most_16_kb(counts: dict[str, Any], metrics: dict[str, Any], details: dict[str, Any]) -> None:
    strict(Summary("digits", "p", "1", counts, metrics, details=details).to_dict())


def test_checks_that_found_nothing_are_not_listed_but_still_sent_as_numbers() -> None:
    counts = {"images": 0, "by_check": {"zero_area_bbox": 3, "duplicate_id": 0}, "by_severity": {"error": 3, "warning": 0}}
    metrics = {
        "rejects": 0,
        "findings": 3,
        "findings.error": 3,
        "findings.info": 0,
        "findings.copies": 0,
        "findings.zero_area_bbox": 3,
    }
    summary = Summary("digits", "2026-11-05", counts=counts, metrics=metrics)
    told = summary.to_dict()
    assert told["counts"] == {"images": 0, "by_check": {"zero_area_bbox": 3}, "by_severity": {"error": 3, "warning": 0}}
    assert told["metrics"] == {"rejects": 0, "findings": 3, "findings.error": 3, "findings.info": 0, "findings.zero_area_bbox": 3}
    assert summary.numbers() == {"dataset": "digits", "counts": counts, "metrics": metrics, "duration_seconds": 0.0}
