"""From a dataset that has grown for years to what of it somebody can still need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import maintenance, shared
from airflow_cv_dataops.common.arguments import as_flag, required_flag, required_number
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.maintenance.arguments import GRACE_DAYS, KEEP_HISTORY_DAYS
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetMaintenanceOperator(DatasetOperator):
    """Forget old snapshots of the dataset's tables, and delete the files that nothing refers to any more.

    Releases, tags and branches stay, however old, and so does what the tables were at any moment of the last days. It may run beside every
    other task, beside another of its kind, and be killed at any time: the next run goes on.

    :param keep_history_days: for so many days the past of the tables can still be read; not shorter than the longest run of a DAG.
        (templated)
    :param grace_days: files that were written in so many last days are never deleted, as a task may be about to commit them; longer than
        the longest task. (templated)
    :param compact: write many small data files of one partition as one. (templated)
    :param dry_run: change nothing, and count what would be compacted, forgotten and deleted. (templated)
    """

    what_it_does = (
        "Forgets snapshots that are older than `keep_history_days` and that no release, tag or branch holds, and deletes data, metadata "
        "and stored images that nothing refers to any more."
    )
    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "keep_history_days", "grace_days", "compact", "dry_run")
    argument_checks = {
        **DatasetOperator.argument_checks,
        "keep_history_days": maintenance.days,
        "grace_days": maintenance.days,
        "compact": shared.flag,
        "dry_run": maintenance.given_flag,
    }
    never_absent: Sequence[str] = ("dry_run",)

    def __init__(
        self,
        *,
        keep_history_days: float | str = KEEP_HISTORY_DAYS,
        grace_days: float | str = GRACE_DAYS,
        compact: bool | str = True,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_history_days = keep_history_days
        self.grace_days = grace_days
        self.compact = compact
        self.dry_run = dry_run

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset

        return maintain_dataset(
            dataset,
            keep_history_days=required_number("keep_history_days", self.keep_history_days),
            grace_days=required_number("grace_days", self.grace_days),
            compact=as_flag("compact", self.compact),
            dry_run=required_flag("dry_run", self.dry_run),
            partition_key=partition_key,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.store.schema import TABLES

        return self.planned_step("maintenance", reads=tuple(sorted(TABLES)), writes=())
