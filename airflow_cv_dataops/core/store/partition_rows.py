"""How many rows a partition holds, asked before a step that found nothing would take them all out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_keys import partition_keys_of
from airflow_cv_dataops.core.store.schema import TABLES, model_of

_IS_SOURCE_THERE = (
    "Look whether the source is where it should be (a disk that is not mounted, a folder that was renamed), and run it again; "
    "allow_empty=True empties the partition."
)


def check_may_empty(
    dataset: Dataset,
    partition_key: str,
    tables: Sequence[str],
    found: str,
    *,
    owner: str | None = None,
    advice: str = _IS_SOURCE_THERE,
    joined: bool = False,
) -> None:
    """Refuse to replace rows by nothing: a source that is gone for now looks the same as one that has been emptied.

    A partition without rows may stay so.

    :param tables: those that the step would leave without rows of this partition and owner.
    :param found: what the step found, and where it looked: a sentence without its full stop.
    :param advice: what to do.
    :param joined: only rows that belong to an image count.
    :raises EmptySourceError: one of the tables holds rows.
    """
    held = {table: count_rows(dataset, table, partition_key, owner=owner, joined=joined) for table in tables}
    if not any(held.values()):
        return
    raise EmptySourceError(f"{found}. That would take out {_lost(dataset, held, partition_key, owner)}, so nothing was committed. {advice}")


def check_dead_links(
    dataset: Dataset, partition_key: str, tables: Sequence[str], links: Sequence[str], *, column: str, owner: str | None = None
) -> None:
    """Refuse to take out the rows of what lay behind a link behind which nothing is now: its disk may only be gone for a while.

    :param tables: those that the step would replace. :param links: their URIs. :param column: the tables' URI of the file.
    :raises EmptySourceError: one of the tables holds rows of files below a link.
    """
    if not links:
        return
    below = {table: _rows_below(dataset, table, partition_key, links, column, owner) for table in tables}
    missed = sorted(set().union(*below.values()))
    if not missed:
        return
    others = f" (and {len(missed) - 1:,} more such links)" if len(missed) > 1 else ""
    held = {table: rows.total() for table, rows in below.items()}
    lost = _lost(dataset, held, partition_key, owner)
    raise EmptySourceError(
        f"{missed[0]} is a link behind which nothing is{others}. That would take out {lost} that were found behind it, so nothing was "
        "committed. Run it again when what the link leads to is back (a disk that is not mounted, a folder that was renamed), or remove "
        "the link where its files are gone for good; allow_empty=True takes the rows out all the same."
    )


def count_rows(dataset: Dataset, table: str, partition_key: str, *, owner: str | None = None, joined: bool = False) -> int:
    """Return how many rows of one owner a partition has; of the data files only the entries in the table's manifests are read.

    :param joined: count those with an image alone. Then data files of which some rows have none are read, too.
    """
    from pyiceberg.expressions import AlwaysTrue, And, EqualTo, NotNull

    found = dataset.load_table(table)
    if found is None or found.current_snapshot() is None:
        return 0
    rows: object = NotNull("image_id") if joined else AlwaysTrue()
    for name, value in partition_keys_of(model_of(table), partition_key, owner).items():
        rows = And(rows, EqualTo(name, value))  # type: ignore[arg-type]
    return found.scan(row_filter=rows).count()  # type: ignore[arg-type]


def _rows_below(dataset: Dataset, table: str, partition_key: str, links: Sequence[str], column: str, owner: str | None) -> Counter[str]:
    """Return how many rows have a URI below each of the links, where any has: one scan, however many links there are."""
    from pyiceberg.expressions import And, EqualTo, StartsWith

    found: Counter[str] = Counter()
    stored = dataset.load_table(table)
    if stored is None or stored.current_snapshot() is None:
        return found
    # By character, not by folder: of a single link it is the link itself, and every row that is read is one below it.
    rows: object = StartsWith(column, os.path.commonprefix([f"{link}/" for link in links]))  # noqa: RUF071
    for name, value in partition_keys_of(model_of(table), partition_key, owner).items():
        rows = And(rows, EqualTo(name, value))  # type: ignore[arg-type]
    known, shortest = frozenset(links), min(map(len, links))
    for batch in dataset.read_batches(table, columns=[column], where=rows):  # type: ignore[arg-type]
        for uri in batch[column].to_pylist():
            end = uri.rfind("/")
            while end >= shortest and uri[:end] not in known:
                end = uri.rfind("/", 0, end)
            if end >= shortest:
                found[uri[:end]] += 1
    return found


def _lost(dataset: Dataset, held: Mapping[str, int], partition_key: str, owner: str | None) -> str:
    """Say of which tables, and of whose partition of them, how many rows would be lost."""
    lost = " and ".join(f"{rows:,} row{'s' * (rows != 1)} of {dataset.identifier(table)}" for table, rows in held.items() if rows)
    whose = "" if owner is None else f", {TABLES[next(iter(held))].owner} {owner}"
    return f"{lost} (partition {partition_key}{whose})"
