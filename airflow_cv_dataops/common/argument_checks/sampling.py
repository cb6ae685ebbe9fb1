"""Checks of the arguments of sampling."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_number


def strategy(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.scores import check_strategy

    check_strategy(value)


def aggregate(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.scores import check_aggregate

    check_aggregate(value)


def labelled_in(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.arguments import check_labelled_in

    check_labelled_in(value)


def budget(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.select import check_limits

    check_limits(as_count(name, value) or 0, None)


def max_per_class(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.select import check_limits

    check_limits(1, as_cap(name, value))


def as_cap(name: str, value: Any) -> int | float | None:
    """Return a number of images from 1 on, a share below it."""
    cap = as_number(name, value)
    return int(cap) if cap is not None and cap >= 1 else cap


def seed(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.arguments import check_seed

    check_seed(as_count(name, value))


def sample_id(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.arguments import check_sample_id

    check_sample_id(value)
