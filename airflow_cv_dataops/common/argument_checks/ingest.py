"""Checks of the arguments of an ingest, and of the wait for images."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_mapping, as_number, numbers, required_number
from airflow_cv_dataops.core.arguments import check_not_negative, check_whole_number


def image_limit(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.decoding.decode import Limits

    Limits(**numbers("limits", Limits, {name: value}))


def quality_thresholds(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds

    QualityThresholds(**numbers(name, QualityThresholds, as_mapping(name, value)))


def archive_limits(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

    ArchiveLimits(**numbers(name, ArchiveLimits, as_mapping(name, value)))


def timeout_seconds(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.ingest.parameters import check_timeout

    check_timeout(required_number(name, value))


def worker_memory_bytes(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.ingest.parameters import check_worker_memory

    check_worker_memory(as_count(name, value))


def workers(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.imaging.ingest.parameters import check_workers

    check_workers(value)


def shard_size(name: str, value: Any) -> None:
    check_whole_number(name, int(required_number(name, value)), 1)


def awaited_images(name: str, value: Any) -> None:
    check_whole_number(name, as_count(name, value) or 1, 0)


def awaited_seconds(name: str, value: Any) -> None:
    check_not_negative(name, as_number(name, value) or 0.0)
