"""Metrics over partitions, with what is missing left missing, and with the releases that end there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, catalog_of
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import LOOKING_ON, PartitionFile, partition_files, partition_keys_at
from airflow_cv_dataops.core.trends.dates import in_order, missing_keys, time_of
from airflow_cv_dataops.core.trends.numbers import read_numbers
from airflow_cv_dataops.core.trends.releases import ReleaseMark, release_marks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

DEFAULT_METRICS = (
    "ingest/images",
    "ingest/reject_ratio",
    "label_import/annotations",
    "health/unlabelled_ratio",
    "audit/label_error_rate",
    "contract/success_ratio",
    "health/breaches",
    "health/image_count_score",
)
"""What a page of trends shows, as far as a dataset has it."""

_WANTED = re.compile(r"(?:(?P<step>.+)/)?(?P<metric>[^/\[\]]+)(?:\[(?P<dimension>[^=\]]+)=(?P<value>.*)\])?")


@dataclass(frozen=True)
class WantedMetric:
    """Which numbers are asked for: ``[<step>/]<metric>[<dimension>=<value>]``, as a gate names them.

    :param step: ``None``: of any step. ``audit``: of any audit.
    :param dimension: ``None``: the number of the whole. :param value: ``*``: each value of the dimension.
    """

    metric: str
    step: str | None = None
    dimension: str | None = None
    value: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """:raises ConfigurationError: it is no such name."""
        match = _WANTED.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ConfigurationError(f"Metric {text!r} cannot be used: expected e.g. ingest/images or label_error_rate[category=*].")
        return cls(match["metric"], match["step"], match["dimension"], match["value"])

    def takes(self, step: str, metric: str, dimensions: Mapping[str, object]) -> bool:
        """Say whether it is one of the numbers that are asked for."""
        if metric != self.metric or (self.step is not None and self.step not in (step, step.partition(":")[0])):
            return False
        if self.dimension is None:
            return not dimensions
        return list(dimensions) == [self.dimension] and (self.value == "*" or str(dimensions[self.dimension]) == self.value)


@dataclass(frozen=True)
class Series:
    """One metric of one step over the partitions.

    :param values: one for each partition of :class:`Trends`; NaN where nobody has measured it.
    :param recorded_at: likewise, the start of the run that measured it.
    """

    step: str
    metric: str
    values: np.ndarray
    recorded_at: Sequence[datetime | None]
    dimensions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self.dimensions.items())
        return f"{self.step}/{self.metric}" + (f"[{inside}]" if inside else "")


@dataclass(frozen=True)
class Trends:
    """Metrics over the partitions of a dataset.

    :param partition_keys: in order, with those that a run of dates lacks.
    :param times: their dates; ``None`` where a key is none.
    :param missing: which of them are not there: no images, and no number but of a step that looks whether there is anything.
    :param series: those that somebody has measured somewhere, in the order in which they were asked for.
    :param marks: the releases, in the order in which they were made.
    :param left_out: how many partitions there are beside these.
    """

    dataset: str
    partition_keys: tuple[str, ...] = ()
    times: tuple[datetime | None, ...] = ()
    missing: frozenset[str] = frozenset()
    series: tuple[Series, ...] = ()
    marks: tuple[ReleaseMark, ...] = ()
    left_out: int = 0


def metric_trends(
    dataset: Dataset | str,
    catalog: CatalogConfig | Mapping[str, str] | None = None,
    *,
    home: str | PathLike[str] | None = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
) -> pd.DataFrame:
    """Return metrics over all partitions, with gaps and releases: for each metric of each step a row for each partition, in order.

    Columns: ``dataset``, ``step``, ``metric``, ``dimensions`` (JSON or null), ``partition_key``, ``partition_time`` (a date, or ``NaT``),
    ``value``, ``recorded_at`` (UTC), ``state`` and ``releases``. ``state`` is ``measured``; ``not_measured``: the partition is
    there, and its value NaN; or ``no_partition``: a day (hour, …) that the dataset lacks between its first and its last, where keys are
    dates at a steady pace. ``releases`` lists those whose newest partition this is, each ``{"release", "stages", "sequence"}``. A release
    that ends nowhere, or of which nobody can tell any more, is in no list.

    :param dataset: its name, or what ``open_dataset`` returns.
    :param catalog: with a name, as in ``open_dataset``.
    :param home: with a name, as in ``open_dataset``.
    :param metrics: ``images``, of every step that has it; ``ingest/images``, of one step (``audit``: of every audit); with
        ``[category=stop]`` of a part, and with ``[category=*]`` of each. What nobody has measured is left out.
    :raises DatasetNotFoundError: there is no such dataset.
    :raises ConfigurationError: an argument cannot be used.
    """
    opened = dataset if isinstance(dataset, Dataset) else Dataset(dataset, catalog_of(catalog, home))
    return as_frame(read_trends(opened, metrics))


def read_trends(
    dataset: Dataset, metrics: Sequence[str] = DEFAULT_METRICS, *, around: str | None = None, most: int | None = None
) -> Trends:
    """Return the same for a page.

    :param most: partitions, with those that are missing: the newest, or those up to and a few beyond ``around``; default: all.
    :raises DatasetNotFoundError: there is no such dataset. :raises ConfigurationError: a name is none.
    """
    check_list("metrics", metrics)
    wanted = [WantedMetric.of(name) for name in metrics]
    dataset.check_there()
    steps = None if any(one.step is None for one in wanted) else {one.step for one in wanted if one.step is not None}
    planned = partition_files(dataset, "metrics", dataset.snapshot_id("metrics"))
    there, looked_for = _partition_keys(dataset, planned)
    missing = looked_for.union(missing_keys([*there, *looked_for]))
    ordered = in_order([*there, *missing])
    shown = tuple(_window(ordered, around, most))
    read = None if len(shown) == len(ordered) else shown
    rows = read_numbers(dataset, steps=steps, metrics={one.metric for one in wanted}, partition_keys=read, planned=planned)
    return Trends(
        dataset=dataset.name,
        partition_keys=shown,
        times=tuple(map(time_of, shown)),
        missing=missing & frozenset(shown),
        series=_series(rows, wanted, {key: place for place, key in enumerate(shown)}),
        marks=tuple(release_marks(dataset)),
        left_out=len(ordered) - len(shown),
    )


def _partition_keys(dataset: Dataset, steps: Mapping[str, Sequence[PartitionFile]]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the partitions that have images or that a step has measured, and those at which somebody looked and found nothing.

    :param steps: files of ``metrics`` by partition.
    """
    at = dataset.snapshot_id("images")
    images = frozenset() if at is None else partition_keys_at(dataset, "images", [at])[at] or frozenset()
    measured = {key for key, files in steps.items() if any(file.owner not in LOOKING_ON for file in files)}
    return images.union(measured), frozenset(steps) - images - measured


def _window(ordered: Sequence[str], around: str | None, most: int | None) -> Sequence[str]:
    if most is None or len(ordered) <= most:
        return ordered
    end = len(ordered) if around not in ordered else min(len(ordered), ordered.index(around) + 1 + most // 8)
    return ordered[max(0, end - most) : max(end, most)]


def as_frame(trends: Trends) -> pd.DataFrame:
    """Return the frame of :func:`metric_trends`."""
    import numpy as np
    import pandas as pd

    ending: dict[str | None, list[dict[str, object]]] = {}
    for mark in trends.marks:
        told = {"release": mark.release, "stages": list(mark.stages), "sequence": mark.sequence}
        ending.setdefault(mark.partition_key, []).append(told)
    is_missing = np.isin(np.array(trends.partition_keys, dtype=object), list(trends.missing))
    parts = []
    for one in trends.series:
        state = np.where(~np.isnan(one.values), "measured", np.where(is_missing, "no_partition", "not_measured"))
        text = json.dumps(dict(one.dimensions), sort_keys=True, ensure_ascii=False) if one.dimensions else None
        columns = {
            "dataset": trends.dataset,
            "step": one.step,
            "metric": one.metric,
            "dimensions": text,
            "partition_key": trends.partition_keys,
            "partition_time": pd.Series(trends.times, dtype="datetime64[us]"),
            "value": one.values,
            "recorded_at": pd.Series(one.recorded_at, dtype="datetime64[us, UTC]"),
            "state": state,
            "releases": [list(ending.get(key, ())) for key in trends.partition_keys],
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True) if parts else _empty_frame()


def _empty_frame() -> pd.DataFrame:
    import pandas as pd

    times = {"partition_time": "datetime64[us]", "recorded_at": "datetime64[us, UTC]", "value": "float64"}
    names = ("dataset", "step", "metric", "dimensions", "partition_key", "partition_time", "value", "recorded_at", "state", "releases")
    return pd.DataFrame({name: pd.Series(dtype=times.get(name, "object")) for name in names})


def _series(rows: pa.Table, wanted: Sequence[WantedMetric], place_of: Mapping[str, int]) -> tuple[Series, ...]:
    """Return the series in the order of what is wanted, then by step and dimensions. :param place_of: partition key to its place."""
    import numpy as np
    import pyarrow as pa

    found: list[tuple[int, Series]] = []
    numbered = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    groups = numbered.group_by(["step", "metric", "dimensions"]).aggregate([("row", "list")]).to_pylist()
    for group in groups:
        dimensions = json.loads(group["dimensions"]) if group["dimensions"] else {}
        rank = next((rank for rank, one in enumerate(wanted) if one.takes(group["step"], group["metric"], dimensions)), None)
        if rank is None:
            continue
        part = rows.take(pa.array(group["row_list"]))
        places = np.array([place_of[key] for key in part["partition_key"].to_pylist()], dtype=np.int64)
        values, recorded = np.full(len(place_of), np.nan), np.full(len(place_of), None, dtype=object)
        values[places], recorded[places] = part["value"].to_numpy(), part["recorded_at"].to_pylist()
        found.append((rank, Series(group["step"], group["metric"], values, tuple(recorded), dimensions)))
    found.sort(key=lambda item: (item[0], item[1].name))
    return tuple(series for _, series in found)
