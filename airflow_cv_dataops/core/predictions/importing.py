"""The prediction import: model outputs to a partition's ``predictions``."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import as_place, check_flag, check_list, check_pattern, check_ratio
from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.findings import check_policy
from airflow_cv_dataops.core.labels.import_results import MIN_MATCH_RATIO, Import, image_uses, source_use
from airflow_cv_dataops.core.labels.join import IMAGE_COLUMNS, count_images, match_images, unmatched_names, with_image
from airflow_cv_dataops.core.labels.reading import Classes
from airflow_cv_dataops.core.labels.records import Problem
from airflow_cv_dataops.core.metrics import Metric, write_import
from airflow_cv_dataops.core.predictions.arguments import check_model, check_one_naming, check_prediction_format
from airflow_cv_dataops.core.predictions.opinions import repeated_opinions
from airflow_cv_dataops.core.predictions.reading import Predictions, no_predictions, read_predictions
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import Place, normalize_uri, without_credentials
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.partition_rows import check_dead_links, check_may_empty
from airflow_cv_dataops.core.store.uris import told_uri
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}


def import_predictions(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    *,
    model: str,
    model_version: str | None = None,
    format: str = "auto",  # noqa: A002 (the word of the data model)
    coco_reference: str | PathLike[str] | Place | None = None,
    classes: Classes | None = None,
    id_column: str | None = None,
    ids: str | PathLike[str] | Place | Sequence[str] | None = None,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    max_unreadable_ratio: float = 0.0,
    min_match_ratio: float = MIN_MATCH_RATIO,
    keep_unmatched: bool = True,
    allow_empty: bool = False,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace the model's predictions of a partition by what the files at ``source`` say.

    An image is named by its path, file name or stem, its address, or its image id (sha256). Predictions that join no image are kept with
    a null ``image_id``; of each such name there is a finding with the reason. Rows of probabilities must be finite, within 0 to 1 and sum
    to 1 (within 0.001); others become findings and no rows.

    :param source: URI of one prediction file or of a prefix with many.
    :param model: whose predictions these are; a rerun replaces its own model's rows.
    :param model_version: kept with every row; ``None``: not known.
    :param format: ``coco`` (results JSON), ``probabilities`` (Parquet, CSV, ``.npz``, ``.npy``), ``pixel_probabilities`` (an ``.npy`` or
        ``.npz`` for each image, which the audit opens where it lies), or ``auto``: by extension, one of the first two.
    :param coco_reference: URI of the COCO annotations file that a results file's image and category ids refer to; default: an
        image id is the image's name (of a number with a warning in the log, as ``1.jpg`` may be another image), a category id the
        category's name.
    :param classes: class names or the URI of a file with them; for tables also which columns are classes, in this order.
    :param id_column: the column that names the image; default: ``image``, ``file``, ``filename``, ``path``, ``image_id`` or ``id``.
    :param ids: image names of an ``.npy``, in its order, or the URI of a file with them.
    :param pattern: glob that the path of a prediction file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param source_options: obstore's configuration for the source, and for the other files that are named by a bare URI; one that
        lies elsewhere is given as a :class:`~airflow_cv_dataops.core.store.objects.Place`.
    :param on_findings: ``fail``, ``warn`` or ``skip``.
    :param fail_on: the severities that count.
    :param max_unreadable_ratio: share of the prediction files, 0 to 1, that may be listed and not be read: they become findings
        (``unparsable_prediction``). Above it nothing is committed; 1: any number of them.
    :param min_match_ratio: share of the predictions, 0 to 1, that has to join an image; below it the import fails, with its rows and
        findings written, whatever ``on_findings`` says. Default: half.
    :param keep_unmatched: keep the predictions that join no image, with a finding each; ``False`` for a file that holds predictions of
        other partitions, too: they are counted and left out, and one that joins is enough where ``min_match_ratio`` is above 0.
    :param allow_empty: whether a source that is absent or without predictions may empty a partition that holds predictions of this
        model, and a link behind which nothing is take out what was found behind it; such a source then also is a result (0
        predictions), where an absent source or one without prediction files else is an error.
    :param recorded_at: when the run started; default: now.
    :raises SourceError: there is no such source, no prediction file in it, or none that can be used; it holds no prediction, none that
        joins an image, or nothing behind a link, and the partition does (``allow_empty``); or more files than ``max_unreadable_ratio``
        allows could not be read. Nothing was committed.
    :raises StoreError: the source's store does not answer, or refuses; nothing was committed.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset: an ingest makes it.
    """
    started = time.monotonic()
    source = as_place("source", source)
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    check_flag("allow_empty", allow_empty)
    check_ratio("min_match_ratio", min_match_ratio)
    check_flag("keep_unmatched", keep_unmatched)
    check_model(model)
    check_prediction_format(format)
    check_one_naming(format, coco_reference, classes)
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    check_pattern(pattern)
    check_list("exclude", exclude)
    images_snapshot = dataset.snapshot_id("images")
    images = dataset.read("images", partition_key=partition_key, snapshot_id=images_snapshot, columns=IMAGE_COLUMNS)
    try:
        found = read_predictions(
            source,
            model=model,
            format=format,
            coco_reference=coco_reference,
            classes=classes,
            id_column=id_column,
            ids=ids,
            pattern=pattern,
            exclude=exclude,
            source_options=source_options,
            max_unreadable_ratio=max_unreadable_ratio,
        )
    except EmptySourceError as error:
        if not allow_empty:
            check_may_empty(dataset, partition_key, ("predictions",), str(error).rstrip("."), owner=model)
            raise
        log.warning("%s", error)
        found = no_predictions(format)
    if not allow_empty:
        check_dead_links(dataset, partition_key, ("predictions",), found.dead_links, column="source", owner=model)
    if not found.rows.num_rows and not allow_empty:
        said = f"There is no prediction in the {found.files:,} prediction files at {told_uri(normalize_uri(source))}"
        check_may_empty(dataset, partition_key, ("predictions",), said, owner=model)
    rows, unmatched, problems = _joined(found.rows, images, model_version, found.named_by)
    found = replace(found, problems=(*found.problems, *problems))
    step = f"prediction_import:{model}"
    matched = rows.num_rows - rows["image_id"].null_count
    imported = Import(
        "predictions",
        step,
        images.num_rows,
        found.problems,
        unmatched,
        rows=rows.num_rows,
        matched=matched,
        keep_unmatched=keep_unmatched,
    )
    if not keep_unmatched:
        rows = with_image(rows)
    if not matched and not allow_empty:
        imported.refuse_to_lose(dataset, partition_key, "predictions", model, source)
    counts = _counts(found, rows, imported, images)

    findings_use = imported.write_findings(dataset, partition_key)
    metrics = _metrics(imported, counts, rows)
    metrics_use, snapshot_id = write_import(
        dataset, partition_key, "predictions", model, rows, step, metrics, recorded_at or datetime.now(UTC)
    )
    imported.log(log)
    failure, skip = imported.outcome(dataset, partition_key, min_match_ratio=min_match_ratio, on_findings=on_findings, fail_on=fail_on)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=snapshot_id,
        counts=counts,
        metrics={"match_ratio": imported.match_ratio, "mean_score": _mean_score(rows)},
        duration_seconds=time.monotonic() - started,
        details={
            "format": found.format,
            "model": model,
            "model_version": model_version,
            "source": without_credentials(normalize_uri(source)),
        },
    )
    lineage = StepLineage(
        step="import",
        inputs=(
            source_use(source, "predictions", found.format, files=found.files, size=found.bytes),
            *image_uses(dataset, partition_key, images_snapshot, images.num_rows),
        ),
        outputs=(
            dataset.table_use("predictions", partition_key=partition_key, owner=model, snapshot_id=snapshot_id, rows=rows.num_rows),
            findings_use,
            metrics_use,
        ),
        facts={
            "source": without_credentials(normalize_uri(source)),
            "format": found.format,
            "model": model,
            "modelVersion": model_version,
            "files": found.files,
            "records": found.records,
            "matched": counts["matched"],
            "unmatched": counts["unmatched"],
            "problems": sum(counts["problems"].values()),
        },
    )
    return StepResult(summary, lineage, failure, skip)


def _joined(rows: pa.Table, images: pa.Table, model_version: str | None, named_by: str | None) -> tuple[pa.Table, pa.Table, list[Problem]]:
    """Return the rows with their images, by image id where a name is one, else by name; the names that joined none; and what is lost."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    names = rows.column("file_name")
    alternatives, of_one_image = rows.column("alternative_name"), pc.is_valid(rows.column("pixel_probabilities"))
    sources = rows.column("source") if named_by is None else pa.chunked_array([pa.repeat(named_by, rows.num_rows)])
    matches = match_images(names, images, alternatives, by_stem=True, sources=sources, of_one_image=of_one_image)
    by_id = pc.index_in(names, value_set=images.column("image_id").combine_chunks()).combine_chunks().cast(pa.int64())
    position = pc.coalesce(matches.position, by_id)
    is_kept, problems = repeated_opinions(rows, images["image_id"].take(position))
    rows = rows.filter(is_kept)
    matches = replace(matches, position=position.filter(is_kept), asked=matches.asked[np.asarray(is_kept)])
    unmatched = unmatched_names(rows, matches, images)
    for name in ("image_id", "source_uri"):
        rows = rows.append_column(name, images.column(name).take(matches.position))
    versions = pa.array([model_version] * rows.num_rows, pa.string())
    return rows.drop_columns(["alternative_name"]).append_column("model_version", versions), unmatched, problems


def _counts(found: Predictions, rows: pa.Table, imported: Import, images: pa.Table) -> dict[str, Any]:
    import pyarrow.compute as pc

    predicted = count_images(rows["image_id"])
    return {
        "files": found.files,
        "predictions": rows.num_rows,
        "images_predicted": predicted,
        "images_without_prediction": count_images(images["image_id"]) - predicted,
        "categories": pc.count_distinct(rows.column("category"), mode="only_valid").as_py(),
        **imported.counts(),
    }


def _metrics(imported: Import, counts: Mapping[str, Any], rows: pa.Table) -> list[Metric]:
    score = _mean_score(rows)
    return [*imported.metrics(counts), *([] if score is None else [Metric("mean_score", score)])]


def _mean_score(rows: pa.Table) -> float | None:
    import pyarrow.compute as pc

    return pc.mean(rows.column("score")).as_py()
