"""Which kind of source a URI names.

Lists and archives are imported where there is one: each worker of an ingest opens its source, and every run waits for its workers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.sources.base import MAX_BYTES, ImageSource
from airflow_cv_dataops.core.imaging.sources.prefix import PrefixSource
from airflow_cv_dataops.core.store.objects import local_path, normalize_uri
from airflow_cv_dataops.core.store.uris import without_query

if TYPE_CHECKING:
    from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

_NO_OPTIONS: Mapping[str, Any] = {}


def open_image_source(
    uri: str,
    *,
    options: Mapping[str, Any] = _NO_OPTIONS,
    list_column: str | None = None,
    max_bytes: int = MAX_BYTES,
    archive_limits: ArchiveLimits | None = None,
) -> ImageSource:
    """Open a prefix, a list file (``.parquet``, ``.csv``, ``.jsonl``, ``.ndjson``) or an archive (``.zip``, ``.tar``, ``.tar.gz``, …).

    A URI that ends in ``/``, and a local folder, is a prefix whatever its name. Nothing is read before ``list`` or ``fetch``.

    :param options: obstore's configuration of the object store; for a local list, of the object stores that its entries name.
    :param list_column: the column of a list file that holds the URIs; default: the first of ``uri``, ``url``, ``path``,
        ``source_uri``, ``image`` that it has.
    :param max_bytes: a larger file is not read.
    :param archive_limits: what an archive may cost; default: :class:`ArchiveLimits` as it is.
    :raises ConfigurationError: the URI cannot be used.
    """
    from airflow_cv_dataops.core.imaging.sources.archive import ARCHIVE_SUFFIXES, ArchiveSource
    from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits
    from airflow_cv_dataops.core.imaging.sources.list_file import LIST_SUFFIXES, ListSource

    plain = normalize_uri(uri)
    name = without_query(plain).lower()
    if uri.endswith("/") or (plain.startswith("file://") and os.path.isdir(local_path(plain))):
        return PrefixSource(plain, options, max_bytes)
    if name.endswith(LIST_SUFFIXES):
        return ListSource(plain, options, max_bytes, list_column)
    if name.endswith(ARCHIVE_SUFFIXES):
        return ArchiveSource(plain, options, max_bytes, archive_limits or ArchiveLimits())
    return PrefixSource(plain, options, max_bytes)


def image_source_from(spec: Mapping[str, Any]) -> ImageSource:
    """Open the source that a :attr:`ImageSource.spec` describes, on the same machine."""
    uri, options, max_bytes = spec["uri"], spec["options"], spec["max_bytes"]
    if spec["kind"] == "list":
        from airflow_cv_dataops.core.imaging.sources.list_file import ListSource

        return ListSource(uri, options, max_bytes, spec["list_column"])
    if spec["kind"] == "archive":
        from airflow_cv_dataops.core.imaging.sources.archive import ArchiveSource
        from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits

        return ArchiveSource(uri, options, max_bytes, ArchiveLimits(**spec["limits"]), spec["local_copy"])
    return PrefixSource(uri, options, max_bytes)
