"""Where reports live below a dataset, and how one is read back by nothing but its URI."""

from __future__ import annotations

import hashlib
import logging
import re

from airflow_cv_dataops.core.errors import DatasetNotFoundError, StoreError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import without_credentials

log = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]|^\.")
_LONGEST_NAME = 100
_PATH = re.compile(r"reports/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/([0-9a-f]{32})\.html")


def report_path(audit: str, partition_key: str, page: bytes) -> str:
    """Return the path below the dataset's root: by audit, partition and content, so that no report takes another one's place."""
    return f"reports/{folder_of(audit)}/{folder_of(partition_key)}/{_digest(page)}.html"


def report_uri(dataset: Dataset, path: str) -> str:
    """Return the URI of a report, without credentials."""
    return without_credentials(dataset.objects().uri_of(path))


def has_place(dataset: Dataset) -> bool:
    """Say whether there is a place for reports; where there is none, warn that no report is written."""
    if dataset.config.warehouse is None:
        log.warning("No report is written: catalog %s names no warehouse URI to write it below.", dataset.config.name)
    return dataset.config.warehouse is not None


def read_report(dataset: Dataset, uri: str) -> bytes:
    """Return the page of a report of this dataset.

    The URI decides nothing but which report: what is read always lies below the dataset's own ``reports/``, and its content must be
    the one that its name stands for.

    :param uri: ``report_uri`` of an audit's summary.
    :raises DatasetNotFoundError: the URI is not that of a report of this dataset, or the file is gone or was changed.
    :raises StoreError: its store does not answer, or refuses: the report may well be there.
    """
    root = without_credentials(dataset.root_uri)
    path = uri.removeprefix(f"{root}/")
    match = _PATH.fullmatch(path)
    if match is None or report_uri(dataset, path) != uri:
        raise DatasetNotFoundError(f"{uri!r} is no report of dataset {dataset.name!r}.")
    try:
        page = dataset.objects().read(path)
    except StoreError:
        raise
    except OSError as error:
        raise DatasetNotFoundError(f"Report {uri} cannot be read: {type(error).__name__}.") from error
    if _digest(page) != match[1]:
        raise DatasetNotFoundError(f"Report {uri} is not the file that was written: its content does not match its name.")
    return page


def folder_of(name: str) -> str:
    """Return a name that every store takes; where it differs from the given one, with a hash that keeps different names apart."""
    safe = _UNSAFE.sub("_", name)
    if safe == name and len(name) <= _LONGEST_NAME:
        return safe
    return f"{safe[:_LONGEST_NAME]}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _digest(page: bytes) -> str:
    return hashlib.sha256(page).hexdigest()[:32]
