"""What a dataset holds, for comparing before with after."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES


def rows(dataset: Dataset) -> dict[str, list[Any]]:
    """Return the rows of every table in an order of their own, without the columns that say which run wrote them, and when."""
    contents = {}
    for table, model in TABLES.items():
        if dataset.snapshot_id(table) is not None:
            found = dataset.read(table)
            contents[table] = sorted(map(str, found.drop_columns(list(model.run_columns)).to_pylist()))
    return contents


def snapshots(dataset: Dataset) -> dict[str, int]:
    """Return how often each table was committed to."""
    loaded = {table: dataset.load_table(table) for table in TABLES}
    return {name: len(table.snapshots()) for name, table in loaded.items() if table is not None}
