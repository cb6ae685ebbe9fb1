"""A source at which an ingest finds nothing to take: a result where the partition is empty, an error where it is not."""

from __future__ import annotations

from airflow_cv_dataops.core.imaging.ingest.listing import Listing
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_rows import check_may_empty

_TABLES = ("images", "rejects")


def check_listing(dataset: Dataset, partition_key: str, source: ImageSource, listing: Listing, settings: IngestSettings) -> None:
    """:raises EmptySourceError: there is nothing to take at the source, and the partition holds images or rejects."""
    if listing.files.num_rows:
        return
    if listing.listed:
        choice = f"pattern={settings.pattern!r}, exclude={list(settings.exclude)!r}"
        found = f"None of the {listing.listed:,} files at {source.uri} is wanted ({choice})"
    else:
        found = f"Nothing was found at {source.uri}: {source.why_nothing()}"
    check_may_empty(dataset, partition_key, _TABLES, found)


def check_plan_of_nothing(dataset: Dataset, partition_key: str, source_uri: str, listed: int) -> None:
    """The same, long after the listing. :raises EmptySourceError: the partition holds images or rejects, perhaps only since then."""
    found = f"The plan found nothing to take at {source_uri} ({listed:,} files listed, none of them wanted)"
    check_may_empty(dataset, partition_key, _TABLES, found)
