"""What a comparison may be asked for; without what compares, so that a DAG's file may ask."""

from __future__ import annotations

from airflow_cv_dataops.core.errors import ConfigurationError


def check_iou_threshold(iou_threshold: float) -> None:
    """:raises ConfigurationError: it is no number above 0 and at most 1."""
    if not 0 < iou_threshold <= 1:
        raise ConfigurationError(f"iou_threshold is {iou_threshold!r}: expected a number above 0 and at most 1.")
