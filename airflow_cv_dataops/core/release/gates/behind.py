"""Which checks and partitions are behind what a gate found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.wording import few, printable

if TYPE_CHECKING:
    from airflow_cv_dataops.core.release.gates.gates import Gate

_AT_MOST = ("<=", "<")
_MOST_NAMED = 3
_FINDINGS = "findings"
_ERROR_RATE = "label_error_rate"


@dataclass(frozen=True)
class Behind:
    """
    :param findings: how many there are by severity, check and partition: those that count.
    :param wrong: the same of those that make a label wrong or suspect.
    :param values: of the metrics that have one value a partition, by metric and partition.
    """

    findings: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    wrong: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, gate: Gate) -> str:
        """Say what is behind a metric that is too high, or too low in some partition; empty where nobody knows, or the gate says it."""
        if gate.metric == _ERROR_RATE or gate.metric == _FINDINGS or gate.metric.startswith(f"{_FINDINGS}."):
            return self._of_findings(gate.metric) if gate.op in (*_AT_MOST, "==") else ""
        return self._of_values(gate)

    def _of_findings(self, metric: str) -> str:
        checks: Counter[str] = Counter()
        partitions: Counter[str] = Counter()
        for (severity, check, partition), count in (self.wrong if metric == _ERROR_RATE else self.findings).items():
            if metric == _ERROR_RATE or _counts(metric, severity, check):
                checks[check] += count
                partitions[partition] += count
        parts = [] if metric.removeprefix(f"{_FINDINGS}.") in checks else [_named(checks)]
        return "; ".join(part for part in (*parts, f"partition {_named(partitions)}" if partitions else "") if part)

    def _of_values(self, gate: Gate) -> str:
        values = self.values.get(gate.metric, {})
        if len(values) < 2 or gate.op not in (*_AT_MOST, ">", ">="):
            return ""
        worst = (max if gate.op in _AT_MOST else min)(values, key=lambda partition: values[partition])
        return f"partition {printable(worst)}"


def _counts(metric: str, severity: str, check: str) -> bool:
    wanted = metric.removeprefix(f"{_FINDINGS}.")
    return wanted in (_FINDINGS, severity if wanted in SEVERITIES else check)


def _named(counted: Counter[str]) -> str:
    """Name the largest: ``suspect_label 37, disputed_label 12 and 3 more``."""
    return few([f"{printable(name)} ({count:,})" for name, count in counted.most_common()], _MOST_NAMED)
