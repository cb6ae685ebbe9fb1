"""What decides a row as it is read, and the ids under which it went when thresholds were hashed too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import pytest

from airflow_cv_dataops.core.imaging.decoding.decode import Limits
from airflow_cv_dataops.core.imaging.decoding.openers import openers
from airflow_cv_dataops.core.imaging.ingest.incremental import MEASURES_VERSION
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds


@dataclass(frozen=True)
class MoreThresholds(QualityThresholds):
    """As of a later version: one more, and another default."""

    washed_out_below: float = 0.2
    dark_below: float = 0.12


def hashed_once(parameters: IngestParameters, thresholds: dict[str, Any]) -> str:
    """Return the id as it was, spelled out."""
    document = {
        "copy_images": parameters.copy_images,
        "formats": sorted(openers(parameters.formats)),
        "limits": {"Limits": asdict(parameters.limits)},
        "measures_version": MEASURES_VERSION,
        "thresholds": {"QualityThresholds": thresholds},
        "worker_memory_bytes": parameters.worker_memory_bytes,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


FIRST = {
    "dark_below": 0.1,
    "light_above": 0.95,
    "low_contrast_below": 0.04,
    "blurry_below": 50.0,
    "low_information_below": 1.0,
    "aspect_ratio_above": 4.0,
    "grayscale_below": 3.0,
}
DEFAULTS = {**FIRST, "odd_size_deviations_above": 3.5, "odd_size_ratio_above": 4.0}


@pytest.mark.parametrize(
    "thresholds", [QualityThresholds(blurry_below=30), QualityThresholds(odd_size_ratio_above=9), MoreThresholds(), MoreThresholds(0.5)]
)
def test_a_threshold_does_not_decide_what_is_read(thresholds: QualityThresholds) -> None:
    assert IngestParameters(thresholds=thresholds).id == IngestParameters().id


@pytest.mark.parametrize(
    "other",
    [{"formats": ("PNG",)}, {"limits": Limits(min_side=2)}, {"copy_images": False}, {"worker_memory_bytes": None}],
    ids=str,
)
def test_all_else_does(other: dict[str, Any]) -> None:
    assert IngestParameters(**other).id != IngestParameters().id


def test_how_long_a_file_may_take_does_not() -> None:
    assert IngestParameters(timeout_seconds=1).id == IngestParameters().id


def test_a_verdict_that_rows_do_not_tell_does() -> None:
    ids = [IngestParameters(thresholds=QualityThresholds(grayscale_below=value)).id for value in (3, 10, 9.5, 20)]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3


def test_the_id_is_not_one_of_those_before() -> None:
    parameters = IngestParameters()
    assert parameters.id not in parameters.former_ids


def test_what_was_hashed_with_these_thresholds_or_the_defaults_of_then_is_known() -> None:
    thresholds = QualityThresholds(blurry_below=30)
    parameters = IngestParameters(thresholds=thresholds, limits=Limits(min_side=2))
    for known in (
        DEFAULTS,
        FIRST,
        {**DEFAULTS, "blurry_below": 30},
        {**DEFAULTS, "blurry_below": 30.0},
        {**FIRST, "blurry_below": 30},
    ):
        assert hashed_once(parameters, known) in parameters.former_ids
    assert hashed_once(parameters, {**DEFAULTS, "blurry_below": 31.0}) not in parameters.former_ids
    assert hashed_once(replace(parameters, limits=Limits()), DEFAULTS) not in parameters.former_ids


def test_what_was_hashed_is_known_to_a_later_version_too() -> None:
    later = IngestParameters(thresholds=MoreThresholds(blurry_below=30.0))
    assert hashed_once(later, DEFAULTS) in later.former_ids
    assert hashed_once(later, {**DEFAULTS, "dark_below": 0.12, "blurry_below": 30.0}) in later.former_ids


def test_the_defaults_of_then_do_not_stand_for_a_verdict_that_rows_do_not_tell() -> None:
    parameters = IngestParameters(thresholds=QualityThresholds(grayscale_below=10))
    assert hashed_once(parameters, DEFAULTS) not in parameters.former_ids
    assert hashed_once(parameters, {**DEFAULTS, "grayscale_below": 10}) in parameters.former_ids
