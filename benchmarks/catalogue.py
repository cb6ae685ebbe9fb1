"""What list and show take on a large dataset, beside counting its rows: seconds and memory, each in its own process.

    python benchmarks/catalogue.py --images 1000000 --partitions 1000 --json

The tables are made from a seed in an embedded dataset, a manifest a partition, fifty of them a commit: five labels an image, and what an
audit of the first partition finds and measures in all of them (its numbers are of other files there, so that those audits count as
outdated). Measured are ``list``, ``show`` of the newest 20 partitions, of one (``show_one``) and of all (``show_all``). What they are
compared with, ``rows``, reads the partition key of every row of ``images`` and ``annotations`` and counts. Memory is by how much the peak
of the resident memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset  # what a process loads in any case does not count
import pyiceberg.catalog.sql
import pyiceberg.io.pyarrow  # noqa: F401
from measuring import in_a_process, measured, show
from pyiceberg.manifest import DataFile, ManifestEntry, ManifestEntryStatus, ManifestFile, ManifestWriterV2
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.catalogue.datasets import list_datasets
from airflow_cv_dataops.core.catalogue.details import show_dataset
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.store.files import files_of_rows
from airflow_cv_dataops.core.store.schema import TABLES
from airflow_cv_dataops.core.store.table_rows import batches_of

LABELS_AN_IMAGE = 5
FIRST = date(2024, 1, 1)
NAME = "catalogue"
AT_ONCE = 50  # partitions in a commit


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        result = {"images": options.images, "partitions": options.partitions, **in_a_process(fill, home, options)}
        for name, work in (("rows", rows), ("list", listed), ("show", shown), ("show_one", shown_one), ("show_all", shown_all)):
            found = in_a_process(work, home)
            assert found["result"] in (None, options.images), found
            result |= {f"{name}_{key}": value for key, value in found.items() if key != "result"}
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write the partitions; return how many labels and findings there are."""
    dataset = open_dataset(NAME, home=home)
    count = options.images // options.partitions
    images, labels = make_tables(count * LABELS_AN_IMAGE, count, 0, options.seed)
    dataset.replace_partition("images", _key(0), images)
    dataset.replace_partition("annotations", _key(0), labels.drop_columns(["label_set"]), owner="default")
    audit_labels(dataset, _key(0), categories=CATEGORIES, on_findings="warn", report=None)
    for table in ("images", "annotations", "findings", "metrics"):
        _repeat(dataset, table, options.partitions)
    return {table: dataset.read(table, partition_key=_key(0)).num_rows * options.partitions for table in ("annotations", "findings")}


def rows(home: str) -> dict[str, Any]:
    dataset = open_dataset(NAME, home=home)

    def count() -> int:
        counts = {
            table: pc.value_counts(dataset.read(table, columns=["partition_key"])["partition_key"]) for table in ("images", "annotations")
        }
        return int(pc.sum(counts["images"].field("counts")).as_py())

    return measured(count)


def listed(home: str) -> dict[str, Any]:
    return measured(lambda: list_datasets(home=home)[0].images_count)


def shown(home: str) -> dict[str, Any]:
    return measured(lambda: show_dataset(NAME, home=home, limit=20).images_count)


def shown_one(home: str) -> dict[str, Any]:
    return measured(lambda: show_dataset(NAME, home=home, partition_key=_key(1)).images_count)


def shown_all(home: str) -> dict[str, Any]:
    return measured(lambda: sum(one.images for one in show_dataset(NAME, home=home).partitions))


def _repeat(dataset: Dataset, table: str, partitions: int) -> None:
    """Append the rows of the first partition as those of the others, many in a commit, each with a manifest of its own."""
    owner = TABLES[table].owner
    parts = {None: dataset.read(table, partition_key=_key(0))} if owner is None else _by_owner(dataset, table, owner)
    for first in range(1, partitions, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, partitions))
        found = dataset.load_table(table)
        assert found is not None
        with found.transaction() as changes:
            snapshot = _ManyManifests(operation=Operation.APPEND, transaction=changes, io=found.io)
            for number in numbers:
                files: list[DataFile] = []
                for name, part in parts.items():
                    keys = {"partition_key": _key(number)} | ({owner: name} if owner is not None and name is not None else {})
                    files += files_of_rows(found, batches_of(TABLES[table], keys, part.drop_columns(list(keys))))
                snapshot.add(found, number, files)
            snapshot.commit()


class _ManyManifests(_FastAppendFiles):
    """A commit that leaves as many manifests as if each partition had had its own: a thousand commits would take half an hour to make."""

    def add(self, found: Table, number: int, files: Sequence[DataFile]) -> None:
        output = found.io.new_output(f"{found.location()}/metadata/{number}-{self.snapshot_id}.avro")
        with ManifestWriterV2(found.spec(), found.schema(), output, self.snapshot_id, "deflate") as writer:
            for file in files:
                entry = ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=self.snapshot_id, data_file=file)
                writer.add_entry(entry)
        self.__dict__.setdefault("more", []).append(writer.to_manifest_file())

    def _existing_manifests(self) -> list[ManifestFile]:
        return [*super()._existing_manifests(), *self.__dict__["more"]]


def _by_owner(dataset: Dataset, table: str, owner: str) -> dict[str | None, pa.Table]:
    found = dataset.read(table, partition_key=_key(0))
    names: Sequence[str] = found[owner].unique().to_pylist()
    return {name: found.filter(pc.equal(found[owner], name)) for name in names}


def _key(number: int) -> str:
    return str(FIRST + timedelta(days=number))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", help="folder for the tables; default: the temporary one")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
