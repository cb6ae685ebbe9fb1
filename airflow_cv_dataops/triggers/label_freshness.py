"""Looks at a partition's labels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.triggers.base import ObservingTrigger

if TYPE_CHECKING:
    from airflow_cv_dataops.core.labels.freshness import LabelFreshness


class LabelFreshnessTrigger(ObservingTrigger):
    """Fires once the labels are complete and fresh; arguments as in ``LabelFreshnessSensor``.

    Nothing is counted again as long as nothing was written to the partition.
    """

    def __init__(
        self,
        *,
        dataset: str,
        partition_key: str,
        label_sets: Sequence[str] | None,
        min_labelled_ratio: float,
        max_age_hours: float | None,
        cv_catalog_conn_id: str,
        aws_conn_id: str | None,
        poke_interval: float,
    ) -> None:
        super().__init__()
        self.dataset = dataset
        self.partition_key = partition_key
        self.label_sets = label_sets
        self.min_labelled_ratio = min_labelled_ratio
        self.max_age_hours = max_age_hours
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id
        self.poke_interval = poke_interval
        self._last: LabelFreshness | None = None

    def arguments(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "partition_key": self.partition_key,
            "label_sets": self.label_sets,
            "min_labelled_ratio": self.min_labelled_ratio,
            "max_age_hours": self.max_age_hours,
            "cv_catalog_conn_id": self.cv_catalog_conn_id,
            "aws_conn_id": self.aws_conn_id,
            "poke_interval": self.poke_interval,
        }

    async def observe(self) -> LabelFreshness:
        from airflow_cv_dataops.hooks.dataset import DatasetHook

        config = await DatasetHook(self.cv_catalog_conn_id, aws_conn_id=self.aws_conn_id).acatalog_config()
        # PyIceberg is synchronous: a thread keeps the triggerer's other triggers going.
        self._last = await asyncio.to_thread(self._look, config)
        return self._last

    def not_yet(self, observed: LabelFreshness) -> str:
        return observed.not_yet()

    def _look(self, config: Any) -> LabelFreshness:
        from airflow_cv_dataops.core.dataset import Dataset
        from airflow_cv_dataops.core.labels.freshness import observe_labels

        return observe_labels(
            Dataset(self.dataset, config),
            self.partition_key,
            label_sets=self.label_sets,
            min_labelled_ratio=self.min_labelled_ratio,
            max_age_hours=self.max_age_hours,
            last=self._last,
        )
