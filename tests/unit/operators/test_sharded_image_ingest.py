"""The three tasks of a sharded ingest, one after the other, as Airflow runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardCommitOperator, ImageShardOperator, ImageShardPlanOperator

__all__ = ["add_connection"]


class LazyResults(Sequence[Any]):
    """What Airflow hands over of mapped tasks (``LazyXComSequence``): each access is a request to the API server."""

    def __init__(self, results: list[Any]) -> None:
        self._results = results
        self.requests: list[Any] = []

    def __len__(self) -> int:
        self.requests.append("len")
        return len(self._results)

    def __getitem__(self, key: Any) -> Any:
        self.requests.append(key)
        return self._results[key]


@pytest.fixture
def dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    """The dataset that the operators find without any connection."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset()


def test_the_commit_asks_for_the_results_of_all_shards_in_one_request(dataset: Dataset, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(4):
        Image.effect_noise((24, 16), 20 + number).save(source / f"{number}.png")
    pushed: dict[str, Any] = {}
    task_instance = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    context: Any = {"ti": task_instance, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))}
    arguments: Any = {"dataset": dataset.name, "source": str(source)}

    indices = ImageShardPlanOperator(task_id="plan", max_files_per_shard=2, **arguments).execute(context)
    plan = pushed["plan"]
    shards = [ImageShardOperator(task_id=f"shard{index}", plan=plan, index=index, **arguments).execute(context) for index in indices]
    results = LazyResults([*shards, None])
    summary = ImageShardCommitOperator(task_id="commit", plan=plan, results=results, **arguments).execute(context)

    assert len(shards) == 2
    assert results.requests == [slice(None)]
    assert summary["counts"]["images"] == dataset.images().num_rows == 4


def test_a_plan_over_a_source_that_is_gone_fails_before_any_shard_and_the_commit_of_nothing_wants_leave(
    dataset: Dataset, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    Image.effect_noise((24, 16), 20).save(source / "0.png")
    pushed: dict[str, Any] = {}
    task_instance = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    context: Any = {"ti": task_instance, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))}
    arguments: Any = {"dataset": dataset.name, "source": str(source)}
    ImageIngestOperator(task_id="ingest", **arguments).execute(context)
    (source / "0.png").unlink()

    with pytest.raises(SourceError, match=r"1 row of digits\.images"):
        ImageShardPlanOperator(task_id="plan", **arguments).execute(context)
    assert pushed == {}
    assert ImageShardPlanOperator(task_id="plan", allow_empty="True", **arguments).execute(context) == []
    commit = {"plan": pushed["plan"], "results": None, **arguments}
    with pytest.raises(SourceError, match="The plan found nothing to take"):
        ImageShardCommitOperator(task_id="commit", **commit).execute(context)
    assert ImageShardCommitOperator(task_id="commit", allow_empty="True", **commit).execute(context)["counts"]["images"] == 0
