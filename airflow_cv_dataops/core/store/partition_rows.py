"""How many rows a partition holds, asked before a step that found nothing would take them all out."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_keys import partition_keys_of
from airflow_cv_dataops.core.store.schema import TABLES


def check_may_empty(dataset: Dataset, partition_key: str, tables: Sequence[str], found: str, *, owner: str | None = None) -> None:
    """Refuse to replace rows by nothing: a source that is gone for now looks the same as one that has been emptied.

    A partition without rows may stay so.

    :param tables: those that the step would leave without rows of this partition and owner.
    :param found: what the step found, and where it looked: a sentence without its full stop.
    :raises EmptySourceError: one of the tables holds rows.
    """
    held = {table: count_rows(dataset, table, partition_key, owner=owner) for table in tables}
    if not any(held.values()):
        return
    lost = " and ".join(f"{rows:,} row{'s' * (rows != 1)} of {dataset.identifier(table)}" for table, rows in held.items() if rows)
    whose = "" if owner is None else f", {TABLES[tables[0]].owner} {owner}"
    raise EmptySourceError(
        f"{found}. That would take out {lost} (partition {partition_key}{whose}), so nothing was committed. Look whether the source is "
        "where it should be (a disk that is not mounted, a folder that was renamed), and run it again; allow_empty=True empties the "
        "partition."
    )


def count_rows(dataset: Dataset, table: str, partition_key: str, *, owner: str | None = None) -> int:
    """Return how many rows of one owner a partition has; of the data files only the entries in the table's manifests are read."""
    from pyiceberg.expressions import AlwaysTrue, And, EqualTo

    found = dataset.load_table(table)
    if found is None or found.current_snapshot() is None:
        return 0
    rows: object = AlwaysTrue()
    for name, value in partition_keys_of(TABLES[table], partition_key, owner).items():
        rows = And(rows, EqualTo(name, value))  # type: ignore[arg-type]
    return found.scan(row_filter=rows).count()  # type: ignore[arg-type]
