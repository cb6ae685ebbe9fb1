"""Rollback: a stage points at an earlier release again, by compare-and-set, with a reason."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.errors import ConcurrentPromotionError, ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.arguments import check_rolled_back_to, checked_reason
from airflow_cv_dataops.core.release.gates.metric_names import quoted
from airflow_cv_dataops.core.release.lookup import release_among, releases_at
from airflow_cv_dataops.core.release.move import append_row
from airflow_cv_dataops.core.release.named import check_is_there
from airflow_cv_dataops.core.release.partition_contents import difference
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.refs import write_release_refs
from airflow_cv_dataops.core.release.rollback_request import RollbackRequest
from airflow_cv_dataops.core.release.stage_history import StageHistory
from airflow_cv_dataops.core.release.stage_names import check_stage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

log = logging.getLogger(__name__)

_ATTEMPTS = 30
_FEW = 5


def rollback_stage(
    dataset: Dataset,
    *,
    stage: str = "production",
    to: str | None = None,
    reason: str,
    seen_at: datetime | None = None,
    dag_id: str | None = None,
    run_id: str | None = None,
    partition_key: str | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Point a stage at a release that it held before, as it was; nothing else is written.

    What it held since is remembered as rolled back, with the reason: the next promotions of the stage refuse to bring it back, unless they
    are told to. A run that has rolled the stage back does so once: its retry finds that done. Nothing is taken back that the caller has not
    seen: where another run moves the stage meanwhile, the step is refused.

    :param stage: the stage to move, e.g. ``production``.
    :param to: a release that the stage has held, by its name (``v3``); default: the one that it held before the present one.
    :param reason: for people; kept with the move, and told whoever would bring back what is rolled back.
    :param seen_at: moves of the stage after this time by other runs are none that the caller has seen: refuse to take them back. Default:
        what the stage holds now was seen.
    :param dag_id: whose run this is: a rollback of the same run for the same reason is this one, done already.
    :param run_id: as ``dag_id``.
    :param partition_key: only recorded.
    :param recorded_at: the ``created_at`` of the move; default: now.
    :raises ConfigurationError: stage or reason cannot be used, there is no earlier release, or the stage has not held ``to``.
    :raises DatasetNotFoundError: there is no such dataset, the stage holds no release, or snapshots of ``to`` are gone.
    :raises ConcurrentPromotionError: other stages' moves came first too often; nothing was changed.
    """
    check_stage(stage)
    check_rolled_back_to(to)
    request = RollbackRequest(
        dataset, stage, to, checked_reason(reason), _with_zone(seen_at), dag_id, run_id, partition_key, time.monotonic()
    )
    dataset.check_there()
    plan: _Plan | None = None
    for attempt in range(_ATTEMPTS):
        head = dataset.snapshot_id("releases")
        rows = releases_at(dataset, head)
        history = StageHistory.of(rows, stage)
        if history.present is None:
            raise _nothing_there(dataset, stage, rows)
        write_release_refs(dataset)  # what holds snapshots may have been lost in a crash, of an earlier try of this very task too
        present = _made(dataset, history.present, rows)
        done = request.done_in(history)
        if done is not None or history.present == (plan.target.name if plan else to):
            return request.unchanged(present, history, done)
        if why := request.unseen_in(history, plan.present.name if plan else None):
            return request.refused(present, why)
        plan = plan or _plan(request, history, present, rows)
        sequence = max(row["sequence"] for row in rows) + 1
        row = request.row(plan.target, plan.present.name, plan.taken, sequence, recorded_at or datetime.now(UTC))
        if append_row(dataset, row, head) is not None:
            write_release_refs(dataset)
            return request.rolled_back(plan.target, plan.present.name, plan.taken)
        log.info("Another move of a stage of %s came first; deciding again (attempt %d)", dataset.name, attempt + 2)
        time.sleep(random.uniform(0, 0.2 * (attempt + 1)))  # noqa: S311 (jitter)
    raise ConcurrentPromotionError(
        f"Stages of {dataset.name!r} were moved by others {_ATTEMPTS} times while this rollback was decided; nothing was changed."
    )


@dataclass(frozen=True)
class _Plan:
    """What was decided when the stage was looked at first: from where, to where, and what that takes back."""

    present: Release
    target: Release
    taken: Mapping[str, Any]


def _plan(request: RollbackRequest, history: StageHistory, present: Release, rows: Sequence[Mapping[str, Any]]) -> _Plan:
    target = _made(request.dataset, _target(request, history), rows)
    check_is_there(target)
    releases = history.after(target.name)
    contents = {row["release"]: row["content_id"] for row in rows}
    taken = {
        "releases": list(releases),
        "content_ids": [contents[name] for name in releases],
        "partitions": difference(present, target).partitions(),
    }
    return _Plan(present, target, taken)


def _target(request: RollbackRequest, history: StageHistory) -> str:
    """Return the release to go back to. :raises ConfigurationError: there is none, or the stage did not come through it."""
    stage, held = request.stage, history.held
    if request.to is None:
        if len(held) < 2:
            raise ConfigurationError(
                f"Stage {stage!r} of {request.dataset.name!r} has held no release before {held[-1]}: nothing to go back to."
            )
        return held[-2]
    if request.to in held:
        return request.to
    if (rollback := history.was_rolled_back(request.to)) is not None:
        why = quoted(rollback["notes"] or "")
        raise ConfigurationError(
            f"{request.to} was itself rolled back from stage {stage!r} of {request.dataset.name!r} ({why}): to bring it back, promote it "
            f"(release={request.to!r}, allow_rolled_back=True)."
        )
    raise ConfigurationError(
        f"Stage {stage!r} of {request.dataset.name!r} has not held {request.to}; it came through {', '.join(held[-_FEW:])}. To move it to "
        f"another release, promote that (release={request.to!r})."
    )


def _made(dataset: Dataset, name: str, rows: Sequence[Mapping[str, Any]]) -> Release:
    """Return a release that rows name, as it was made."""
    found = release_among(dataset, name, rows)
    assert found is not None
    return found


def _nothing_there(dataset: Dataset, stage: str, rows: Sequence[Mapping[str, Any]]) -> DatasetNotFoundError:
    stages = ", ".join(sorted({row["stage"] for row in rows})) or "none"
    return DatasetNotFoundError(
        f"Stage {stage!r} of dataset {dataset.name!r} holds no release: nothing to roll back. Its stages: {stages}."
    )


def _with_zone(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
