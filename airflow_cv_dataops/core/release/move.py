"""One move of a stage: what it was decided on, and the row that makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.release.candidate import Candidate
from airflow_cv_dataops.core.release.gates.gates import GateOutcome
from airflow_cv_dataops.core.release.held_hashes import HeldHashes
from airflow_cv_dataops.core.release.lookup import release_at
from airflow_cv_dataops.core.release.named import check_is_there
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.refs import write_release_refs
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema


@dataclass(frozen=True)
class Move:
    """A promotion as it is decided.

    :param parent: the release that the stage is at.
    :param named: the release that the stage is to move to as it is; ``None``: a new one is to be made.
    :param known: the metrics that gates were asked about, by name.
    :param outcomes: of every gate.
    :param allows_rolled_back: whether it may bring back what was rolled back.
    :param contents: what a new release would hold, where a rollback makes somebody ask; nothing for a named one.
    """

    stage: str
    parent: Release | None
    named: Release | None
    candidate: Candidate
    known: Mapping[str, Any]
    outcomes: tuple[GateOutcome, ...]
    notes: str | None
    dag_id: str | None
    run_id: str | None
    allows_rolled_back: bool
    contents: HeldHashes | None


def append_row(dataset: Dataset, row: Mapping[str, Any], head: str | None) -> str | None:
    """Write a row of ``releases`` if nobody else has since ``head``; return the table's new snapshot, or ``None``."""
    import pyarrow as pa

    return dataset.append_if_unchanged("releases", pa.Table.from_pylist([dict(row)], schema=arrow_schema("releases")), head)


def move_to(dataset: Dataset, named: Release, row: Mapping[str, Any], head: str | None) -> Release | None:
    """Write the row that moves the stage to a release that there is; return ``None`` where the race was lost.

    :raises DatasetNotFoundError: a snapshot that the release holds is gone.
    """
    write_release_refs(dataset)  # what holds its snapshots may have been lost in a crash
    check_is_there(named)
    appended = append_row(dataset, {**row, "snapshots": json.dumps(dict(named.snapshots), sort_keys=True)}, head)
    return None if appended is None else release_at(dataset, row["stage"], appended)
