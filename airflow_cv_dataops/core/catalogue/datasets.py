"""Every dataset of a catalog, each with what its tables hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.catalogue.facts import DatasetEntry
from airflow_cv_dataops.core.catalogue.stages import read_moves, stages_now
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.descriptions import read_description
from airflow_cv_dataops.core.store.catalog import CatalogConfig, catalog_of, open_existing
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.names import check_dataset_name
from airflow_cv_dataops.core.store.partition_time import moment_of
from airflow_cv_dataops.core.store.schema import TABLES
from airflow_cv_dataops.core.store.table_contents import TableContents, table_contents
from airflow_cv_dataops.core.store.uris import without_secrets

# What makes a partition: a key of which there are only findings, samples or numbers is none.
DATA_TABLES = ("images", "rejects", "annotations", "predictions")


def list_datasets(
    catalog: CatalogConfig | Mapping[str, str] | None = None, *, home: str | PathLike[str] | None = None
) -> list[DatasetEntry]:
    """Return every dataset of a catalog, by name, each with its tables, its counts, how fresh it is and where its stages are.

    Counts and times are those of the tables' own metadata: what it takes goes with the number of partitions, not of images. Nothing is
    made, also where there is no catalog yet. One dataset that cannot be read (``problem``) does not keep the others from being listed; what
    other programs have in the catalog is left out.

    >>> [entry.name for entry in list_datasets()]           # doctest: +SKIP

    :param catalog: as in ``open_dataset``.
    :param home: as in ``open_dataset``.
    :raises ConfigurationError: an argument cannot be used, or the catalog does not open.
    """
    config = catalog_of(catalog, home)
    entries = (entry_of(Dataset(name, config)) for name in dataset_names(config))
    return [entry for entry in entries if entry.tables or entry.problem]


def dataset_names(config: CatalogConfig) -> list[str]:
    """Return the namespaces of a catalog that may be datasets, by name; none where there is no catalog yet."""
    opened = open_existing(config)
    found = (".".join(name) for name in opened.list_namespaces()) if opened is not None else ()
    return sorted(name for name in found if _may_be_dataset(name))


def tables_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the tables of the data model that there are, in its order."""
    there = dataset.table_names()
    return tuple(name for name in TABLES if name in there)


def entry_of(dataset: Dataset) -> DatasetEntry:
    """Return what is told of a dataset among others; what keeps it from being read is its ``problem``."""
    try:
        tables = tables_of(dataset)
        contents = {table: table_contents(dataset, table) for table in DATA_TABLES if table in tables}
        order = read_description(dataset).stages if "descriptions" in tables else ()
        stages = stages_now(read_moves(dataset), order) if "releases" in tables else ()
    except Exception as error:  # noqa: BLE001 (of any storage: a file that is gone, a store that refuses)
        why = without_secrets(str(error), dataset.config.properties)
        return DatasetEntry(dataset.name, problem=f"{type(error).__name__}: {why}")
    return DatasetEntry(name=dataset.name, tables=tables, stages=stages, **held_facts(contents))


def held_facts(contents: Mapping[str, TableContents]) -> dict[str, Any]:
    """Return what an entry and the details of a dataset say alike of what its tables hold."""
    keys = keys_of(contents[table] for table in DATA_TABLES if table in contents)
    images, labels = contents.get("images"), contents.get("annotations")
    return {
        "partitions_count": len(keys),
        "newest_partition": keys[0] if keys else None,
        "images_count": images.rows if images else 0,
        "labels_count": labels.rows if labels else 0,
        "images_written_at": images.written_at if images else None,
        "labels_written_at": labels.written_at if labels else None,
    }


def keys_of(contents: Iterable[TableContents]) -> list[str]:
    """Return the partitions that hold rows of any of the tables, the newest first: those that are dates, then the others."""
    keys: set[str] = set()
    for content in contents:
        keys |= content.keys()
    moments = {key: moment_of(key) for key in keys}
    dates = sorted((key for key in keys if moments[key] is not None), key=lambda key: (moments[key], key), reverse=True)
    return [*dates, *sorted((key for key in keys if moments[key] is None), reverse=True)]


def _may_be_dataset(name: str) -> bool:
    try:
        check_dataset_name(name)
    except ConfigurationError:
        return False
    return True
