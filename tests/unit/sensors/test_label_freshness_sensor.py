"""The sensor for labels: one look, then poke or defer, a summary and lineage at the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException, TaskDeferred
from unit.core.release.release_rows import write_images
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.freshness import observe_labels
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor
from airflow_cv_dataops.triggers.label_freshness import LabelFreshnessTrigger

__all__ = ["add_connection"]

KEY = "2026-11-05"


@pytest.fixture
def context() -> dict[str, Any]:
    """An asset-triggered run: neither logical date nor data interval."""
    return {"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, 9, tzinfo=UTC))}


@pytest.fixture
def dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    """Two images of the partition, one of them labelled."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    found = make_dataset()
    write_images(found, KEY, ["a", "b"])
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\n")
    import_labels(found, KEY, tmp_path / "labels.csv", format="csv")
    return found


def sensor(**arguments: Any) -> LabelFreshnessSensor:
    return LabelFreshnessSensor(task_id="wait", **{"dataset": "digits", "poke_interval": 30.0, "timeout": 600, **arguments})


def test_a_poke_says_no_with_the_reason_and_yes_with_a_summary(dataset: Dataset, context: dict[str, Any]) -> None:
    strict = sensor()
    result = strict.poke(context)
    assert (result.is_done, result.xcom_value) == (False, None)
    assert strict._last is not None
    assert list(strict._last.missing) == ["1 of 2 images have no label (min_labelled_ratio=1)"]
    lenient = sensor(min_labelled_ratio="0.5", max_age_hours="24", label_sets="default")
    summary = lenient.execute(context)
    assert (summary["dataset"], summary["partition_key"], summary["snapshot_id"]) == ("digits", KEY, dataset.snapshot_id("annotations"))
    assert summary["counts"] == {"images": 2, "images_labelled": 1, "images_without_label": 1, "label_sets": 1}
    assert (summary["metrics"], summary["label_sets"]) == ({"labelled_ratio": 0.5}, ["default"])
    assert datetime.now(UTC) - datetime.fromisoformat(summary["newest_label"]) < timedelta(hours=1)


def test_a_dataset_that_is_not_there_yet_is_waited_for(dataset: Dataset, context: dict[str, Any]) -> None:
    assert not sensor(dataset="later").poke(context).is_done
    assert not sensor(partition_key="2026-11-06").poke(context).is_done


def test_lineage_names_the_tables_as_they_were_and_the_condition(dataset: Dataset, context: dict[str, Any]) -> None:
    done = sensor(min_labelled_ratio=0.5, max_age_hours=24, label_sets=["default"])
    done.poke(context)
    lineage = done.step_lineage
    assert lineage is not None
    assert [(use.table, use.snapshot_id) for use in lineage.inputs] == [
        (table, dataset.snapshot_id(table)) for table in ("images", "annotations")
    ]
    assert [use.identifier for use in lineage.inputs] == [use.identifier for use in done.planned_lineage().inputs]
    assert lineage.facts["condition"] == (
        "labels of at least 0.5 of the images, imported since these were written, the newest at most 24 h old, in default"
    )
    assert lineage.facts["details"]["labelled"] == 1


def test_it_defers_with_everything_that_the_trigger_needs_and_takes_up_again(dataset: Dataset, context: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        sensor(deferrable=True, label_sets="default, round_2", max_age_hours="48").execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, LabelFreshnessTrigger)
    assert trigger.arguments() == {
        "dataset": "digits",
        "partition_key": KEY,
        "label_sets": ["default", "round_2"],
        "min_labelled_ratio": 1.0,
        "max_age_hours": 48.0,
        "cv_catalog_conn_id": "cv_catalog_default",
        "aws_conn_id": None,
        "poke_interval": 30.0,
    }
    assert (deferred.value.method_name, deferred.value.timeout) == ("execute_complete", timedelta(seconds=600))
    observed = json.loads(json.dumps(asdict(observe_labels(dataset, KEY, min_labelled_ratio=0.5))))
    fresh = sensor(min_labelled_ratio=0.5)
    summary = fresh.execute_complete(context, {"status": "success", "observed": observed})
    assert (summary["counts"]["images_labelled"], summary["partition_key"]) == (1, KEY)
    assert fresh.step_lineage is not None
    assert fresh.step_lineage.inputs[1].snapshot_id == dataset.snapshot_id("annotations")
    with pytest.raises(AirflowException, match="wait stopped waiting: StoreError: gone"):
        sensor().execute_complete(context, {"status": "error", "message": "StoreError: gone"})


def test_a_deferrable_sensor_does_not_defer_where_all_is_there(dataset: Dataset, context: dict[str, Any]) -> None:
    assert sensor(deferrable=True, min_labelled_ratio=0.5).execute(context)["counts"]["images"] == 2


def test_a_wait_that_takes_too_long_skips_where_it_may(dataset: Dataset, context: dict[str, Any]) -> None:
    with pytest.raises(AirflowSkipException, match="timed out"):
        sensor(timeout=0, poke_interval=0.01, soft_fail=True).execute({**context, "ti": SimpleNamespace(try_number=1, max_tries=0)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_sets": " "}, "label_sets is empty: name at least one, or leave it out for all label sets"),
        ({"min_labelled_ratio": "all"}, "min_labelled_ratio='all' is not a number"),
        ({"max_age_hours": "-1"}, "above 0"),
    ],
)
def test_what_a_template_leaves_is_refused_by_name(
    dataset: Dataset, context: dict[str, Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        sensor(**arguments).poke(context)
