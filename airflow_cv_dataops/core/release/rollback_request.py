"""One rollback as it was asked for: whether it is done already, the row that it writes, and the result that each outcome has."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_cv_dataops.core.release.decision import promotion_inputs
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.stage_history import StageHistory, is_rollback
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RollbackRequest:
    """The arguments of ``rollback_stage``, checked.

    :param started: of the monotonic clock.
    """

    dataset: Dataset
    stage: str
    to: str | None
    reason: str
    seen_at: datetime | None
    dag_id: str | None
    run_id: str | None
    partition_key: str | None
    started: float

    def done_in(self, history: StageHistory) -> Mapping[str, Any] | None:
        """Return the row of this very rollback, by an earlier try that was killed before it could say so; ``None``: there is none."""
        if self.dag_id is None or self.run_id is None:
            return None
        return next((row for row in reversed(history.moves) if is_rollback(row) and self._is_mine(row) and self._is_this(row)), None)

    def unseen_in(self, history: StageHistory, seen: str | None) -> str | None:
        """Say which move of the stage the caller has not seen. :param seen: the release that it held when it was looked at first."""
        moved = history.moves[-1]
        if seen is not None and history.present != seen:
            return f"it has moved from {seen} to {_told(moved)} while the rollback was decided"
        since = [row for row in history.moves if self.seen_at is not None and row["created_at"] > self.seen_at and not self._is_mine(row)]
        return f"it has moved to {_told(since[-1])} since this run began" if since else None

    def row(self, target: Release, present: str, taken: Mapping[str, Any], sequence: int, now: datetime) -> dict[str, Any]:
        """Return the row of ``releases``. :param taken: what is rolled back."""
        measured = target.measured()
        return {
            "sequence": sequence,
            "release": target.name,
            "stage": self.stage,
            "parent": present,
            "content_id": target.content_id,
            "items_id": target.items_id,
            "snapshots": json.dumps(dict(target.snapshots), sort_keys=True),
            "gates": "[]",
            "metrics": "{}",
            "images": target.images_count,
            "annotations": target.annotations_count,
            "labels_by": target.labels_by,
            "partition_keys": None if target.partition_keys is None else json.dumps(list(target.partition_keys), ensure_ascii=False),
            "action": "rollback",
            "measured": None if measured is None else json.dumps(measured),
            "splitting": None if target.splitting is None else json.dumps(target.splitting),
            "exclusions": json.dumps(list(target.exclusions)) if target.exclusions else None,
            "rolled_back": json.dumps(taken),
            "notes": self.reason,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "created_at": now,
        }

    def rolled_back(self, target: Release, present: str, taken: Mapping[str, Any]) -> StepResult:
        log.warning("%s of %s is back at %s (was at %s): %s", self.stage, self.dataset.name, target.name, present, self.reason)
        return self._result(target, present, taken, unchanged=False)

    def unchanged(self, present: Release, history: StageHistory, done: Mapping[str, Any] | None) -> StepResult:
        """:param done: the row of this very rollback, where it was found."""
        if done is None:
            log.info("%s of %s holds %s: nothing to roll back", self.stage, self.dataset.name, present.name)
        elif done is not history.moves[-1]:
            log.warning("This run has rolled %s back to %s already; by now it is at %s", self.stage, done["release"], present.name)
        return self._result(present, history.moves[-1]["parent"], (done or {}).get("rolled_back") or {}, unchanged=True)

    def refused(self, present: Release, why: str) -> StepResult:
        where = f"Stage {self.stage!r} of {self.dataset.name!r} stays at {present.name}"
        failure = f"{where}: {why}. Look at what it holds now, and roll back anew."
        return self._result(present, present.name, {}, unchanged=True, failure=failure)

    def _is_mine(self, row: Mapping[str, Any]) -> bool:
        return self.run_id is not None and (row["dag_id"], row["run_id"]) == (self.dag_id, self.run_id)

    def _is_this(self, row: Mapping[str, Any]) -> bool:
        return row["notes"] == self.reason and self.to in (None, row["release"])

    def _result(
        self, release: Release, parent: str | None, taken: Mapping[str, Any], *, unchanged: bool, failure: str | None = None
    ) -> StepResult:
        """:param release: that the stage holds now."""
        head = self.dataset.snapshot_id("releases")
        snapshots = {table: snapshot_id for table, snapshot_id in release.snapshots.items() if table != "release_items"}
        splits = release.splits()
        said = {
            "release": None if failure else release.name,
            "stage": self.stage,
            "parent": parent,
            "action": "rollback",
            "unchanged": unchanged and not failure,
            "reason": self.reason,
        }
        summary = Summary(
            dataset=self.dataset.name,
            partition_key=self.partition_key,
            snapshot_id=head,
            counts={
                "images": release.images_count,
                "annotations": release.annotations_count,
                "splits": splits,
                "releases_rolled_back": len(taken.get("releases", ())),
                "partitions_rolled_back": len(taken.get("partitions", ())),
            },
            duration_seconds=time.monotonic() - self.started,
            details={
                **said,
                "rolled_back": not unchanged,
                "rolled_back_releases": list(taken.get("releases", ())),
                "content_id": release.content_id,
            },
        )
        facts = {
            **said,
            "contentId": release.content_id,
            "images": release.images_count,
            "annotations": release.annotations_count,
            "splits": splits,
            "snapshots": snapshots,
        }
        # Where nothing was written that is no row: without an output Marquez would hide the job's edges.
        outputs = () if failure else (self.dataset.table_use("releases", snapshot_id=head, rows=0 if unchanged else 1),)
        lineage = StepLineage("promotion", inputs=promotion_inputs(self.dataset, snapshots), outputs=outputs, facts=facts)
        return StepResult(summary, lineage, failure=failure)


def _told(move: Mapping[str, Any]) -> str:
    by = f" by run {move['run_id']} of {move['dag_id']}" if move["run_id"] else ""
    return f"{move['release']}{by} on {move['created_at']:%Y-%m-%d %H:%M:%S %Z}"
