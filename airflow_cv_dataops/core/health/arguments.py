"""What a look at health may be asked for; without what looks, so that a DAG's file may ask."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.arguments import check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError

SMALLEST_HISTORY = 5
_LARGEST_WINDOW = 1_000


def check_hours(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is no number of hours, and not ``None``."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0):
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number of hours, or None.")


def check_partitions(name: str, number: Any, least: int = SMALLEST_HISTORY) -> None:
    """:raises ConfigurationError: so many trailing partitions cannot say what is usual."""
    check_whole_number(name, number, least, _LARGEST_WINDOW)
