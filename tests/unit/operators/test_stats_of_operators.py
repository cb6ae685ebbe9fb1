"""What an operator tells Airflow's metrics when its step ends, well or not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG
from unit.hooks.fake_connections import add_connection
from unit.operators.small_tasks import TaskInstance, context, embedded, ingest, landing, promote, ti

__all__ = ["add_connection", "context", "embedded", "landing", "ti"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What goes to Airflow's metrics, with tags, by name."""
    found: dict[str, Any] = {}
    gauge, incr = (lambda stat, value=1, tags=None: found.update({stat: (value, tags)}) for _ in range(2))
    monkeypatch.setitem(vars(sdk), "Stats", SimpleNamespace(gauge=gauge, incr=incr))
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    return found


def test_an_operator_sends_what_it_leaves_in_xcom(landing: Path, context: dict[str, Any], sent: dict[str, Any]) -> None:
    with DAG("dataops"):
        operator = ingest(landing)
    summary = operator.execute(context)
    tags = {"dataset": "digits", "dag_id": "dataops", "task_id": "ingest"}
    assert sent["cv_dataops.ingest.images"] == (4, tags)
    assert sent["cv_dataops.ingest.reject_ratio"] == (summary["metrics"]["reject_ratio"], tags)
    assert sent["cv_dataops.ingest.rejects_by_reason.not_an_image"] == (1, tags)
    assert sent["cv_dataops.ingest.duration_seconds"] == (summary["duration_seconds"], tags)
    assert "cv_dataops.breaches" not in sent
    assert not any("2026-11-05" in str(told) for told in sent.items())


def test_it_sends_them_also_where_policy_fails_it(landing: Path, context: dict[str, Any], ti: TaskInstance, sent: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException):
        ingest(landing, max_reject_ratio=0.1).execute(context)
    assert sent["cv_dataops.ingest.rejects"][0] == ti.pushed["return_value"]["counts"]["rejects"] == 1
    assert sent["cv_dataops.breaches"][1]["step"] == "ingest"


def test_a_step_without_rows_in_metrics_has_the_name_that_lineage_knows(
    landing: Path, context: dict[str, Any], sent: dict[str, Any]
) -> None:
    ingest(landing).execute(context)
    promote().execute(context)
    assert sent["cv_dataops.promotion.images"][0] == 4
