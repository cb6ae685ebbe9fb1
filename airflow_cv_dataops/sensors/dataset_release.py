"""Wait until a stage has moved past a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import release, shared
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.sensors.base import ObservingSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.release.stages import StageState
    from airflow_cv_dataops.triggers.dataset_release import DatasetReleaseTrigger


class DatasetReleaseSensor(ObservingSensor):
    """Succeed once ``stage`` of ``dataset`` points to a release newer than ``after``.

    :param dataset: name of the dataset. (templated)
    :param stage: the stage to watch. (templated)
    :param after: a release such as ``v3``; empty: the stage's first release will do. (templated)
    """

    what_it_does = "Reads `releases` until the stage has moved past a release; writes nothing."
    template_fields: Sequence[str] = (*ObservingSensor.template_fields, "dataset", "stage", "after")
    argument_checks = {
        **ObservingSensor.argument_checks,
        "dataset": shared.dataset,
        "stage": shared.stage,
        "after": release.newer_than,
    }

    def __init__(self, *, dataset: str, stage: str = "production", after: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset = dataset
        self.stage = stage
        self.after = after

    def observe(self, partition_key: str) -> StageState:
        from airflow_cv_dataops.core.release.stages import observe_stage

        return observe_stage(self.hook.dataset(self.dataset), self.stage, self.after or None)

    def from_event(self, observed: Mapping[str, Any]) -> StageState:
        from airflow_cv_dataops.core.release.stages import StageState

        return StageState(**observed)

    def not_yet(self, observed: StageState) -> str:
        return observed.not_yet(self.after or None)

    def trigger(self, context: Context) -> DatasetReleaseTrigger:
        from airflow_cv_dataops.triggers.dataset_release import DatasetReleaseTrigger

        return DatasetReleaseTrigger(
            dataset=self.dataset,
            stage=self.stage,
            after=self.after or None,
            cv_catalog_conn_id=self.cv_catalog_conn_id,
            aws_conn_id=self.aws_conn_id,
            poke_interval=self.poke_interval,
        )

    def planned_lineage(self) -> StepLineage:
        return StepLineage("sensor", inputs=(self.hook.dataset(self.dataset).table_use("releases"),))

    def observed_lineage(self, observed: StageState) -> StepLineage:
        from airflow_cv_dataops.core.release.stages import stage_lineage

        condition = f"{self.stage} past {self.after}" if self.after else f"{self.stage} has a release"
        return stage_lineage(self.hook.dataset(self.dataset), observed, condition)
