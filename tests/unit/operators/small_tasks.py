"""A few images, and the tasks that take them: what the tests of operators share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from unit.hooks.fake_connections import AddConnection

from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary
from airflow_cv_dataops.operators.base import DatasetOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator


class TaskInstance:
    """What an operator asks of its task instance."""

    dag_id, task_id, run_id, try_number, map_index = "dataops", "ingest", "asset__2026", 2, -1
    max_tries = 2

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


@pytest.fixture
def context(ti: TaskInstance) -> dict[str, Any]:
    """The context of an asset-triggered run: neither logical date nor data interval."""
    return {"ti": ti, "task_instance": ti, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, 9, tzinfo=UTC)), "params": {}}


@pytest.fixture(autouse=True)
def embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    """The dataset that the operators find without any connection."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset()


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Four images and a broken one of the partition 2026-11-05."""
    folder = tmp_path / "landing" / "2026-11-05"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.effect_noise((24, 16), 20 + number).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    return folder


def ingest(landing: Path, **arguments: Any) -> ImageIngestOperator:
    source = f"{landing.parent}/{{partition_key}}"
    return ImageIngestOperator(task_id="ingest", dataset="digits", source=source, **{"max_reject_ratio": 0.5, **arguments})


def promote(**arguments: Any) -> DatasetPromotionOperator:
    return DatasetPromotionOperator(task_id="promote", dataset="digits", **arguments)


def rendered(operator: Any, context: dict[str, Any], **parameters: Any) -> Any:
    operator.render_template_fields({**context, "params": parameters})
    return operator


class PolicyOperator(DatasetOperator):
    """A step whose policy does not let the task go on."""

    def __init__(self, *, skip: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.skip = skip

    def run_step(self, dataset: Dataset, partition_key: str, context: Any) -> StepResult:
        lineage = StepLineage("audit", inputs=(dataset.table_use("images"),), outputs=(dataset.table_use("findings", rows=3),))
        summary = Summary(dataset.name, partition_key, counts={"findings": 3})
        return StepResult(summary, lineage, failure="3 findings; see there", skip=self.skip)

    def planned_lineage(self) -> StepLineage:
        dataset = self.hook.dataset(self.dataset)
        return StepLineage("audit", inputs=(dataset.table_use("images"),), outputs=(dataset.table_use("findings"),))
