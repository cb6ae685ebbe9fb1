"""The operator of health in the context of a run: what ages are measured against, what comes out of templates, and how it fails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ingest, landing, rendered, ti

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]


def health(**arguments: Any) -> DatasetHealthOperator:
    return DatasetHealthOperator(task_id="health", dataset="digits", **arguments)


def test_a_healthy_partition_leaves_its_summary(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    summary = health().execute(context)
    assert (summary["dataset"], summary["partition_key"], summary["counts"]["images"]) == ("digits", "2026-11-05", 4)
    assert summary["counts"]["breach"] == 0
    assert embedded.read("profiles").num_rows == 1


@pytest.mark.parametrize(
    ("times", "as_of"),
    [
        ({"run_type": "backfill"}, "2026-11-05T09:00:00+00:00"),
        ({"run_type": "backfill", "logical_date": datetime(2026, 11, 5, tzinfo=UTC)}, "2026-11-05T00:00:00+00:00"),
        (
            {
                "run_type": "backfill",
                "data_interval_start": datetime(2026, 11, 5, tzinfo=UTC),
                "data_interval_end": datetime(2026, 11, 6, tzinfo=UTC),
            },
            "2026-11-06T00:00:00+00:00",
        ),
    ],
)
def test_ages_of_a_backfill_are_measured_against_the_end_of_the_run(
    times: dict[str, Any], as_of: str, landing: Path, context: dict[str, Any], embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    run_type = times.pop("run_type")
    run = SimpleNamespace(run_after=context["dag_run"].run_after, run_type=run_type)
    assert health().execute({**context, **times, "dag_run": run})["as_of"] == as_of
    given = health(as_of="{{ params.at }}")
    assert rendered(given, context, at="2026-11-09T12:00").execute(context)["as_of"] == "2026-11-09T12:00:00+00:00"


def test_ages_of_other_runs_are_measured_against_now(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    before = datetime.now(UTC)
    assert before <= datetime.fromisoformat(health().execute(context)["as_of"]) <= datetime.now(UTC)


def test_arguments_may_come_out_of_templates(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    operator = health(
        window="{{ params.window }}",
        max_unlabelled_ratio="{{ params.ratio }}",
        severities="{{ params.severities }}",
        disabled="freshness, {{ params.nothing }}",
    )
    parameters = {"window": 30, "ratio": 0.1, "severities": {"image_count": "info"}, "nothing": ""}
    assert rendered(operator, context, **parameters).execute(context)["counts"]["breach"] == 0


def test_a_missing_partition_fails_the_task_and_leaves_its_summary(
    landing: Path, context: dict[str, Any], ti: TaskInstance, embedded: Dataset
) -> None:
    ingest(landing).execute(context)
    with pytest.raises(AirflowFailException, match="missing_partition"):
        health(partition_key="2026-11-06").execute(context)
    assert ti.pushed["return_value"]["counts"]["by_severity"]["error"] == 1


def test_a_time_that_is_none_is_an_error(landing: Path, context: dict[str, Any], embedded: Dataset) -> None:
    ingest(landing).execute(context)
    with pytest.raises(ConfigurationError, match="as_of"):
        health(as_of="yesterday").execute(context)
