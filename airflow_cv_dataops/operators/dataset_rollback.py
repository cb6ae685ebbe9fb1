"""A stage back to an earlier release."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.common.argument_checks import release, shared
from airflow_cv_dataops.common.assets import ReleaseAssetMixin
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.operators.base import DatasetOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.summary import StepResult


class DatasetRollbackOperator(ReleaseAssetMixin, DatasetOperator):
    """Point a stage at a release that it held before, as it was, and remember what it held since as rolled back.

    The next promotions of the stage refuse to bring that back, unless they are told to. A run rolls a stage back once: retries, and a task
    that is cleared, find it done. A retry does not take back what another run has released meanwhile.

    :param stage: the stage to move, e.g. ``production``. (templated)
    :param to: a release that the stage has held, by its name (``v3``); default, also of a param that is null or empty: the one that it held
        before the present one. (templated)
    :param reason: why, for people; kept with the move, and told whoever would bring back what is rolled back. (templated)
    """

    what_it_does = (
        "Points the stage at a release that it held before, by one row of `releases` with the reason; what it held since is not brought "
        "back by the next promotions unless they are told to."
    )
    template_fields: Sequence[str] = (*DatasetOperator.template_fields, "stage", "to", "reason")
    stage_action = "rollback"
    argument_checks = {
        **DatasetOperator.argument_checks,
        "stage": shared.stage,
        "to": release.rolled_back_to,
        "reason": release.reason,
    }

    def __init__(self, *, reason: str, stage: str = "production", to: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.to = to
        self.reason = reason
        self.declare_release_asset()

    def run_step(self, dataset: Dataset, partition_key: str, context: Context) -> StepResult:
        from airflow_cv_dataops.core.release.rollback import rollback_stage

        return rollback_stage(
            dataset,
            stage=self.stage,
            to=(self.to or "").strip() or None,
            reason=self.reason,
            seen_at=_begun(context),
            dag_id=context["ti"].dag_id,
            run_id=context["ti"].run_id,
            partition_key=partition_key,
        )

    def planned_lineage(self) -> StepLineage:
        from airflow_cv_dataops.core.release.decision import LINEAGE_INPUTS

        return self.planned_step("promotion", reads=LINEAGE_INPUTS, writes=("releases",))


def _begun(context: Context) -> datetime | None:
    """Return when the run began, if this is not its first try: what the first one saw is not known any more, only when that was."""
    if getattr(context["ti"], "try_number", 1) < 2:
        return None
    return getattr(context.get("dag_run"), "start_date", None)
