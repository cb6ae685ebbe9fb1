"""A dataset as people open it: its tables, and its releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from os import PathLike

from airflow_cv_dataops.core.release.descriptions import Description, read_description
from airflow_cv_dataops.core.release.lookup import DEFAULT_STAGE, read_release
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.store import dataset as tables
from airflow_cv_dataops.core.store.catalog import CatalogConfig, catalog_of


class Dataset(tables.Dataset):
    """A named collection with the tables of the data model (``store.dataset``, where each method stands), and its releases."""

    def release(self, name: str | date | datetime = DEFAULT_STAGE, *, at: str | date | datetime | None = None) -> Release:
        """Return a release by its name, by the stage that points to it, or by a time at which a stage pointed to it.

        A time is a ``datetime``, a ``date``, or ISO 8601 text such as ``2026-11-05`` or ``2026-11-05T12:00+01:00``. One without zone is
        UTC, and a date alone means the end of that day, in UTC.

        :param name: a release (``v3``), a stage (``production``), or a time: where ``production`` was then. A release or stage of exactly
            this name goes first.
        :param at: a time: where the stage ``name`` was then. Default: where it is now.
        :raises ConfigurationError: what is given is no time, or ``at`` is given with a release, which is the same at any time.
        :raises DatasetNotFoundError: there is no such release or stage, or the stage had no release yet at that time.
        """
        return read_release(self, name, at)

    def description(self) -> Description:
        """Return what people say of the dataset (see ``describe_dataset``): description, owner, licence, notes, order of stages, and more.

        :raises DatasetNotFoundError: there is no such dataset.
        """
        return read_description(self)


def open_dataset(
    name: str, catalog: CatalogConfig | Mapping[str, str] | None = None, *, home: str | PathLike[str] | None = None
) -> Dataset:
    """Open a dataset from a notebook or a script; it need not exist yet to be written to, and reading makes nothing.

    >>> images = open_dataset("digits").images()            # doctest: +SKIP
    >>> frame = open_dataset("digits").release("production").images().to_pandas()   # doctest: +SKIP

    :param name: ``[a-z][a-z0-9_]*``, at most 127 characters.
    :param catalog: a catalog's configuration, or the properties that ``pyiceberg.catalog.load_catalog`` takes, and its ``name`` where that
        is not the default ``cv_dataops``; default: the embedded one. Images on S3 are opened with the properties' ``s3.*`` too.
    :param home: where the embedded catalog lives; default: environment ``CV_DATAOPS_HOME``, else ``cv_dataops`` below
        AIRFLOW_HOME (``~/airflow``), where Airflow has it too.
    :raises ConfigurationError: an argument cannot be used.
    """
    return Dataset(name, catalog_of(catalog, home))
