"""Rows of ``metrics`` as a tidy data frame: one number a row."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from os import PathLike
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, catalog_of
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import PartitionFile, partition_files
from airflow_cv_dataops.core.trends.dates import time_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_COLUMNS = ("partition_key", "step", "metric", "value", "dimensions", "recorded_at")
_MOST_DIMENSIONS = 30
_MOST_NAMED = 20


def dataset_metrics(
    dataset: Dataset | str,
    catalog: CatalogConfig | Mapping[str, str] | None = None,
    *,
    home: str | PathLike[str] | None = None,
    steps: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    partition_keys: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return what steps have measured of a dataset, one number a row, ordered by partition, step and metric.

    Columns: ``dataset``; ``partition_key``; ``partition_time``, its date without zone, ``NaT`` where the key is none; ``step``; ``metric``;
    ``value``; ``dimensions``, the JSON object that tells values of a metric apart, null where there is one; ``recorded_at`` (UTC), when the
    run that wrote the row started; then one column for each dimension (``category``, ``check``, …), of at most 30, the commonest first.
    A dimension that is named as another column is ``dimension_<name>``. A number that nobody has measured has no row.

    >>> frame = dataset_metrics("digits", steps=["audit"], metrics=["label_error_rate"])    # doctest: +SKIP
    >>> frame.pivot_table(values="value", index="partition_time", columns="category")       # doctest: +SKIP

    :param dataset: its name, or what ``open_dataset`` returns.
    :param catalog: with a name, as in ``open_dataset``.
    :param home: with a name, as in ``open_dataset``.
    :param steps: of these alone, such as ``ingest`` or ``audit:label_audit``; ``audit`` is every audit. Default: of all.
    :param metrics: these alone, by name; default: all.
    :param partition_keys: of these partitions alone; only their files are read. Default: of all.
    :raises DatasetNotFoundError: there is no such dataset, or nobody has ever measured a step or metric that is asked for.
    :raises ConfigurationError: an argument cannot be used.
    """
    for name, given in (("steps", steps), ("metrics", metrics), ("partition_keys", partition_keys)):
        check_list(name, given)
    opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset, catalog_of(catalog, home))
    rows = read_numbers(opened, steps=steps, metrics=metrics, partition_keys=partition_keys)
    if partition_keys is None:
        _check_known(opened, steps, metrics, rows)
    return tidy(opened.name, rows)


def read_numbers(
    dataset: Dataset,
    *,
    steps: Collection[str] | None = None,
    metrics: Collection[str] | None = None,
    partition_keys: Collection[str] | None = None,
    planned: Mapping[str, Sequence[PartitionFile]] | None = None,
) -> pa.Table:
    """Return rows of ``metrics`` as they are; of the wanted steps and partitions only the files are read.

    :param planned: the table's files by partition, for who knows them already.
    :raises DatasetNotFoundError: there is no such dataset.
    """
    import pyarrow as pa

    snapshot_id = dataset.snapshot_id("metrics")
    if snapshot_id is None:
        return dataset.read("metrics", columns=_COLUMNS)
    keys = None if partition_keys is None else set(partition_keys)
    planned = partition_files(dataset, "metrics", snapshot_id) if planned is None else planned
    paths = {
        file.path
        for key, files in planned.items()
        for file in files
        if (keys is None or key in keys) and (steps is None or _is_of(file.owner or "", steps))
    }
    empty = dataset.read("metrics", columns=_COLUMNS, limit=0)
    batches = dataset.read_batches("metrics", columns=_COLUMNS, snapshot_id=snapshot_id, files=paths)
    return pa.concat_tables([empty, *(batch if metrics is None else _among(batch, metrics) for batch in batches)])


def tidy(dataset: str, rows: pa.Table) -> pd.DataFrame:
    """Return the frame of :func:`dataset_metrics`. :param rows: of ``metrics``."""
    import pandas as pd

    frame = rows.to_pandas()
    times = {key: time_of(key) for key in frame["partition_key"].unique()}
    frame.insert(0, "dataset", dataset)
    frame.insert(2, "partition_time", pd.Series([times[key] for key in frame["partition_key"]], index=frame.index, dtype="datetime64[us]"))
    order = ["partition_time", "partition_key", "step", "metric", "dimensions"]  # the number of the whole before those of its parts
    frame = frame.sort_values(order, key=lambda column: column.fillna("") if column.name == "dimensions" else column, ignore_index=True)
    for name, values in _expanded([text if isinstance(text, str) else None for text in frame["dimensions"]]).items():
        frame[f"dimension_{name}" if name in frame.columns else name] = values
    return frame


def _is_of(step: str, wanted: Collection[str]) -> bool:
    return step in wanted or step.partition(":")[0] in wanted


def _among(rows: pa.Table, metrics: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    return rows.filter(pc.is_in(rows["metric"], value_set=pa.array(list(metrics), pa.string())))


def _check_known(dataset: Dataset, steps: Sequence[str] | None, metrics: Sequence[str] | None, rows: pa.Table) -> None:
    """:raises DatasetNotFoundError: nobody has measured what is asked for: a slip of the pen, which an empty frame would hide."""
    found = {"step": rows["step"].unique().to_pylist(), "metric": rows["metric"].unique().to_pylist()}
    for what, wanted in (("step", steps or ()), ("metric", metrics or ())):
        if not (absent := [name for name in wanted if not any(_is_of(one, (name,)) for one in found[what])]):
            continue
        known = read_numbers(dataset, steps=None if what == "step" else steps)[what].unique().to_pylist()
        if unknown := [name for name in absent if not any(_is_of(one, (name,)) for one in known)]:
            told = ", ".join(sorted(known)[:_MOST_NAMED]) or "none"
            near = get_close_matches(unknown[0], known, n=1)
            told += f" (did you mean {near[0]!r}?)" if near else ""
            raise DatasetNotFoundError(
                f"Dataset {dataset.name!r} has no {what} {', '.join(map(repr, unknown))} in its metrics; it has {told}."
            )


def _expanded(texts: Sequence[str | None]) -> dict[str, list[str | None]]:
    """Return a column for each name in the JSON objects, the commonest names first; each different object is read once."""
    read = {text: _names_and_values(text) for text in dict.fromkeys(texts)}
    counts: dict[str, int] = {}
    for text in texts:
        for name in read[text]:
            counts[name] = counts.get(name, 0) + 1
    names = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_DIMENSIONS]
    return {name: [read[text].get(name) for text in texts] for name in names}


def _names_and_values(text: str | None) -> dict[str, str]:
    """Return an object's members as texts; of what is no JSON object, which another writer may have left, nothing."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    members = found.items() if isinstance(found, dict) else ()
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in members}
