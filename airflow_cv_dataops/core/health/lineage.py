"""What a run of health tells lineage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from airflow_cv_dataops.core.health.checks import CHECKS
from airflow_cv_dataops.core.health.look import Look
from airflow_cv_dataops.core.health.partitions import COUNTED
from airflow_cv_dataops.core.health.verdict import NOT_JUDGED, Verdict
from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse, StepLineage
from airflow_cv_dataops.core.store.schema import SEVERITIES


def health_lineage(look: Look, verdicts: Sequence[Verdict], outputs: Sequence[DatasetUse], report_uri: str | None) -> StepLineage:
    """Return inputs, each with one assertion a check that was judged, outputs, and the facts.

    ``metrics`` and ``profiles`` are read too, and not told: what a step writes and reads would be a circle in every graph.
    """
    there = [table for table in COUNTED if table in look.partitions.snapshots]

    def use(table: str) -> DatasetUse:
        asserted = [verdict for verdict in verdicts if _table(verdict, there) == table and verdict.outcome != NOT_JUDGED]
        checks = dict.fromkeys(verdict.check for verdict in asserted)
        return look.dataset.table_use(
            table,
            partition_key=look.key,
            snapshot_id=look.partitions.snapshots[table],
            rows=look.partitions.rows(table, look.key),
            assertions=tuple(_assertion(check, [one for one in asserted if one.check == check]) for check in checks),
        )

    breaches = [verdict for verdict in verdicts if verdict.is_breach]
    severities = Counter(verdict.severity for verdict in breaches)
    return StepLineage(
        "health",
        inputs=tuple(use(table) for table in there),
        outputs=tuple(outputs),
        facts={
            "asOf": look.as_of.isoformat(),
            "trailingPartitions": len(look.keys),
            "breaches": len(breaches),
            "notJudged": sum(verdict.outcome == NOT_JUDGED for verdict in verdicts),
            "bySeverity": {severity: severities[severity] for severity in SEVERITIES},
            "byPillar": dict(Counter(verdict.pillar for verdict in breaches)),
            "byCheck": dict(Counter(verdict.check for verdict in breaches)),
            "reportUri": report_uri,
        },
    )


def _table(verdict: Verdict, there: Sequence[str]) -> str | None:
    """Return the table that a check is asserted of; where the dataset has none such, the first that was looked at."""
    wanted = CHECKS[verdict.check].table
    return wanted if wanted in there else next(iter(there), None)


def _assertion(check: str, verdicts: Sequence[Verdict]) -> Assertion:
    breaches = [verdict for verdict in verdicts if verdict.is_breach]
    told = (breaches or verdicts)[0]
    return Assertion(
        check,
        not breaches,
        severity=told.severity,
        description=CHECKS[check].meaning,
        expected=told.expected,
        actual=told.message,
    )
