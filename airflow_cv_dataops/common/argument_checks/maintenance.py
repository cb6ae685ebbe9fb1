"""Checks of what maintenance is told."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import required_flag, required_number
from airflow_cv_dataops.core.store.maintenance.arguments import check_days


def days(name: str, value: Any) -> None:
    check_days(name, required_number(name, value))


def given_flag(name: str, value: Any) -> None:
    """A flag of which nothing must not mean no: a template that renders to nothing would change what it was only to look at."""
    required_flag(name, value)
