"""Looks for images below a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.triggers.base import ObservingTrigger

if TYPE_CHECKING:
    from airflow_cv_dataops.core.imaging.sources.arrival import Arrival


class ImageArrivalTrigger(ObservingTrigger):
    """Fires once the images have arrived and settled; arguments as in ``ImageArrivalSensor``."""

    def __init__(
        self,
        *,
        source: str,
        min_images: int,
        settle_seconds: float,
        pattern: str | None,
        cv_catalog_conn_id: str,
        aws_conn_id: str | None,
        poke_interval: float,
        exclude: Sequence[str] | None = None,  # a trigger that an earlier version stored has none
    ) -> None:
        super().__init__()
        self.source = source
        self.min_images = min_images
        self.settle_seconds = settle_seconds
        self.pattern = pattern
        self.exclude = exclude
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id
        self.poke_interval = poke_interval

    def arguments(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "min_images": self.min_images,
            "settle_seconds": self.settle_seconds,
            "pattern": self.pattern,
            "exclude": self.exclude,
            "cv_catalog_conn_id": self.cv_catalog_conn_id,
            "aws_conn_id": self.aws_conn_id,
            "poke_interval": self.poke_interval,
        }

    def not_yet(self, observed: Arrival) -> str:
        from airflow_cv_dataops.core.store.uris import without_credentials

        return observed.not_yet(without_credentials(self.source), self.min_images, self.settle_seconds)

    async def observe(self) -> Arrival:
        from airflow_cv_dataops.core.imaging.sources.arrival import aobserve_arrival
        from airflow_cv_dataops.hooks.dataset import DatasetHook

        source, options = await DatasetHook(self.cv_catalog_conn_id, aws_conn_id=self.aws_conn_id).astorage(self.source)
        return await aobserve_arrival(
            source,
            options=options,
            min_images=self.min_images,
            settle_seconds=self.settle_seconds,
            pattern=self.pattern,
            exclude=self.exclude,
        )
