"""What a contract tells lineage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from airflow_cv_dataops.core.contracts.frame import ContractRows
from airflow_cv_dataops.core.contracts.outcomes import NOTHING, Outcome
from airflow_cv_dataops.core.contracts.suites import ContractSuite
from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse, StepLineage
from airflow_cv_dataops.core.store.schema import model_of


def contract_lineage(
    rows: ContractRows,
    partition_key: str,
    contract: str,
    suite: ContractSuite,
    outcomes: Sequence[Outcome],
    problems: Mapping[str, str],
    written: Sequence[DatasetUse],
    *,
    row_count: int,
    report_uri: str | None,
) -> StepLineage:
    """Return the table with one assertion for each expectation that had something to look at, the tables joined to it, and the facts.

    :param problems: checks beside the suite's that do not hold, with what they say.
    :param written: findings and metrics.
    """
    table = rows.scope.table
    assertions = [_assertion(outcome, table) for outcome in outcomes if outcome.status != NOTHING]
    assertions += [Assertion(check, False, severity="error", description=told, actual=told) for check, told in problems.items()]
    inputs = [_use(rows, name) for name in dict.fromkeys(rows.read_tables) if name in rows.snapshots]
    inputs = [replace(use, assertions=tuple(assertions), rows=row_count) if use.table == table else use for use in inputs]
    by_status = Counter(outcome.status for outcome in outcomes)
    return StepLineage(
        step="validation",
        inputs=tuple(inputs),
        outputs=tuple(written),
        facts={
            "contract": contract,
            "suite": suite.name,
            "suiteSource": suite.source,
            "table": table,
            "scope": rows.scope.in_words,
            "partitionKey": partition_key,
            "rows": row_count,
            "expectations": len(outcomes),
            "byStatus": dict(by_status),
            "reportUri": report_uri,
        },
    )


def _use(rows: ContractRows, table: str) -> DatasetUse:
    return rows.dataset.table_use(table, partition_key=rows.scope.partition_key, snapshot_id=rows.snapshots[table])


def _assertion(outcome: Outcome, table: str) -> Assertion:
    return Assertion(
        outcome.check,
        not outcome.is_bad,
        _own_column(outcome.columns, table),
        severity=outcome.severity,
        description=outcome.whole_title,
        expected=outcome.expected or None,
        actual=outcome.actual,
    )


def _own_column(columns: Sequence[str], table: str) -> str | None:
    """Return the column of the table that an expectation is about; ``None``: of none, several, or one that was joined."""
    names = model_of(table).column_names
    own = {name for one in columns for name in names if one == name or (one.startswith(f"{name}_") and one not in names)}
    return own.pop() if len(own) == 1 else None
