"""Ingest: the files at a source become one partition of ``images`` and ``rejects``, and copies by content."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.arguments import check_flag
from airflow_cv_dataops.core.imaging.ingest.commit import commit_partition
from airflow_cv_dataops.core.imaging.ingest.kept_listings import kept_listings
from airflow_cv_dataops.core.imaging.ingest.listing import list_files
from airflow_cv_dataops.core.imaging.ingest.nothing_found import check_listing
from airflow_cv_dataops.core.imaging.ingest.parameters import check_max_reject_ratio, check_workers
from airflow_cv_dataops.core.imaging.ingest.pipeline import take_files
from airflow_cv_dataops.core.imaging.ingest.previous import PreviousRows
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult
from airflow_cv_dataops.core.wording import readable

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}
_SETTINGS = IngestSettings()


def ingest_images(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    settings: IngestSettings = _SETTINGS,
    *,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    max_reject_ratio: float = 0.1,
    allow_empty: bool = False,
    workers: int | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace the partition of ``images``, ``rejects`` and the step's metrics by what lies at ``source``.

    Every listed file ends as an image, as a reject, or is counted as skipped. The same files give the same rows, timestamps
    aside. Copies are written before the rows that name them, so that the step may be killed at any line and run again. A
    file that has not changed since the partition was last written (URI, size, ETag, time, parameters) is not read again.

    :param source: URI or local path of a prefix, a list file or an archive.
    :param settings: which files are taken, and how.
    :param source_options: obstore configuration of the source.
    :param max_reject_ratio: share of rejects, 0 to 1, above which the result carries a ``failure``; 1: never.
    :param allow_empty: whether a source that is absent or empty, or of which no file is wanted or none is an image, may empty a partition
        that holds images or rejects, and a link behind which nothing is take out what was found behind it; and whether a ``pattern`` or
        ``exclude`` that leaves out every file is a result. An absent or empty source is one either way where there is nothing to lose.
    :param workers: processes that read, decode and write; default: one for each core.
    :param recorded_at: when the run started, for the rows; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises SourceError: the source cannot be listed, there is nothing or no image at it, nothing that ``pattern`` and ``exclude`` let
        through or nothing behind a link (``allow_empty``), or more files than ``max_reject_ratio`` allows could not be read for reasons
        that may pass; nothing was committed.
    :raises OSError: a copy could not be written, or the source's store does not answer (``StoreError``); nothing was committed.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_numbers(max_reject_ratio, workers)
    check_flag("allow_empty", allow_empty)
    parameters = settings.parameters
    recorded_at = recorded_at or datetime.now(UTC)
    with settings.open(source, source_options) as opened:
        listing = list_files(opened, settings.pattern, settings.exclude, kept_listings(dataset))
        if not allow_empty:
            check_listing(dataset, partition_key, opened, listing, settings)
        log.info("Ingesting %s files of %s listed at %s", f"{listing.files.num_rows:,}", f"{listing.listed:,}", readable(opened.uri))
        previous = None if settings.force else PreviousRows.now(dataset, partition_key, parameters)
        taken = take_files(
            dataset, partition_key, opened, listing.files, parameters, recorded_at=recorded_at, previous=previous, workers=workers
        )
    return commit_partition(
        dataset,
        partition_key,
        taken,
        settings.thresholds,
        listed=listing.listed,
        skipped=listing.skipped,
        elapsed_seconds=time.monotonic() - started,
        source_uri=opened.uri,
        source_bytes=listing.bytes,
        recorded_at=recorded_at,
        max_reject_ratio=max_reject_ratio,
        allow_empty=allow_empty,
        started=started,
    )


def check_numbers(max_reject_ratio: float, workers: int | None) -> None:
    """:raises ConfigurationError: one of them is out of its range."""
    check_max_reject_ratio(max_reject_ratio)
    check_workers(workers)
