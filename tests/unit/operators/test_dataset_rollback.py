"""The rollback's operator: what it is told, what it leaves, and what a retry of it takes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from unit.core.release.release_rows import write_images
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, rendered, ti

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.operators.dataset_rollback import DatasetRollbackOperator

__all__ = ["add_connection", "context", "embedded", "ti"]

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.fixture
def released(embedded: Dataset) -> Dataset:
    """A dataset of which production came through v1 to v2, an hour before noon."""
    for key in ("p", "q"):
        write_images(embedded, key, [key])
        promote_dataset(embedded, recorded_at=NOON - timedelta(hours=1))
    return embedded


def rollback(**arguments: Any) -> DatasetRollbackOperator:
    return DatasetRollbackOperator(task_id="rollback", dataset="digits", **{"reason": "camera 3 is shifted", **arguments})


def test_a_form_may_name_the_release_or_leave_it_to_the_one_before(released: Dataset, context: dict[str, Any]) -> None:
    operator = rollback(to="{{ params.to }}", reason="{{ params.reason }}", stage="{{ params.stage }}")
    rendered(operator, context, to="", reason="night shots are mislabelled", stage="production")
    summary = operator.execute(context)
    assert (summary["release"], summary["parent"], summary["action"]) == ("v1", "v2", "rollback")
    [row] = [row for row in released.read("releases").to_pylist() if row["action"] == "rollback"]
    assert (row["notes"], row["dag_id"], row["run_id"]) == ("night shots are mislabelled", "dataops", "asset__2026")
    assert rollback(to=" v1 ").execute(context)["unchanged"] is True


def test_without_a_reason_nothing_is_rolled_back(released: Dataset, context: dict[str, Any]) -> None:
    for reason in ("", None):
        operator = rendered(rollback(reason="{{ params.reason }}"), context, reason=reason)
        with pytest.raises(ConfigurationError, match="says nothing: say why"):
            operator.execute(context)
    assert released.release().name == "v2"


def test_a_retry_fails_for_good_where_another_run_has_released_since(released: Dataset, context: dict[str, Any], ti: TaskInstance) -> None:
    context["dag_run"] = SimpleNamespace(run_after=NOON, start_date=NOON)
    promote_dataset(released, partition_keys=["q"], run_id="other", dag_id="nightly", recorded_at=NOON + timedelta(minutes=5))
    with pytest.raises(AirflowFailException, match="stays at v3: it has moved to v3 by run other of nightly"):
        rollback().execute(context)
    assert ti.pushed["return_value"]["rolled_back"] is False
    ti.try_number = 1
    assert rollback().execute(context)["release"] == "v2"


def test_lineage_is_declared_before_the_run(released: Dataset, context: dict[str, Any]) -> None:
    planned = rollback().planned_lineage()
    assert (planned.step, [use.table for use in planned.outputs]) == ("promotion", ["releases"])
    assert [use.table for use in planned.inputs] == ["images"]
