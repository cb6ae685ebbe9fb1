"""What people say of a dataset, said by a task: from its arguments or a trigger form, and to the cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskInstanceKey
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ingest, landing, promote, rendered, ti

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.descriptions import Description
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.links.dataset_card import DatasetCardLink
from airflow_cv_dataops.operators.dataset_description import DatasetDescriptionOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]


def describe(**arguments: Any) -> DatasetDescriptionOperator:
    return DatasetDescriptionOperator(task_id="describe", dataset="digits", owner="airflow-team", **arguments)


def said_of(dataset: Dataset) -> Description:
    return open_dataset(dataset.name, dataset.config).description()


def test_a_form_says_what_it_holds_and_leaves_the_rest(landing: Path, context: dict[str, Any], embedded: Dataset):
    ingest(landing).execute(context)
    promote().execute(context)
    form = {"description": "{{ params.description }}", "dataset_owner": "{{ params.owner }}", "stages": "{{ params.stages }}"}
    operator = rendered(describe(**form), context, description="Handwritten digits.", owner=None, stages=["staging", "production"])
    summary = operator.execute(context)
    assert summary["changed"] == ["description", "stages"]
    assert summary["report_uri"].startswith(f"{embedded.root_uri}/reports/card/v1/")
    assert list(summary["cards"]) == ["production"]
    assert said_of(embedded) == Description(description="Handwritten digits.", stages=("staging", "production"))
    assert set(embedded.read("descriptions")["said_by"].to_pylist()) == {"dataops.ingest"}
    again = rendered(
        describe(**form, others={"contact": "a@b.example"}, take_back="stages", cards="false"),
        context,
        description="",
        owner="Ann",
        stages=None,
    )
    assert again.execute(context)["changed"] == ["owner", "contact", "stages"]
    assert said_of(embedded) == Description("Handwritten digits.", "Ann", others={"contact": "a@b.example"})


def test_the_task_links_to_the_card_it_wrote(landing: Path, context: dict[str, Any], ti: TaskInstance):
    ingest(landing).execute(context)
    operator = describe(notes="None yet.")
    key = TaskInstanceKey(ti.dag_id, "describe", ti.run_id, ti.try_number, ti.map_index)
    operator.execute(context)
    assert DatasetCardLink().get_link(operator, ti_key=key) == "", "no stage holds a release"
    promote().execute(context)
    operator.execute(context)
    assert DatasetCardLink().get_link(operator, ti_key=key) == "/cv_dataops/audit-report/dataops/asset__2026/describe/-1"
    for kind in (DatasetDescriptionOperator, DatasetPromotionOperator):
        assert "Dataset card" in [link.name for link in kind.operator_extra_links]


def test_what_it_writes_is_planned_and_told(landing: Path, context: dict[str, Any]):
    ingest(landing).execute(context)
    promote().execute(context)
    operator = rendered(describe(notes="Old."), context)
    operator.execute(context)
    for lineage in (operator.lineage_plan, operator.step_lineage):
        assert ([use.table for use in lineage.inputs], [use.table for use in lineage.outputs]) == (["releases"], ["descriptions"])
    assert operator.get_openlineage_facets_on_complete(None).outputs[0].name == "digits.descriptions"


def test_a_field_that_cannot_be_used_fails_the_task(landing: Path, context: dict[str, Any]):
    ingest(landing).execute(context)
    with pytest.raises(ConfigurationError, match="not the name of a release"):
        describe(stages=["v1"]).execute(context)
