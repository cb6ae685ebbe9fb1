"""Whether a stage has moved past a release, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_cv_dataops.core.release.lookup import release_at, releases_at
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.stage_names import check_stage, release_number
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import Summary


@dataclass(frozen=True)
class StageState:
    """Where a stage is.

    :param release: the release that the stage points to; ``None`` before its first.
    :param satisfied: the stage is past ``after``.
    """

    dataset: str
    stage: str
    release: str | None
    images: int
    annotations: int
    snapshot_id: str | None
    satisfied: bool

    def not_yet(self, after: str | None) -> str:
        """Say where the stage is, and what is waited for."""
        is_at = f"{self.stage} of {self.dataset} {f'is at {self.release}' if self.release else 'has no release'}"
        return f"{is_at}; waiting for {f'a release newer than {after}' if after else 'its first release'}"

    def summary(self, partition_key: str | None) -> Summary:
        return Summary(
            dataset=self.dataset,
            partition_key=partition_key,
            snapshot_id=self.snapshot_id,
            counts={"images": self.images, "annotations": self.annotations},
            details={"release": self.release, "stage": self.stage},
        )


def observe_stage(dataset: Dataset, stage: str, after: str | None = None) -> StageState:
    """Read where a stage is, and say whether that is past ``after``.

    :param stage: ``production`` or any other.
    :param after: a release such as ``v3``; ``None``: any release will do.
    :raises ConfigurationError: ``stage`` cannot be one, or ``after`` is not the name of a release.
    """
    check_stage(stage)
    wanted = release_number(after) if after else 0
    head = dataset.snapshot_id("releases")
    release = release_at(dataset, stage, head)
    if release is None:
        return StageState(dataset.name, stage, None, 0, 0, head, False)
    satisfied = release_number(release.name) > wanted
    return StageState(dataset.name, stage, release.name, release.images_count, release.annotations_count, head, satisfied)


def moved_by(dataset: Dataset, stage: str, *, dag_id: str, run_id: str, since: datetime) -> Release | None:
    """Return the release that the stage is at, if this run brought it there, at this time or later."""
    head = dataset.snapshot_id("releases")
    moves = [row for row in releases_at(dataset, head) if row["stage"] == stage]
    if not moves or (moves[-1]["dag_id"], moves[-1]["run_id"]) != (dag_id, run_id) or moves[-1]["created_at"] < since:
        return None
    return release_at(dataset, stage, head)


def stage_lineage(dataset: Dataset, state: StageState, condition: str) -> StepLineage:
    """Describe what was looked at."""
    facts = {"condition": condition, "satisfied": state.satisfied, "details": {"release": state.release, "stage": state.stage}}
    return StepLineage("sensor", inputs=(dataset.table_use("releases", snapshot_id=state.snapshot_id),), facts=facts)
