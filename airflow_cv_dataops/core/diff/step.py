"""The comparison as a step: summary, lineage, report."""

from __future__ import annotations

import time
from datetime import date, datetime

from airflow_cv_dataops.core.diff.diff import diff_releases
from airflow_cv_dataops.core.diff.images import in_words
from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff
from airflow_cv_dataops.core.diff.report import REPORT
from airflow_cv_dataops.core.release.lookup import DEFAULT_STAGE
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary

LINEAGE_INPUTS = ("releases", "release_items", "images", "annotations")
_MOST_CATEGORIES = 10
_LIMITS = ReportLimits(max_pictures=200)


def report_diff(
    dataset: Dataset,
    before: str | date | datetime | None = None,
    after: str | date | datetime = DEFAULT_STAGE,
    *,
    iou_threshold: float = 0.5,
    allow_missing_before: bool = False,
    report: ReportLimits | None = _LIMITS,
    partition_key: str | None = None,
) -> StepResult:
    """Compare two releases, as :func:`~.diff.diff_releases` does, and leave the counts and a report.

    :param before: a release (``v3``), a stage (``production``) or a time; default: the release that the stage held before ``after``, and
        nothing where it held none.
    :param after: the release that is compared; the same.
    :param iou_threshold: from this intersection over union on, above 0 and at most 1, a box of one release may be a box of the other.
    :param allow_missing_before: whether a ``before`` that there is not (yet) stands for nothing.
    :param report: how large the report may get; default: 20 MB and 200 pictures; ``None``: none.
    :param partition_key: of the run, for the summary.
    :raises ConfigurationError: an option cannot be used.
    :raises DatasetNotFoundError: there is no such release, or a snapshot that it holds is gone.
    :raises StoreError: a release's tables do not hold what was released.
    """
    started = time.monotonic()
    found = diff_releases(
        dataset, before, after, iou_threshold=iou_threshold, max_rows=0 if report is None else report.max_pictures,
        allow_missing_before=allow_missing_before, report=report,
    )  # fmt: skip
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=found.after.snapshots.get("release_items"),
        counts=found.counts,
        metrics=_metrics(found),
        report_uri=found.report_uri,
        duration_seconds=time.monotonic() - started,
        details={
            "from": found.before.name if found.before else None,
            "to": found.after.name,
            "is_empty": found.is_empty,
            "splits": in_words(found.moves),
            "category_shares": _shares(found),
            "metrics_that_differ": {name: list(pair) for name, pair in found.metrics.items()},
        },
    )
    return StepResult(summary, _lineage(dataset, found))


def reports_use(dataset: Dataset) -> DatasetUse:
    """Describe the reports of all comparisons of a dataset for lineage, as one dataset."""
    return dataset.files_use("diff_reports", f"reports/{REPORT}", storage_format="html")


def _metrics(found: ReleaseDiff) -> dict[str, float | None]:
    """Return the share of the labels of images that both have which are not as they were, 0 to 1; ``None`` where there are none."""
    labels = found.counts["labels"]
    there = labels["unchanged"] + labels["changed"] + labels["removed"]
    return {"changed_label_ratio": (labels["changed"] + labels["removed"]) / there if there else None}


def _shares(found: ReleaseDiff) -> dict[str, list[float | None]]:
    """Return the shares before and after of the categories whose share changed most."""
    rows = found.categories.slice(0, _MOST_CATEGORIES).to_pylist()
    return {
        "(none)" if row["category"] is None else row["category"]: [
            None if row[name] is None else round(row[name], 6) for name in ("share_before", "share_after")
        ]
        for row in rows
        if row["share_before"] != row["share_after"]
    }


def _lineage(dataset: Dataset, found: ReleaseDiff) -> StepLineage:
    """Return what was read, at the snapshots of the release after, and the reports: an event without output hides the edges of a job."""
    snapshots = found.after.snapshots
    counts = found.counts
    facts = {
        "fromRelease": found.before.name if found.before else None,
        "toRelease": found.after.name,
        "images": counts["images"],
        "labels": counts["labels"],
        "labelsOfImages": counts["labels_of_images"],
        "statedEmpty": counts["stated_empty"],
        "reportUri": found.report_uri,
    }
    inputs = tuple(
        dataset.table_use(table, snapshot_id=snapshots.get(table)) for table in LINEAGE_INPUTS if table == "releases" or table in snapshots
    )
    outputs = (reports_use(dataset),) if found.report_uri else ()
    return StepLineage("diff", inputs, outputs, facts=facts, parameters={"iou_threshold": found.iou_threshold})
