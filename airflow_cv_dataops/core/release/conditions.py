"""Every condition that a promotion has to meet, asked at once: the gates, and those that follow from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.candidate import Candidate, Wanted
from airflow_cv_dataops.core.release.candidate_metrics import Metrics
from airflow_cv_dataops.core.release.gates.gates import Gate, GateOutcome
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.named import candidate_of
from airflow_cv_dataops.core.release.reader import Release

FROZEN = "frozen_images_missing"
LEFT_OUT_RATIO = "left_out_by_groups_ratio"
UNKNOWN_EXCLUSIONS = "unknown_exclusions"


def ask(gates: Sequence[Gate], known: Mapping[str, Any], parent: Release | None) -> tuple[GateOutcome, ...]:
    """Return the outcome of every gate. :param parent: the release that the stage is at, for gates that compare with it."""
    previous = None if parent is None or not any(gate.relative is not None for gate in gates) else _metrics_of(parent)
    return tuple(gate.check(known, previous) for gate in gates)


def implied_gates(wanted: Wanted, named: Release | None) -> tuple[Gate, ...]:
    """Return the gates that nobody has to name: that rules could be applied, groups kept together, frozen splits kept whole."""
    gates = []
    if named is None and wanted.exclusions:
        gates.append(Gate(UNKNOWN_EXCLUSIONS, "==", 0))
    if named is None and (wanted.splits.group_by or wanted.splits.groups is not None):
        gates.append(Gate(LEFT_OUT_RATIO, "<=", wanted.splits.max_left_out_ratio))
    if named is None and wanted.splits.frozen:
        gates.append(Gate(FROZEN, "==", 0))
    return tuple(gates)


def frozen_metrics(candidate: Candidate, parent: Release | None, wanted: Wanted) -> dict[str, float]:
    """Return how many images of frozen splits the stage's release holds that the candidate has not, or has in another split.

    :raises ConfigurationError: a split that is to be frozen is none.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not wanted.splits.frozen:
        return {}
    known = {*wanted.splits.shares, *candidate.splits, *(parent.splits() if parent else ())}
    if unknown := sorted(set(wanted.splits.frozen) - known):
        raise ConfigurationError(f"frozen_splits names {', '.join(unknown)}, which is none of the splits {', '.join(sorted(known))}.")
    if parent is None:
        return {FROZEN: 0}
    names = pa.array(list(wanted.splits.frozen), pa.string())

    def number(splits: pa.ChunkedArray) -> np.ndarray:
        found: np.ndarray = pc.fill_null(pc.index_in(splits.cast(pa.string()), value_set=names), -1).to_numpy()
        return found

    held, now = parent.items(), candidate.items
    before = number(held["split"])
    at = ImageIndex(now["image_id"]).of(held["image_id"])
    after = np.append(number(now["split"]), -1)[at]
    return {FROZEN: int(((before >= 0) & (before != after)).sum())}


def _metrics_of(parent: Release) -> Metrics:
    """Return what was measured when the release was made; of one from before that was recorded, what can be measured now."""
    recorded = parent.measured()
    return recorded if recorded is not None else candidate_of(parent, is_measured=True, accept_outdated_audits=True).metrics
