"""What sampling reads: the partition's images and labels, one model's predictions, findings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.select import unique_images
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_IMAGES = ("image_id", "source_uri", "storage_uri")
# True of every image that is sampled, so no reason to choose one.
_NO_REASON = "image_without_label"


@dataclass(frozen=True)
class Predictions:
    """One model's predictions of a partition, read a few at a time whenever they are gone through.

    :param snapshot_id: ``None``: there are none.
    """

    dataset: Dataset
    partition_key: str
    snapshot_id: str | None
    model: str | None

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        """Yield columns, at most ``batch_rows`` at a time; the same order every time."""
        from pyiceberg.expressions import EqualTo

        if self.snapshot_id is None or self.model is None:
            return iter(())
        return self.dataset.read_batches(
            "predictions",
            partition_key=self.partition_key,
            snapshot_id=self.snapshot_id,
            columns=columns,
            where=EqualTo("model", self.model),
            batch_rows=batch_rows,
        )


@dataclass(frozen=True, eq=False)
class Sources:
    """What was read, and at which snapshots.

    :param unlabelled: image_id, source_uri, storage_uri of the images without a label; each image once.
    :param predictions: of the model, not read yet.
    :param findings: checks by image id.
    :param rows: how many rows were read, by table, those of ``predictions`` aside.
    :param labelled_in: whether annotations were read of the ``partition`` or of the whole ``dataset``.
    """

    unlabelled: pa.Table
    already_labelled: int
    predictions: Predictions
    findings: Mapping[str, Sequence[str]]
    snapshots: Mapping[str, str]
    rows: Mapping[str, int]
    labelled_in: str

    @property
    def model(self) -> str | None:
        """Whose predictions; ``None`` where the partition has none at all."""
        return self.predictions.model

    def uses(self, dataset: Dataset, partition_key: str, prediction_rows: int) -> tuple[DatasetUse, ...]:
        """Describe the inputs for lineage: the tables that there are."""
        rows = {**self.rows, "predictions": prediction_rows}
        keys: dict[str, str | None] = dict.fromkeys(("images", "predictions", "annotations", "findings"), partition_key)
        if self.labelled_in == "dataset":
            keys["annotations"] = None
        return tuple(
            dataset.table_use(table, partition_key=key, snapshot_id=self.snapshots.get(table), rows=rows[table])
            for table, key in keys.items()
            if table in self.snapshots
        )


def read_sources(dataset: Dataset, partition_key: str, model: str | None, labelled_in: str = "partition") -> Sources:
    """Read what sampling needs, at the tables' current snapshots.

    :param model: ``None``: the only model that has predictions in the partition.
    :param labelled_in: where a label keeps an image from being sampled: ``partition`` or ``dataset``.
    :raises ConfigurationError: several models and none named, or the named one is not among those there.
    """
    import pyarrow.compute as pc

    snapshots = dataset.snapshots(("images", "predictions", "annotations", "findings"))

    def read(table: str, columns: Sequence[str]) -> pa.Table:
        if table not in snapshots:
            return arrow_schema(table).empty_table().select(list(columns))
        return dataset.read(table, partition_key=partition_key, snapshot_id=snapshots[table], columns=columns)

    files = read("images", _IMAGES)
    images = unique_images(files)
    model = _model(dataset, partition_key, model, read("predictions", ["model"]))
    labelled_ids, annotation_rows = _labelled_images(
        dataset, snapshots.get("annotations"), partition_key if labelled_in == "partition" else None
    )
    is_labelled = pc.is_in(images["image_id"], value_set=labelled_ids)
    findings = read("findings", ["image_id", "check"])
    return Sources(
        unlabelled=images.filter(pc.invert(is_labelled)),
        already_labelled=pc.sum(is_labelled).as_py() or 0,
        predictions=Predictions(dataset, partition_key, snapshots.get("predictions"), model),
        findings=_checks_by_image(findings),
        snapshots=snapshots,
        rows={
            "images": files.num_rows,
            "annotations": annotation_rows,
            "findings": findings.num_rows,
        },
        labelled_in=labelled_in,
    )


def _model(dataset: Dataset, partition_key: str, model: str | None, predictions: pa.Table) -> str | None:
    import pyarrow.compute as pc

    present = sorted(pc.unique(predictions["model"]).to_pylist())
    if not present:
        log.warning(
            "No predictions in table %s, partition %s: nothing can be sampled. Import predictions first.",
            *(dataset.identifier("predictions"), partition_key),
        )
        return None
    where = f"table {dataset.identifier('predictions')}, partition {partition_key}"
    if model is None and len(present) > 1:
        raise ConfigurationError(f"There are predictions of several models in {where}: {', '.join(present)}. Name one as model.")
    if model is not None and model not in present:
        raise ConfigurationError(f"Model {model!r} has no predictions in {where}; there are predictions of {', '.join(present)}.")
    return model or present[0]


def _labelled_images(dataset: Dataset, snapshot_id: str | None, partition_key: str | None) -> tuple[pa.Array, int]:
    """Return the distinct ids of the labelled images (of one partition or all), and how many annotations were read; batch by batch."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyiceberg.expressions import AlwaysTrue, EqualTo

    where = AlwaysTrue() if partition_key is None else EqualTo("partition_key", partition_key)
    table = dataset.load_table("annotations") if snapshot_id else None
    if table is None or snapshot_id is None:
        return pa.array([], pa.string()), 0
    rows, parts = 0, [pa.array([], pa.string())]
    for batch in table.scan(row_filter=where, selected_fields=("image_id",), snapshot_id=int(snapshot_id)).to_arrow_batch_reader():
        rows += batch.num_rows
        parts.append(pc.unique(batch.column("image_id").drop_null()).cast(pa.string()))
    return pc.unique(pa.chunked_array(parts)), rows


def _checks_by_image(findings: pa.Table) -> dict[str, list[str]]:
    """Return the checks that found something at each image, sorted."""
    import pyarrow.compute as pc

    usable = findings.filter(pc.and_(findings["image_id"].is_valid(), pc.not_equal(findings["check"], _NO_REASON)))
    grouped = usable.group_by("image_id").aggregate([("check", "distinct")])
    return {row["image_id"]: sorted(row["check_distinct"]) for row in grouped.to_pylist()}
