"""The embedding of a partition's images: each image that has no vector by the same model yet is read, decoded and embedded."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import as_place, check_ratio
from airflow_cv_dataops.core.embeddings.arguments import (
    BATCH_SIZE,
    check_batch_size,
    check_embedding_model,
    check_only_with_model,
    check_threads,
    is_built_in,
)
from airflow_cv_dataops.core.embeddings.descriptor import Descriptor
from airflow_cv_dataops.core.embeddings.embedder import Embedder, Facts
from airflow_cv_dataops.core.embeddings.images import COLUMNS, Previous, unique_images
from airflow_cv_dataops.core.embeddings.onnx_model import open_onnx_model
from airflow_cv_dataops.core.embeddings.outcome import Made, Outcome, check_were_there
from airflow_cv_dataops.core.embeddings.preprocessing import Asked
from airflow_cv_dataops.core.embeddings.rows import BLOCK_ROWS, as_lists, embedding_rows
from airflow_cv_dataops.core.embeddings.vectors import Unreadable, VectorMaker
from airflow_cv_dataops.core.metrics import EMBEDDING, write_metrics
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import Place
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}


def embed_images(
    dataset: Dataset,
    partition_key: str,
    *,
    model: str | PathLike[str] | Place | None = None,
    embedding_model: str | None = None,
    input_size: int | Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    resize: str | None = None,
    channels: str | None = None,
    layout: str | None = None,
    output_name: str | None = None,
    batch_size: int = BATCH_SIZE,
    threads: int | None = None,
    max_unreadable_ratio: float = 0.05,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace an embedding model's rows of a partition by one vector for each of its images.

    Byte-identical images are embedded once. An image that has a vector by the same model file and pre-processing is not read again. One
    that cannot be read or decoded gets no row, and is counted. The same images give the same rows.

    :param model: URI or path of an ONNX file; ``None`` or ``descriptor``: the built-in descriptor, which needs none.
    :param embedding_model: the name that owns the rows; default: ``descriptor``, or the model file's name without extension.
    :param input_size: of the model's input: pixels of a square, or height and width; default: what its shape says.
    :param mean: of each channel, 0 to 1, taken away from pixels of 0 to 1; default: ImageNet's (0.485, 0.456, 0.406).
    :param std: of each channel; pixels are divided by it; default: ImageNet's (0.229, 0.224, 0.225).
    :param resize: ``squash``, the default: the whole picture, whatever its aspect ratio; ``crop``: its middle, as the input's shape is.
    :param channels: ``rgb``, the default, or ``bgr``.
    :param layout: ``NCHW`` or ``NHWC``; default: what the input's shape says.
    :param output_name: which of the model's outputs is the vector; default: the only one.
    :param batch_size: images that the model is given at once, unless its input says how many.
    :param threads: that work on one batch; default: one for each processor.
    :param max_unreadable_ratio: share of the images, 0 to 1, that may have no vector; above it the result carries a ``failure``; 1: never.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument or the model cannot be used, or onnxruntime is absent.
    :raises SourceError: the model cannot be read; or more images than ``max_unreadable_ratio`` allows are not there, which may pass.
        Nothing was committed.
    :raises StoreError: a store does not answer, or refuses; nothing was committed.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_embedding_model(embedding_model)
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    check_batch_size(batch_size)
    check_threads(threads)
    asked = Asked(input_size, mean, std, resize or "squash", channels or "rgb", layout)
    given = {
        "input_size": input_size,
        "mean": mean,
        "std": std,
        "resize": resize,
        "channels": channels,
        "layout": layout,
        "output_name": output_name,
    }
    check_only_with_model(model, **given)
    check_written(dataset, partition_key)
    embedder: Embedder = Descriptor()
    if not isinstance(model, Place) and not is_built_in(model):
        model = Place.of(as_place("model", model), _NO_OPTIONS)
    if isinstance(model, Place):
        embedder = open_onnx_model(model, asked, output=output_name, batch_size=batch_size, threads=threads)
    facts = replace(embedder.facts, embedding_model=embedding_model or embedder.facts.embedding_model)

    images_snapshot = dataset.snapshot_id("images")
    read = dataset.read("images", partition_key=partition_key, snapshot_id=images_snapshot, columns=COLUMNS)
    images = unique_images(read)
    previous = Previous.of(dataset, partition_key, facts.embedding_model, facts.parameters_id, facts.source)
    is_there = previous.has(images["image_id"])
    kept = int(is_there.sum())
    if previous.is_all(images):
        made = _unchanged(dataset, partition_key, previous)
    else:
        made = _make(dataset, partition_key, images, previous, embedder, facts, batch_size, max_unreadable_ratio)
    outcome = Outcome(images.num_rows, read.num_rows, kept, made)
    metrics_use = write_metrics(
        dataset, partition_key, f"{EMBEDDING}{facts.embedding_model}", outcome.as_metrics(), recorded_at or datetime.now(UTC)
    )
    outcome.log(log, facts)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=made.snapshot_id,
        counts=outcome.counts,
        metrics={"unreadable_ratio": outcome.unreadable_ratio},
        duration_seconds=time.monotonic() - started,
        details={"embedding_model": facts.embedding_model, "source": facts.source, "preprocessing": facts.preprocessing},
    )
    rows = outcome.counts["embedded"] + kept
    uses = [dataset.table_use("images", partition_key=partition_key, snapshot_id=images_snapshot, rows=read.num_rows)]
    if isinstance(model, Place):
        uses.insert(0, DatasetUse(uri=facts.source, holds="embedding_model", files=1, rows=1, storage_format="onnx"))
    lineage = StepLineage(
        "embedding",
        inputs=tuple(uses if images_snapshot is not None else uses[:-1]),
        outputs=(
            dataset.table_use(
                "embeddings", partition_key=partition_key, owner=facts.embedding_model, snapshot_id=made.snapshot_id, rows=rows
            ),
            metrics_use,
        ),
        facts=outcome.facts(facts),
    )
    return StepResult(summary, lineage, outcome.failure(max_unreadable_ratio))


def _unchanged(dataset: Dataset, partition_key: str, previous: Previous) -> Made:
    """Leave the rows as they are: every image has its own, and there are no others."""
    first = previous.vectors(previous.image_ids.slice(0, 1))
    dimensions = len(first["embedding"][0].as_py()) if first.num_rows else None
    return Made(str(previous.snapshot_id), 0, Unreadable(), dimensions)


def _make(
    dataset: Dataset,
    partition_key: str,
    images: pa.Table,
    previous: Previous,
    embedder: Embedder,
    facts: Facts,
    batch_size: int,
    max_unreadable_ratio: float,
) -> Made:
    """Write the rows of all images, a stretch of ids at a time: those that may stay, and those that are made now."""
    import pyarrow as pa
    import pyarrow.compute as pc

    is_new = ~previous.has(images["image_id"])
    dataset.check_writer("embeddings", partition_key, owner=facts.embedding_model)
    writer = dataset.partition_writer("embeddings", partition_key, owner=facts.embedding_model)
    embedded, dimensions = 0, None
    try:
        with (
            Progress("images embedded", int(is_new.sum()), log) as progress,
            VectorMaker(dataset, embedder, batch_size, progress) as maker,
        ):
            for start in range(0, images.num_rows, BLOCK_ROWS):
                block = images.slice(start, BLOCK_ROWS)
                mask = pa.array(is_new[start : start + BLOCK_ROWS])
                new, old = block.filter(mask), block.filter(pc.invert(mask))
                places, vectors = maker.vectors(new)
                embedded += len(places)
                parts = [embedding_rows(new.take(places), as_lists(vectors), facts)]
                if old.num_rows:
                    stored = previous.vectors(old["image_id"])["embedding"].combine_chunks()
                    dimensions = dimensions or len(stored[0].as_py())
                    parts.append(embedding_rows(old, stored, facts))
                writer.write(pa.concat_tables(parts).sort_by("image_id"))
            unreadable, dimensions = maker.unreadable, maker.dimensions or dimensions
        check_were_there(unreadable, images.num_rows, max_unreadable_ratio)
        files = writer.finish()
    finally:
        writer.discard()
    snapshot_id = dataset.replace_partition_by_files("embeddings", partition_key, files, owner=facts.embedding_model)
    return Made(snapshot_id, embedded, unreadable, dimensions)
