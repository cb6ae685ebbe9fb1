"""Files that go at once: data files that nothing refers to any more, stored images, and what was made of them for people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.deletion.named import NamedImages
from airflow_cv_dataops.core.report.location import folder_of
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.maintenance.referenced import referenced_files
from airflow_cv_dataops.core.store.objects import ObjectStore, join_uri, open_store

if TYPE_CHECKING:
    from pyiceberg.table import Table

# Folders below a dataset with files that name images in words: pages, manifests of samples.
_WORDS = ("reports", "samples")
_OF_THE_TABLE = ("data/", "metadata/")
_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def remove_data_files(dataset: Dataset, found: Table, naming: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Delete those of the data files to which the table no longer refers; return how many, and those that are left.

    :param naming: paths by the files' own names.
    """
    referenced = referenced_files(found).names
    folder = f"{found.location()}/data"
    store = open_store(folder, dataset.config.object_options)
    gone = 0
    for name, path in naming.items():
        if name not in referenced and path.startswith(f"{folder}/"):
            gone += _deleted(store, path.removeprefix(f"{folder}/"))
    return gone, {name: path for name, path in naming.items() if name in referenced}


def remove_objects(dataset: Dataset, ids: Collection[str]) -> int:
    """Delete the stored images; return how many files went."""
    gone = 0
    for image_id in sorted(ids):
        store = _below(dataset, f"objects/{image_id[:2]}/{image_id[2:4]}")
        for info in list(store.list()):
            if image_id in info.path:  # half-written ones, too
                gone += _deleted(store, info.path)
    return gone


def remove_pages(dataset: Dataset, named: NamedImages, partitions: Collection[str], releases: Collection[str]) -> int:
    """Delete pages, cards and manifests of samples that may show or name one of the images, as a whole; return how many.

    Those go that name one, and all of its partitions and of the releases that held it: a card shows pictures without names.
    """
    ids = {image_id.encode() for image_id in named.ids}
    folders = {folder_of(name) for name in (*partitions, *releases)}
    gone = 0
    for folder in _WORDS:
        store = _below(dataset, folder)
        for info in list(store.list()):
            if info.path.startswith(_OF_THE_TABLE):  # manifests of samples lie in the folder of the table of that name
                continue
            if not folders.isdisjoint(info.path.split("/")[:-1]) or not ids.isdisjoint(_ID.findall(store.read(info.path))):
                gone += _deleted(store, info.path)
    return gone


def ids_in(found: Table, paths: Iterable[str], named: NamedImages) -> set[str]:
    """Return which of the images some data files name as what their rows are about."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    there: set[str] = set()
    for path in paths:
        with found.io.new_input(path).open() as opened, pq.ParquetFile(opened) as file:
            for batch in file.iter_batches(columns=["image_id"]):
                there |= named.ids & set(pc.unique(batch["image_id"]).to_pylist())
    return there


def remove_exports(dataset: Dataset, releases: Collection[str]) -> int:
    """Delete the exports below the dataset of releases that held one of the images; return how many files went."""
    gone = 0
    for release in releases:
        store = _below(dataset, f"exports/{release}")
        for info in list(store.list()):
            gone += _deleted(store, info.path)
    return gone


def _below(dataset: Dataset, folder: str) -> ObjectStore:
    return open_store(join_uri(dataset.root_uri, folder), dataset.config.object_options)


def _deleted(store: ObjectStore, path: str) -> int:
    return int(store.delete_if_older(path, datetime.now(UTC) + timedelta(days=1)))
