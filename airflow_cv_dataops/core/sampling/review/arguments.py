"""What a review may be asked for; without what reads tables, so that a DAG's file may ask."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.arguments import check_ratio, check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.arguments import check_sample_id


def check_review(sample_id: Any, compared_with: Any, min_answered: Any, min_score: Any, iou: Any, next_labels: Any) -> None:
    """:raises ConfigurationError: an argument of a review cannot be used."""
    check_sample_id(sample_id)
    if compared_with is not None:
        check_sample_id(compared_with)
        check_compared_with(sample_id, compared_with)
    check_whole_number("min_answered", min_answered, 1)
    check_ratio("min_score", min_score)
    check_iou(iou)
    if next_labels is not None:
        check_whole_number("next_labels", next_labels, 1)


def check_compared_with(sample_id: str, compared_with: str | None) -> None:
    """:raises ConfigurationError: a sample would be compared with itself."""
    if compared_with == sample_id:
        raise ConfigurationError(
            f"compared_with={compared_with!r} is the sample itself: name one that was drawn at random, or leave it out."
        )


def check_iou(iou: Any) -> None:
    """:raises ConfigurationError: it is no overlap that could be asked of two boxes."""
    if isinstance(iou, bool) or not isinstance(iou, (int, float)) or not 0 < iou <= 1:
        raise ConfigurationError(f"iou={iou!r} cannot be used: expected a number above 0, at most 1.")
