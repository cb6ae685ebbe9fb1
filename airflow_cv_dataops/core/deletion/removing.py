"""Files that go at once: data files that nothing refers to any more, stored images, and what was made of them for people."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.deletion.named import NamedImages
from airflow_cv_dataops.core.report.location import folder_of
from airflow_cv_dataops.core.store.base import ObjectInfo
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.maintenance.referenced import referenced_files
from airflow_cv_dataops.core.store.objects import ObjectStore, join_uri, open_store

if TYPE_CHECKING:
    from pyiceberg.table import Table

_THREADS = 16
# Folders below a dataset with files that show or name images: pages and cards, manifests of samples.
_WORDS = ("reports", "samples")
# The table of that name has its files in the same folder.
_OF_THE_TABLE = re.compile(r"data/.*\.parquet|metadata/.*\.(?:avro|json)")
_ID = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass
class Removed:
    """What went, by kind, and what could not."""

    files: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def delete(self, store: ObjectStore, info: ObjectInfo, kind: str) -> None:
        """Delete a file; what is behind a link is somebody else's."""
        if store.is_behind_link(info.path):
            self.problems.append(f"{info.uri} is behind a link")
            return
        try:
            is_gone = store.delete_if_older(info.path, datetime.now(UTC) + timedelta(days=1))
        except OSError as error:
            self.problems.append(f"{info.uri}: {error}")
            return
        with self._lock:
            self.files[kind] += is_gone


def remove_data_files(dataset: Dataset, found: Table, naming: Mapping[str, str]) -> int:
    """Delete those of the data files to which the table no longer refers; return how many. :param naming: paths by own names."""
    referenced = referenced_files(found).names
    folder = f"{found.location()}/data"
    store = open_store(folder, dataset.config.object_options)
    wanted = [path.removeprefix(f"{folder}/") for name, path in naming.items() if name not in referenced and path.startswith(f"{folder}/")]
    return sum(store.delete_if_older(path, datetime.now(UTC) + timedelta(days=1)) for path in wanted if not store.is_behind_link(path))


def remove_objects(dataset: Dataset, ids: Collection[str], removed: Removed) -> None:
    """Delete the stored images, half-written ones, too."""

    def remove(image_id: str) -> None:
        store = _below(dataset, f"objects/{image_id[:2]}/{image_id[2:4]}")
        for info in list(store.list()):
            if image_id in info.path:
                removed.delete(store, info, "objects")

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(remove, sorted(ids)))


def remove_pages(dataset: Dataset, named: NamedImages, about: Collection[str], removed: Removed) -> None:
    """Delete pages, cards and manifests of samples that may show or name one of the images, as a whole.

    :param about: partitions and releases of which all go: a card shows pictures without names.
    """
    ids = {image_id.encode() for image_id in named.ids}
    folders = {folder_of(name) for name in about}
    for folder in _WORDS:
        store = _below(dataset, folder)
        for info in list(store.list()):
            if info.is_folder or (folder == "samples" and _OF_THE_TABLE.fullmatch(info.path)):
                continue
            try:
                is_one = not folders.isdisjoint(info.path.split("/")[:-1]) or not ids.isdisjoint(_ID.findall(store.read(info.path)))
            except FileNotFoundError:
                continue
            except OSError as error:
                removed.problems.append(f"{info.uri}: {error}")
                continue
            if is_one:
                removed.delete(store, info, "pages")


def remove_exports(dataset: Dataset, releases: Collection[str], removed: Removed) -> None:
    """Delete the exports below the dataset of releases that held one of the images."""
    for release in releases:
        store = _below(dataset, f"exports/{release}")
        for info in list(store.list()):
            removed.delete(store, info, "exported_files")


def _below(dataset: Dataset, folder: str) -> ObjectStore:
    return open_store(join_uri(dataset.root_uri, folder), dataset.config.object_options)
