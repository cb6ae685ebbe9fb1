"""What all operators share: the dataset, the partition, the summary, the policy, the lineage."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_cv_dataops.common.argument_checks import shared
from airflow_cv_dataops.common.checking import ArgumentChecks, CheckedArguments
from airflow_cv_dataops.common.lineage import LineageMixin
from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.common.patience import TooLate, at_most
from airflow_cv_dataops.common.places import given_source, path_text
from airflow_cv_dataops.common.stats import emit_stats, step_of
from airflow_cv_dataops.common.writers import writer_of
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.source_names import stable_source
from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.links.marquez import marquez_links

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


_PATIENCE_SECONDS = 10.0  # for lineage, as [openlineage] execution_timeout
_LISTS = (".parquet", ".csv", ".jsonl", ".ndjson")


class DatasetOperator(LineageMixin, CheckedArguments):
    """Runs one ``core`` step on one partition of a dataset.

    Subclasses say which step (:meth:`run_step`) and what it reads and writes (:meth:`planned_lineage`).

    :param dataset: name of the dataset, e.g. ``traffic_signs`` (lower-case letters, digits, ``_``). (templated)
    :param partition_key: the slice of data that this run owns; default: the run's partition key, else the start of its data
        interval, else its logical date, else the time it was due. (templated)
    :param partition_format: strftime format for keys made from a date; default: ``%Y-%m-%d``, and finer where the DAG is due more
        often than daily: ``%Y-%m-%dT%H``, ``%Y-%m-%dT%H%M``, ``%Y-%m-%dT%H%M%S``. (templated)
    :param partition_timezone: time zone of the dates that keys are made from, e.g. ``Europe/Berlin``; default: the DAG's own, and UTC for
        formats with the time of day. (templated)
    :param cv_catalog_conn_id: connection of type ``cv_catalog``; without it the embedded catalog is used. (templated)
    :param aws_conn_id: connection for ``s3://`` sources and warehouse; default: the one that the catalog's connection names. (templated)
    """

    template_fields: Sequence[str] = (
        "dataset",
        "partition_key",
        "partition_format",
        "partition_timezone",
        "cv_catalog_conn_id",
        "aws_conn_id",
    )
    argument_checks: ClassVar[ArgumentChecks] = {"dataset": shared.dataset, **shared.PARTITION}
    unchecked_arguments: ClassVar[Mapping[str, str]] = shared.CONNECTIONS
    operator_extra_links: tuple[BaseOperatorLink, ...] = marquez_links()
    ui_color = "#e3f2ec"

    def __init__(
        self,
        *,
        dataset: str,
        partition_key: str | None = None,
        partition_format: str | None = None,
        partition_timezone: str | None = None,
        cv_catalog_conn_id: str = DatasetHook.default_conn_name,
        aws_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.say_what_it_does()
        self.dataset = dataset
        self.partition_key = partition_key
        self.partition_format = partition_format
        self.partition_timezone = partition_timezone
        self.cv_catalog_conn_id = cv_catalog_conn_id
        self.aws_conn_id = aws_conn_id

    @property
    def hook(self) -> DatasetHook:
        hook = DatasetHook(self.cv_catalog_conn_id, aws_conn_id=self.aws_conn_id)
        hook.embedded_level = logging.DEBUG  # a task asks several times, and says it once: see begin
        return hook

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step, leave its summary in XCom, then fail or skip if policy says so."""
        from airflow_cv_dataops.common.reasons import PolicyFailure
        from airflow_cv_dataops.core.errors import SharedPartitionError

        dataset, partition_key = self.begin(context)
        try:
            result = self.run_step(dataset, partition_key, context)
        except SharedPartitionError as error:
            raise PolicyFailure(str(error)) from error  # a retry would find the same
        self.note_lineage(lambda: self.stable_lineage(result.lineage))
        return self._finish(result, context)

    def begin(self, context: Context) -> tuple[Dataset, str]:
        """Return the dataset, and the partition key of this run."""
        from airflow_cv_dataops.common.reasons import show_reasons_alone

        show_reasons_alone()
        partition_key = self.partition_key_of(context)
        self.resolved_partition_key = partition_key
        self.log.info("%s: dataset %s, partition %s", type(self).__name__, self.dataset, partition_key)
        hook = self.hook
        hook.embedded_level = logging.INFO
        dataset = hook.dataset(self.dataset)
        dataset.writer = writer_of(self, context, partition_key)
        return dataset, partition_key

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        """Call the one ``core`` function that this operator is for."""
        raise NotImplementedError

    def planned_step(
        self, step: str, *, sources: Sequence[DatasetUse] = (), reads: Sequence[str] = (), writes: Sequence[str]
    ) -> StepLineage:
        """Describe a run before it: its files, the tables that it reads, as far as the dataset has them, and those that it writes."""
        dataset = self.hook.dataset(self.dataset)
        try:
            # Airflow renders templates outside of execution_timeout: a catalog that never answers would hold the task for good.
            with at_most(_PATIENCE_SECONDS):
                there = dataset.table_names() if reads else frozenset()
                read = [dataset.table_use(table) for table in reads if table in there]
                written = [dataset.table_use(table) for table in writes]
        except (Exception, TooLate):  # execute will meet the same, and say so better
            self.log.debug("Lineage cannot look which tables there are: taken for all", exc_info=True)
            read, written = ([dataset.unopened_table_use(table) for table in tables] for tables in (reads, writes))
        return StepLineage(step, inputs=(*sources, *read), outputs=tuple(written))

    def stable_lineage(self, lineage: StepLineage) -> StepLineage:
        """Return the lineage with names that do not change from run to run."""
        return lineage

    def tell_of_breach(self, result: StepResult, summary: Mapping[str, Any], context: Context) -> None:
        """Tell people of what does not hold; here nobody: see :class:`~airflow_cv_dataops.common.breach.BreachMixin`."""

    def _finish(self, result: StepResult, context: Context) -> dict[str, Any]:
        from airflow.providers.common.compat.sdk import AirflowSkipException

        from airflow_cv_dataops.common.reasons import NotYetKnown, PolicyFailure
        from airflow_cv_dataops.core.summary_words import in_words

        summary = result.summary.to_dict()
        for line in in_words(summary):
            self.log.info("%s", line)
        is_tried_again = result.failure is not None and result.may_pass_later and self._has_retries(context["ti"])
        is_breach = bool(result.breach or result.failure) and not is_tried_again
        emit_stats(result.summary.numbers(), step_of(result.lineage), self, is_breach=is_breach)
        if result.failure is None and result.breach is None:
            return summary
        # The summary must be there to look at although the task does not end well, and for who is told of a breach.
        context["ti"].xcom_push(key="return_value", value=summary)
        if not is_tried_again:  # people hear of what stays
            self.tell_of_breach(result, summary, context)
        if result.failure is None:
            return summary
        if result.may_pass_later and (is_tried_again or not result.skip):
            outlook = ", so that this is tried again" if is_tried_again else ""
            raise NotYetKnown(f"{result.failure}; other runs may be at work on it{outlook}")
        # A retry would find the same data.
        raise (AirflowSkipException if result.skip else PolicyFailure)(result.failure)

    def _has_retries(self, ti: Any) -> bool:
        """Say whether Airflow is sure to try the task again if it fails now; with a retry policy (Airflow 3.3) nobody knows."""
        return getattr(self, "retry_policy", None) is None and bool(ti.try_number <= ti.max_tries)


class SourceOperator(DatasetOperator):
    """A step that reads files at a source.

    :param source: URI or local path (also a ``pathlib.Path`` or an ``ObjectStoragePath``); ``{partition_key}`` in it is filled in. An
        ``s3://`` URI may name its connection: ``s3://my_conn@bucket/prefix``. (templated)
    """

    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "source")
    argument_checks = {**DatasetOperator.argument_checks, "source": shared.source}
    path_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str | PathLike[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source: str = path_text(source)

    def located(self, uri: str, partition_key: str) -> tuple[str, Mapping[str, Any]]:
        """Return a source with its partition filled in and no connection in it, and the options to open it with."""
        place, options = self.hook.storage(with_partition_key(uri, partition_key))
        if self.aws_conn_id and not options and place.endswith(_LISTS):
            options = self.hook.storage("s3://")[1]  # a list that lies elsewhere may name images on S3
        return place, options

    def located_source(self, partition_key: str) -> tuple[str, Mapping[str, Any]]:
        """Return the same of the source. :raises ConfigurationError: there is none."""
        return self.located(given_source(self.source), partition_key)

    def planned_source(self) -> DatasetUse:
        """Describe the source for lineage, as far as it is known before the task has run."""
        raise NotImplementedError

    def source_use(self, holds: str, storage_format: str) -> DatasetUse:
        """Describe the source for lineage, so that every run names the same dataset. :param holds: see :class:`DatasetUse`."""
        return DatasetUse(
            uri=stable_source(given_source(self.source), self.resolved_partition_key), holds=holds, storage_format=storage_format
        )

    def stable_lineage(self, lineage: StepLineage) -> StepLineage:
        (source, *others), planned = lineage.inputs, self.planned_source()
        return replace(lineage, inputs=(replace(source, uri=planned.uri, storage_format=planned.storage_format), *others))
