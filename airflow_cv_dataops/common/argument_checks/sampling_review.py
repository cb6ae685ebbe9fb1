"""Checks of the arguments of a sample's review."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_cv_dataops.common.arguments import as_count, required_number
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.places import check_filled_in
from airflow_cv_dataops.core.arguments import check_whole_number


def sample_id(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.arguments import check_sample_id

    check_sample_id(value)


def compared_with(sample_id: Any, compared_with: Any) -> None:
    from airflow_cv_dataops.core.sampling.review.arguments import check_compared_with

    check_compared_with(sample_id, compared_with)


def at_least_one(name: str, value: Any) -> None:
    check_whole_number(name, as_count(name, value), 1)


def iou(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.sampling.review.arguments import check_iou

    check_iou(required_number(name, value))


def evaluations(name: str, value: Any) -> None:
    """Rows are read; of a file it is seen whether it could be one."""
    from airflow_cv_dataops.core.sampling.evaluations import check_suffix, is_file, read_evaluations

    if is_file(value):
        check_filled_in(name, value)
        check_suffix(value)
    else:
        read_evaluations(value)


def given_evaluations(value: Any, partition_key: str, storage: Callable[[str], tuple[str, Mapping[str, Any]]]) -> Sequence[Any] | None:
    """Return evaluations, those of a file by the connection that its URI names; ``None``: none were given.

    :param storage: makes a URI without connection, and the options of its store, of one with.
    """
    from airflow_cv_dataops.core.sampling.evaluations import check_suffix, is_file, read_evaluations

    if value is None or not is_file(value):
        return None if not value else read_evaluations(value)
    check_suffix(str(value))  # before a connection is asked for
    return read_evaluations(*storage(with_partition_key(str(value).strip(), partition_key)))
