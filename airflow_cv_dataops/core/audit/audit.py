"""The audit of one partition: run the checks, write findings and metrics, decide by policy."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.audit_input import BASE_COLUMNS, STREAMED_COLUMNS, AuditInput, PredictionReader
from airflow_cv_dataops.core.audit.check import Check, EnabledCheck, enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.inputs import input_metrics
from airflow_cv_dataops.core.audit.lineage import audit_lineage
from airflow_cv_dataops.core.audit.policy import as_limits, audit_failure
from airflow_cv_dataops.core.audit.report import ReportLimits, write_audit_report
from airflow_cv_dataops.core.audit.statistics import AuditStatistics, audit_metrics, count_findings
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import Findings, check_policy, findings_table
from airflow_cv_dataops.core.metrics import write_metrics
from airflow_cv_dataops.core.predictions.array_files import MAX_FILE_BYTES
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import read_uri
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, Any] = {}
_REPORT = ReportLimits()
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
    :raises ConfigurationError: an argument cannot be used, or a check returned something else than findings rows.
    :raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    _check_arguments(audit, categories, label_sets, models, max_error_rate)
    given = BUILT_IN_CHECKS if checks is None else checks
    to_run = enabled_checks(given, disabled=disabled, severities=severities, thresholds=thresholds)
    allowed = as_limits(limits, [check.id for check in given])
    check_written(dataset, partition_key)
    snapshots = dataset.snapshots(("images", "annotations", "predictions"))
    checks_run = [enabled.check for enabled in to_run]
    owners = _owners_by_table(checks_run, label_sets, models)
    data = _read(dataset, partition_key, snapshots, checks_run, label_sets, models, categories)
    _check_presence(dataset, partition_key, snapshots, data, label_sets=label_sets, models=models)
    to_run = [enabled for enabled in to_run if data.can_judge(enabled.check.reads)]
    without_predictions = [check.id for check in checks_run if check.id not in {enabled.check.id for enabled in to_run}]
    checks_run = [enabled.check for enabled in to_run]
    found = _run(to_run, data)
    statistics = count_findings(data, checks_run, found)
    rows = findings_table(audit, found)
    report_uri = _report(dataset, partition_key, audit, rows, data, snapshots.get("images"), statistics, checks_run, report)
    findings_snapshot = dataset.replace_partition("findings", partition_key, rows, owner=audit)
    # Of its own findings too: of two runs at once, one may have written these, and the other its numbers.
    looked_at, owners = {**snapshots, "findings": findings_snapshot}, {**owners, "findings": [audit]}
    metrics = [*audit_metrics(statistics), *input_metrics(dataset, partition_key, looked_at, owners)]
    write_metrics(dataset, partition_key, f"audit:{audit}", metrics, recorded_at or datetime.now(UTC))
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=findings_snapshot,
        counts=statistics.counts(),
        metrics=statistics.rates(),
        report_uri=report_uri,
        duration_seconds=time.monotonic() - started,
        details={"audit": audit, "without_predictions": without_predictions, "input_snapshots": snapshots},
    )
    where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {audit}"
    unjudged = [check for check in without_predictions if check in allowed]
    failure = audit_failure(statistics, fail_on=fail_on, max_error_rate=max_error_rate, limits=allowed, unjudged=unjudged, where=where)
    log.log(logging.WARNING if failure else logging.INFO, "%s", failure or f"{where}: {statistics.sentence()}")
    written = {**snapshots, "findings": findings_snapshot}
    lineage = audit_lineage(dataset, partition_key, audit, data, checks_run, statistics, written, report_uri)
    if on_findings == "warn":
        failure = None
    return StepResult(summary, lineage, failure=failure, skip=failure is not None and on_findings == "skip")


def _owners_by_table(
    checks: Sequence[Check], label_sets: Sequence[str] | None, models: Sequence[str] | None
) -> dict[str, Sequence[str] | None]:
    """Return the tables whose change makes the audit outdated, and whose rows of them; predictions only where a check goes by them."""
    owners: dict[str, Sequence[str] | None] = {"images": None, "annotations": label_sets}
    if any(name.startswith("predictions.") for check in checks for name in check.reads):
        owners["predictions"] = models
    return owners


def _check_presence(
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
        ("annotations", "label_set", label_sets, data.annotations),
        ("predictions", "model", models, data.predictions),
    ):
        absent = sorted(set(named or ()) - set(rows[column].unique().to_pylist()))
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


def _check_arguments(
    audit: str,
    categories: Sequence[str] | None,
    label_sets: Sequence[str] | None,
    models: Sequence[str] | None,
    max_error_rate: float | None,
) -> None:
    if not audit or not isinstance(audit, str):
        raise ConfigurationError(f"audit={audit!r} cannot be used: expected a name such as 'label_audit'.")
    for name, values in (("categories", categories), ("label_sets", label_sets), ("models", models)):
        if values is not None and (isinstance(values, str) or not values or not all(isinstance(value, str) for value in values)):
            raise ConfigurationError(f"{name}={values!r} cannot be used: expected at least one string in a list, or None for all.")
    if max_error_rate is not None and not 0 <= max_error_rate <= 1:
        raise ConfigurationError(f"max_error_rate={max_error_rate!r} is out of range: expected 0 to 1.")


def _read(
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


def _run(checks: Sequence[EnabledCheck], data: AuditInput) -> list[Findings]:
    progress = Progress("checks", len(checks), log)
    found = []
    for enabled in checks:
        found.append(Findings(enabled.check.id, enabled.severity, _findings_of(enabled, data)))
        progress.advance()
    return found


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


def _report(
    dataset: Dataset,
    partition_key: str,
    audit: str,
    findings: pa.Table,
    data: AuditInput,
    images_snapshot_id: str | None,
    statistics: AuditStatistics,
    checks: Sequence[Check],
    limits: ReportLimits | None,
) -> str | None:
    """Write the report, before the rows that it shows are committed, and return its URI; ``None`` where there is to be none."""
    if limits is None:
        return None
    if dataset.config.warehouse is None:
        log.warning("No report is written: catalog %s names no warehouse URI to write it below.", dataset.config.name)
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
        limits=limits,
    )
