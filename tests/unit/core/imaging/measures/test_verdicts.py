"""Verdicts on rows that were measured before equal those on images that were measured just now."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_cv_dataops.core.imaging.measures.colour import Colours
from airflow_cv_dataops.core.imaging.measures.quality import Measures, QualityThresholds, quality_issues
from airflow_cv_dataops.core.imaging.measures.verdicts import beyond_the_rows, judged
from airflow_cv_dataops.core.store.schema import arrow_schema

NAMES = ("brightness", "contrast", "sharpness", "entropy", "width", "height", "is_grayscale", "issues")
SCHEMA = pa.schema([arrow_schema("images").field(name) for name in NAMES])
SPREADS = range(256)


def measured(brightness: float, contrast: float, sharpness: float, entropy: float, spread: int) -> Measures:
    return Measures(brightness, 0, 0, 0, 0, contrast, sharpness, entropy, Colours(0.0, 0.0, spread))


def row(measures: Measures, width: int, height: int, issues: list[str]) -> dict[str, Any]:
    numbers = {name: getattr(measures, name) for name in NAMES[:4]}
    return {**numbers, "width": width, "height": height, "is_grayscale": measures.colours.is_grayscale, "issues": issues}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def issues_of(*rows: dict[str, Any], **thresholds: float) -> list[list[str]]:
    found: list[list[str]] = judged(table(*rows), QualityThresholds(**thresholds))["issues"].to_pylist()
    return found


# The defaults, among them: a measure that equals its threshold is the case to be right about.
_NUMBERS = st.sampled_from([0.0, 0.04, 0.1, 0.95, 1.0, 4.0, 50.0]) | st.floats(0, 100)
_MEASURED = st.builds(measured, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, st.integers(0, 255))
_SIDES = st.sampled_from([1, 3, 4, 12, 13]) | st.integers(1, 100_000)
_TOLD = st.sampled_from([0.0, 2.5, 3.0, 255.5, math.inf])
_THRESHOLDS = st.builds(
    QualityThresholds,
    dark_below=_NUMBERS,
    light_above=_NUMBERS,
    low_contrast_below=_NUMBERS,
    blurry_below=_NUMBERS,
    low_information_below=_NUMBERS,
    aspect_ratio_above=_NUMBERS | st.just(math.inf),
    grayscale_below=_TOLD,
)


@given(st.lists(st.tuples(_MEASURED, _SIDES, _SIDES), max_size=20), _THRESHOLDS, _THRESHOLDS)
@example([(measured(0.1, 0.04, 50.0, 1.0, 3), 4, 1)], QualityThresholds(), QualityThresholds(dark_below=1))
def test_a_row_by_other_thresholds_has_the_issues_of_an_image_by_them(
    images: list[tuple[Measures, int, int]], before: QualityThresholds, now: QualityThresholds
) -> None:
    rows = table(*(row(*image, quality_issues(*image, before)) for image in images))
    found = judged(rows, now)
    assert found["issues"].to_pylist() == [quality_issues(*image, now) for image in images]
    assert found.schema.equals(rows.schema)
    assert found.drop_columns("issues").equals(rows.drop_columns("issues"))


@pytest.mark.parametrize("threshold", [0.0, 2.000001, 2.5, 3, 255.1, math.inf])
def test_what_rows_tell_of_grayscale_is_what_every_spread_would(threshold: float) -> None:
    thresholds = QualityThresholds(grayscale_below=threshold, low_contrast_below=0)
    assert beyond_the_rows(thresholds) == {}
    images = [measured(0.5, 0.2, 100, 7, spread) for spread in SPREADS]
    found = judged(table(*(row(image, 40, 30, []) for image in images)), thresholds)["issues"].to_pylist()
    assert found == [quality_issues(image, 40, 30, thresholds) for image in images]


@pytest.mark.parametrize(("threshold", "spread"), [(0.5, 0), (1, 0), (2, 1), (3.01, 3), (4, 3), (9.5, 9), (10, 9), (255, 254)])
def test_what_rows_do_not_tell_of_grayscale_is_part_of_what_decided_them(threshold: float, spread: int) -> None:
    """Thresholds that say the same of all images are the same."""
    assert beyond_the_rows(QualityThresholds(grayscale_below=threshold)) == {"grayscale_spread": spread}
    image = measured(0.5, 0.2, 100, 7, spread)
    rows = [row(image, 40, 30, issues) for issues in ([], ["dark", "grayscale", "extension_mismatch"])]
    assert issues_of(*rows, grayscale_below=threshold) == [[], ["grayscale", "extension_mismatch"]]


def test_what_no_threshold_decides_stays_behind_what_they_do() -> None:
    image = measured(0.5, 0.2, 100, 7, 90)
    rows = [row(image, 40, 30, issues) for issues in (["extension_mismatch"], ["odd_size"], ["extension_mismatch", "odd_size"], [])]
    assert issues_of(*rows, dark_below=0.6) == [
        ["dark", "extension_mismatch"],
        ["dark", "odd_size"],
        ["dark", "extension_mismatch", "odd_size"],
        ["dark"],
    ]


def test_rows_whose_verdicts_hold_are_the_very_same() -> None:
    rows = table(row(measured(0.05, 0.2, 100, 7, 0), 40, 30, ["dark", "grayscale"]), row(measured(0.5, 0.2, 100, 7, 90), 40, 30, []))
    assert judged(rows, QualityThresholds()) is rows
    assert judged(rows.slice(0, 0), QualityThresholds()).num_rows == 0
    in_pieces = pa.concat_tables([rows, rows.slice(1), rows])
    found = judged(in_pieces, QualityThresholds(dark_below=0.6))["issues"].to_pylist()
    assert found == [["dark", "grayscale"], ["dark"], ["dark"], ["dark", "grayscale"], ["dark"]]


def test_a_measure_that_is_null_is_no_issue() -> None:
    nothing = dict.fromkeys((*NAMES[:4], "is_grayscale", "issues"))
    assert issues_of({**nothing, "width": 40, "height": 30}, dark_below=1, light_above=0) == [[]]


def test_every_threshold_of_a_measure_is_asked() -> None:
    """One that is added to ``QualityThresholds`` has to change a verdict on rows, as it does on images."""
    odd = {"odd_size_deviations_above", "odd_size_ratio_above"}  # of the whole partition: odd_sizes
    image = measured(0.5, 0.25, 100, 4, 100)
    changed = {"light_above": 0.1, "aspect_ratio_above": 0.1}
    for field in fields(QualityThresholds):
        if field.name not in odd:
            thresholds = {field.name: changed.get(field.name, math.inf)}
            assert (
                issues_of(row(image, 40, 30, []), **thresholds) == [quality_issues(image, 40, 30, QualityThresholds(**thresholds))] != [[]]
            )
