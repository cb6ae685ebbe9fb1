"""The audit of one partition: run the checks, write findings and metrics, decide by policy."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.arguments import check_audit_name, check_error_rate, check_some_names
from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.check import Check, EnabledCheck, enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.detection.told import not_judged_of, not_judged_summary
from airflow_cv_dataops.core.audit.inputs import input_metrics
from airflow_cv_dataops.core.audit.lineage import audit_lineage
from airflow_cv_dataops.core.audit.looked_at import nothing_metrics, nothing_to_check
from airflow_cv_dataops.core.audit.policy import as_limits, audit_breach, audit_failure
from airflow_cv_dataops.core.audit.reading import all_partitions, check_presence, read_input
from airflow_cv_dataops.core.audit.report import why_unable, write_audit_report
from airflow_cv_dataops.core.audit.shared_categories import SharedCategories, check_shared, in_words, shared_categories
from airflow_cv_dataops.core.audit.statistics import AuditStatistics, audit_metrics, count_findings
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import Findings, check_policy, findings_table
from airflow_cv_dataops.core.metrics import write_metrics
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import has_place
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, Any] = {}
_REPORT = ReportLimits()
_MOST_MODELS = 10
_FINDINGS_COLUMNS = ("message", "image_id", "source_uri", "annotation_id", "category", "score", "suggestion")


def audit_labels(
    dataset: Dataset,
    partition_key: str,
    *,
    audit: str = "label_audit",
    categories: Sequence[str] | None = None,
    label_sets: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    checks: Sequence[Check] | None = None,
    disabled: Collection[str] = (),
    severities: Mapping[str, str] = _NOTHING,
    thresholds: Mapping[str, Mapping[str, Any]] = _NOTHING,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    max_error_rate: float | None = None,
    limits: Mapping[str, Any] = _NOTHING,
    report: ReportLimits | None = _REPORT,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Audit the labels of one partition and replace this audit's ``findings`` and ``metrics`` of it.

    :param audit: which audit owns the findings; audits of different names stand side by side.
    :param categories: the taxonomy; ``None``: any category goes.
    :param label_sets: audit these label sets only; ``None``: all.
    :param models: judge labels by these models' predictions only; ``None``: all.
    :param checks: the checks to run, e.g. ``(*BUILT_IN_CHECKS, my_check)``; ``None``: the built-in ones.
    :param disabled: ids of checks that are not to run.
    :param severities: severity by check id, where it is not to be the default one.
    :param thresholds: what checks compare with, by check id and name, e.g. ``{"zero_area_bbox": {"side_px": 1}}``.
    :param on_findings: ``fail``, ``warn`` (log only) or ``skip`` (skip this task and what follows).
    :param fail_on: the severities of which a single finding fails the audit.
    :param max_error_rate: 0 to 1; when given, it decides in place of ``fail_on``: the audit fails where more than this share of the
        annotations has a finding of severity ``error`` or a suspect label.
    :param limits: by check id, how many findings of the check are allowed: a whole number, or a share of the annotations such as ``"2%"``.
        Above it the audit fails; a check with a limit does not count in ``fail_on``.
    :param report: how large the report may get; ``None``: no report.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument cannot be used, a check returned something else than findings rows, or a model shares no
        category with the labels that its predictions are compared with.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    check_audit_name(audit)
    for name, values in (("categories", categories), ("label_sets", label_sets), ("models", models)):
        check_some_names(name, values)
    check_error_rate(max_error_rate)
    given = BUILT_IN_CHECKS if checks is None else checks
    to_run = enabled_checks(given, disabled=disabled, severities=severities, thresholds=thresholds)
    allowed = as_limits(limits, [check.id for check in given])
    check_written(dataset, partition_key)
    snapshots = dataset.snapshots(("images", "annotations", "predictions"))
    checks_run = [enabled.check for enabled in to_run]
    owners = _owners_by_table(checks_run, label_sets, models)
    data = read_input(dataset, partition_key, snapshots, checks_run, label_sets, models, categories)
    check_presence(dataset, partition_key, snapshots, data, label_sets=label_sets, models=models)
    shared = shared_categories(data, checks_run)
    where = f"{dataset.identifier('predictions')}, partition {partition_key},"
    check_shared(shared, categories, all_partitions(dataset, snapshots, label_sets), where)
    found, compared = _run(to_run, data)
    ran = {check.check for check in found}
    without_predictions = [check.id for check in checks_run if check.id not in ran]
    checks_run = [check for check in checks_run if check.id in ran]
    nothing = nothing_to_check(to_run, found, data)
    statistics = count_findings(data, checks_run, found, compared, not_judged_of(to_run, data))
    rows = findings_table(audit, found)
    unable = why_unable(without_predictions, nothing)
    planned = [enabled.check for enabled in to_run]
    report_uri = _report(dataset, partition_key, audit, rows, data, snapshots.get("images"), statistics, planned, unable, report)
    findings_snapshot = dataset.replace_partition("findings", partition_key, rows, owner=audit)
    # Of its own findings too: of two runs at once, one may have written these, and the other its numbers.
    looked_at, owners = {**snapshots, "findings": findings_snapshot}, {**owners, "findings": [audit]}
    metrics = [*audit_metrics(statistics), *nothing_metrics(nothing), *input_metrics(dataset, partition_key, looked_at, owners)]
    metrics_use = write_metrics(dataset, partition_key, f"audit:{audit}", metrics, recorded_at or datetime.now(UTC))
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=findings_snapshot,
        counts=statistics.counts(nothing, without_predictions=len(without_predictions)),
        metrics=statistics.rates(),
        report_uri=report_uri,
        duration_seconds=time.monotonic() - started,
        details={
            "audit": audit,
            "without_predictions": without_predictions,
            "nothing_to_check": nothing,
            **_not_shared(shared),
            **not_judged_summary(statistics.overlooked_not_judged),
            "input_snapshots": snapshots,
        },
    )
    where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {audit}"
    unjudged = [check for check in without_predictions if check in allowed]
    failure = audit_failure(statistics, fail_on=fail_on, max_error_rate=max_error_rate, limits=allowed, unjudged=unjudged, where=where)
    if failure is None or on_findings == "warn":  # a failure that counts is told by whoever the result goes to
        log.log(logging.WARNING if failure else logging.INFO, "%s", failure or f"{where}: {statistics.sentence()}")
    written = {**snapshots, "findings": findings_snapshot}
    asserted = [check for check in checks_run if check.id not in nothing]
    lineage = audit_lineage(dataset, partition_key, audit, data, asserted, statistics, allowed, written, metrics_use, report_uri)
    breach = audit_breach(statistics, failure, f"{dataset.name}, partition {partition_key}")
    if on_findings == "warn":
        failure = None
    return StepResult(summary, lineage, failure=failure, skip=failure is not None and on_findings == "skip", breach=breach)


def _owners_by_table(
    checks: Sequence[Check], label_sets: Sequence[str] | None, models: Sequence[str] | None
) -> dict[str, Sequence[str] | None]:
    """Return the tables whose change makes the audit outdated, and whose rows of them; predictions only where a check goes by them."""
    owners: dict[str, Sequence[str] | None] = {"images": None, "annotations": label_sets}
    if any(name.startswith("predictions.") for check in checks for name in check.reads):
        owners["predictions"] = models
    return owners


def _run(checks: Sequence[EnabledCheck], data: AuditInput) -> tuple[list[Findings], dict[str, np.ndarray]]:
    """Return what the checks found, and by check the images on which it compared labels with predictions.

    A check that goes by predictions and has nothing to compare does not run.
    """
    progress = Progress("checks", len(checks), log)
    found, compared = [], {}
    for enabled in checks:
        images = enabled.check.compared_images(data)
        if images is None or len(images):
            found.append(Findings(enabled.check.id, enabled.severity, _findings_of(enabled, data)))
        if images is not None and len(images):
            compared[enabled.check.id] = images
        progress.advance()
    return found, compared


def _findings_of(enabled: EnabledCheck, data: AuditInput) -> pa.Table:
    import pyarrow as pa

    try:
        rows = enabled.run(data)
    except Exception as error:
        error.add_note(
            f"Raised by check {enabled.check.id!r} on {data.annotations.num_rows:,} annotations and {data.images.num_rows:,} images."
        )
        raise
    if rows is None:
        return pa.table({"message": pa.array([], pa.string())})
    names = rows.column_names if isinstance(rows, pa.Table) else [type(rows).__name__]
    if "message" not in names or not set(names) <= set(_FINDINGS_COLUMNS):
        raise ConfigurationError(
            f"Check {enabled.check.id!r} returned {names}: expected None or an Arrow table with columns of {', '.join(_FINDINGS_COLUMNS)}, "
            "message among them."
        )
    if "score" in names and rows["score"].null_count < rows.num_rows:
        scores = rows["score"].drop_null().to_numpy()
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ConfigurationError(f"Check {enabled.check.id!r} returned a score outside 0 (surely wrong) to 1 (surely right).")
    return rows


def _not_shared(shared: Sequence[SharedCategories]) -> dict[str, Any]:
    """Return for the summary which categories labels and predictions do not share, and warn of labels that a model does not know."""
    for found in shared:
        if found.only_labels:
            log.warning("%s", in_words(found))
    noted = [found.to_dict() for found in shared if found.only_labels or found.only_predictions]
    return {"categories_not_shared": noted[:_MOST_MODELS]} if noted else {}


def _report(
    dataset: Dataset,
    partition_key: str,
    audit: str,
    findings: pa.Table,
    data: AuditInput,
    images_snapshot_id: str | None,
    statistics: AuditStatistics,
    checks: Sequence[Check],
    unable: Mapping[str, str],
    limits: ReportLimits | None,
) -> str | None:
    """Write the report, before the rows that it shows are committed, and return its URI; ``None`` where there is to be none."""
    if limits is None or not has_place(dataset):
        return None
    return write_audit_report(
        dataset,
        partition_key,
        audit,
        findings=findings,
        annotations=data.annotations,
        images_snapshot_id=images_snapshot_id,
        statistics=statistics,
        checks=checks,
        unable=unable,
        limits=limits,
    )
