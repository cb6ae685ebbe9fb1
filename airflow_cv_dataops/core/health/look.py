"""What every pillar looks at: one partition, those before it, and what steps have left there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.health.checks import CHECKS, ChecksToRun
from airflow_cv_dataops.core.health.partitions import Partitions
from airflow_cv_dataops.core.health.profile import Profile
from airflow_cv_dataops.core.health.verdict import BREACH, HOLDS, NOT_JUDGED, Verdict

if TYPE_CHECKING:
    from airflow_cv_dataops.core.store.dataset import Dataset

_METRIC_COLUMNS = ("partition_key", "step", "metric", "value", "dimensions", "recorded_at", "input_version")
_HOUR_SECONDS = 3600


@dataclass(frozen=True)
class AgeLimits:
    """What people allow; ``None``: nothing is asked. Hours, and a share from 0 to 1."""

    max_image_age_hours: float | None = None
    max_label_age_hours: float | None = None
    max_unlabelled_ratio: float | None = None
    max_unlabelled_hours: float | None = None


@dataclass(frozen=True)
class Look:
    """:param as_of: the time that ages are measured against. :param keys: of the trailing partitions, in order.
    :param profile: of the partition. :param profiles: of the trailing ones, in the order of ``keys``.
    :param window: how many trailing partitions are asked for. :param fewest: how many it takes to say what is usual.
    :param metrics: rows of ``metrics`` of the partition and the trailing ones that say when a step was there, and what it saw.
    """

    dataset: Dataset
    key: str
    as_of: datetime
    partitions: Partitions
    keys: Sequence[str]
    profile: Profile
    profiles: Sequence[Profile]
    checks: ChecksToRun
    limits: AgeLimits
    window: int
    fewest: int
    metrics: Sequence[Mapping[str, Any]]

    def holds(self, check: str, message: str, **facts: Any) -> Verdict:
        return self._verdict(check, HOLDS, message, facts)

    def breach(self, check: str, message: str, **facts: Any) -> Verdict:
        return self._verdict(check, BREACH, message, facts)

    def not_judged(self, check: str, why: str, **facts: Any) -> Verdict:
        return self._verdict(check, NOT_JUDGED, why, facts)

    def threshold(self, check: str, name: str) -> float:
        return self.checks.thresholds[check][name]

    def hours_since(self, moment: datetime) -> float:
        """Return the age of what came at a moment; what came after ``as_of`` is new."""
        return max((self.as_of - moment).total_seconds() / _HOUR_SECONDS, 0.0)

    def steps_of(self, key: str, prefix: str = "") -> dict[str, datetime]:
        """Return when the steps of a partition ran last, of those whose name begins so."""
        return {step: at for step, at in self._steps.get(key, {}).items() if step.startswith(prefix)}

    @cached_property
    def _steps(self) -> dict[str, dict[str, datetime]]:
        steps: dict[str, dict[str, datetime]] = {}
        for row in self.metrics:
            steps.setdefault(row["partition_key"], {})[row["step"]] = row["recorded_at"]
        return steps

    def _verdict(self, check: str, outcome: str, message: str, facts: dict[str, Any]) -> Verdict:
        severity = facts.pop("severity", None) or self.checks.severities[check]
        return Verdict(CHECKS[check].pillar, check, outcome, severity, message, **facts)


def read_steps(dataset: Dataset, keys: Sequence[str], snapshot_id: str | None = None) -> list[dict[str, Any]]:
    """Return one row a step and partition, and those of an audit that say what it looked at. :param snapshot_id: of ``metrics``."""
    import pyarrow.compute as pc
    from pyiceberg.expressions import In

    rows = []
    wanted = In("partition_key", set(keys))
    for batch in dataset.read_batches("metrics", columns=_METRIC_COLUMNS, snapshot_id=snapshot_id, where=wanted):
        looked_at = batch.filter(pc.equal(batch["metric"], "input_rows"))
        first = (
            batch.select(["partition_key", "step", "recorded_at"]).group_by(["partition_key", "step"]).aggregate([("recorded_at", "max")])
        )
        rows += [{**row, "dimensions": json.loads(row["dimensions"] or "{}")} for row in looked_at.to_pylist()]
        rows += [
            {"partition_key": row["partition_key"], "step": row["step"], "metric": None, "recorded_at": row["recorded_at_max"]}
            for row in first.to_pylist()
        ]
    return rows
