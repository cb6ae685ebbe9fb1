"""The table ``releases`` as a list for people: where stages are and have been, and what was released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.catalogue.facts import GateFacts, ReleaseFacts, StageMove
from airflow_cv_dataops.core.store.dataset import Dataset

MOVE_COLUMNS = ("sequence", "release", "stage", "parent", "action", "created_at", "dag_id", "run_id", "notes")


def read_moves(dataset: Dataset) -> list[StageMove]:
    """Return every move of every stage, the oldest first; only the columns that say so are read."""
    return [move_of(row) for row in dataset.read("releases", columns=MOVE_COLUMNS).sort_by("sequence").to_pylist()]


def move_of(row: Mapping[str, Any]) -> StageMove:
    """:param row: of ``releases``."""
    return StageMove(
        stage=row["stage"],
        release=row["release"],
        action=row["action"] or "promotion",
        parent=row["parent"],
        created_at=row["created_at"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        notes=row["notes"],
    )


def stages_now(moves: Sequence[StageMove], order: Sequence[str]) -> tuple[StageMove, ...]:
    """Return the last move of each stage. :param order: the stages' order, as far as the dataset knows one; others follow by name."""
    last = {move.stage: move for move in moves}
    places = {stage: place for place, stage in enumerate(order)}
    return tuple(last[stage] for stage in sorted(last, key=lambda stage: (places.get(stage, len(places)), stage)))


def releases_of(rows: Sequence[Mapping[str, Any]]) -> list[ReleaseFacts]:
    """Return the releases, the oldest first. :param rows: of ``releases``, in their order, with JSON columns read."""
    at = {row["stage"]: row["release"] for row in rows}
    made: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        made.setdefault(row["release"], row)
    return [_release(row, tuple(sorted(stage for stage, release in at.items() if release == row["release"]))) for row in made.values()]


def _release(row: Mapping[str, Any], stages: tuple[str, ...]) -> ReleaseFacts:
    failed = tuple(_condition(gate) for gate in row["gates"] if not gate["passed"])
    return ReleaseFacts(
        release=row["release"],
        stage=row["stage"],
        parent=row["parent"],
        created_at=row["created_at"],
        images=row["images"],
        labels=row["annotations"],
        stages=stages,
        gates=GateFacts(len(row["gates"]), len(row["gates"]) - len(failed), failed),
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        notes=row["notes"],
    )


def _condition(gate: Mapping[str, Any]) -> str:
    """Return a gate as it was asked for. One that is relative to the release before says so itself."""
    return str(gate.get("gate") or f"{gate['metric']} {gate['op']} {gate['wanted']}")
