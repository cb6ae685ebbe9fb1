"""What all sensors share: one look, then poke, reschedule or defer; a summary and lineage at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf
from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_cv_dataops.common.argument_checks import shared
from airflow_cv_dataops.common.checking import ArgumentChecks, CheckedArguments
from airflow_cv_dataops.common.lineage import LineageMixin
from airflow_cv_dataops.common.waiting import WaitingLines, is_first_of_its_minute
from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.links.marquez import marquez_links

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_cv_dataops.core.imaging.sources.arrival import Arrival
    from airflow_cv_dataops.core.labels.freshness import LabelFreshness
    from airflow_cv_dataops.core.release.stages import StageState
    from airflow_cv_dataops.core.step_lineage import StepLineage

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)


class ObservingSensor(LineageMixin, CheckedArguments, BaseSensorOperator):
    """A sensor that looks at one thing (:meth:`observe`) until it is as wanted.

    :param partition_key: default: as the operators resolve it. (templated)
    :param partition_format: strftime format for keys made from a date; default: ``%Y-%m-%d``, and finer where the DAG is due more
        often than daily: ``%Y-%m-%dT%H``, ``%Y-%m-%dT%H%M``, ``%Y-%m-%dT%H%M%S``. (templated)
    :param partition_timezone: time zone of the dates that keys are made from, e.g. ``Europe/Berlin``; default: the DAG's own, and UTC for
        formats with the time of day. (templated)
    :param cv_catalog_conn_id: connection of type ``cv_catalog``; without it the embedded catalog is used. (templated)
    :param aws_conn_id: connection for ``s3://``; default: the one that the catalog's connection names. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; default: ``[operators] default_deferrable``.
    """

    template_fields: Sequence[str] = ("partition_key", "partition_format", "partition_timezone", "cv_catalog_conn_id", "aws_conn_id")
    argument_checks: ClassVar[ArgumentChecks] = shared.PARTITION
    unchecked_arguments: ClassVar[Mapping[str, str]] = shared.CONNECTIONS
    operator_extra_links = marquez_links()
    ui_color = "#e8ecf7"
    _waiting: WaitingLines | None = None

    def __init__(
        self,
        *,
        partition_key: str | None = None,
        partition_format: str | None = None,
        partition_timezone: str | None = None,
        cv_catalog_conn_id: str = DatasetHook.default_conn_name,
        aws_conn_id: str | None = None,
        deferrable: bool = DEFAULT_DEFERRABLE,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.say_what_it_does()
        self.partition_key = partition_key
        self.partition_format = partition_format
        self.partition_timezone = partition_timezone
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id
        self.deferrable = deferrable

    @property
    def hook(self) -> DatasetHook:
        return DatasetHook(self.cv_catalog_conn_id, aws_conn_id=self.aws_conn_id)

    def execute(self, context: Context) -> Any:
        """Look once; then wait in this worker, between reschedules, or in the triggerer."""
        from airflow_cv_dataops.common.reasons import show_reasons_alone

        show_reasons_alone()
        if not self.deferrable:
            return super().execute(context)
        first = self.poke(context)
        if first.is_done:
            return first.xcom_value
        self.defer(trigger=self.trigger(context), method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once and say whether it is as wanted; the summary goes to XCom when it is."""
        observed = self.observe(self._resolve(context))
        self.log.debug("Observed: %s", observed)
        if not observed.satisfied:
            self._say_not_yet(observed)
        return PokeReturnValue(observed.satisfied, self._summary(observed) if observed.satisfied else None)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Take up where the trigger left off. What ``execute`` had set is gone: it is worked out again from the event."""
        from airflow_cv_dataops.common.reasons import StoppedWaiting, show_reasons_alone

        show_reasons_alone()
        if not event or event.get("status") != "success":
            raise StoppedWaiting(f"{self.task_id} stopped waiting: {(event or {}).get('message', 'the trigger sent no event')}")
        self._resolve(context)
        return self._summary(self.from_event(event["observed"]))

    def observe(self, partition_key: str) -> Arrival | StageState | LabelFreshness:
        """Look once."""
        raise NotImplementedError

    def from_event(self, observed: Mapping[str, Any]) -> Arrival | StageState | LabelFreshness:
        """Return what the trigger saw."""
        raise NotImplementedError

    def trigger(self, context: Context) -> BaseTrigger:
        """Return the trigger that goes on looking."""
        raise NotImplementedError

    def observed_lineage(self, observed: Any) -> StepLineage:
        """Describe what was looked at."""
        raise NotImplementedError

    def not_yet(self, observed: Any) -> str:
        """Say what is there, and what the sensor waits for."""
        raise NotImplementedError

    def _say_not_yet(self, observed: Any) -> None:
        if self.reschedule and not self.deferrable and not is_first_of_its_minute(self.poke_interval):
            return
        if self._waiting is None:
            self._waiting = WaitingLines(self.log, is_first_due=True)
        self._waiting.say(self.not_yet(observed))

    def _resolve(self, context: Context) -> str:
        self.resolved_partition_key = self.partition_key_of(context)
        return self.resolved_partition_key

    def _summary(self, observed: Any) -> dict[str, Any]:
        self.note_lineage(lambda: self.observed_lineage(observed))
        from airflow_cv_dataops.core.summary_words import in_words

        summary = observed.summary(self.resolved_partition_key).to_dict()
        for line in in_words(summary):
            self.log.info("%s", line)
        return summary
