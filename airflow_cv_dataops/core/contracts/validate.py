"""A contract on a table: run its suite, write findings, metrics and a page, decide by policy."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_flag
from airflow_cv_dataops.core.audit.inputs import input_metrics
from airflow_cv_dataops.core.audit.looked_at import NOTHING_TO_CHECK
from airflow_cv_dataops.core.contracts.arguments import check_contract_name, check_max_rows, check_suite
from airflow_cv_dataops.core.contracts.contract_findings import outcome_findings, table_finding
from airflow_cv_dataops.core.contracts.contract_words import breach_of, failure_text, sentence
from airflow_cv_dataops.core.contracts.frame import ContractRows
from airflow_cv_dataops.core.contracts.lineage import contract_lineage
from airflow_cv_dataops.core.contracts.outcomes import BROKEN, FAILED, NOTHING, PASSED, Outcome
from airflow_cv_dataops.core.contracts.running import Ran, run_suite
from airflow_cv_dataops.core.contracts.scope import Scope
from airflow_cv_dataops.core.contracts.suites import ContractSuite, SuiteSource, load_suite
from airflow_cv_dataops.core.findings import check_policy, failure_by_policy, findings_table
from airflow_cv_dataops.core.metrics import CONTRACT, Metric, write_metrics
from airflow_cv_dataops.core.report.location import has_place, report_path, report_uri
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    import pyarrow as pa
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, Any] = {}
NO_ROWS, NOTHING_CHECKED = "contract_no_rows", "contract_nothing_checked"
_MOST_NAMED = 50


def validate_table(
    dataset: Dataset,
    partition_key: str,
    *,
    table: str = "annotations",
    suite: SuiteSource | ExpectationSuite | Sequence[Expectation] = None,
    context_root_dir: str | PathLike[str] | None = None,
    categories: Sequence[str] | None = None,
    suite_parameters: Mapping[str, Any] = _NOTHING,
    contract: str | None = None,
    release: str | None = None,
    whole_dataset: bool = False,
    snapshot_id: str | int | None = None,
    owners: Sequence[str] | None = None,
    on_findings: str = "fail",
    fail_on: Sequence[str] = ("error",),
    allow_empty: bool = False,
    max_rows: int = 100,
    report: bool = True,
    source_options: Mapping[str, Any] | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Run a Great Expectations suite on a table, and replace this contract's ``findings`` and ``metrics`` of the partition.

    :param partition_key: whose rows are looked at, and of which the findings and metrics are; with ``whole_dataset`` or ``release`` the
        latter alone.
    :param table: any table of the data model; ``contract_frame`` says what its columns are.
    :param suite: a file, a name, a suite, or a function that returns one (docs/operators/dataset_validation.md); default: the table's own.
    :param context_root_dir: a file project of Great Expectations that has a suite of the name ``suite``; it is only read.
    :param categories: with the default suite of annotations or predictions: the names that a label may have; default: any.
    :param suite_parameters: values of ``$PARAMETER`` in the suite.
    :param contract: names what this contract owns: a rerun replaces its own findings. Default: the table's name.
    :param release: look at this release (its name, a stage, or a time) in place of the partition.
    :param whole_dataset: look at all partitions.
    :param snapshot_id: look at the table as of this snapshot.
    :param owners: look at the rows of these label sets, models, audits, samples or steps alone.
    :param on_findings: ``fail``, ``warn`` (log only) or ``skip`` (skip this task and what follows).
    :param fail_on: the severities of which a single expectation that does not hold fails the step.
    :param allow_empty: whether there may be nothing to look at, and nothing to ask; else that is an error.
    :param max_rows: rows that become findings for each expectation at most.
    :param report: write Great Expectations' page of the result (Data Docs).
    :param source_options: of the object store, for a suite at a URI.
    :param recorded_at: the ``recorded_at`` of the metrics; default: now.
    :raises ConfigurationError: an argument or the suite cannot be used.
    :raises DatasetNotFoundError: there is no such dataset, partition, release or snapshot.
    """
    started = time.monotonic()
    check_partition_key(partition_key)
    check_policy(on_findings, fail_on)
    name = _checked(table, contract, allow_empty, report, max_rows)
    check_suite(suite, context_root_dir, categories)
    scope = Scope.of(
        table, partition_key=partition_key, whole_dataset=whole_dataset, release=release, snapshot_id=snapshot_id, owners=owners
    )
    if scope.partition_key is not None:
        check_written(dataset, scope.partition_key)
    rows = ContractRows.open(dataset, scope)
    scope = rows.scope
    chosen = load_suite(
        suite,
        dataset,
        partition_key,
        table=table,
        context_root_dir=context_root_dir,
        categories=categories,
        may_be_empty=allow_empty,
        options=source_options,
    )
    ran = run_suite(rows, chosen, suite_parameters, max_rows=max_rows)
    row_count = ran.row_count
    log.info("Contract %s: %s rows of %s, %s", name, f"{row_count:,}", dataset.identifier(table), scope.in_words)
    problems = {} if allow_empty else _nothing_looked_at(ran.outcomes, row_count, f"{dataset.identifier(table)}, {scope.in_words}")
    at = rows.places([position for outcome in ran.outcomes if outcome.is_bad for position, _ in outcome.rows])
    found = [table_finding(check, told) for check, told in problems.items()] + outcome_findings(ran.outcomes, at, partition_key)
    uri = _report(dataset, partition_key, name, chosen, rows, row_count, ran) if report else None
    owner = f"{CONTRACT}{name}"
    findings = findings_table(owner, found)
    findings_snapshot = dataset.replace_partition("findings", partition_key, findings, owner=owner)
    metrics = contract_metrics(ran.outcomes, row_count)
    if scope.is_one_partition:
        # What gates go by: which expectations had something to look at, and on which rows.
        metrics += [Metric("findings", _count(findings, one.check), {"check": one.check}) for one in ran.outcomes]
        metrics += [Metric(NOTHING_TO_CHECK, 1, {"check": one.check}) for one in ran.outcomes if one.status == NOTHING]
        looked_at = {table: scope.owners, **{other: None for other in rows.read_tables if other != table}, "findings": (owner,)}
        metrics += input_metrics(dataset, partition_key, {**rows.snapshots, "findings": findings_snapshot}, looked_at)
    metrics_use = write_metrics(dataset, partition_key, owner, metrics, recorded_at or datetime.now(UTC))
    findings_use = dataset.table_use(
        "findings", partition_key=partition_key, owner=owner, snapshot_id=findings_snapshot, rows=findings.num_rows
    )
    where = f"table {dataset.identifier('findings')}, partition {partition_key}, audit {owner}"
    severities = Counter(one.severity for one in found)
    bad = [outcome for outcome in ran.outcomes if outcome.is_bad]
    failure, skip = failure_by_policy(severities, on_findings=on_findings, fail_on=fail_on, where=where)
    told = sentence(name, ran.outcomes, problems)
    log.log(logging.WARNING if found else logging.INFO, "%s", told)
    summary = Summary(
        dataset=dataset.name,
        partition_key=partition_key,
        snapshot_id=findings_snapshot,
        counts=_counts(ran.outcomes, row_count, findings.num_rows, severities),
        metrics={metric.name: metric.value for metric in metrics if not metric.dimensions and metric.name == "success_ratio"},
        report_uri=uri,
        duration_seconds=time.monotonic() - started,
        details={
            "contract": name,
            "table": table,
            "scope": scope.in_words,
            "suite": chosen.name,
            "suite_source": chosen.source,
            "failed": [*problems.values(), *(outcome.message for outcome in bad)][:_MOST_NAMED],
            "nothing_to_check": [outcome.check for outcome in ran.outcomes if outcome.status == NOTHING],
            "input_snapshots": {one: rows.snapshots[one] for one in rows.read_tables if one in rows.snapshots},
        },
    )
    lineage = contract_lineage(
        rows, partition_key, name, chosen, ran.outcomes, problems, (findings_use, metrics_use), row_count=row_count, report_uri=uri
    )
    breach = breach_of(dataset.name, partition_key, name, scope.in_words, problems, bad)
    return StepResult(summary, lineage, failure=failure and failure_text(told, severities, where), skip=skip, breach=breach)


def contract_metrics(outcomes: Sequence[Outcome], rows: int) -> list[Metric]:
    """Return the numbers of a contract; a ratio of nothing is not among them, so that a gate on it fails."""
    asserted = [outcome for outcome in outcomes if outcome.status != NOTHING]
    bad = sum(outcome.is_bad for outcome in asserted)
    metrics = [
        Metric("rows", rows),
        Metric("expectations", len(outcomes)),
        Metric("failed_expectations", bad),
        Metric("nothing_to_check", len(outcomes) - len(asserted)),
    ]
    if asserted:
        metrics.append(Metric("success_ratio", 1 - bad / len(asserted)))
    for outcome in outcomes:
        if outcome.unexpected is not None and outcome.looked_at:
            metrics.append(Metric("unexpected_ratio", outcome.unexpected / outcome.looked_at, {"expectation": outcome.check}))
    return metrics


def _count(findings: pa.Table, check: str) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(findings["check"], check)).as_py() or 0)


def _checked(table: str, contract: Any, allow_empty: Any, report: Any, max_rows: Any) -> str:
    check_flag("allow_empty", allow_empty)
    check_flag("report", report)
    check_contract_name(contract, table)
    check_max_rows(max_rows)
    return table if contract is None else contract


def _nothing_looked_at(outcomes: Sequence[Outcome], rows: int, where: str) -> dict[str, str]:
    """Return what is wrong where a contract could not look: it holds of nothing, and that is no clean bill."""
    if not rows:
        return {NO_ROWS: f"There is no row to look at in {where}. allow_empty lets a contract hold of nothing."}
    if all(outcome.status == NOTHING for outcome in outcomes):
        return {NOTHING_CHECKED: f"None of the {len(outcomes):,} expectations had a value to look at in {where}."}
    return {}


def _counts(outcomes: Sequence[Outcome], rows: int, findings: int, severities: Mapping[str, int]) -> dict[str, Any]:
    by_status = Counter(outcome.status for outcome in outcomes)
    return {
        "rows": rows,
        "expectations": len(outcomes),
        **{status: by_status[status] for status in (PASSED, FAILED, BROKEN, NOTHING)},
        "findings": findings,
        "by_severity": {severity: severities.get(severity, 0) for severity in ("error", "warning", "info")},
    }


def _report(
    dataset: Dataset, partition_key: str, contract: str, suite: ContractSuite, rows: ContractRows, row_count: int, ran: Ran
) -> str | None:
    """Write the page, before the rows that it shows are committed, and return its URI; ``None`` where there is none."""
    from airflow_cv_dataops.core.contracts.data_docs import data_docs_page

    if ran.result is None or not has_place(dataset):
        return None
    facts = {
        "Dataset": dataset.name,
        "Table": rows.scope.table,
        "Rows": f"{row_count:,} of {rows.scope.in_words}",
        "Suite": f"{suite.name} ({suite.source})",
    }
    page = data_docs_page(ran.result, title=f"Contract {contract} of {dataset.name}, {partition_key}", facts=facts)
    path = report_path(f"contract-{contract}", partition_key, page)
    store = dataset.objects()
    if store.size(path) != len(page):
        store.write(path, page)
    return report_uri(dataset, path)
