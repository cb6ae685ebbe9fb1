"""Promotion: gates, then a release, then the stage, by compare-and-set."""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConcurrentPromotionError, ConfigurationError
from airflow_cv_dataops.core.release.candidate import Candidate, build_candidate
from airflow_cv_dataops.core.release.gates import Gate, GateOutcome, parse_gates
from airflow_cv_dataops.core.release.reader import Release, release_at, releases_at
from airflow_cv_dataops.core.release.refs import hold_snapshots, write_release_refs
from airflow_cv_dataops.core.release.splits import DEFAULT_SPLITS, check_splits
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary

log = logging.getLogger(__name__)

_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_ATTEMPTS = 30
LINEAGE_INPUTS = ("images", "annotations", "findings", "metrics")


def promote_dataset(
    dataset: Dataset,
    *,
    stage: str = "production",
    gates: Sequence[Gate | str | Mapping[str, Any]] = (),
    splits: Mapping[str, float] = DEFAULT_SPLITS,
    split_salt: str = "",
    partition_keys: Sequence[str] | None = None,
    leave_out_unaudited: bool = False,
    metrics: Mapping[str, float] | None = None,
    notes: str | None = None,
    dag_id: str | None = None,
    run_id: str | None = None,
    partition_key: str | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Make a release of the dataset's current snapshots and move the stage to it, if every gate holds.

    A failed gate changes nothing. Content equal to what the stage already points to makes no new release, so a retry or a
    backfill of an unchanged dataset is harmless. Of several promotions at once each is decided on what the one before left.

    :param stage: the stage to move, e.g. ``staging`` or ``production``.
    :param gates: conditions such as ``"label_error_rate <= 0.05"``, mappings with ``metric``, ``op`` and ``value``, or ``Gate`` values.
    :param splits: share by split; the split of an image follows from its id alone.
    :param split_salt: change it to draw other splits.
    :param partition_keys: release only these partitions; default: the whole dataset.
    :param leave_out_unaudited: release only partitions that an audit has looked at. Without it a partition that another run has ingested
        but not yet audited fails every gate on what audits find.
    :param metrics: further metrics for the gates, e.g. a model's score; they win over the candidate's own.
    :param notes: for people; kept with the release.
    :param dag_id: whose run this is; only recorded, as ``run_id`` and ``partition_key``.
    :param run_id: only recorded.
    :param partition_key: only recorded.
    :param recorded_at: the ``created_at`` of the release; default: now.
    :raises ConfigurationError: stage, gates or splits cannot be used.
    :raises DatasetNotFoundError: there is no such dataset.
    :raises ConcurrentPromotionError: the race was lost too often; nothing was changed.
    """
    started = time.monotonic()
    wanted = parse_gates(gates)
    check_stage(stage)
    check_splits(splits)
    check_list("partition_keys", partition_keys)
    dataset.check_there()
    for attempt in range(_ATTEMPTS):
        head = dataset.snapshot_id("releases")
        parent = release_at(dataset, stage, head)
        candidate = build_candidate(
            dataset, splits, salt=split_salt, partition_keys=partition_keys, leave_out_unaudited=leave_out_unaudited
        )
        if candidate.left_out:
            log.info("Left out, as no audit has looked at them: %s", in_short(candidate.left_out))
        known = {**candidate.metrics, **(metrics or {})}
        outcomes = tuple(gate.check(known) for gate in wanted)
        decided = _Decision(dataset, stage, parent, candidate, outcomes, partition_key)
        if not all(outcome.passed for outcome in outcomes):
            return decided.refused(time.monotonic() - started)
        if not candidate.items.num_rows:
            return decided.empty(time.monotonic() - started)
        if parent is not None and parent.content_id == candidate.content_id:
            log.info("%s at %s holds this very content: no new release", stage, parent.name)
            write_release_refs(dataset)
            return decided.unchanged(time.monotonic() - started)
        name, sequence = _next_name(dataset, head)
        row = decided.row(name, sequence, notes, dag_id, run_id, recorded_at or datetime.now(UTC), known)
        if release := _append(dataset, name, candidate, row, head):
            write_release_refs(dataset)
            return decided.promoted(release, time.monotonic() - started)
        log.info("Another promotion of %s came first; deciding again (attempt %d)", dataset.name, attempt + 2)
        time.sleep(random.uniform(0, 0.2 * (attempt + 1)))  # noqa: S311 (jitter)
    raise ConcurrentPromotionError(
        f"Stage {stage!r} of {dataset.name!r} was moved by others {_ATTEMPTS} times while this promotion was decided; nothing was changed."
    )


def check_stage(stage: str) -> str:
    """Return the stage. :raises ConfigurationError: it is not a name, is ``main`` (Iceberg's), or looks like a release."""
    if not _STAGE.fullmatch(stage) or stage == "main" or re.fullmatch(r"v\d+|(release|candidate)-.*", stage):
        raise ConfigurationError(
            f"Stage {stage!r} cannot be used: expected a name such as staging or production, not main and not the name of a release."
        )
    return stage


def in_short(keys: Sequence[str], longest: int = 5) -> str:
    """Return a few partition keys in words."""
    more = f" and {len(keys) - longest} more" if len(keys) > longest else ""
    return ", ".join(keys[:longest]) + more


def _next_name(dataset: Dataset, head: str | None) -> tuple[str, int]:
    rows = releases_at(dataset, head)
    numbers = [int(row["release"][1:]) for row in rows]
    return f"v{max(numbers, default=0) + 1}", max((row["sequence"] for row in rows), default=0) + 1


def _append(dataset: Dataset, name: str, candidate: Candidate, row: dict[str, Any], head: str | None) -> Release | None:
    """Write the items, hold what the release is made of, then write the row that makes it one.

    Returns ``None``, with the items taken back, where the race was lost, or where a snapshot was expired before it was held.
    """
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    keys = {"release": name, "items_id": candidate.items_id}
    items_snapshot = dataset.replace_rows("release_items", keys, candidate.items)
    snapshots = {**candidate.snapshots, "release_items": items_snapshot}
    row["snapshots"] = json.dumps(snapshots, sort_keys=True)
    if hold_snapshots(dataset, name, snapshots):
        appended = dataset.append_if_unchanged("releases", pa.Table.from_pylist([row], schema=arrow_schema("releases")), head)
        if appended is not None:
            return release_at(dataset, name, appended)
    winners = {(other["release"], other["items_id"]) for other in releases_at(dataset, dataset.snapshot_id("releases"))}
    if (name, candidate.items_id) not in winners:
        dataset.replace_rows("release_items", keys, candidate.items.slice(0, 0))
    return None


class _Decision:
    """One promotion as it was decided: its inputs, and the result that each outcome has."""

    def __init__(
        self,
        dataset: Dataset,
        stage: str,
        parent: Release | None,
        candidate: Candidate,
        outcomes: tuple[GateOutcome, ...],
        partition_key: str | None,
    ) -> None:
        self._dataset = dataset
        self._stage = stage
        self._parent = parent
        self._candidate = candidate
        self._outcomes = outcomes
        self._partition_key = partition_key

    def row(
        self, name: str, sequence: int, notes: str | None, dag_id: str | None, run_id: str | None, now: datetime, metrics: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "sequence": sequence,
            "release": name,
            "stage": self._stage,
            "parent": self._parent.name if self._parent else None,
            "content_id": self._candidate.content_id,
            "items_id": self._candidate.items_id,
            "gates": json.dumps([outcome.to_dict() for outcome in self._outcomes]),
            "metrics": json.dumps({outcome.gate.metric: metrics.get(outcome.gate.metric) for outcome in self._outcomes}),
            "images": self._candidate.items.num_rows,
            "annotations": self._candidate.annotations,
            "notes": notes,
            "dag_id": dag_id,
            "run_id": run_id,
            "created_at": now,
        }

    def promoted(self, release: Release, seconds: float) -> StepResult:
        log.info(
            "%s of %s is now at %s (was at %s): %d images",
            *(self._stage, self._dataset.name, release.name, release.parent or "no release", release.images_count),
        )
        return self._result(release, seconds, unchanged=False)

    def unchanged(self, seconds: float) -> StepResult:
        return self._result(self._parent, seconds, unchanged=True)

    def refused(self, seconds: float) -> StepResult:
        failed = [str(outcome) for outcome in self._outcomes if not outcome.passed]
        where = f"stage {self._stage!r} stays at {self._parent.name if self._parent else 'no release'}"
        failure = f"{len(failed)} of {len(self._outcomes)} gates failed, {where}: {'; '.join(failed)}"
        unaudited = self._candidate.metrics["unaudited_partitions"]
        if unaudited and any(outcome.found is None for outcome in self._outcomes):
            failure += f" (what audits find is unknown: {unaudited} of {self._candidate.partitions} partitions were never audited)"
        return self._result(None, seconds, failure=failure)

    def empty(self, seconds: float) -> StepResult:
        where = f"dataset {self._dataset.name!r}, or none in the chosen partitions"
        failure = f"There is no image to release in {where}: run an ingest first."
        if left_out := self._candidate.left_out:
            failure = f"There is no image to release: no audit has looked at {in_short(left_out)}, and leave_out_unaudited is set."
        return self._result(None, seconds, failure=failure)

    def _result(self, release: Release | None, seconds: float, *, unchanged: bool = False, failure: str | None = None) -> StepResult:
        candidate, snapshots = self._candidate, self._candidate.snapshots
        releases_snapshot = self._dataset.snapshot_id("releases")
        facts: dict[str, Any] = {
            "release": release.name if release else None,
            "stage": self._stage,
            "parent": (release.parent if release else None) if not failure else (self._parent.name if self._parent else None),
            "contentId": candidate.content_id,
            "images": candidate.items.num_rows,
            "annotations": candidate.annotations,
            "unchanged": unchanged,
            "splits": candidate.splits,
            "snapshots": dict(snapshots),
        }
        summary = Summary(
            dataset=self._dataset.name,
            partition_key=self._partition_key,
            snapshot_id=releases_snapshot,
            counts={
                "images": candidate.items.num_rows,
                "annotations": candidate.annotations,
                "partitions": candidate.partitions,
                "partitions_left_out": len(candidate.left_out),
                "splits": candidate.splits,
            },
            metrics={name: value for name, value in candidate.metrics.items() if isinstance(value, (int, float))},
            duration_seconds=seconds,
            details={
                "release": facts["release"],
                "stage": self._stage,
                "parent": facts["parent"],
                "unchanged": unchanged,
                "promoted": release is not None and not unchanged,
                "content_id": candidate.content_id,
                "gates": [outcome.to_dict() for outcome in self._outcomes],
            },
        )
        return StepResult(summary, self._lineage(facts, release, releases_snapshot), failure=failure)

    def _lineage(self, facts: Mapping[str, Any], release: Release | None, releases_snapshot: str | None) -> StepLineage:
        uses = promotion_inputs(self._dataset, self._candidate.snapshots)
        # A promotion that found the content unchanged wrote no row; without an output Marquez would hide the job's edges.
        rows = 0 if facts["unchanged"] else 1
        outputs = (self._dataset.table_use("releases", snapshot_id=releases_snapshot, rows=rows),) if release else ()
        gates = tuple(
            {
                "name": str(outcome.gate),
                "status": "pass" if outcome.passed else "fail",
                "expected": f"{outcome.gate.op} {outcome.gate.value:g}",
                "actual": "" if outcome.found is None else f"{outcome.found:g}",
            }
            for outcome in self._outcomes
        )
        return StepLineage(step="promotion", inputs=uses, outputs=outputs, facts=facts, gates=gates)


def promotion_inputs(dataset: Dataset, snapshots: Mapping[str, str]) -> tuple[DatasetUse, ...]:
    """Describe what a promotion reads."""
    return tuple(dataset.table_use(table, snapshot_id=snapshots.get(table)) for table in LINEAGE_INPUTS)
