"""The import of embeddings: vectors that others have made to a partition's ``embeddings``."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import as_place, check_name, check_ratio
from airflow_cv_dataops.core.embeddings.arguments import storage_format
from airflow_cv_dataops.core.embeddings.collected import Collected, collect
from airflow_cv_dataops.core.embeddings.images import unique_images
from airflow_cv_dataops.core.embeddings.rows import BLOCK_ROWS, as_lists
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.findings import check_policy
from airflow_cv_dataops.core.labels.annotation_files import read_file
from airflow_cv_dataops.core.labels.import_results import Import, image_uses, source_use
from airflow_cv_dataops.core.labels.join import IMAGE_COLUMNS, match_images, unmatched_names
from airflow_cv_dataops.core.labels.records import MALFORMED_RECORD, Problem, clean_text, excerpt
from airflow_cv_dataops.core.metrics import EMBEDDING, write_metrics
from airflow_cv_dataops.core.predictions.named_rows import read_ids
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import Place, normalize_uri, without_credentials
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.partition_rows import check_may_empty
from airflow_cv_dataops.core.store.uris import told_uri
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}
_ADVICE = "Is it the right source, split and day, and has the partition its images?"


def import_embeddings(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    *,
    embedding_model: str,
    id_column: str | None = None,
    ids: str | PathLike[str] | Place | Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    max_unreadable_ratio: float = 0.05,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace an embedding model's rows of a partition by the vectors that the files at ``source`` hold of its images.

    An image is named by its path, file name or stem, its address, or its image id (sha256), as in an import of predictions. The files may
    hold vectors of other partitions, too: what joins no image is counted and left out. A vector that is absent, not finite or not as long
    as the others is a finding and no row; so are several of one image, of which the first is taken if all are equal, else none.

    :param source: URI of one file or of a prefix with many: Parquet (a column that names the image, and a column of lists ``embedding``,
        ``vector`` or ``features``), ``.npz`` (arrays ``ids`` and ``embeddings``), or ``.npy`` with ``ids``.
    :param embedding_model: what made the vectors; a rerun replaces its own rows.
    :param id_column: the column that names the image; default: the usual names.
    :param ids: image names of an ``.npy``, in its order, or the URI of a file with them (``.npy``, or text with one a line).
    :param source_options: obstore's configuration for the source, and for ``ids`` where that is a bare URI.
    :param on_findings: ``fail``, ``warn`` or ``skip``.
    :param fail_on: the severities that count.
    :param max_unreadable_ratio: share of the files, 0 to 1, that may be listed and not be read: they become findings.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises SourceError: there is no such source, no file of vectors in it, none that can be used, or none of its vectors joins one of the
        partition's images; or more files than ``max_unreadable_ratio`` allows could not be read. Nothing was committed.
    :raises StoreError: the source's store does not answer, or refuses; nothing was committed.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    source = as_place("source", source)
    check_partition_key(partition_key)
    check_name("embedding_model", embedding_model, "dinov2_vits14")
    check_policy(on_findings, fail_on)
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    check_written(dataset, partition_key)
    names, names_uri = _names(ids, source_options)
    collected = collect(
        source,
        id_column=id_column,
        ids=names,
        ids_uri=names_uri,
        source_options=source_options,
        max_unreadable_ratio=max_unreadable_ratio,
    )
    images_snapshot = dataset.snapshot_id("images")
    images = dataset.read("images", partition_key=partition_key, snapshot_id=images_snapshot, columns=IMAGE_COLUMNS)
    unique = unique_images(images)
    rows, unmatched, matched = _joined(collected.rows(), images, names_uri)
    rows, problems = _once(rows, collected, unique)
    step = f"{EMBEDDING}{embedding_model}"
    imported = Import(
        *("embeddings", step, images.num_rows, (*collected.problems, *problems), unmatched),
        rows=matched + sum(unmatched["records"].to_pylist()),
        matched=matched,
        keep_unmatched=False,
    )
    _check_joined(dataset, partition_key, source, embedding_model, imported)
    counts = {
        "files": collected.files,
        "images": unique.num_rows,
        "embeddings": rows.num_rows,
        "images_without_embedding": unique.num_rows - rows.num_rows,
        "dimensions": collected.dimensions,
        **imported.counts(),
    }
    findings_use = imported.write_findings(dataset, partition_key)
    metrics_use = write_metrics(dataset, partition_key, step, imported.metrics(counts), recorded_at or datetime.now(UTC))
    snapshot_id = _write(dataset, partition_key, embedding_model, rows, collected, unique)
    imported.log(log)
    if lost := counts["images_without_embedding"]:
        log.warning("%s of %s images of the partition have no embedding", f"{lost:,}", f"{unique.num_rows:,}")
    failure, skip = imported.outcome(dataset, partition_key, min_match_ratio=0.0, on_findings=on_findings, fail_on=fail_on)
    uri = without_credentials(normalize_uri(source))
    lineage = StepLineage(
        "embedding",
        inputs=(
            source_use(source, "embeddings", storage_format(source), files=collected.files, size=collected.bytes),
            *image_uses(dataset, partition_key, images_snapshot, images.num_rows),
        ),
        outputs=(
            dataset.table_use(
                "embeddings", partition_key=partition_key, owner=embedding_model, snapshot_id=snapshot_id, rows=rows.num_rows
            ),
            findings_use,
            metrics_use,
        ),
        facts={
            "embeddingModel": embedding_model,
            "source": uri,
            "dimensions": collected.dimensions,
            "images": unique.num_rows,
            "embedded": rows.num_rows,
            "unmatched": counts["unmatched"],
            "problems": sum(counts["problems"].values()),
        },
    )
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=snapshot_id,
        counts=counts,
        metrics={"match_ratio": imported.match_ratio},
        duration_seconds=time.monotonic() - started,
        details={"embedding_model": embedding_model, "source": uri},
    )
    return StepResult(summary, lineage, failure, skip)


def _names(
    ids: str | PathLike[str] | Place | Sequence[str] | None, source_options: Mapping[str, Any]
) -> tuple[Sequence[str] | None, str | None]:
    """Return the names, and the URI of the file that they are from."""
    if ids is None or not isinstance(ids, (str, PathLike, Place)):
        return ids, None
    place = Place.of(ids, source_options)
    uri = without_credentials(normalize_uri(place.uri))
    try:
        return read_ids(read_file(place), place.uri), uri
    except ValueError as error:
        raise ConfigurationError(f"ids {told_uri(place.uri)} cannot be used: {error}") from error


def _joined(rows: pa.Table, images: pa.Table, names_uri: str | None) -> tuple[pa.Table, pa.Table, int]:
    """Return the rows that join an image, with its ``image_id``; the names that join none; and how many joined.

    By image id where a name is one, else by name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    named_by = rows["source"] if names_uri is None else pa.chunked_array([pa.repeat(names_uri, rows.num_rows)])
    matches = match_images(rows["file_name"], images, by_stem=True, sources=named_by)
    by_id = pc.index_in(rows["file_name"], value_set=images["image_id"].combine_chunks()).combine_chunks().cast(pa.int64())
    matches = replace(matches, position=pc.coalesce(matches.position, by_id))
    unmatched = unmatched_names(rows, matches, images)
    joined = rows.append_column("image_id", images["image_id"].take(matches.position))
    joined = joined.filter(pc.is_valid(joined["image_id"]))
    return joined, unmatched, joined.num_rows


def _once(rows: pa.Table, collected: Collected, unique: pa.Table) -> tuple[pa.Table, list[Problem]]:
    """Return one row an image in the order of ``unique``, with its place there (``image``), and what is wrong with images of several."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = np.asarray(pc.index_in(rows["image_id"], value_set=unique["image_id"].combine_chunks())).astype(np.int64)
    order = np.argsort(places, kind="stable")
    rows, places = rows.take(pa.array(order)), places[order]
    first = np.flatnonzero(np.diff(places, prepend=-1))
    counts = np.diff(first, append=len(places))
    is_kept = np.zeros(len(places), dtype=bool)
    is_kept[first] = True
    problems = []
    # Few images are there again, if any.
    for start, count in zip(first[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        found = rows.slice(start, count)
        vectors = collected.vectors(np.asarray(found["file"]), np.asarray(found["row"]))
        is_same = bool((vectors == vectors[0]).all())
        is_kept[start] = is_same
        taken = "the first was taken" if is_same else "which differ: none was taken"
        message = f"{excerpt(found['file_name'][0].as_py())} has {count:,} vectors, {taken}."
        problems.append(Problem(MALFORMED_RECORD, found["source"][count - 1].as_py(), clean_text(message)))
    return rows.append_column("image", pa.array(places)).filter(pa.array(is_kept)), problems


def _check_joined(dataset: Dataset, partition_key: str, source: str, embedding_model: str, imported: Import) -> None:
    """:raises SourceError: nothing joins, and the partition has images, or vectors of the model: it is another day's file."""
    if imported.matched:
        return
    said = f"None of the {imported.rows:,} embeddings at {told_uri(normalize_uri(source))} joined an image of partition {partition_key}"
    check_may_empty(dataset, partition_key, ("embeddings",), said, owner=embedding_model, advice=_ADVICE)
    if imported.images:
        first = f" The first: {imported.unmatched['message'][0].as_py()}." if imported.unmatched.num_rows else ""
        raise SourceError(f"{said}, so nothing was committed.{first} {_ADVICE}")


def _write(dataset: Dataset, partition_key: str, embedding_model: str, rows: pa.Table, collected: Collected, unique: pa.Table) -> str:
    """Replace the rows, a stretch of images at a time."""
    import numpy as np

    dataset.check_writer("embeddings", partition_key, owner=embedding_model)
    writer = dataset.partition_writer("embeddings", partition_key, owner=embedding_model)
    try:
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            block = rows.slice(start, BLOCK_ROWS)
            vectors = collected.vectors(np.asarray(block["file"]), np.asarray(block["row"]))
            images = unique.take(block["image"].combine_chunks())
            writer.write(_rows(images, vectors, block["source"]))
        files = writer.finish()
    finally:
        writer.discard()
    return dataset.replace_partition_by_files("embeddings", partition_key, files, owner=embedding_model)


def _rows(images: pa.Table, vectors: np.ndarray, source: pa.ChunkedArray) -> pa.Table:
    import pyarrow as pa

    absent = pa.nulls(images.num_rows, pa.string())
    columns = {"image_id": images["image_id"], "source_uri": images["source_uri"], "embedding": as_lists(vectors)}
    return pa.table({**columns, "preprocessing": absent, "source": source, "parameters_id": absent})
