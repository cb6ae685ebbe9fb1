"""The label import: label files to a partition's ``annotations``."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_flag
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.findings import Findings, check_policy, failure_by_policy, findings_table
from airflow_cv_dataops.core.labels.formats.csv_reader import CsvColumns
from airflow_cv_dataops.core.labels.join import IMAGE_COLUMNS, Joined, join_labels
from airflow_cv_dataops.core.labels.reading import FORMATS, Classes, no_labels, read_labels
from airflow_cv_dataops.core.labels.records import SEVERITY_OF_PROBLEM, TASKS, UNPARSABLE_LABEL, Labels, Problem
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import normalize_uri, without_credentials
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.partition_rows import check_dead_links, check_may_empty
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
    csv_columns: CsvColumns | Mapping[str, str] | None = None,
    task: str | None = None,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    max_unreadable_ratio: float = 0.0,
    allow_empty: bool = False,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Replace the label set's annotations of a partition by what the label files at ``source`` say.

    Labels that join no image are kept with a null ``image_id`` and counted; findings are written only for what made no row,
    or a row with less than the file says: unparsable files, malformed records, ambiguous file names.

    :param source: URI of one label file or of a prefix with many.
    :param format: ``coco``, ``voc``, ``yolo`` or ``csv``.
    :param label_set: which labels these are; a rerun replaces its own label set.
    :param classes: YOLO's class names or the URI of a file with them; default: looked for in the source.
    :param csv_columns: which columns of a CSV say what, see :class:`~airflow_cv_dataops.core.labels.formats.csv_reader.CsvColumns`.
    :param task: say this task of every label; default: what each label is.
    :param pattern: glob that the path of a label file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param source_options: obstore's configuration for the source, and for ``classes`` given as a bare URI.
    :param on_findings: ``fail``, ``warn`` or ``skip``.
    :param fail_on: the severities that count.
    :param max_unreadable_ratio: share of the label files, 0 to 1, that may be listed and not be read: they become findings
        (``unparsable_label``). Above it nothing is committed; 1: any number of them.
    :param allow_empty: whether a source that is absent or without labels may empty a partition that holds labels of this label set,
        and a link behind which nothing is take out what was found behind it; such a source then also is a result (0 labels),
        where an absent source or one without label files else is an error.
    :param recorded_at: when the run started; default: now.
    :raises SourceError: there is no such source, no label file in it, or none that can be used; it holds no label, or nothing behind a
        link, and the partition does (``allow_empty``); or more files than ``max_unreadable_ratio`` allows could not be read. Nothing
        was committed.
    :raises StoreError: the source's store does not answer, or refuses; nothing was committed.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset: an ingest makes it.
    """
    started = time.monotonic()
    source = os.fspath(source)
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    check_flag("allow_empty", allow_empty)
    if format not in FORMATS:
        raise ConfigurationError(f"Label format {format!r} is unknown: expected one of {', '.join(FORMATS)}.")
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
    if labels.problems and not labels.rows.num_rows and {problem.check for problem in labels.problems} == {UNPARSABLE_LABEL}:
        # As for predictions: a file that cannot be read says nothing about labels, least of all that there are none any more.
        raise SourceError(f"No label of {without_credentials(normalize_uri(source))} can be used. {labels.problems[0].message}")
    if not labels.rows.num_rows and not allow_empty:
        found = f"There is no label in the {labels.files:,} label files at {without_credentials(normalize_uri(source))}"
        check_may_empty(dataset, partition_key, ("annotations",), found, owner=label_set)
    joined = join_labels(labels.rows, images)
    rows = joined.rows if task is None else _with_task(joined.rows, task)
    problems = (*labels.problems, *joined.ambiguous)
    counts = _counts(labels, joined, problems, images.num_rows)

    step = f"label_import:{label_set}"
    write_problems(dataset, partition_key, step, problems)
    write_metrics(dataset, partition_key, step, [*_metrics(counts), *_by_category(rows)], recorded_at or datetime.now(UTC))
    snapshot_id = dataset.replace_partition("annotations", partition_key, rows, owner=label_set)

    where = problems_at(dataset, partition_key, step, problems)
    failure, skip = failure_by_policy(severities(problems), on_findings=on_findings, fail_on=fail_on, where=where)
    log_import(log, step, "labels", rows.num_rows, counts)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=snapshot_id,
        counts=counts,
        metrics={"match_ratio": _match_ratio(counts)},
        duration_seconds=time.monotonic() - started,
        details={"format": format, "label_set": label_set, "source": without_credentials(normalize_uri(source))},
    )
    lineage = StepLineage(
        step="import",
        inputs=(
            source_use(source, format, files=labels.files, size=labels.bytes),
            dataset.table_use("images", partition_key=partition_key, snapshot_id=images_snapshot, rows=images.num_rows),
        ),
        outputs=(dataset.table_use("annotations", partition_key=partition_key, snapshot_id=snapshot_id, rows=rows.num_rows),),
        facts={
            "format": format,
            "labelSet": label_set,
            "files": labels.files,
            "records": labels.records,
            "matched": counts["matched"],
            "unmatched": counts["unmatched"],
            "problems": len(problems),
        },
    )
    return StepResult(summary, lineage, failure, skip)


def source_use(source: str, format: str, *, files: int, size: int) -> DatasetUse:  # noqa: A002
    """Describe the files of a source for lineage: one dataset, however many files."""
    return DatasetUse(uri=without_credentials(normalize_uri(source)), rows=files, files=files, bytes=size, storage_format=format)


def write_problems(dataset: Dataset, partition_key: str, step: str, problems: Sequence[Problem]) -> str:
    """Replace the step's findings of the partition by the problems of its files and return the snapshot id."""
    import pyarrow as pa

    found = []
    for check in sorted({problem.check for problem in problems}):
        own = [problem for problem in problems if problem.check == check]
        rows = pa.table(
            {
                "message": pa.array([problem.message for problem in own], pa.string()),
                "source_uri": pa.array([problem.source for problem in own], pa.string()),
                "annotation_id": pa.array([problem.annotation_id for problem in own], pa.string()),
            }
        )
        found.append(Findings(check, SEVERITY_OF_PROBLEM[check], rows))
    return dataset.replace_partition("findings", partition_key, findings_table(step, found), owner=step)


def problems_at(dataset: Dataset, partition_key: str, step: str, problems: Sequence[Problem]) -> str:
    """Say where the problems of an import are, and which is the first."""
    where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {step}"
    return f"{where}; the first: {problems[0].message}" if problems else where


def log_import(log: logging.Logger, step: str, what: str, rows: int, counts: Mapping[str, Any]) -> None:
    """Say what was imported; as a warning where nothing joined an image, which is hardly ever meant."""
    is_lost = rows > 0 and not counts["matched"]
    hint = ": none names an image of the partition (file names differ, or the ids need a `coco_reference`)" if is_lost else ""
    numbers = (step, rows, what, counts["unmatched"], counts["problems"] or "none", hint)
    log.log(logging.WARNING if is_lost else logging.INFO, "%s: %d %s, %d without image, problems: %s%s", *numbers)


def severities(problems: Iterable[Problem]) -> dict[str, int]:
    """Return the number of problems by severity."""
    return dict(Counter(SEVERITY_OF_PROBLEM[problem.check] for problem in problems))


def _with_task(rows: pa.Table, task: str) -> pa.Table:
    import pyarrow as pa

    return rows.set_column(rows.schema.get_field_index("task"), "task", pa.array([task] * rows.num_rows, pa.string()))


def _counts(labels: Labels, joined: Joined, problems: Sequence[Problem], images: int) -> dict[str, Any]:
    import pyarrow.compute as pc

    rows = joined.rows
    unmatched = rows.column("image_id").null_count
    return {
        "files": labels.files,
        "annotations": rows.num_rows,
        "matched": rows.num_rows - unmatched,
        "unmatched": unmatched,
        "images_labelled": joined.images,
        "images_without_label": images - joined.images,
        "categories": pc.count_distinct(rows.column("category"), mode="only_valid").as_py(),
        "problems": dict(Counter(problem.check for problem in problems)),
    }


def _metrics(counts: Mapping[str, Any]) -> list[Metric]:
    whole = [Metric(name, value) for name, value in counts.items() if name != "problems"]
    problems = [Metric("problems", number, {"check": check}) for check, number in counts["problems"].items()]
    return [*whole, *problems, Metric("match_ratio", _match_ratio(counts))]


def _by_category(rows: pa.Table) -> list[Metric]:
    import pyarrow.compute as pc

    counted = pc.value_counts(rows.column("category").drop_null()).to_pylist()
    return [Metric("annotations_of_category", row["counts"], {"category": row["values"]}) for row in counted]


def _match_ratio(counts: Mapping[str, Any]) -> float:
    """Return the share of labels that joined an image; NaN (left out everywhere) where there are no labels."""
    return counts["matched"] / counts["annotations"] if counts["annotations"] else float("nan")
