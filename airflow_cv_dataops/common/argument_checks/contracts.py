"""Checks of the arguments of contracts."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.common.arguments import as_flag, as_list, required_number
from airflow_cv_dataops.common.checking import of_the_whole
from airflow_cv_dataops.common.places import check_filled_in


def contract_table(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.store.schema import model_of

    model_of(value)


@of_the_whole
def contract_scope(table: Any, whole_dataset: Any, release: Any, snapshot_id: Any, owners: Any) -> None:
    from airflow_cv_dataops.core.contracts.scope import Scope

    Scope.of(
        table,
        partition_key="key",
        whole_dataset=as_flag("whole_dataset", whole_dataset),
        release=release or None,
        snapshot_id=snapshot_id or None,
        owners=as_list("owners", owners),
    )


def contract_name(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.contracts.arguments import check_contract_name

    check_contract_name(value or None, "annotations")


def max_rows(name: str, value: Any) -> None:
    from airflow_cv_dataops.core.contracts.arguments import check_max_rows

    check_max_rows(int(required_number(name, value)))


@of_the_whole
def suite(given: Any, context_root_dir: Any, categories: Any, suite_function: Any) -> None:
    """Where it is, or how a dictionary of it is written; whether there are such expectations only Great Expectations knows."""
    from airflow_cv_dataops.core.contracts.arguments import check_suite

    if isinstance(given, str):
        check_filled_in("suite", given)
    check_suite(suite_function or given, context_root_dir or None, as_list("categories", categories))
