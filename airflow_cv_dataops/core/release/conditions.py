"""Every condition that a promotion has to meet, asked at once: the gates, and those that follow from what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.candidate import Candidate, Wanted
from airflow_cv_dataops.core.release.candidate_metrics import Metrics
from airflow_cv_dataops.core.release.gates.gates import Gate, GateOutcome
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
    import pyarrow as pa
    import pyarrow.compute as pc

    def in_split(items: pa.Table) -> pa.ChunkedArray:
        return pc.binary_join_element_wise(items["image_id"], items["split"], "\n")

    if not wanted.splits.frozen:
        return {}
    known = {*wanted.splits.shares, *candidate.splits, *(parent.splits() if parent else ())}
    if unknown := sorted(set(wanted.splits.frozen) - known):
        raise ConfigurationError(f"frozen_splits names {', '.join(unknown)}, which is none of the splits {', '.join(sorted(known))}.")
    if parent is None:
        return {FROZEN: 0}
    names = pa.array(list(wanted.splits.frozen), pa.string())
    frozen, now = (items.filter(pc.is_in(items["split"], value_set=names)) for items in (parent.items(), candidate.items))
    is_there = pc.is_in(in_split(frozen), value_set=in_split(now).combine_chunks())
    return {FROZEN: int(frozen.num_rows - (pc.sum(is_there).as_py() or 0))}


def _metrics_of(parent: Release) -> Metrics:
    """Return what was measured when the release was made; of one from before that was recorded, what can be measured now."""
    recorded = parent.measured()
    return recorded if recorded is not None else candidate_of(parent, is_measured=True, accept_outdated_audits=True).metrics
