"""The health of one partition: look at it and at those before it, write findings, metrics and its profile, decide by policy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_list, check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import Findings, check_policy, failure_by_policy, findings_table
from airflow_cv_dataops.core.health.arguments import check_hours, check_partitions
from airflow_cv_dataops.core.health.checks import checks_to_run
from airflow_cv_dataops.core.health.distribution import judge_distribution
from airflow_cv_dataops.core.health.freshness import judge_freshness
from airflow_cv_dataops.core.health.kept_profiles import keep_profile, trailing_profiles
from airflow_cv_dataops.core.health.lineage import health_lineage
from airflow_cv_dataops.core.health.lineage_checks import judge_lineage
from airflow_cv_dataops.core.health.look import AgeLimits, Look, read_steps
from airflow_cv_dataops.core.health.novelty import judge_schema
from airflow_cv_dataops.core.health.outcome import breach_of, counts_of, health_metrics, measured
from airflow_cv_dataops.core.health.partitions import COUNTED, Partitions
from airflow_cv_dataops.core.health.profile import NO_PROFILE
from airflow_cv_dataops.core.health.report import write_health_report
from airflow_cv_dataops.core.health.verdict import NOT_JUDGED, PILLARS, Verdict
from airflow_cv_dataops.core.health.volume import STEP, judge_volume, keys_to_ask
from airflow_cv_dataops.core.metrics import write_metrics
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import has_place
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary, plain
from airflow_cv_dataops.core.trends.trends import DEFAULT_METRICS, WantedMetric

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, Any] = {}
_REPORT = ReportLimits()
_MOST_LOGGED = 10
_JUDGES: Mapping[str, Callable[[Look], Iterator[Verdict]]] = {
    "freshness": judge_freshness,
    "volume": judge_volume,
    "schema": judge_schema,
    "distribution": judge_distribution,
    "lineage": judge_lineage,
}


def check_health(
    dataset: Dataset,
    partition_key: str,
    *,
    as_of: datetime | None = None,
    window: int = 56,
    min_history: int = 14,
    max_image_age_hours: float | None = None,
    max_label_age_hours: float | None = None,
    max_unlabelled_ratio: float | None = None,
    max_unlabelled_hours: float | None = None,
    disabled: Collection[str] = (),
    severities: Mapping[str, str] = _NOTHING,
    thresholds: Mapping[str, Mapping[str, Any]] = _NOTHING,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    trends: Sequence[str] | None = None,
    report: ReportLimits | None = _REPORT,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Judge a partition by its tables and those of the partitions before it, and replace health's findings, metrics and profile of it.

    A partition of which there is nothing is judged too: that it is missing is what health is to say.

    :param as_of: the time that ages are measured against; without a zone it is UTC. Default: now.
    :param window: how many trailing partitions say what is usual; later ones never do.
    :param min_history: so many of them there must be before anything is called unusual; at least 5.
    :param max_image_age_hours: how old the newest image may be; ``None``: its age is measured and not judged.
    :param max_label_age_hours: how old the newest label may be; ``None``: as above.
    :param max_unlabelled_ratio: the share of images, 0 to 1, that may be without label; ``None``: what is usual in the trailing partitions.
    :param max_unlabelled_hours: how long an image may wait for a label; ``None``: it is measured and not judged.
    :param disabled: ids of checks, or pillars, that are not to be judged.
    :param severities: severity by check id, where it is not to be the default one.
    :param thresholds: what checks compare with, by check id and name, e.g. ``{"image_count": {"score": 5}}``.
    :param on_findings: ``fail``, ``warn`` (log only) or ``skip`` (skip this task and what follows).
    :param fail_on: the severities of which a single breach fails the step.
    :param trends: the metrics that the report shows over partitions, as ``metric_trends`` takes them; ``None``: a
        choice of each step's.
    :param report: how large the report may get; ``None``: no report.
    :param recorded_at: the ``recorded_at`` of metrics and profile; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    if as_of is not None and not isinstance(as_of, datetime):
        raise ConfigurationError(f"as_of={as_of!r} cannot be used: expected a datetime, or None for now.")
    # What somebody has set is as serious as the other limits.
    set_limits = {} if max_unlabelled_ratio is None else {"unlabelled_ratio": "error"}
    checks = checks_to_run(disabled, {**set_limits, **severities}, thresholds)
    check_list("trends", trends)
    for name in trends or ():
        WantedMetric.of(name)
    if report is not None and not isinstance(report, ReportLimits):
        raise ConfigurationError(f"report={report!r} cannot be used: expected ReportLimits, or None for no report.")
    limits = _limits(max_image_age_hours, max_label_age_hours, max_unlabelled_ratio, max_unlabelled_hours)
    check_partitions("min_history", min_history)
    check_partitions("window", window, min_history)
    dataset.check_there()
    recorded_at = recorded_at or datetime.now(UTC)
    partitions = Partitions.of(dataset, dataset.snapshots(COUNTED))
    keys = partitions.before(partition_key, window)
    *before, profile = trailing_profiles(dataset, [*keys, partition_key], partitions)
    look = Look(
        dataset=dataset,
        key=partition_key,
        as_of=_in_utc(as_of or datetime.now(UTC)),
        partitions=partitions,
        keys=keys,
        profile=profile or NO_PROFILE,
        profiles=before,
        checks=checks,
        limits=limits,
        window=window,
        fewest=min_history,
        metrics=read_steps(dataset, [*keys, *keys_to_ask(partition_key), partition_key]),
    )
    judged = [verdict for pillar in PILLARS if checks.of_pillar(pillar) for verdict in _JUDGES[pillar](look)]
    verdicts = [verdict for verdict in judged if verdict.check in checks]
    _log_not_judged([verdict for verdict in verdicts if verdict.outcome == NOT_JUDGED])
    rows = _finding_rows(verdicts)
    findings_snapshot = dataset.replace_partition("findings", partition_key, rows, owner=STEP)
    profile_use = keep_profile(dataset, partition_key, look.profile, partitions.version(partition_key), recorded_at)
    metrics_use = write_metrics(dataset, partition_key, STEP, health_metrics(look, verdicts), recorded_at)
    report_uri = _write_report(dataset, partition_key, verdicts, trends, report, recorded_at)
    findings_use = dataset.table_use("findings", partition_key=partition_key, owner=STEP, snapshot_id=findings_snapshot, rows=rows.num_rows)
    counts = counts_of(look, verdicts)
    where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {STEP}"
    failure, skip = failure_by_policy(counts["by_severity"], on_findings=on_findings, fail_on=fail_on, where=where)
    breach = breach_of(dataset.name, partition_key, verdicts)
    if breach is not None:
        log.warning("%s", breach.message)
        failure = failure and f"{breach.message}\n{failure}"
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=findings_snapshot,
        counts=counts,
        metrics=measured(look, verdicts),
        report_uri=report_uri,
        duration_seconds=time.monotonic() - started,
        details={
            "as_of": look.as_of.isoformat(),
            "window": {"partitions": len(keys), "first": keys[0] if keys else None, "last": keys[-1] if keys else None},
            "breaches": [_told(verdict) for verdict in verdicts if verdict.is_breach],
            "input_snapshots": dict(partitions.snapshots),
        },
    )
    return StepResult(summary, health_lineage(look, verdicts, (findings_use, metrics_use, profile_use), report_uri), failure, skip, breach)


def _limits(image_age: Any, label_age: Any, unlabelled_ratio: Any, unlabelled_hours: Any) -> AgeLimits:
    named = {"max_image_age_hours": image_age, "max_label_age_hours": label_age, "max_unlabelled_hours": unlabelled_hours}
    for name, value in named.items():
        check_hours(name, value)
    if unlabelled_ratio is not None:
        check_ratio("max_unlabelled_ratio", unlabelled_ratio)
    return AgeLimits(max_unlabelled_ratio=unlabelled_ratio, **named)


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _log_not_judged(verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts[:_MOST_LOGGED]:
        log.info("Not judged: %s%s: %s", verdict.check, _of(verdict), verdict.message)
    if len(verdicts) > _MOST_LOGGED:
        log.info("Not judged, as the report says: %d more", len(verdicts) - _MOST_LOGGED)


def _of(verdict: Verdict) -> str:
    return f" of {', '.join(verdict.dimensions.values())}" if verdict.dimensions else ""


def _write_report(
    dataset: Dataset,
    partition_key: str,
    verdicts: Sequence[Verdict],
    trends: Sequence[str] | None,
    limits: ReportLimits | None,
    recorded_at: datetime,
) -> str | None:
    """Write the page once the metrics are there that it shows, and return its URI; ``None`` where there is to be none."""
    if limits is None or not has_place(dataset):
        return None
    return write_health_report(
        dataset, partition_key, verdicts, recorded_at=recorded_at, metrics=DEFAULT_METRICS if trends is None else trends, limits=limits
    )


def _finding_rows(verdicts: Sequence[Verdict]) -> pa.Table:
    import json

    import pyarrow as pa

    breaches: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.is_breach:
            breaches.setdefault((verdict.check, verdict.severity), []).append(verdict)
    found = []
    for (check, severity), of_check in breaches.items():
        # What a message names is anybody's: names of categories, cameras, models.
        messages = [plain(verdict.message) for verdict in of_check]
        facts = [json.dumps(plain(_facts(verdict)), sort_keys=True) for verdict in of_check]
        rows = pa.table({"message": pa.array(messages, pa.string()), "suggestion": pa.array(facts, pa.string())})
        found.append(Findings(check, severity, rows))
    return findings_table(STEP, found)


def _facts(verdict: Verdict) -> dict[str, Any]:
    facts = {"pillar": verdict.pillar, "value": verdict.value, "expected": verdict.expected, "score": verdict.score}
    return {name: value for name, value in {**facts, **verdict.dimensions}.items() if value is not None}


def _told(verdict: Verdict) -> dict[str, Any]:
    return {"check": verdict.check, "severity": verdict.severity, "message": verdict.message, **_facts(verdict)}
