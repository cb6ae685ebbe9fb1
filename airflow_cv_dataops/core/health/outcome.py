"""Verdicts as numbers, and as the few lines that people are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from airflow_cv_dataops.core.health.freshness import newest_label
from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.verdict import OUTCOMES, Verdict
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.summary import Breach, plain

_MOST_LINES = 4
_LONGEST_LINE = 240
_MOST_PROBLEMS = 50
_SCORED = ("image_count", "annotation_count")


def counts_of(look: Look, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return whole numbers for the summary."""
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    severities = Counter(verdict.severity for verdict in verdicts if verdict.is_breach)
    return {
        "images": look.profile.images,
        "annotations": look.profile.annotations,
        "labelled_images": look.profile.labelled,
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "by_severity": {severity: severities[severity] for severity in SEVERITIES},
        "by_pillar": dict(Counter(verdict.pillar for verdict in verdicts if verdict.is_breach)),
    }


def measured(look: Look, verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """Return what was measured of the partition, always by the same names; what is not known is ``None``."""
    profile = look.profile
    label_at, _ = newest_label(look)
    moments = {
        "newest_image_age_hours": profile.newest_image,
        "newest_label_age_hours": label_at if profile.labels else None,
        "oldest_unlabelled_hours": profile.oldest_unlabelled,
        "median_unlabelled_hours": profile.median_unlabelled,
    }
    scores = {verdict.check: verdict.score for verdict in verdicts if not verdict.dimensions}
    return {
        **{name: None if at is None else look.hours_since(at) for name, at in moments.items()},
        "unlabelled_ratio": profile.unlabelled_ratio if profile.images else None,
        **{f"{check}_score": scores.get(check) for check in _SCORED},
    }


def health_metrics(look: Look, verdicts: Sequence[Verdict]) -> list[Metric]:
    """Return rows of ``metrics``: what was measured, how many checks hold, and each verdict's number and outcome."""
    counts = counts_of(look, verdicts)
    metrics = [Metric(name, counts[name]) for name in ("images", "annotations", "labelled_images")]
    metrics += [Metric(name, value) for name, value in measured(look, verdicts).items() if value is not None]
    metrics.append(Metric("breaches", counts["breach"]))
    metrics += [Metric(f"breaches.{severity}", count) for severity, count in counts["by_severity"].items()]
    metrics += [Metric("holding", counts["holds"]), Metric("not_judged", counts["not_judged"])]
    for verdict in verdicts:
        dimensions = {"pillar": verdict.pillar, "check": verdict.check, **verdict.dimensions}
        metrics.append(Metric("outcome", OUTCOMES.index(verdict.outcome), dimensions))
        if verdict.value is not None:
            metrics.append(Metric("value", verdict.value, dimensions))
        if verdict.score is not None:
            metrics.append(Metric("score", verdict.score, dimensions))
    return metrics


def breach_of(dataset: str, partition_key: str, verdicts: Sequence[Verdict]) -> Breach | None:
    """Return what people are told at once, the worst first; ``None`` where nothing is in breach."""
    breaches = sorted((verdict for verdict in verdicts if verdict.is_breach), key=lambda verdict: SEVERITIES.index(verdict.severity))
    if not breaches:
        return None
    counted = Counter(verdict.severity for verdict in breaches)
    severities = ", ".join(f"{counted[severity]} of severity {severity}" for severity in SEVERITIES if counted[severity])
    lines = [
        f"Health of {dataset}, partition {partition_key}: {len(breaches)} {'does' if len(breaches) == 1 else 'do'} not hold ({severities})"
    ]
    lines += [_line(verdict) for verdict in breaches[:_MOST_LINES]]
    if len(breaches) > _MOST_LINES:
        lines.append(f"and {len(breaches) - _MOST_LINES} more")
    problems = [{"check": one.check, "severity": one.severity, "message": one.message, "pillar": one.pillar} for one in breaches]
    return Breach(plain("\n".join(lines)), tuple(plain(problems[:_MOST_PROBLEMS])))


def _line(verdict: Verdict) -> str:
    text = " ".join(f"{verdict.severity} {verdict.check}: {verdict.message}".split())
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 1]}…"
