"""A source at which an ingest finds nothing to take, or no image: an error where it would empty a partition, or globs are at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.imaging.ingest.listing import Listing
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.imaging.sources.selection import DEFAULT_EXCLUDE
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_rows import check_dead_links, check_may_empty
from airflow_cv_dataops.core.wording import readable

_TABLES = ("images", "rejects")


def check_listing(dataset: Dataset, partition_key: str, source: ImageSource, listing: Listing, settings: IngestSettings) -> None:
    """Look whether nothing, or something less, may be taken.

    :raises EmptySourceError: the partition holds rows, and there is nothing to take at the source, or behind a link that gave some; or
        there are files, and ``pattern`` or ``exclude`` leaves out every one of them.
    """
    if listing.files.num_rows:
        check_dead_links(dataset, partition_key, _TABLES, source.dead_links, column="source_uri")
        return
    if listing.listed:
        exclude = DEFAULT_EXCLUDE if settings.exclude is None else settings.exclude
        choice = f"pattern={settings.pattern!r}, exclude={list(exclude)!r}; hidden and house-keeping files are left out"
        found = f"None of the {listing.listed:,} files at {readable(source.uri)} is wanted ({choice})"
    else:
        found = f"Nothing was found at {readable(source.uri)}: {source.why_nothing()}"
    check_may_empty(dataset, partition_key, _TABLES, found)
    if listing.left_out:  # a slip of the pen, which a task that ends well would hide
        raise EmptySourceError(
            f"{found}, and {listing.left_out:,} would be with neither set. Mend the globs: they are matched against the path below the "
            "source, whatever its case. Where such a source is a result, allow_empty=True takes it as one."
        )


def check_plan_of_nothing(dataset: Dataset, partition_key: str, source_uri: str, listed: int) -> None:
    """The same, long after the listing. :raises EmptySourceError: the partition holds images or rejects, perhaps only since then."""
    found = f"The plan found nothing to take at {readable(source_uri)} ({listed:,} files listed, none of them wanted)"
    check_may_empty(dataset, partition_key, _TABLES, found)


def check_images(dataset: Dataset, partition_key: str, source_uri: str, counts: Mapping[str, Any]) -> None:
    """:raises EmptySourceError: no file became an image, and the partition holds images; so it is with a disk that has gone meanwhile."""
    if counts["images"]:
        return
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts["rejects_by_reason"].items())
    found = f"None of the {counts['rejects']:,} files taken at {readable(source_uri)} is an image" + (f" ({reasons})" if reasons else "")
    check_may_empty(dataset, partition_key, ("images",), found)
