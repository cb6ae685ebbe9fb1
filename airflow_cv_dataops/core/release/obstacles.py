"""What keeps a stage where it is although every gate holds: the order of stages, the order of time, a rollback."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.release.candidate import in_short
from airflow_cv_dataops.core.release.descriptions import read_description
from airflow_cv_dataops.core.release.held_hashes import HeldHashes
from airflow_cv_dataops.core.release.lookup import release_among
from airflow_cv_dataops.core.release.move import Move
from airflow_cv_dataops.core.release.named import check_is_there
from airflow_cv_dataops.core.release.partition_contents import difference, held_by
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.stage_history import brought_back, outstanding_rollbacks
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_time import is_date

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Obstacle:
    """
    :param why: a sentence without its full stop.
    :param waits: others are at work on what is missing, and will promote it.
    :param skip: nothing is wrong, and the task is skipped.
    """

    why: str
    waits: bool = False
    skip: bool = False


def obstacle_to(
    dataset: Dataset, move: Move, rows: Sequence[Mapping[str, Any]], *, allow_backwards: bool, on_backwards: str
) -> Obstacle | None:
    """Return what stands in the way of a move; ``None``: nothing. :param rows: of ``releases``."""
    if why := _out_of_order(dataset, move, rows):
        return Obstacle(why)
    if not move.allows_rolled_back and (why := _brought_back(dataset, move, rows)):
        return Obstacle(why.removesuffix("."))
    if not allow_backwards and move.parent is not None and (found := _backwards(dataset, move.parent, move)):
        return replace(found, skip=found.waits or on_backwards == "skip")
    return None


def _brought_back(dataset: Dataset, move: Move, rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Say what of a rollback of the stage the move would bring back."""
    held: list[HeldHashes] = []  # filled once, and not at all where contents as a whole are equal

    def coming_back(taken: str, target: str) -> Mapping[str, bool]:
        one, other = (release_among(dataset, name, rows) for name in (taken, target))
        assert one is not None
        assert other is not None
        check_is_there(one)
        check_is_there(other)
        if not held:
            contents = move.contents if move.named is None else held_by(move.named)
            assert contents is not None  # they are collected wherever a rollback is outstanding
            held.append(contents)
        return difference(one, other).coming_back(held[0])

    try:
        return brought_back(outstanding_rollbacks(rows, move.stage), move.candidate.content_id, coming_back)
    except DatasetNotFoundError as error:
        return f"What was rolled back cannot be compared with any more: {error} Look at the data, and say allow_rolled_back=True."


def _backwards(dataset: Dataset, parent: Release, move: Move) -> Obstacle | None:
    candidate = move.candidate
    advice = "allow_backwards=True lets it; DatasetRollbackOperator takes a stage back, with a reason"
    if move.named is not None and int(move.named.name[1:]) < int(parent.name[1:]):
        return Obstacle(f"{move.named.name} is older than {parent.name}, where the stage is: {advice}")
    # By their files, not by the rows that stand for images: an older day with the same images takes these over.
    held, there = (SnapshotReader(dataset, of.snapshots, of.partition_keys).files("images").keys() for of in (parent, candidate))
    if waiting := sorted(set(candidate.left_out) & held):
        why = f"no audit has looked at {in_short(waiting)} of {parent.name} as they are by now: whoever does will promote them"
        return Obstacle(why, waits=True)
    before, now = _newest(held), _newest(there)
    if before is None or now is None or now >= before[: len(now)]:
        return None
    return Obstacle(f"its newest partition is {now}, and {parent.name}, where the stage is, has {before}: {advice}")


def _newest(keys: Iterable[str]) -> str | None:
    """Return the latest of the keys that are dates, as partition keys are written; ``None``: none is."""
    return max((key for key in keys if is_date(key)), default=None)


def _out_of_order(dataset: Dataset, move: Move, rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Say which stage has to come first, where people have said in which order they come."""
    stages = read_description(dataset).stages
    if stages and move.stage not in stages:
        close = get_close_matches(move.stage, stages, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else ""
        log.warning("Stage %r is none of those whose order the dataset says, %s%s", move.stage, ", ".join(stages), meant)
    place = stages.index(move.stage) if move.stage in stages else 0
    if not place:
        return None
    before = stages[place - 1]
    order = f"the dataset's stages are {', '.join(stages)}, in this order"
    if move.named is None:
        return f"{order}: promote to {before!r} first, and from there by release={before!r}"
    name = move.named.name
    if not any(row["stage"] == before and row["release"] == name for row in rows):
        return f"{order}, and {before!r} has never held {name}"
    if any(name in row["rolled_back"]["releases"] for row in outstanding_rollbacks(rows, before)):
        return f"{order}, and {before!r} was rolled back from {name}"
    return None
