"""Checks of arguments that many operators and sensors have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from airflow_cv_dataops.common.arguments import (
    as_count,
    as_flag,
    as_list,
    as_list_or_absent,
    as_mapping,
    as_number,
    as_pattern,
    report_limits,
    required_number,
)
from airflow_cv_dataops.common.checking import ArgumentChecks
from airflow_cv_dataops.common.places import check_filled_in, given_source
from airflow_cv_dataops.core.arguments import as_names_or_uri, check_name, check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError


def dataset(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.store.names import check_dataset_name

    check_dataset_name(value)


def partition_key(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.store.partition_keys import check_partition_key

    check_partition_key(value)


def partition_format(name: str, value: Any) -> None:
    from airflow_cv_dataops.common.partition import check_partition_format

    check_partition_format(value)


def partition_timezone(name: str, value: Any) -> None:
    from airflow_cv_dataops.common.partition import check_partition_timezone

    check_partition_timezone(value)


def source(name: str, value: Any) -> None:
    given_source(value)


def place(name: str, value: Any) -> None:
    """A file beside the source."""
    from airflow_cv_dataops.core.arguments import as_place

    check_filled_in(name, as_place(name, value))


def flag(name: str, value: Any) -> None:
    as_flag(name, value)


def ratio(name: str, value: Any) -> None:
    check_ratio(name, required_number(name, value))


def number(name: str, value: Any) -> None:
    required_number(name, value)


def listed(name: str, value: Any) -> None:
    as_list(name, value)


def glob(name: str, value: Any) -> None:
    as_pattern(value)


def owner_name(example: str) -> Callable[[str, Any], None]:
    """What rows belong to: any name, but a name."""
    return lambda name, value: check_name(name, value, example)


def names_or_absent(without: str) -> Callable[[str, Any], None]:
    """A list that narrows. :param without: as of ``as_list_or_absent``."""

    def check(name: str, value: Any) -> None:
        as_list_or_absent(name, value, without)

    return check


def class_names(name: str, value: Any) -> None:
    """A list, or where a file with them is, which may not be there yet."""
    from airflow_cv_dataops.core.labels.formats.yolo_classes import class_names as names_of

    given = as_names_or_uri(name, value)
    if isinstance(given, str):
        check_filled_in(name, given)
    elif given is not None:
        names_of(given)


def on_findings(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.findings import check_on_findings

    check_on_findings(value)


def fail_on(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.findings import check_fail_on

    check_fail_on(as_list(name, value) or ())


def report_size(report: Any, megabytes: Any) -> None:
    report_limits(report, megabytes)


def report_pictures(report: Any, pictures: Any) -> None:
    report_limits(report, 20, pictures)


def release_or_time(name: str, value: Any) -> None:
    """A release's or a stage's name, or a time: which of them there are, only the dataset knows."""
    from airflow_cv_dataops.core.release.moments import moment_of

    moment_of(value)


def stage(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.release.stage_names import check_stage

    check_stage(value)


def moment(name: str, value: Any) -> None:
    as_moment(name, value)


def as_moment(name: str, value: datetime | str | None) -> datetime | None:
    """Return a time from one or its text. :raises ConfigurationError: it is none."""
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise ConfigurationError(f"{name}={value!r} is no time: expected ISO 8601, such as 2026-11-06T00:00+00:00.") from error


def hours(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.health.arguments import check_hours

    check_hours(name, as_number(name, value))


def counted(check: Callable[[str, int], None]) -> Callable[[str, Any], None]:
    """A whole number, of which ``check`` says whether it can be used."""
    return lambda name, value: check(name, as_count(name, value) or 0)


def mapped(name: str, value: Any) -> None:
    as_mapping(name, value)


PARTITION: ArgumentChecks = {
    "partition_key": partition_key,
    "partition_format": partition_format,
    "partition_timezone": partition_timezone,
}
"""Which slice of data a run is about."""

CONNECTIONS = dict.fromkeys(("cv_catalog_conn_id", "aws_conn_id"), "connections are looked up by the task")
"""What is not checked of connections, and why."""

POLICY: ArgumentChecks = {"on_findings": on_findings, "fail_on": fail_on}
"""What becomes of findings."""

IMPORT: ArgumentChecks = {
    "pattern": glob,
    "exclude": listed,
    **POLICY,
    "max_unreadable_ratio": ratio,
    "min_match_ratio": ratio,
    "keep_unmatched": flag,
    "allow_empty": flag,
}
"""What imports of labels and of predictions have in common."""

REPORT: ArgumentChecks = {"report": flag, ("report", "report_max_megabytes"): report_size}
PICTURES: ArgumentChecks = {**REPORT, ("report", "report_max_pictures"): report_pictures}
"""A report, and one with pictures."""
