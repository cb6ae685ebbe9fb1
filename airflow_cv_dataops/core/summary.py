"""What one step hands back: the summary for XCom, what it read and wrote, and whether policy fails it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from airflow_cv_dataops.core.step_lineage import StepLineage

MAX_SUMMARY_BYTES = 16 * 1024
_LONGEST_TEXT = 2_000
_LONGEST_KEY = 250
_MOST_BITS = 1_000
_MOST_ENTRIES = 1_024
_MOST_NAMED = 10
_BY_CHECK = "by_check"
OF_A_CHECK = re.compile(r"findings\.(?!(?:error|warning|info)$)", re.ASCII)
"""The names of metrics that count what one check found; those by severity are others."""


@dataclass(frozen=True)
class Summary:
    """The metric summary that a task leaves in XCom: at most 16 KB of strict JSON, with the same keys for every step.

    Checks that found nothing are not listed there one by one: neither in the count ``by_check`` nor as metrics ``findings.<check>``. A
    step says in ``checks_without_findings`` how many looked and found nothing, and in ``checks_with_nothing_to_check`` how many did not.

    :param counts: whole numbers by name (``images``, ``rejects``, ...); nested one level at most (findings ``by_check``).
    :param metrics: measured numbers by name; a value that is not finite becomes ``None``.
    """

    dataset: str | None
    partition_key: str | None
    snapshot_id: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    report_uri: str | None = None
    duration_seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; beyond 16 KB the longest maps, lists and texts are cut, and ``truncated`` says where."""
        document = {
            "dataset": self.dataset,
            "partition_key": self.partition_key,
            "snapshot_id": self.snapshot_id,
            "metrics": {name: value for name, value in self.metrics.items() if value or not OF_A_CHECK.match(str(name))},
            "counts": {name: _found(value) if name == _BY_CHECK else value for name, value in self.counts.items()},
            "report_uri": self.report_uri,
            "duration_seconds": round(float(self.duration_seconds), 3),
        }
        return _cut_to_size(plain(document), plain(self.details))

    def numbers(self) -> dict[str, Any]:
        """Return dataset, counts, metrics and duration, with every zero: a gauge that is not sent stands at what it was."""
        numbers = {"counts": self.counts, "metrics": self.metrics, "duration_seconds": round(float(self.duration_seconds), 3)}
        return plain({"dataset": self.dataset, **numbers})


@dataclass(frozen=True)
class StepResult:
    """What a ``core`` step returns to its operator.

    :param summary: what the task leaves in XCom.
    :param lineage: what the step read and wrote.
    :param failure: why policy says that the task must not go on; ``None`` when all is well.
    :param skip: with ``failure``: skip the task (and what follows it) instead of failing it.
    :param breach: what is wrong, whatever policy makes of it; ``None`` when nothing is.
    :param may_pass_later: with ``failure``: it is one of what other runs may be at work on, so that a retry may find it done.
    """

    summary: Summary
    lineage: StepLineage
    failure: str | None = None
    skip: bool = False
    breach: Breach | None = None
    may_pass_later: bool = False


@dataclass(frozen=True)
class Breach:
    """What does not hold, for people who are told of it at once.

    :param message: a short text of a few lines at most: dataset, partition, what, and how much.
    :param problems: one each, the worst first: ``check``, ``severity``, ``message``, and what a channel may want beside (JSON values).
    """

    message: str
    problems: tuple[Mapping[str, Any], ...] = ()


def _found(by_check: Any) -> Any:
    return {check: count for check, count in by_check.items() if count} if isinstance(by_check, Mapping) else by_check


def plain(value: Any) -> Any:
    """Turn numpy scalars and arrays, tuples and mappings into what strict JSON knows; NaN and infinities become ``None``."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {_text(str(key), _LONGEST_KEY): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < _MOST_BITS else None
    return _text(str(value), _LONGEST_TEXT)


def _text(value: str, longest: int) -> str:
    """Cut a text, and replace what neither Airflow's messages (lone surrogates) nor PostgreSQL (NUL) take."""
    if len(value) > longest:
        value = value[: longest - 1] + "…"
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _cut_to_size(document: dict[str, Any], details: dict[str, Any]) -> dict[str, Any]:
    """Return both as one document; where it is too large, with ever fewer entries in each map and list and ever shorter texts."""
    whole = {**document, **details}
    if _size(whole) <= MAX_SUMMARY_BYTES:
        return whole
    entries = _MOST_ENTRIES
    while True:
        truncated: set[str] = set()
        longest = max(_LONGEST_KEY, min(_LONGEST_TEXT, 16 * entries))
        kept = dict(list(details.items())[:entries])
        if len(kept) < len(details):
            truncated.add("details")
        cut = {key: _cut(value, entries, longest, (key,), truncated) for key, value in {**document, **kept}.items()}
        cut["truncated"] = sorted(truncated)[:_MOST_NAMED]
        if _size(cut) <= MAX_SUMMARY_BYTES or not entries:
            return cut
        entries //= 2


def _cut(value: Any, entries: int, longest: int, path: tuple[str, ...], truncated: set[str]) -> Any:
    """Return the value with at most ``entries`` in each map and list; what was cut is named by the first two parts of its path."""
    if isinstance(value, str):
        return _text(value, longest)
    if not isinstance(value, (dict, list)):
        return value
    if len(value) > entries:
        truncated.add(".".join(path[:2]))
    if isinstance(value, list):
        return [_cut(item, entries, longest, path, truncated) for item in value[:entries]]
    return {key: _cut(item, entries, longest, (*path, key), truncated) for key, item in islice(value.items(), entries)}


def _size(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document).encode())
