"""Wait until images have arrived below a prefix and nothing new is coming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import ingest, shared
from airflow_cv_dataops.common.arguments import as_count, as_list, as_number, as_pattern
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.places import given_source, path_text
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.source_names import stable_source
from airflow_cv_dataops.sensors.base import ObservingSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.imaging.sources.arrival import Arrival
    from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger


class ImageArrivalSensor(ObservingSensor):
    """Succeed once at least ``min_images`` images lie below ``source`` and none has been added or changed for ``settle_seconds``.

    :param source: prefix with the images; ``{partition_key}`` in it is filled in. (templated)
    :param min_images: how many there must be. (templated)
    :param settle_seconds: how long nothing new may have come. (templated)
    :param pattern: glob that a path below the prefix has to match, as in ``ImageIngestOperator``; default: every path does. (templated)
    :param exclude: globs of files that do not count, as in ``ImageIngestOperator``; default: label files, which globs of your own
        replace. Hidden and house-keeping files never do. (templated)
    """

    what_it_does = "Lists the source until enough images lie there and none has been added or changed for a while; writes nothing."
    template_fields: Sequence[str] = (*ObservingSensor.template_fields, "source", "min_images", "settle_seconds", "pattern", "exclude")
    path_fields: Sequence[str] = ("source",)
    argument_checks = {
        **ObservingSensor.argument_checks,
        "source": shared.source,
        "min_images": ingest.awaited_images,
        "settle_seconds": ingest.awaited_seconds,
        "pattern": shared.glob,
        "exclude": shared.listed,
    }

    def __init__(
        self,
        *,
        source: str | PathLike[str],
        min_images: int | str = 1,
        settle_seconds: float | str = 60.0,
        pattern: str | None = None,
        exclude: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source: str = path_text(source)
        self.min_images = min_images
        self.settle_seconds = settle_seconds
        self.pattern = pattern
        self.exclude = exclude

    def observe(self, partition_key: str) -> Arrival:
        from airflow_cv_dataops.core.imaging.sources.arrival import observe_arrival

        source, options = self.hook.storage(with_partition_key(given_source(self.source), partition_key))
        return observe_arrival(source, options=options, **self._condition())

    def from_event(self, observed: Mapping[str, Any]) -> Arrival:
        from airflow_cv_dataops.core.imaging.sources.arrival import Arrival

        return Arrival(**observed)

    def not_yet(self, observed: Arrival) -> str:
        from airflow_cv_dataops.core.store.uris import without_credentials

        condition = self._condition()
        place = without_credentials(with_partition_key(given_source(self.source), self.resolved_partition_key or ""))
        return observed.not_yet(place, condition["min_images"], condition["settle_seconds"])

    def trigger(self, context: Context) -> ImageArrivalTrigger:
        from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger

        return ImageArrivalTrigger(
            source=with_partition_key(given_source(self.source), self._resolve(context)),
            cv_catalog_conn_id=self.cv_catalog_conn_id,
            aws_conn_id=self.aws_conn_id,
            poke_interval=self.poke_interval,
            **self._condition(),
        )

    def planned_lineage(self) -> StepLineage:
        return StepLineage("sensor", inputs=(self._source_use(),))

    def observed_lineage(self, observed: Arrival) -> StepLineage:
        condition = self._condition()
        return observed.lineage(
            self._source_use(), f"at least {condition['min_images']} images, settled for {condition['settle_seconds']:g} s"
        )

    def _condition(self) -> dict[str, Any]:
        return {
            "min_images": as_count("min_images", self.min_images) or 1,
            "settle_seconds": as_number("settle_seconds", self.settle_seconds) or 0.0,
            "pattern": as_pattern(self.pattern),
            "exclude": as_list("exclude", self.exclude),
        }

    def _source_use(self) -> DatasetUse:
        return DatasetUse(uri=stable_source(given_source(self.source), self.resolved_partition_key), holds="images", storage_format="image")
