"""Looks where a stage is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.triggers.base import ObservingTrigger

if TYPE_CHECKING:
    from airflow_cv_dataops.core.release.stages import StageState


class DatasetReleaseTrigger(ObservingTrigger):
    """Fires once the stage is past a release; arguments as in ``DatasetReleaseSensor``."""

    def __init__(
        self, *, dataset: str, stage: str, after: str | None, cv_catalog_conn_id: str, aws_conn_id: str | None, poke_interval: float
    ) -> None:
        super().__init__()
        self.dataset = dataset
        self.stage = stage
        self.after = after
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id
        self.poke_interval = poke_interval

    def arguments(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "stage": self.stage,
            "after": self.after,
            "cv_catalog_conn_id": self.cv_catalog_conn_id,
            "aws_conn_id": self.aws_conn_id,
            "poke_interval": self.poke_interval,
        }

    def not_yet(self, observed: StageState) -> str:
        return observed.not_yet(self.after)

    async def observe(self) -> StageState:
        from airflow_cv_dataops.core.dataset import Dataset
        from airflow_cv_dataops.core.release.stages import observe_stage
        from airflow_cv_dataops.hooks.dataset import DatasetHook

        config = await DatasetHook(self.cv_catalog_conn_id, aws_conn_id=self.aws_conn_id).acatalog_config()
        # PyIceberg is synchronous: a thread keeps the triggerer's other triggers going.
        return await asyncio.to_thread(observe_stage, Dataset(self.dataset, config), self.stage, self.after)
