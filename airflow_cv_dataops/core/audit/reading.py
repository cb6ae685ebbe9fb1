"""What an audit reads: one partition's tables at their snapshots, and, to understand what is missing, names from other partitions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.audit_input import BASE_COLUMNS, STREAMED_COLUMNS, AuditInput, PredictionReader
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.shared_categories import Elsewhere, SharedCategories
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.predictions.array_files import MAX_FILE_BYTES
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import read_uri
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def read_input(
    dataset: Dataset,
    partition_key: str,
    snapshots: Mapping[str, str],
    checks: Sequence[Check],
    label_sets: Sequence[str] | None,
    models: Sequence[str] | None,
    categories: Sequence[str] | None,
) -> AuditInput:
    """Read what the checks need, in an order that does not depend on how the tables' files lie."""
    filters = {"annotations": ("label_set", label_sets), "predictions": ("model", models)}
    tables = {}
    for table in ("images", "annotations", "predictions"):
        asked = {name.partition(".")[2] for check in checks for name in check.reads if name.startswith(f"{table}.")}
        columns = [name for name in TABLES[table].column_names if name in asked or name in BASE_COLUMNS[table]]
        if table == "predictions":
            columns = [name for name in columns if name not in STREAMED_COLUMNS]
        if table not in snapshots:
            tables[table] = arrow_schema(table).empty_table().select(columns)
            continue
        where = _one_of(*filters[table]) if table in filters else None
        tables[table] = dataset.read(table, partition_key=partition_key, snapshot_id=snapshots[table], columns=columns, where=where)
    images = tables["images"].sort_by([("source_uri", "ascending")])
    annotations = tables["annotations"].sort_by([(name, "ascending") for name in ("label_set", "file_name", "annotation_id")])
    reader = _prediction_reader(dataset, partition_key, snapshots.get("predictions"), models)
    options = dataset.config.object_options
    return AuditInput(
        images,
        annotations,
        tables["predictions"],
        None if categories is None else tuple(categories),
        read_bytes=lambda uri: read_uri(uri, options, max_bytes=MAX_FILE_BYTES),
        read_predictions=reader,
    )


def check_presence(
    dataset: Dataset,
    partition_key: str,
    snapshots: Mapping[str, str],
    data: AuditInput,
    *,
    label_sets: Sequence[str] | None,
    models: Sequence[str] | None,
) -> None:
    """Warn of label sets and models that have nothing in the partition: a day may be empty.

    :raises ConfigurationError: one has nothing in any partition, which is a slip of the pen.
    """
    for table, column, named, rows in (
        ("annotations", "label_set", label_sets, (data.annotations, data.backgrounds)),
        ("predictions", "model", models, (data.predictions,)),
    ):
        absent = sorted(set(named or ()).difference(*(part[column].unique().to_pylist() for part in rows)))
        if not absent:
            continue
        where = f"{dataset.identifier(table)}, partition {partition_key}"
        log.warning("There is nothing of %s %s in %s", column.replace("_", " "), ", ".join(absent), where)
        if snapshot_id := snapshots.get(table):
            elsewhere = dataset.read(table, snapshot_id=snapshot_id, columns=(column,), where=_one_of(column, absent))
            if unknown := sorted(set(absent) - set(elsewhere[column].unique().to_pylist())):
                what = f"{column.replace('_', ' ')} {', '.join(unknown)}"
                raise ConfigurationError(
                    f"No partition of {dataset.identifier(table)} has anything of {what}: check the spelling, or import it first."
                )
    if not data.annotations.num_rows:
        log.warning("There is no label to audit in %s, partition %s", dataset.identifier("annotations"), partition_key)
    if data.predictions.num_rows and not (data.predicted_image_row >= 0).any():
        log.warning(
            "None of the %s predictions in %s, partition %s, is of one of the partition's images: nothing is compared with them. "
            "Import them with the names of these images (for COCO results: coco_reference).",
            *(f"{data.predictions.num_rows:,}", dataset.identifier("predictions"), partition_key),
        )


def all_partitions(dataset: Dataset, snapshots: Mapping[str, str], label_sets: Sequence[str] | None) -> Elsewhere:
    """Return what looks up the categories of labels and of a model's predictions in all partitions."""

    def names(table: str, where: Any) -> frozenset[str]:
        found: set[str] = set()
        if table in snapshots:
            for batch in dataset.read_batches(table, snapshot_id=snapshots[table], columns=("category",), where=where):
                found.update(batch["category"].unique().to_pylist())
        return frozenset(found - {None})

    def elsewhere(shared: SharedCategories) -> SharedCategories:
        labels = names("annotations", _one_of("label_set", label_sets))
        # A model's probabilities name all its classes in every row.
        predicted = names("predictions", _one_of("model", [shared.model])) if shared.kind in ("boxes", "masks") else shared.predictions
        return SharedCategories(shared.kind, shared.model, labels, predicted)

    return elsewhere


def _prediction_reader(dataset: Dataset, partition_key: str, snapshot_id: str | None, models: Sequence[str] | None) -> PredictionReader:
    """Return what reads the predictions of these models again, in batches and at the same snapshot."""

    def read(columns: Sequence[str], model: str | None, batch_rows: int) -> Iterable[pa.Table]:
        if snapshot_id is None:
            return ()
        where = _one_of("model", models if model is None else [model])
        return dataset.read_batches(
            "predictions", partition_key=partition_key, snapshot_id=snapshot_id, columns=columns, where=where, batch_rows=batch_rows
        )

    return read


def _one_of(column: str, values: Sequence[str] | None) -> Any:
    from pyiceberg.expressions import In

    return None if values is None else In(column, set(values))
