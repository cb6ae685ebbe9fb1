"""What a gate finds among the metrics: its value, in the worst slice where it asks for each, beside that of the previous release."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from operator import eq, ge, gt, le, lt, ne

from airflow_cv_dataops.core.release.gates.metric_names import COUNTS, SLICES, SlicedMetric, slices_in, unsliced
from airflow_cv_dataops.core.store.schema import SEVERITIES

Metrics = Mapping[str, float | Sequence[float]]

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": le, "<": lt, ">=": ge, ">": gt, "==": eq, "!=": ne}

_NOT_WHERE_UNAUDITED = ("label_error_rate", "findings", *(f"findings.{severity}" for severity in SEVERITIES))
UNAUDITED = "it is not known while a partition has not been audited as it is, nor where there is nothing to look at"
NOT_FINITE = "it is not a finite number"
_FEW = 3
_NOTHING_BEFORE = "the stage has no release yet: nothing to compare with"


@dataclass(frozen=True)
class Comparison:
    """:param relative: ``None``: with ``value``; ``*`` or ``+``: with the previous release's value times, or plus, ``value``."""

    op: str
    value: float
    relative: str | None

    def wanted(self, previous: float | None) -> float | None:
        if self.relative is None or previous is None:
            return self.value if self.relative is None else None
        wanted = previous * self.value if self.relative == "*" else previous + self.value
        return wanted if math.isfinite(wanted) else None

    def holds(self, found: float, wanted: float) -> bool:
        return OPERATORS[self.op](found, wanted)

    def worst(self, values: Sequence[float]) -> float:
        return max(values) if self.op in ("<=", "<") else min(values)

    def shortfall(self, finding: Finding) -> float:
        """Return by how much of the wanted value it is missed; below 0: by how much it is met."""
        if finding.found is None or finding.wanted is None:
            return -math.inf if finding.passed else math.inf
        gap = finding.found - finding.wanted
        gap = -gap if self.op in (">=", ">") else gap if self.op in ("<=", "<") else abs(gap) if self.op == "==" else -abs(gap)
        return gap / (abs(finding.wanted) or 1.0)


@dataclass(frozen=True)
class Finding:
    """:param slice: the slice that it is of, where each was asked for: the worst. :param slices: how many there are."""

    passed: bool
    found: float | None = None
    wanted: float | None = None
    previous: float | None = None
    slice: str | None = None
    slices: int = 0
    failed_slices: int = 0
    note: str = ""


def look(comparison: Comparison, metric: str, metrics: Metrics, previous: Metrics | None) -> Finding:
    """Compare a metric, or each slice of it, with what is wanted. :param previous: metrics of the release that the stage holds, if any."""
    name = unsliced(metric)
    if name is not None and name.value is None and metric not in metrics:
        return _of_every_slice(comparison, name, metrics, previous)
    finding = _compared(
        comparison,
        _values(metrics, metric, name),
        None if previous is None else _values(previous, metric, name),
        is_first=previous is None,
    )
    if finding.found is None:
        return replace(finding, note=_why_absent(metric, metrics))
    if name is not None and metric not in metrics and not finding.found:
        near = _near(name.value or "", (value for value, _ in slices_in(metrics, name.metric, name.dimension)))
        return replace(finding, note="; ".join(filter(None, (f"there is no {name.dimension} {name.value!r}", near, finding.note))))
    return finding


def _compared(comparison: Comparison, found: list[float] | None, before: list[float] | None, *, is_first: bool) -> Finding:
    """Compare all values of a metric: it must hold for each; the worst is what was found. :param is_first: there is no previous release."""
    if found is None:
        return Finding(False, wanted=comparison.wanted(None))
    if comparison.relative is not None and before is None:
        note = _NOTHING_BEFORE if is_first else "the previous release has no such metric"
        return Finding(is_first, comparison.worst(found), note=note)
    previous = None if comparison.relative is None or before is None else comparison.worst(before)
    wanted = comparison.wanted(previous)
    if wanted is None:
        return Finding(False, comparison.worst(found), None, previous, note="the previous release's value is too large to compare with")
    failed = [value for value in found if not comparison.holds(value, wanted)]
    return Finding(not failed, comparison.worst(failed or found), wanted, previous)


def _of_every_slice(comparison: Comparison, name: SlicedMetric, metrics: Metrics, previous: Metrics | None) -> Finding:
    """Compare each slice that there is now, or was in the previous release, and report the worst."""
    now, before = _Slices(name, metrics), _Slices(name, previous or {})
    findings: list[Finding] = []
    new, gone = [], []
    for value in sorted({*now.numbers, *before.numbers}):
        if value not in now.numbers and not now.has(value):
            gone.append(value)  # a ratio of nothing
            continue
        earlier = before.of(value)
        is_new = previous is None or (before.is_measured and earlier is None and value not in before.numbers)
        if is_new and comparison.relative is not None:
            new.append(value)
        findings.append(replace(_compared(comparison, now.of(value), earlier, is_first=is_new), slice=value))
    if not findings:
        return _without_slices(comparison, name, metrics, previous, gone)
    failed = [finding for finding in findings if not finding.passed]
    worst = max(failed or findings, key=comparison.shortfall)
    notes = [worst.note] if failed or previous is None else []
    if worst.found is None:
        notes.append(f"not known of {worst.slice!r}, which is there")
    if new and previous is not None:
        notes.append(f"new, with nothing to compare with: {_in_short(new)}")
    if gone:
        notes.append(f"no longer there: {_in_short(gone)}")
    return replace(worst, slices=len(findings), failed_slices=len(failed), note="; ".join(filter(None, notes)))


class _Slices:
    """The slices of a metric in one release. :param is_measured: whether the metric was measured by this dimension there."""

    def __init__(self, name: SlicedMetric, metrics: Metrics) -> None:
        self._is_count = name.metric in COUNTS
        self.numbers = dict(slices_in(metrics, name.metric, name.dimension))
        nothing_there = metrics.get(name.metric) == 0 and name.dimension in SLICES.get(name.metric, ())
        self.is_measured = bool(self.numbers) or nothing_there
        self._counted = {value for metric in COUNTS for value, _ in slices_in(metrics, metric, name.dimension)}

    def has(self, value: str) -> bool:
        """Say whether a value that has no number is there nevertheless, or counts as 0."""
        return self._is_count or value in self._counted

    def of(self, value: str) -> list[float] | None:
        """Return the numbers of a slice; one that is not there counts 0 where the metric is a count."""
        return _numbers(self.numbers.get(value, 0 if self._is_count and self.is_measured else None))


def _without_slices(comparison: Comparison, name: SlicedMetric, metrics: Metrics, previous: Metrics | None, gone: Sequence[str]) -> Finding:
    """Return what a gate on every slice finds where there is none: nothing can have been lost, but nothing was shown to be good either."""
    is_known = name.dimension in SLICES.get(name.metric, ())
    if comparison.relative is not None and is_known and (name.metric in COUNTS or previous is None) and name.metric in metrics:
        return Finding(True, note=_NOTHING_BEFORE if previous is None else f"there is no {name.dimension}, and was none")
    note = f"no longer there: {_in_short(gone)}" if gone else _why_absent(str(name), metrics)
    return Finding(False, wanted=comparison.wanted(None), note=note)


def _values(metrics: Metrics, metric: str, name: SlicedMetric | None) -> list[float] | None:
    """Return the numbers of a metric, or of one slice."""
    if metric in metrics or name is None or name.value is None:
        return _numbers(metrics.get(metric))
    return _Slices(name, metrics).of(name.value)


def _numbers(found: float | Sequence[float] | None) -> list[float] | None:
    """Return one number or several; ``None`` where there is none, or one of them is not finite."""
    numbers = [found] if isinstance(found, (int, float)) else list(found or ())
    return numbers if numbers and all(math.isfinite(number) for number in numbers) else None


def _why_absent(metric: str, metrics: Metrics) -> str:
    """Say what a metric that is absent may be: one that could not be measured here, or a slip of the pen."""
    name = unsliced(metric)
    if metric in metrics:
        return NOT_FINITE
    if metric in _NOT_WHERE_UNAUDITED:
        return UNAUDITED
    checks = _metrics_of_checks()
    if metric in checks:
        return "this check has not run in every partition, or had nothing to look at in any"
    if name is None:
        return _near(metric, (*SLICES, *_NOT_WHERE_UNAUDITED, *checks, *(known for known in metrics if "[" not in known)))
    if name.metric not in SLICES:
        return _near(name.metric, SLICES)
    if name.dimension not in SLICES[name.metric]:
        return f"{name.metric} is measured by {', '.join(SLICES[name.metric])}"
    return "it was not measured here"


@cache
def _metrics_of_checks() -> tuple[str, ...]:
    """Return how many findings a check has, by the metric's name. Here, as a DAG's file that has gates needs no check."""
    from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS

    return tuple(f"findings.{check.id}" for check in BUILT_IN_CHECKS)


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, list(dict.fromkeys(known)), 1)
    return f"did you mean {near[0]}?" if near else ""


def _in_short(values: Sequence[str]) -> str:
    more = f" and {len(values) - _FEW} more" if len(values) > _FEW else ""
    return ", ".join(map(repr, values[:_FEW])) + more
