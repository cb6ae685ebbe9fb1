"""What sensors say of what they wait for."""

from __future__ import annotations

from airflow_cv_dataops.core.imaging.sources.arrival import Arrival
from airflow_cv_dataops.core.labels.freshness import LabelFreshness
from airflow_cv_dataops.core.release.stages import StageState


def test_images_that_are_too_few_or_too_new() -> None:
    seen = Arrival(images=312, bytes=1, settled_seconds=40.0, satisfied=False)
    assert seen.not_yet("file:///l%C3%A4nding", 1_000, 300) == (
        "312 of at least 1,000 images below file:///länding, newest 40 s ago; settles after 5 min without a new one"
    )
    assert Arrival(0, 0, None, False).not_yet("s3://lake/in", 1, 0) == "0 of at least 1 images below s3://lake/in"


def test_a_stage_that_has_not_moved() -> None:
    seen = StageState("digits", "production", "v3", 1, 1, None, False)
    assert seen.not_yet("v3") == "production of digits is at v3; waiting for a release newer than v3"
    assert StageState("digits", "staging", None, 0, 0, None, False).not_yet(None) == (
        "staging of digits has no release; waiting for its first release"
    )


def test_labels_that_are_missing() -> None:
    seen = LabelFreshness("digits", "2026-11-05", missing=["no import is recorded of: 'a\nb'", "12 of 400 images have no label"])
    assert seen.not_yet() == "digits, partition 2026-11-05: no import is recorded of: 'a\ufffdb'; 12 of 400 images have no label"
