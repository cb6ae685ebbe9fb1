"""Which partitions a dataset has, how many rows each, and which of them come before a given one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import PartitionFile, partition_files, version_of
from airflow_cv_dataops.core.store.partition_time import keys_before

COUNTED = ("images", "annotations", "predictions")
_PROFILED = ("images", "annotations")
_Files = Mapping[str, Sequence[PartitionFile]]
_NONE: _Files = {}


@dataclass(frozen=True)
class Partitions:
    """What the tables' manifests say of every partition; no data file is read.

    :param snapshots: of the tables that have one.
    :param files: by table and partition.
    """

    snapshots: Mapping[str, str]
    files: Mapping[str, _Files] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, snapshots: Mapping[str, str]) -> Partitions:
        return cls(snapshots, {table: partition_files(dataset, table, snapshots.get(table)) for table in COUNTED})

    def rows(self, table: str, key: str) -> int:
        return sum(file.rows for file in self.files_of(table, key))

    def files_of(self, table: str, key: str) -> Sequence[PartitionFile]:
        return self.files.get(table, _NONE).get(key, ())

    def is_there(self, key: str) -> bool:
        """Say whether it has images; where the dataset has none at all, whether it has labels."""
        return self.rows(self.leading, key) > 0

    @property
    def leading(self) -> str:
        """The table by whose rows a partition is there or not."""
        return "images" if self.files.get("images") else "annotations"

    def before(self, key: str, most: int) -> list[str]:
        """Return the partitions before one that have any rows, in order of time or of key: the last so many."""
        there = {other for table in _PROFILED for other in self.files.get(table, _NONE)}
        return keys_before((other for other in there if self.is_there(other)), key)[-most:]

    def version(self, key: str) -> str:
        """Return what changes when the images or labels of a partition are written again."""
        return version_of(file for table in _PROFILED for file in self.files_of(table, key))
