"""What a review reads: the rows of the sample, what people have said of its images since, and what the model says of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

log = logging.getLogger(__name__)

TABLES = ("samples", "images", "annotations", "predictions")
_SAMPLED = ("sample_id", "image_id", "source_uri", "strategy", "model", "rank", "image_partition")
_LABELS = ("partition_key", "label_set", "annotation_id", "image_id", "source_uri", "annotator", "task", "category", "bbox", "iscrowd")
_PREDICTIONS = ("partition_key", "prediction_id", "image_id", "source_uri", "task", "category", "score", "bbox")
_IMAGES = ("source_uri", "image_id", "storage_uri", "bytes", "width", "height")


@dataclass(frozen=True, eq=False)
class ReviewSources:
    """What was read, and at which snapshots.

    :param sample: rows of the sample, by strategy, then rank. :param baseline: rows of the other sample that it is compared with, if any.
    :param image_ids: of both, each once, sorted; ``labels`` and ``predictions`` are about these alone.
    :param model: ``None``: neither sample has a row, so that nobody needs one.
    :param is_classifier: whether the model says what an image as a whole is.
    :param samples_there: names of all samples of the partition. :param keys: of the partitions that the images are of.
    :param absent_label_sets: which of those that were named have no label in these partitions, not of any image.
    :param label_sets_there: where some are absent: names of all label sets in these partitions.
    """

    sample: pa.Table
    baseline: pa.Table
    image_ids: pa.Array
    labels: pa.Table
    predictions: pa.Table
    model: str | None
    is_classifier: bool
    samples_there: Sequence[str]
    snapshots: Mapping[str, str]
    keys: Sequence[str] = ()
    absent_label_sets: Sequence[str] = ()
    label_sets_there: Sequence[str] = ()


def read_review(
    dataset: Dataset, partition_key: str, sample_id: str, compared_with: str | None, label_sets: Sequence[str] | None, model: str | None
) -> ReviewSources:
    """Read at the tables' current snapshots.

    :raises ConfigurationError: the sample was drawn with several models and none is named, or the model has no predictions there.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyiceberg.expressions import AlwaysTrue, EqualTo, In

    snapshots = dataset.snapshots(TABLES)
    rows = _all(dataset, "samples", partition_key, snapshots, _SAMPLED)
    sample = rows.filter(pc.equal(rows["sample_id"], sample_id)).sort_by([("strategy", "ascending"), ("rank", "ascending")])
    # Without another sample there is a null to compare with, and of that no row is equal.
    baseline = rows.filter(pc.fill_null(pc.equal(rows["sample_id"], pa.scalar(compared_with, pa.string())), False)).sort_by("rank")
    ids = pc.unique(pa.concat_tables([sample, baseline])["image_id"])
    ids = ids.take(pc.sort_indices(ids))
    there = sorted(pc.unique(rows["sample_id"]).to_pylist())
    # A batch may be chosen from several partitions; older rows do not say, and are of their own.
    of_images = pa.concat_tables([sample, baseline])["image_partition"].drop_null()
    keys = tuple(sorted({partition_key, *of_images.to_pylist()}))
    if not sample.num_rows:
        log.warning(
            "Sample %s has no row in table %s, partition %s (samples there: %s): there is nothing to review.",
            *(sample_id, dataset.identifier("samples"), partition_key, few(there, 10) or "none"),
        )
        tables = (("annotations", _LABELS), ("predictions", _PREDICTIONS))
        labels, predictions = (arrow_schema(table).empty_table().select(columns) for table, columns in tables)
        return ReviewSources(sample, baseline, ids, labels, predictions, model, False, there, snapshots, keys)
    model = model or _model_of(sample, sample_id)
    places = ImagePlaces(ids)
    of_sets = In("label_set", tuple(label_sets)) if label_sets else AlwaysTrue()
    labels, found = _of_images(dataset, "annotations", keys, snapshots, _LABELS, places, of_sets, tell="label_set")
    absent = sorted(set(label_sets or ()) - found)
    sets_there = _label_sets(dataset, keys, snapshots) if absent else []
    predictions, tasks = _of_images(dataset, "predictions", keys, snapshots, _PREDICTIONS, places, EqualTo("model", model), tell="task")
    if not tasks:
        raise ConfigurationError(
            f"Model {model!r}, by which sample {sample_id} was drawn or which was named, has no predictions in table "
            f"{dataset.identifier('predictions')}, partition {partition_key}: import them, or name another model."
        )
    is_classifier = "classification" in tasks
    return ReviewSources(sample, baseline, ids, labels, predictions, model, is_classifier, there, snapshots, keys, absent, sets_there)


def images_of(dataset: Dataset, keys: Sequence[str], snapshot_id: str | None, image_ids: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the rows of ``images`` of some images by id, for pictures; of byte-identical files that of the smallest source."""
    import pyarrow as pa

    places = ImagePlaces(pa.array(image_ids, pa.string()))
    rows, _ = _of_images(dataset, "images", keys, {"images": snapshot_id} if snapshot_id else {}, _IMAGES, places, None)
    found: dict[str, dict[str, object]] = {}
    for row in rows.sort_by("source_uri").to_pylist():  # of as many images as a page shows
        found.setdefault(row["image_id"], row)
    return found


def _model_of(sample: pa.Table, sample_id: str) -> str:
    import pyarrow.compute as pc

    models = sorted(pc.unique(sample["model"].drop_null()).to_pylist())
    if not models:
        raise ConfigurationError(f"Sample {sample_id} was chosen without any model's predictions: name the model that is to be judged.")
    if len(models) > 1:
        raise ConfigurationError(f"Sample {sample_id} was drawn by predictions of several models: {few(models, 10)}. Name one as model.")
    return str(models[0])


def _all(dataset: Dataset, table: str, partition_key: str, snapshots: Mapping[str, str], columns: Sequence[str]) -> pa.Table:
    if table not in snapshots:
        return arrow_schema(table).empty_table().select(list(columns))
    return dataset.read(table, partition_key=partition_key, snapshot_id=snapshots[table], columns=columns)


def _of_images(
    dataset: Dataset,
    table: str,
    keys: Sequence[str],
    snapshots: Mapping[str, str],
    columns: Sequence[str],
    places: ImagePlaces,
    where: BooleanExpression | None,
    *,
    tell: str | None = None,
) -> tuple[pa.Table, set[str]]:
    """Return the rows that are about the images, the others are never held, and which values any row has. :param tell: of which column."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyiceberg.expressions import AlwaysTrue, And, In

    of_keys = And(In("partition_key", tuple(keys)), where or AlwaysTrue())
    parts, told = [arrow_schema(table).empty_table().select(list(columns))], set()
    if table in snapshots:
        for batch in dataset.read_batches(table, snapshot_id=snapshots[table], columns=columns, where=of_keys):
            if tell is not None:
                told.update(pc.unique(batch[tell]).to_pylist())
            parts.append(batch.filter(pa.array(places.of(batch["image_id"]) >= 0)))
    return pa.concat_tables(parts), told


def _label_sets(dataset: Dataset, keys: Sequence[str], snapshots: Mapping[str, str]) -> list[str]:
    """Return the names of all label sets that have a label in some partitions."""
    import pyarrow.compute as pc
    from pyiceberg.expressions import In

    names: set[str] = set()
    if snapshot_id := snapshots.get("annotations"):
        for batch in dataset.read_batches(
            "annotations", snapshot_id=snapshot_id, columns=("label_set",), where=In("partition_key", tuple(keys))
        ):
            names.update(pc.unique(batch["label_set"]).drop_null().to_pylist())
    return sorted(names)
