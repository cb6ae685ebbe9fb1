"""What the import of labels, and the wait for them, may be asked for; without what reads labels, so that a DAG's file may ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_cv_dataops.core.arguments import check_choice, check_list
from airflow_cv_dataops.core.errors import ConfigurationError

FORMATS = ("coco", "voc", "yolo", "csv")


def check_label_format(format: Any) -> None:  # noqa: A002 (the word of the data model)
    """:raises ConfigurationError: there is no such format of labels."""
    check_choice("format", format, FORMATS)


def check_awaited_label_sets(label_sets: Sequence[str] | None) -> None:
    """:raises ConfigurationError: it is no list, or an empty one. :param label_sets: ``None``: all."""
    check_list("label_sets", label_sets)
    if label_sets is not None and not label_sets:
        raise ConfigurationError("label_sets is empty: name at least one, or leave it out for all.")


def check_label_age(max_age_hours: Any) -> None:
    """:raises ConfigurationError: it is no number of hours above 0. :param max_age_hours: ``None``: however old."""
    is_number = isinstance(max_age_hours, (int, float)) and not isinstance(max_age_hours, bool)
    if max_age_hours is not None and not (is_number and 0 < max_age_hours < float("inf")):
        raise ConfigurationError(f"max_age_hours={max_age_hours!r} cannot be used: expected a number above 0.")
