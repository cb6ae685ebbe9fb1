"""Whether a partition holds already what a step is about to write: a rerun that found nothing new adds no snapshot and no file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.model.table_model import TableModel
from airflow_cv_dataops.core.store.scanning import scan_batches
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.table_rows import batches_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

# When a run wrote a row: rows that differ in nothing else are the same, and keep the time of the run that wrote them first.
TIMES = ("ingested_at", "recorded_at")

_NUMBERED = re.compile(r".*/\d+-(\d+)-[^/]*")


def holds_rows(table: Table, model: TableModel, keys: Mapping[str, str], rows: pa.Table) -> bool:
    """Say whether one identity partition of a table holds these rows and no others, but for the times of runs.

    Manifests tell most of those that do not; else rows are read and compared, some 64 MB at a time, up to the first that differs.
    """
    import pyarrow as pa

    if table.current_snapshot() is None:
        return False
    scan = table.scan(row_filter=partition_filter(keys))
    files = [task.file for task in scan.plan_files()]
    if sum(file.record_count for file in files) != rows.num_rows:
        return False
    if not files:
        return True
    wanted = arrow_schema(model.name)
    paths = _as_written([file.file_path for file in files])
    held = (batch for path in paths for batch in scan_batches(scan, wanted, 65_536, f"rows of {model.name}", [path]))
    try:
        return _are_equal(_parts(held, wanted), _parts(batches_of(model, keys, rows), wanted))
    except (OSError, pa.ArrowException) as error:
        log.warning("What %s holds of %s cannot be read, and is written anew: %s", ".".join(table.name()), dict(keys), error)
        return False


def partition_filter(keys: Mapping[str, str]) -> Any:
    """Return the filter that holds for the rows of one identity partition."""
    from pyiceberg.expressions import AlwaysTrue, And, EqualTo

    partition: Any = AlwaysTrue()
    for name, value in keys.items():
        partition = And(partition, EqualTo(name, value))
    return partition


def _as_written(paths: Sequence[str]) -> list[str]:
    """Return the files of one commit in the order of their rows, which their numbers say; others stay as they are."""
    numbered = [_NUMBERED.fullmatch(path) for path in paths]
    return sorted(paths, key=lambda path: int(path.rpartition("/")[2].split("-")[1])) if all(numbered) else sorted(paths)


def _parts(batches: Iterable[pa.Table], wanted: pa.Schema) -> Iterator[pa.Table]:
    names = [name for name in wanted.names if name not in TIMES]
    return (batch.select(names) for batch in batches if batch.num_rows)


def _are_equal(some: Iterator[pa.Table], others: Iterator[pa.Table]) -> bool:
    """Compare two sequences of batches row by row, wherever one batch ends."""
    left, right = next(some, None), next(others, None)
    while left is not None and right is not None:
        length = min(left.num_rows, right.num_rows)
        if not left.slice(0, length).equals(right.slice(0, length)):
            return False
        left = left.slice(length) if length < left.num_rows else next(some, None)
        right = right.slice(length) if length < right.num_rows else next(others, None)
    return left is None and right is None
