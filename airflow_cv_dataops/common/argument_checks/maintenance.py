"""Checks of what maintenance and the deletion of images are told."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_list, required_flag, required_number
from airflow_cv_dataops.core.deletion import arguments as deletion
from airflow_cv_dataops.core.store.maintenance.arguments import check_days


def days(name: str, value: Any) -> None:
    check_days(name, required_number(name, value))


def given_flag(name: str, value: Any) -> None:
    """A flag of which nothing must not mean no: a template that renders to nothing would change what it was only to look at."""
    required_flag(name, value)


def reason(name: str, value: Any) -> None:
    deletion.check_reason(value)


def image_ids(name: str, value: Any) -> None:
    deletion.check_image_ids(as_list(name, value) or ())


def sources(name: str, value: Any) -> None:
    deletion.check_sources(as_list(name, value) or ())


def where(name: str, value: Any) -> None:
    """A filter: whether it can be read is looked at by the task, as what reads it is heavy."""
    if value is not None:
        deletion.check_is_text(value)


def releases(name: str, value: Any) -> None:
    deletion.check_releases(value)


def selection(image_ids: Any, sources: Any, where: Any) -> None:
    deletion.check_selection(as_list("image_ids", image_ids) or (), as_list("sources", sources) or (), where)
