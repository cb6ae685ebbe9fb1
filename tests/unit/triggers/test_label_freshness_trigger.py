"""The trigger for labels: fires once they are there, and counts only what was written since its last look."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization.serialized_objects import BaseSerialization
from unit.core.release.release_rows import write_images
from unit.hooks.fake_connections import AddConnection, add_connection
from unit.triggers.trigger_events import events_of

from airflow_cv_dataops.common import waiting
from airflow_cv_dataops.core.labels import freshness
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.triggers.label_freshness import LabelFreshnessTrigger

__all__ = ["add_connection"]

KEY = "2026-11-05"


@pytest.fixture
def dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    """Two images that nobody has labelled."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    found = make_dataset()
    write_images(found, KEY, ["a", "b"])
    return found


def trigger(**changed: Any) -> LabelFreshnessTrigger:
    arguments = {
        "dataset": "digits",
        "partition_key": KEY,
        "label_sets": None,
        "min_labelled_ratio": 1.0,
        "max_age_hours": None,
        "cv_catalog_conn_id": "cv_catalog_default",
        "aws_conn_id": None,
        "poke_interval": 0.01,
    }
    return LabelFreshnessTrigger(**{**arguments, **changed})


def test_it_is_made_again_from_what_it_serialises() -> None:
    path, arguments = trigger(label_sets=["round_2"], max_age_hours=24.0).serialize()
    assert path == "airflow_cv_dataops.triggers.label_freshness.LabelFreshnessTrigger"
    assert LabelFreshnessTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
    assert BaseSerialization.deserialize(BaseSerialization.serialize(arguments)) == arguments


def test_labels_that_come_later_fire_then(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,dog\n")

    def label() -> None:
        import_labels(dataset, KEY, tmp_path / "labels.csv", format="csv")

    (event,) = events_of(trigger(), meanwhile=label)
    assert event.payload["status"] == "success"
    assert json.loads(json.dumps(event.payload)) == event.payload
    assert (event.payload["observed"]["images"], event.payload["observed"]["labelled"]) == (2, 2)


def test_it_counts_once_and_then_looks_at_snapshots_alone(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[int] = []
    looks: list[int] = []
    count, look = freshness._count, LabelFreshnessTrigger._look

    def counting(*given: Any) -> Any:
        counted.append(1)
        return count(*given)

    def looking(self: LabelFreshnessTrigger, config: Any) -> Any:
        if len(looks) == 5:
            import_labels(dataset, KEY, tmp_path / "labels.csv", format="csv")
        looks.append(1)
        return look(self, config)

    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\nb.png,dog\n")
    monkeypatch.setattr(freshness, "_count", counting)
    monkeypatch.setattr(LabelFreshnessTrigger, "_look", looking)
    minutes = itertools.count(step=60)
    monkeypatch.setattr(waiting, "_monotonic", lambda: next(minutes))
    with caplog.at_level("INFO", "airflow_cv_dataops.triggers.base"):
        (event,) = events_of(trigger())
    assert event.payload["status"] == "success"
    assert (len(looks), len(counted)) == (6, 2)
    assert [record.getMessage() for record in caplog.records if record.getMessage().startswith("Not yet")] == [
        f"Not yet: digits, partition {KEY}: no labels were imported yet; 2 of 2 images have no label (min_labelled_ratio=1)"
    ] * 5


def test_what_goes_wrong_ends_the_wait(dataset: Dataset) -> None:
    (event,) = events_of(trigger(cv_catalog_conn_id="nowhere"))
    assert event.payload == {"status": "error", "message": "AirflowNotFoundException: The conn_id `nowhere` isn't defined"}
