"""The validation operator: a suite that does not hold fails the task, by policy, and its summary and lineage are there all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import DAG
from integration.audit_rows import KEY, bbox, image, label, write
from older_libraries import HAS_SEVERITY
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, rendered, ti

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import MAX_SUMMARY_BYTES
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator

__all__ = ["add_connection", "context", "embedded", "ti"]

SUITE = {
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "bbox_width", "min_value": 0}, "name": "wide"}]
}


@pytest.fixture(autouse=True)
def rows(embedded: Dataset) -> Dataset:
    write(embedded, "images", [image("a.jpg")])
    write(embedded, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, -3, 4)), label("a.jpg", 2, bbox=bbox(1, 2, 3, 4))], owner="default")
    return embedded


def validation(**arguments: Any) -> DatasetValidationOperator:
    return DatasetValidationOperator(task_id="validate", dataset="digits", retries=3, **{"suite": SUITE, **arguments})


def findings(dataset: Dataset) -> set[str]:
    return set(dataset.read("findings", partition_key=KEY)["check"].to_pylist())


def test_a_suite_that_does_not_hold_fails_the_task_without_a_retry(embedded: Dataset, context: dict[str, Any], ti: TaskInstance) -> None:
    operator = rendered(validation(), context)
    with pytest.raises(AirflowFailException, match="Contract annotations: 1 of 1 expectations do not hold: wide"):
        operator.execute(context)
    summary = ti.pushed["return_value"]
    assert (summary["counts"]["failed"], summary["contract"], summary["partition_key"]) == (1, "annotations", KEY)
    assert summary["failed"] == [
        "wide: column values to be between of bbox_width (min_value=0.0) does not hold: 1 of 2 (50.00%), such as -3"
    ]
    assert len(json.dumps(summary, allow_nan=False).encode()) <= MAX_SUMMARY_BYTES
    assert findings(embedded) == {"wide"}


def test_the_assertion_that_failed_stands_in_the_event_of_the_failed_task(context: dict[str, Any], ti: TaskInstance) -> None:
    operator = rendered(validation(), context)
    with pytest.raises(AirflowFailException):
        operator.execute(context)
    told = operator.get_openlineage_facets_on_failure(ti)
    assert [use.name for use in told.inputs] == ["digits.annotations", "digits.images"]
    (wide,) = told.inputs[0].inputFacets["dataQualityAssertions"].assertions
    assert (wide.assertion, wide.success, wide.column) == ("wide", False, "bbox")
    if HAS_SEVERITY:
        assert wide.severity == "error"
    facet = told.run_facets["cvDataops_validation"]
    assert (facet.suiteSource, facet.byStatus, facet.reportUri is not None) == ("value", {"failed": 1}, True)
    assert {use.name for use in told.outputs} == {"digits.findings", "digits.metrics"}
    planned = validation().planned_lineage()
    assert [use.table for use in (*planned.inputs, *planned.outputs)] == ["annotations", "images", "findings", "metrics"]


def test_warn_and_skip_are_policies(embedded: Dataset, context: dict[str, Any], ti: TaskInstance) -> None:
    with pytest.raises(AirflowSkipException, match="wide"):
        validation(on_findings="skip").execute(context)
    assert ti.pushed["return_value"]["counts"]["failed"] == 1
    assert validation(on_findings="warn").execute(context)["counts"]["failed"] == 1
    assert validation(fail_on="warning,info").execute(context)["counts"]["failed"] == 1
    assert findings(embedded) == {"wide"}


def test_a_suite_that_cannot_be_read_fails_and_writes_nothing(embedded: Dataset, context: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml is not there"):
        validation(suite="/data/none.yaml", on_findings="warn").execute(context)
    assert findings(embedded) == set()


def test_a_users_file_runs_and_arguments_come_out_of_templates_as_texts(tmp_path: Path, context: dict[str, Any]) -> None:
    (tmp_path / f"{KEY}.yml").write_text(
        "name: day\nexpectations:\n- {type: expect_table_row_count_to_be_between, kwargs: {min_value: {$PARAMETER: least}}}\n"
    )
    operator = validation(
        suite=tmp_path / "{partition_key}.yml",
        table="{{ params.table }}",
        suite_parameters='{"least": 2}',
        contract="{{ params.nothing }}",
        release="{{ params.nothing }}",
        owners="default",
        whole_dataset="false",
        allow_empty="False",
        snapshot_id="{{ params.nothing }}",
        max_rows="5",
        report="no",
    )
    summary = rendered(operator, context, table="annotations", nothing=None).execute(context)
    assert (summary["suite"], summary["contract"], summary["counts"]["rows"]) == ("day", "annotations", 2)
    assert summary["scope"] == f"partition {KEY}, of default alone"
    assert summary["report_uri"] is None
    assert rendered(validation(suite="{{ params.nothing }}"), context, nothing=None).suite is None


def test_a_function_gives_the_suite_and_the_task_serialises(context: dict[str, Any]) -> None:
    from airflow.serialization import serialized_objects

    def suite(dataset: Dataset, partition_key: str) -> dict[str, Any]:
        return {
            "name": f"{dataset.name} {partition_key}",
            "expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "bbox_x"}}],
        }

    with DAG("d", schedule=None) as dag:
        operator = validation(suite=suite)
    serialization = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # the latter on 3.1
    first, second = (json.dumps(serialization.to_dict(dag)) for _ in range(2))
    assert first == second
    assert " at 0x" not in first
    summary = rendered(operator, context).execute(context)
    assert (summary["suite"], summary["suite_source"].startswith("function ")) == (f"digits {KEY}", True)
