"""From a table and a Great Expectations suite to findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import contracts, shared
from airflow_cv_dataops.common.arguments import as_flag, as_list, as_mapping, required_number
from airflow_cv_dataops.common.breach import BreachMixin
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.places import check_filled_in, path_text
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.links.data_docs import DataDocsLink
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetValidationOperator(BreachMixin, DatasetOperator):
    """Check a table by a Great Expectations suite, and write ``findings``, ``metrics`` and the page of the result (Data Docs).

    :param table: any table of the dataset. (templated)
    :param suite: a file or URI (``.json``, ``.yaml``, ``.yml``; ``{partition_key}`` in it is filled in), the name of a suite in
        ``context_root_dir``, a suite as a dictionary, or a function, of nothing or of dataset and partition key, that returns a suite or a
        list of expectations; default: the table's own. (templated)
    :param context_root_dir: a file project of Great Expectations that has the suite; it is only read. (templated)
    :param categories: with the default suite of ``annotations`` or ``predictions``: the names that a label may have. (templated)
    :param suite_parameters: values of ``$PARAMETER`` in the suite. (templated)
    :param contract: names what this contract owns: a rerun replaces its own findings; default: the table's name. (templated)
    :param release: look at this release (its name, a stage or a time) in place of the partition. (templated)
    :param whole_dataset: look at all partitions in place of the run's; findings and metrics are still written to the run's. (templated)
    :param snapshot_id: look at the table as of this snapshot. (templated)
    :param owners: look at the rows of these label sets, models, audits, samples or steps alone. (templated)
    :param on_findings: ``fail``, ``warn`` or ``skip`` when an expectation of a severity in ``fail_on`` does not hold. (templated)
    :param fail_on: severities that count; Great Expectations' ``critical``, its default, is ``error`` here. (templated)
    :param allow_empty: whether a table without rows, or without a value to look at, is in order, and so is a suite without expectations.
        (templated)
    :param max_rows: rows that become findings for each expectation at most. (templated)
    :param report: write the page of the result. (templated)
    """

    what_it_does = (
        "Checks a table by a suite of Great Expectations, and writes what does not hold to `findings`, with `metrics` and a page "
        "of the result."
    )
    template_fields: Sequence[str] = (
        *DatasetOperator.template_fields,
        "table",
        "suite",
        "context_root_dir",
        "categories",
        "suite_parameters",
        "contract",
        "release",
        "whole_dataset",
        "snapshot_id",
        "owners",
        "on_findings",
        "fail_on",
        "allow_empty",
        "max_rows",
        "report",
    )
    operator_extra_links = (DataDocsLink(), *DatasetOperator.operator_extra_links)
    argument_checks = {
        **DatasetOperator.argument_checks,
        "table": contracts.contract_table,
        ("suite", "context_root_dir", "categories", "suite_function"): contracts.suite,
        "categories": shared.listed,
        "suite_parameters": shared.mapped,
        "contract": contracts.contract_name,
        ("table", "whole_dataset", "release", "snapshot_id", "owners"): contracts.contract_scope,
        "whole_dataset": shared.flag,
        "owners": shared.listed,
        **shared.POLICY,
        "allow_empty": shared.flag,
        "max_rows": contracts.max_rows,
        "report": shared.flag,
    }

    def __init__(
        self,
        *,
        table: str = "annotations",
        suite: Any = None,
        context_root_dir: str | PathLike[str] | None = None,
        categories: Sequence[str] | str | None = None,
        suite_parameters: Mapping[str, Any] | str | None = None,
        contract: str | None = None,
        release: str | None = None,
        whole_dataset: bool | str = False,
        snapshot_id: str | int | None = None,
        owners: Sequence[str] | str | None = None,
        on_findings: str = "fail",
        fail_on: Sequence[str] | str = ("error",),
        allow_empty: bool | str = False,
        max_rows: int | str = 100,
        report: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        # Airflow calls a function that it finds in a template field, and takes what it returns for the field's value.
        self.suite_function = suite if callable(suite) else None
        self.suite: Any = None if callable(suite) else path_text(suite) if isinstance(suite, PathLike) else suite
        self.context_root_dir = context_root_dir
        self.categories = categories
        self.suite_parameters = suite_parameters
        self.contract = contract
        self.release = release
        self.whole_dataset = whole_dataset
        self.snapshot_id = snapshot_id
        self.owners = owners
        self.on_findings = on_findings
        self.fail_on = fail_on
        self.allow_empty = allow_empty
        self.max_rows = max_rows
        self.report = report

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.contracts.validate import validate_table

        suite, options = self._located_suite(partition_key)
        return validate_table(
            dataset,
            partition_key,
            table=self.table,
            suite=suite,
            context_root_dir=self.context_root_dir or None,
            categories=as_list("categories", self.categories),
            suite_parameters=as_mapping("suite_parameters", self.suite_parameters),
            contract=self.contract or None,
            release=self.release or None,
            whole_dataset=as_flag("whole_dataset", self.whole_dataset),
            snapshot_id=self.snapshot_id or None,
            owners=as_list("owners", self.owners),
            on_findings=self.on_findings,
            fail_on=as_list("fail_on", self.fail_on) or (),
            allow_empty=as_flag("allow_empty", self.allow_empty),
            max_rows=int(required_number("max_rows", self.max_rows)),
            report=as_flag("report", self.report),
            source_options=options,
        )

    def _located_suite(self, partition_key: str) -> tuple[Any, Mapping[str, Any] | None]:
        """Return the suite, with the partition filled in and no connection in it where it is a file, and the options to open it with."""
        if not isinstance(self.suite, str) or self.context_root_dir:
            return self.suite_function or self.suite, None
        place, options = self.hook.storage(with_partition_key(check_filled_in("suite", self.suite), partition_key))
        return place, options or None

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.contracts.scope import read_tables

        reads = read_tables(self.table, of_release=bool(self.release))
        return self.planned_step("validation", reads=reads, writes=("findings", "metrics"))
