"""Findings, as every step that finds problems writes them, and the policy that decides whether they fail the task."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_choice, check_list, expected
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import SEVERITIES
from airflow_cv_dataops.core.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

ON_FINDINGS = ("fail", "warn", "skip")


@dataclass(frozen=True)
class Findings:
    """What one check found.

    :param check: the check's id.
    :param severity: ``error``, ``warning`` or ``info``.
    :param rows: one row a finding; ``message`` and any of ``image_id``, ``source_uri``, ``annotation_id``, ``category``,
        ``score`` (0 surely wrong to 1 surely right) and ``suggestion`` (JSON object).
    """

    check: str
    severity: str
    rows: pa.Table

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ConfigurationError(
                f"Severity {self.severity!r} of check {self.check!r} is unknown: expected one of {', '.join(SEVERITIES)}."
            )


def findings_table(audit: str, findings: Iterable[Findings]) -> pa.Table:
    """Return rows of the ``findings`` table (without key columns) with stable ids."""
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    schema = arrow_schema("findings")
    names = ("image_id", "source_uri", "annotation_id", "category", "score", "message", "suggestion")
    wanted = pa.schema([schema.field(name) for name in ("finding_id", "check", "severity", *names)])
    parts = []
    for found in findings:
        columns = {name: _column(found.rows, name, schema.field(name).type) for name in names}
        places = zip(*(columns[name].to_pylist() for name in ("image_id", "source_uri", "annotation_id", "message")), strict=True)
        ids = _finding_ids(audit, found.check, places)
        constant = {"finding_id": ids, "check": [found.check] * len(ids), "severity": [found.severity] * len(ids)}
        parts.append(pa.table({**{name: pa.array(values, pa.string()) for name, values in constant.items()}, **columns}, schema=wanted))
    return pa.concat_tables(parts) if parts else wanted.empty_table()


def failure_by_policy(counts: Mapping[str, int], *, on_findings: str, fail_on: Sequence[str], where: str) -> tuple[str | None, bool]:
    """Return ``(failure, skip)`` for :class:`~airflow_cv_dataops.core.summary.StepResult`.

    :param counts: findings by severity.
    :param on_findings: ``fail``, ``warn`` (log only) or ``skip`` (skip this task and what follows).
    :param fail_on: the severities that count.
    :param where: where to look, for the message.
    """
    check_policy(on_findings, fail_on)
    bad = counted_severities(counts, fail_on)
    if bad is None or on_findings == "warn":
        return None, False
    return f"{bad}; see {where}", on_findings == "skip"


def counted_severities(counts: Mapping[str, int], fail_on: Sequence[str]) -> str | None:
    """Say how many findings are of a severity in ``fail_on``; ``None`` where none is. :param counts: findings by severity."""
    bad = {severity: counts.get(severity, 0) for severity in fail_on if counts.get(severity, 0)}
    if not bad:
        return None
    named = ", ".join(f"{count:,} of severity {severity}" for severity, count in bad.items())
    return f"{counted(sum(bad.values()), 'finding')} ({named})"


def check_policy(on_findings: str, fail_on: Sequence[str]) -> None:
    """:raises ConfigurationError: the policy or a severity is unknown."""
    check_on_findings(on_findings)
    check_fail_on(fail_on)


def check_on_findings(on_findings: str) -> None:
    """:raises ConfigurationError: the policy is unknown."""
    check_choice("on_findings", on_findings, ON_FINDINGS)


def check_fail_on(fail_on: Sequence[str]) -> None:
    """:raises ConfigurationError: a severity is unknown."""
    check_list("fail_on", fail_on)
    if unknown := [severity for severity in fail_on if severity not in SEVERITIES]:
        # Great Expectations' word, which means the same.
        told = "'critical' is called 'error' here; " if "critical" in unknown else ""
        raise ConfigurationError(f"fail_on names unknown severities {unknown}: {told}{expected(unknown[0], SEVERITIES, 'some of')}.")


def _column(rows: pa.Table, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    return rows.column(name).cast(kind) if name in rows.column_names else pa.chunked_array([pa.nulls(rows.num_rows, kind)])


def _finding_ids(audit: str, check: str, places: Iterable[tuple[str | None, ...]]) -> list[str]:
    """Hash each place; two equal places of one check are told apart by their ordinal."""
    seen: Counter[tuple[str | None, ...]] = Counter()
    ids = []
    for place in places:
        key = "\0".join([audit, check, *(part or "" for part in place), str(seen[place])])
        seen[place] += 1
        ids.append(hashlib.sha256(key.encode()).hexdigest()[:32])
    return ids
