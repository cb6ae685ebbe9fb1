"""What lies at a source, as a sorted Arrow table: a million files take some 200 MB as columns, four times that as objects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.ingest.file_columns import columns_of, files_schema
from airflow_cv_dataops.core.imaging.ingest.kept_listings import entries_of
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.imaging.sources.base import is_refused
from airflow_cv_dataops.core.imaging.sources.selection import DEFAULT_EXCLUDE, image_selector
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.objects import ObjectInfo, ObjectStore
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_AT_ONCE = 16_384


@dataclass(frozen=True)
class Listing:
    """The files that are wanted, sorted by ``source_uri``, with the columns that ``images`` has of a source.

    :param listed: files at the source. :param skipped: those that are not wanted, and objects that only stand for a folder.
    :param left_out: those that would be wanted without ``pattern`` and with the default ``exclude``.
    """

    files: pa.Table
    listed: int
    skipped: int
    left_out: int

    @property
    def bytes(self) -> int:
        """Sizes of all wanted files added up; one of unknown size counts as 0."""
        import pyarrow.compute as pc

        return pc.sum(self.files["bytes"]).as_py() or 0


def list_files(source: ImageSource, pattern: str | None, exclude: Sequence[str] | None, kept: ObjectStore | None = None) -> Listing:
    """List the source once. :param kept: where listings of archives are kept for the next run.

    :raises SourceError: it cannot be listed.
    """
    import pyarrow as pa

    is_wanted = image_selector(pattern, exclude, of_listed=source.is_list)
    is_wanted_by_default = image_selector(None, None, of_listed=source.is_list)
    is_no_label_file = image_selector(pattern, None, of_listed=source.is_list)
    batches, left_out, label_files = [], 0, 0
    with Progress("files listed", None, log) as progress:
        entries = progress.over(entries_of(source, kept))
        while found := list(islice(entries, _AT_ONCE)):
            wanted: list[ObjectInfo] = []
            others: list[ObjectInfo] = []
            for file in found:
                (wanted if is_wanted(file.path) and not file.is_folder else others).append(file)
            batches.append(columns_of(wanted))
            label_files += sum(not is_no_label_file(file.path) for file in wanted) if exclude else 0
            left_out += sum(is_wanted_by_default(file.path) and not file.is_folder for file in others)
    files = pa.Table.from_batches(batches, schema=files_schema()).sort_by("source_uri").combine_chunks()
    if not files.num_rows:
        why = f"{progress.done:,} files listed, none of them wanted" if progress.done else source.why_nothing()
        log.warning("Nothing to take at %s: %s", readable(source.uri), why)
    if label_files:
        log.warning(
            "%s of the files to take at %s are label files, which are left out without an exclude of your own and are rejects with "
            "exclude=%r: add their globs to it (the default: %s)",
            f"{label_files:,}",
            source.uri,
            list(exclude or ()),
            ", ".join(DEFAULT_EXCLUDE),
        )
    return Listing(files, progress.done, progress.done - files.num_rows, left_out)


def needs_reading(files: pa.Table) -> bool:
    """Say whether any file has bytes to look at: of those that are refused only the reason is wanted."""
    return not all(is_refused(files["source_version"]).to_pylist())


def for_worker(files: pa.Table) -> list[tuple[Any, ...]]:
    """Return the files of a listing in JSON values: path, URI, size, ETag and version, as ``store.base.ObjectInfo`` has them."""
    names = ("file_name", "source_uri", "bytes", "source_etag", "source_version")
    return list(zip(*(files.column(name).to_pylist() for name in names), strict=True))
