"""Ingest: the files at a source become one partition of ``images`` and ``rejects``, and copies by content."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.commit import commit_partition
from airflow_cv_dataops.core.imaging.decode import DEFAULT_FORMATS, Limits
from airflow_cv_dataops.core.imaging.listing import list_files
from airflow_cv_dataops.core.imaging.measure import QualityThresholds
from airflow_cv_dataops.core.imaging.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.pipeline import take_files
from airflow_cv_dataops.core.imaging.previous import PreviousRows
from airflow_cv_dataops.core.imaging.selection import DEFAULT_EXCLUDE
from airflow_cv_dataops.core.imaging.sources import open_image_source
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectStore
from airflow_cv_dataops.core.store.rows import check_partition_key
from airflow_cv_dataops.core.summary import StepResult

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}
_DEFAULTS = IngestParameters()
_ARCHIVE_LIMITS = ArchiveLimits()


def ingest_images(
    dataset: Dataset,
    partition_key: str,
    source: str,
    *,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    list_column: str | None = None,
    archive_limits: ArchiveLimits = _ARCHIVE_LIMITS,
    pattern: str | None = None,
    exclude: Sequence[str] = DEFAULT_EXCLUDE,
    copy_images: bool = True,
    formats: Sequence[str] = DEFAULT_FORMATS,
    limits: Limits = _DEFAULTS.limits,
    thresholds: QualityThresholds = _DEFAULTS.thresholds,
    timeout_seconds: float = _DEFAULTS.timeout_seconds,
    worker_memory_bytes: int | None = _DEFAULTS.worker_memory_bytes,
    force: bool = False,
    max_reject_ratio: float = 0.1,
    workers: int | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace the partition of ``images``, ``rejects`` and the step's metrics by what lies at ``source``.

    Every listed file ends as an image, as a reject, or is counted as skipped. The same files give the same rows, timestamps
    aside. Copies are written before the rows that name them, so that the step may be killed at any line and run again. A
    file that has not changed since the partition was last written (URI, size, ETag, time, parameters) is not read again.

    :param source: URI or local path of a prefix, a list file or an archive; an empty or absent prefix is a result (0 images).
    :param source_options: obstore configuration of the source.
    :param list_column: the column of a list file that names the images.
    :param archive_limits: what an archive may cost.
    :param pattern: glob that a path below ``source`` has to match; ``*`` crosses ``/``, case does not matter.
    :param exclude: globs of paths to skip; default: label files, hidden files and ``_SUCCESS``.
    :param copy_images: and the five below it: see :class:`IngestParameters`.
    :param force: read every file, changed or not.
    :param max_reject_ratio: share of rejects, 0 to 1, above which the result carries a ``failure``; 1: never.
    :param workers: processes that read, decode and write; default: one for each core.
    :param recorded_at: when the run started, for the rows; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises SourceError: the source cannot be listed, or more files than ``max_reject_ratio`` allows could not be read for reasons
        that may pass; nothing was committed.
    :raises OSError: a copy could not be written, or the source's store does not answer (``StoreError``); nothing was committed.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_numbers(max_reject_ratio, workers)
    parameters = IngestParameters(tuple(formats), limits, thresholds, copy_images, timeout_seconds, worker_memory_bytes)
    recorded_at = recorded_at or datetime.now(UTC)
    with open_image_source(
        source, options=source_options, list_column=list_column, max_bytes=parameters.limits.max_bytes, archive_limits=archive_limits
    ) as opened:
        listing = list_files(opened, pattern, exclude, kept_listings(dataset))
        log.info("Ingesting %s files of %s listed at %s", f"{listing.files.num_rows:,}", f"{listing.listed:,}", opened.uri)
        previous = None if force else PreviousRows.now(dataset, partition_key, parameters.id)
        taken = take_files(
            dataset, partition_key, opened, listing.files, parameters, recorded_at=recorded_at, previous=previous, workers=workers
        )
    return commit_partition(
        dataset,
        partition_key,
        taken,
        thresholds,
        listed=listing.listed,
        skipped=listing.skipped,
        elapsed_seconds=time.monotonic() - started,
        source_uri=opened.uri,
        source_bytes=listing.bytes,
        recorded_at=recorded_at,
        max_reject_ratio=max_reject_ratio,
        started=started,
    )


def kept_listings(dataset: Dataset) -> ObjectStore | None:
    """Return where listings are kept; ``None`` for a dataset without a place of its own."""
    return dataset.objects() if dataset.config.warehouse else None


def check_numbers(max_reject_ratio: float, workers: int | None) -> None:
    """:raises ConfigurationError: one of them is out of its range."""
    if not 0 <= max_reject_ratio <= 1:
        raise ConfigurationError(f"max_reject_ratio={max_reject_ratio!r} cannot be used: expected a number from 0 to 1.")
    if workers is not None and workers < 1:
        raise ConfigurationError(f"workers={workers!r} cannot be used: expected at least 1.")
