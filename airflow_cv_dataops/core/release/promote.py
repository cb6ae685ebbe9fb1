"""Promotion: gates, then a release, then the stage, by compare-and-set."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.errors import ConcurrentPromotionError, ConfigurationError
from airflow_cv_dataops.core.release.arguments import (
    check_moved_as_it_is,
    check_named,
    check_notes,
    check_on_backwards,
    check_partition_keys,
    handed_in_number,
)
from airflow_cv_dataops.core.release.candidate import Candidate, Wanted, build_candidate, in_short
from airflow_cv_dataops.core.release.card.card import write_card_if_possible
from airflow_cv_dataops.core.release.conditions import ask, frozen_metrics, implied_gates
from airflow_cv_dataops.core.release.decision import Decision
from airflow_cv_dataops.core.release.exclusions.rules import Exclusion, parse_exclusions
from airflow_cv_dataops.core.release.gates.gates import Gate, parse_gates
from airflow_cv_dataops.core.release.held_hashes import HeldHashes
from airflow_cv_dataops.core.release.lookup import release_at, releases_at
from airflow_cv_dataops.core.release.move import Move, append_row, move_to
from airflow_cv_dataops.core.release.named import candidate_of, find_named
from airflow_cv_dataops.core.release.obstacles import obstacle_to
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.refs import hold_snapshots, write_release_refs
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.release.stage_history import outstanding_rollbacks
from airflow_cv_dataops.core.release.stage_names import check_stage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

log = logging.getLogger(__name__)

_ATTEMPTS = 30
BY_DEFAULT = SplitOptions()


def promote_dataset(
    dataset: Dataset,
    *,
    stage: str = "production",
    release: str | None = None,
    gates: Sequence[Gate | str | Mapping[str, Any]] = (),
    splits: SplitOptions | Mapping[str, float] = BY_DEFAULT,
    split_salt: str = "",
    partition_keys: Sequence[str] | None = None,
    leave_out_unaudited: bool = False,
    accept_outdated_audits: bool = False,
    exclude: Sequence[Exclusion | str | Mapping[str, Any]] = (),
    allow_backwards: bool = False,
    on_backwards: str = "fail",
    allow_rolled_back: bool = False,
    metrics: Mapping[str, float] | None = None,
    notes: str | None = None,
    card: bool = True,
    dag_id: str | None = None,
    run_id: str | None = None,
    partition_key: str | None = None,
    recorded_at: datetime | None = None,
) -> StepResult:
    """Make a release of the dataset's current snapshots, or take one that there is, and move the stage to it, if every gate holds.

    A failed gate changes nothing. Content equal to what the stage already points to makes no new release, so a retry or a
    backfill of an unchanged dataset is harmless. Of several promotions at once each is decided on what the one before left.

    :param stage: the stage to move, e.g. ``staging`` or ``production``.
    :param release: a release that there is, by its name (``v3``) or by a stage that points to it (``staging``): the stage moves to it, as
        it is, and nothing is read anew but what gates ask. Default: a new release of what the tables hold now.
    :param gates: conditions such as ``"label_error_rate <= 0.05"`` or ``"images >= 0.95 * previous"``, mappings, or ``Gate`` values.
    :param splits: share by split, where the split of an image follows from its id alone; or all that can be asked for, ``SplitOptions``.
    :param split_salt: change it to draw other splits.
    :param partition_keys: release only these partitions; default: the whole dataset.
    :param leave_out_unaudited: release only partitions that an audit has looked at as they are. Without it a partition that another run
        has ingested but not yet audited fails every gate on what audits find.
    :param accept_outdated_audits: whether an audit counts although images, labels or predictions that it looked at were written since.
        Without it such an audit counts as not done.
    :param exclude: rules by which findings leave out images and labels, such as ``"labels: suspect_label"``, ``"images: error"``, or
        ``Exclusion`` values.
    :param allow_backwards: whether the stage may move to a release that is older than the one it is at, by the dates of its partitions or
        by its number.
    :param on_backwards: what becomes of a promotion that would be such a move, and whose gates hold: ``fail``, or ``skip``.
    :param allow_rolled_back: whether the stage may come back to what it was rolled back from.
    :param metrics: further metrics for the gates, e.g. a model's score; they win over the candidate's own.
    :param notes: for people; kept with the release.
    :param card: whether the release's card is written; one that cannot be written is logged, and no reason to fail.
    :param dag_id: whose run this is; only recorded, as ``run_id`` and ``partition_key``.
    :param run_id: only recorded.
    :param partition_key: only recorded.
    :param recorded_at: the ``created_at`` of the release; default: now.
    :raises ConfigurationError: stage, gates, splits or exclusions cannot be used, or ``release`` is given with what only new ones have.
    :raises DatasetNotFoundError: there is no such dataset, no such release, or its snapshots are gone.
    :raises ConcurrentPromotionError: the race was lost too often; nothing was changed.
    """
    started = time.monotonic()
    conditions = parse_gates(gates)
    check_stage(stage)
    check_on_backwards(on_backwards)
    check_notes(notes)
    wanted = Wanted(
        _split_options(splits, split_salt),
        check_partition_keys(partition_keys),
        leave_out_unaudited,
        accept_outdated_audits,
        parse_exclusions(exclude),
    )
    if release is not None:
        check_named(release)
        check_moved_as_it_is(release, wanted.splits, partition_keys, leave_out_unaudited, wanted.exclusions)
    handed_in = {name: handed_in_number(name, value) for name, value in (metrics or {}).items()}
    dataset.check_there()
    for attempt in range(_ATTEMPTS):
        head = dataset.snapshot_id("releases")
        rows = releases_at(dataset, head)
        parent = release_at(dataset, stage, head)
        named = None if release is None else find_named(dataset, release, head)
        contents = HeldHashes() if outstanding_rollbacks(rows, stage) and not allow_rolled_back else None
        if named is None:
            candidate = build_candidate(dataset, wanted, rows, contents)
        else:
            candidate = candidate_of(named, is_measured=bool(conditions), accept_outdated_audits=accept_outdated_audits)
        _tell(dataset, candidate)
        known = {**candidate.metrics, **frozen_metrics(candidate, parent, wanted), **handed_in}
        outcomes = ask((*conditions, *implied_gates(wanted, named)), known, parent)
        move = Move(stage, parent, named, candidate, known, outcomes, notes, dag_id, run_id, allow_rolled_back, contents)
        decided = Decision(dataset, move, partition_key)
        obstacle = obstacle_to(dataset, move, rows, allow_backwards=allow_backwards, on_backwards=on_backwards)
        if obstacle is not None and obstacle.waits:  # what gates found of a part of it says nothing
            return decided.stopped(obstacle, time.monotonic() - started)
        if not candidate.items.num_rows and candidate.left_out and obstacle is None:  # what gates found of nothing says nothing
            return decided.empty(time.monotonic() - started)
        if not decided.passed:
            return decided.refused(time.monotonic() - started, obstacle)
        if not candidate.items.num_rows:
            return decided.empty(time.monotonic() - started, obstacle)
        if parent is not None and (parent.content_id == candidate.content_id if named is None else parent.name == named.name):
            log.info("%s at %s holds this very content: no new release", stage, parent.name)
            write_release_refs(dataset)
            return decided.unchanged(time.monotonic() - started)
        if obstacle is not None:
            return decided.stopped(obstacle, time.monotonic() - started)
        name, sequence = _next_name(rows)
        row = decided.row(named.name if named else name, sequence, recorded_at or datetime.now(UTC))
        appended = _append(dataset, name, candidate, row, head) if named is None else move_to(dataset, named, row, head)
        if appended is not None:
            write_release_refs(dataset)
            return decided.promoted(appended, write_card_if_possible(appended) if card else None, time.monotonic() - started)
        log.info("Another promotion of %s came first; deciding again (attempt %d)", dataset.name, attempt + 2)
        time.sleep(random.uniform(0, 0.2 * (attempt + 1)))  # noqa: S311 (jitter)
    raise ConcurrentPromotionError(
        f"Stage {stage!r} of {dataset.name!r} was moved by others {_ATTEMPTS} times while this promotion was decided; nothing was changed."
    )


def _split_options(splits: SplitOptions | Mapping[str, float], salt: str) -> SplitOptions:
    """Return all that is asked for. :raises ConfigurationError: a salt is given twice."""
    if not isinstance(splits, SplitOptions):
        return SplitOptions(splits, salt)
    if salt and splits.salt:
        raise ConfigurationError(f"split_salt={salt!r} and SplitOptions(salt={splits.salt!r}) are both given.")
    return replace(splits, salt=salt) if salt else splits


def _tell(dataset: Dataset, candidate: Candidate) -> None:
    """Log what is not in the candidate, or in it without anybody having looked."""
    if candidate.left_out:
        log.info("Left out, as no audit has looked at them as they are: %s", in_short(candidate.left_out))
    if outdated := candidate.metrics.get("outdated_audits"):
        log.warning("Partitions whose audit is older than the images, labels or predictions there: %d. Audit again", outdated)
    if others := candidate.metrics.get("annotations_of_other_images"):
        log.warning(
            "%d annotations are not in the release: the files of their images have gone, or changed since. Import the labels again.", others
        )
    if conflicts := candidate.metrics.get("disagreeing_copies"):
        log.warning("Byte-identical copies of %d images in %s are labelled differently", conflicts, dataset.name)


def _next_name(rows: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    numbers = [int(row["release"][1:]) for row in rows]
    return f"v{max(numbers, default=0) + 1}", max((row["sequence"] for row in rows), default=0) + 1


def _append(dataset: Dataset, name: str, candidate: Candidate, row: dict[str, Any], head: str | None) -> Release | None:
    """Write what the release is made of, hold it, then write the row that makes it one.

    Returns ``None``, with the rows taken back, where the race was lost, or where a snapshot was expired before it was held.
    """
    keys = {"release": name, "items_id": candidate.items_id}
    written = {"release_items": candidate.items}
    for table, rows in (("split_assignments", candidate.assignments), ("exclusions", candidate.excluded)):
        if rows is not None and rows.num_rows:
            written[table] = rows
    snapshots = {**candidate.snapshots, **{table: dataset.replace_rows(table, keys, rows) for table, rows in written.items()}}
    snapshots.pop("split_assignments", None)  # read as it is by then, never as it was
    row["snapshots"] = json.dumps(snapshots, sort_keys=True)
    if hold_snapshots(dataset, name, snapshots) and (appended := append_row(dataset, row, head)) is not None:
        return release_at(dataset, name, appended)
    winners = {(other["release"], other["items_id"]) for other in releases_at(dataset, dataset.snapshot_id("releases"))}
    if (name, candidate.items_id) not in winners:
        for table, rows in written.items():
            dataset.replace_rows(table, keys, rows.slice(0, 0))
    return None
