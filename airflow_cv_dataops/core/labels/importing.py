"""The label import: label files to a partition's ``annotations``."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import as_place, check_flag, check_list, check_name, check_pattern, check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.findings import check_policy
from airflow_cv_dataops.core.labels.arguments import check_label_format
from airflow_cv_dataops.core.labels.formats.csv_columns import CsvColumns
from airflow_cv_dataops.core.labels.import_results import MIN_MATCH_RATIO, Import, image_uses, source_use
from airflow_cv_dataops.core.labels.join import IMAGE_COLUMNS, count_images, join_labels, with_image
from airflow_cv_dataops.core.labels.reading import Classes, no_labels, read_labels
from airflow_cv_dataops.core.labels.record_columns import rows_in_order
from airflow_cv_dataops.core.labels.records import BACKGROUND, TASKS, UNPARSABLE_LABEL, UNSUPPORTED_LABEL, Labels
from airflow_cv_dataops.core.metrics import INPUT_ROWS, LABEL_IMPORT, Metric, write_import
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import normalize_uri, without_credentials
from airflow_cv_dataops.core.store.partition_files import partition_files, version_of
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.partition_rows import check_dead_links, check_may_empty
from airflow_cv_dataops.core.store.uris import told_uri
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NO_OPTIONS: Mapping[str, Any] = {}


def import_labels(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    *,
    format: str,  # noqa: A002 (the word of the data model)
    label_set: str = "default",
    classes: Classes | None = None,
    csv_columns: CsvColumns | Mapping[str, Any] | None = None,
    task: str | None = None,
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
    """Replace the label set's annotations of a partition by what the label files at ``source`` say.

    Labels that join no image are kept with a null ``image_id``. Findings are written of names that join none, with the reason, and of what
    made no row, or a row with less than the file says: unparsable files, malformed records.

    :param source: URI of one label file or of a prefix with many.
    :param format: ``coco``, ``voc``, ``yolo`` or ``csv``.
    :param label_set: which labels these are; a rerun replaces its own label set.
    :param classes: YOLO's class names or the URI of a file with them; default: looked for in the source.
    :param csv_columns: which columns of a CSV say what, see :class:`~airflow_cv_dataops.core.labels.formats.csv_columns.CsvColumns`.
    :param task: say this task of every label; default: what each label is.
    :param pattern: glob that the path of a label file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param source_options: obstore's configuration for the source, and for ``classes`` given as a bare URI.
    :param on_findings: ``fail``, ``warn`` or ``skip``.
    :param fail_on: the severities that count.
    :param max_unreadable_ratio: share of the label files, 0 to 1, that may be listed and not be read: they become findings
        (``unparsable_label``). Above it nothing is committed; 1: any number of them.
    :param min_match_ratio: share of the annotations, 0 to 1, that has to join an image; below it the import fails, with its rows and
        findings written, whatever ``on_findings`` says. Default: half.
    :param keep_unmatched: keep the annotations that join no image, with a finding each; ``False`` for a file that holds annotations of
        other partitions, too: they are counted and left out, and one that joins is enough where ``min_match_ratio`` is above 0.
    :param allow_empty: whether a source that is absent or without labels may empty a partition that holds labels of this label set,
        and a link behind which nothing is take out what was found behind it; such a source then also is a result (0 labels),
        where an absent source or one without label files else is an error.
    :param recorded_at: when the run started; default: now.
    :raises SourceError: there is no such source, no label file in it, or none that can be used; it holds no label, none that joins an
        image, or nothing behind a link, and the partition does (``allow_empty``); or more files than ``max_unreadable_ratio`` allows
        could not be read. Nothing was committed.
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
    check_label_format(format)
    check_name("label_set", label_set, "default")
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    check_pattern(pattern)
    check_list("exclude", exclude)
    CsvColumns.of(csv_columns)
    if task is not None and task not in TASKS:
        raise ConfigurationError(f"Task {task!r} is unknown: expected one of {', '.join(TASKS)}.")
    images_snapshot = dataset.snapshot_id("images")
    images = dataset.read("images", partition_key=partition_key, snapshot_id=images_snapshot, columns=IMAGE_COLUMNS)
    try:
        labels = read_labels(
            source,
            format=format,
            label_set=label_set,
            classes=classes,
            csv_columns=csv_columns,
            pattern=pattern,
            exclude=exclude,
            source_options=source_options,
            max_unreadable_ratio=max_unreadable_ratio,
        )
    except EmptySourceError as error:
        if not allow_empty:
            check_may_empty(dataset, partition_key, ("annotations",), str(error).rstrip("."), owner=label_set)
            raise
        log.warning("%s", error)
        labels = no_labels(format, label_set)
    if not allow_empty:
        check_dead_links(dataset, partition_key, ("annotations",), labels.dead_links, column="source", owner=label_set)
    unusable = {problem.check for problem in labels.problems} <= {UNPARSABLE_LABEL, UNSUPPORTED_LABEL}
    if labels.problems and not labels.rows.num_rows and unusable:
        # As for predictions: a file that cannot be read says nothing about labels, least of all that there are none any more.
        raise SourceError(f"No label of {told_uri(normalize_uri(source))} can be used. {labels.problems[0].told}.")
    if not _count_labels(labels.rows) and not allow_empty:
        found = f"There is no label in the {labels.files:,} label files at {told_uri(normalize_uri(source))}"
        check_may_empty(dataset, partition_key, ("annotations",), found, owner=label_set)
    joined = join_labels(labels.rows, images)
    rows, labelled, unmatched = joined.rows, joined.images, joined.unmatched
    # Nothing is to hold columns that the rows below have in another order.
    labels = replace(labels, rows=labels.rows.schema.empty_table())
    del joined
    if task is not None:
        rows = _with_task(rows, task)
    step = f"{LABEL_IMPORT}{label_set}"
    # A file of statements alone may be of the wrong images, too.
    what = "annotations" if _count_labels(rows) or not rows.num_rows else "backgrounds"
    judged = rows.select(["task", "image_id"]) if what == "backgrounds" else _labels_in(rows.select(["task", "image_id"]))
    matched = judged.num_rows - judged["image_id"].null_count
    imported = Import(
        what,
        step,
        images.num_rows,
        labels.problems,
        unmatched,
        rows=judged.num_rows,
        matched=matched,
        keep_unmatched=keep_unmatched,
    )
    if not keep_unmatched:
        rows = with_image(rows)
    if not _count_labels(with_image(rows.select(["task", "image_id"]))) and not allow_empty:
        imported.refuse_to_lose(dataset, partition_key, "annotations", label_set, source)
    counts = _counts(labels, rows, imported, count_images(images["image_id"]) - labelled, labelled)

    findings_use = imported.write_findings(dataset, partition_key)
    metrics = [*imported.metrics(counts), *_by_category(rows), _joined_images(dataset, partition_key, images_snapshot, images.num_rows)]
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    del rows
    rows = rows_in_order(columns)
    metrics_use, snapshot_id = write_import(
        dataset, partition_key, "annotations", label_set, rows, step, metrics, recorded_at or datetime.now(UTC)
    )
    imported.log(log)
    failure, skip = imported.outcome(dataset, partition_key, min_match_ratio=min_match_ratio, on_findings=on_findings, fail_on=fail_on)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=snapshot_id,
        counts=counts,
        metrics={"match_ratio": imported.match_ratio},
        duration_seconds=time.monotonic() - started,
        details={"format": format, "label_set": label_set, "source": without_credentials(normalize_uri(source))},
    )
    lineage = StepLineage(
        step="import",
        inputs=(
            source_use(source, "labels", format, files=labels.files, size=labels.bytes),
            *image_uses(dataset, partition_key, images_snapshot, images.num_rows),
        ),
        outputs=(
            dataset.table_use("annotations", partition_key=partition_key, owner=label_set, snapshot_id=snapshot_id, rows=rows.num_rows),
            findings_use,
            metrics_use,
        ),
        facts={
            "source": without_credentials(normalize_uri(source)),
            "format": format,
            "labelSet": label_set,
            "files": labels.files,
            "records": labels.records,
            "matched": counts["matched"],
            "unmatched": counts["unmatched"],
            "problems": sum(counts["problems"].values()),
        },
    )
    return StepResult(summary, lineage, failure, skip)


def _labels_in(rows: pa.Table) -> pa.Table:
    """Return the rows without the statements that nothing is in an image."""
    import pyarrow.compute as pc

    return rows.filter(pc.not_equal(rows["task"], BACKGROUND))


def _count_labels(rows: pa.Table) -> int:
    return _labels_in(rows.select(["task"])).num_rows


def _with_task(rows: pa.Table, task: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    named = pc.if_else(pc.equal(rows["task"], BACKGROUND), BACKGROUND, pa.scalar(task))
    return rows.set_column(rows.schema.get_field_index("task"), "task", named)


def _counts(labels: Labels, rows: pa.Table, imported: Import, without_label: int, labelled: int) -> dict[str, Any]:
    import pyarrow.compute as pc

    annotations = _count_labels(rows)
    return {
        "files": labels.files,
        "annotations": annotations,
        "backgrounds": rows.num_rows - annotations,
        "images_labelled": labelled,
        "images_without_label": without_label,
        "categories": pc.count_distinct(rows.column("category"), mode="only_valid").as_py(),
        **imported.counts(),
    }


def _joined_images(dataset: Dataset, partition_key: str, snapshot_id: str | None, rows: int) -> Metric:
    """Say which images the labels were joined with, so that one can tell whether there are others by now."""
    files = partition_files(dataset, "images", snapshot_id, partition_key).get(partition_key, [])
    return Metric(INPUT_ROWS, rows, {"table": "images"}, input_version=version_of(files))


def _by_category(rows: pa.Table) -> list[Metric]:
    import pyarrow.compute as pc

    counted = pc.value_counts(rows.column("category").drop_null()).to_pylist()
    return [Metric("annotations_of_category", row["counts"], {"category": row["values"]}) for row in counted]
