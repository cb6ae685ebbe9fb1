"""From candidates to a batch: what the strategy is given, and what limits it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.batch.fill import RANDOM, Batch, Limits, fill_batch
from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
from airflow_cv_dataops.core.sampling.batch.quotas import Quota, quota_of
from airflow_cv_dataops.core.sampling.candidates import Candidates
from airflow_cv_dataops.core.sampling.grouping import groups_of
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_IDS_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Chosen:
    """A batch, ranked.

    :param rows: (B,) rows of the pool, in order of rank. :param taken_by: (B,) what took each. :param spent: in the budget's unit.
    :param for_minimum: (B,) whether a minimum asked for it.
    :param cheapest: what the cheapest candidate costs.
    """

    rows: np.ndarray
    taken_by: list[str]
    for_minimum: list[bool]
    scores: np.ndarray
    spent: float
    batch: Batch
    quotas: list[Quota]
    cheapest: float


def choose(candidates: Candidates, options: SampleOptions, seed: int, preselected: Collection[int], clusters: Mapping[str, str]) -> Chosen:
    """Fill the batch.

    :param preselected: rows of the pool that come first. :param clusters: of near duplicates, by image id; empty: none.
    :raises ConfigurationError: a share is asked for without a budget in images.
    """
    import numpy as np

    pool, plan, rows = candidates.pool, candidates.plan, candidates.rows
    budget = options.spending
    costs = budget.costs(candidates.expected_boxes[rows])
    images = pool.images.select(["image_id", "phash"]).take(rows)
    whole = int(options.budget) if options.budget_unit == "images" else None
    quotas = [
        quota_of(name, groups_of(name, pool, candidates.categories).take(rows), most, least, whole)
        for name, (most, least) in options.quotas.items()
    ]
    place = np.full(len(pool), -1)
    place[rows] = np.arange(len(rows))
    choice = Choice(
        scores=candidates.scores,
        ties=tie_breaks(images["image_id"], seed),
        open=np.ones(len(rows), dtype=bool),
        wanted=max(1, min(len(rows), int(budget.parts // max(1, int(costs.mean()))))) if len(rows) else 1,
        seed=seed,
        embeddings=pool.embeddings[rows] if "embeddings" in plan.needs and pool.embeddings is not None else None,
        covered=pool.known.embeddings if "embeddings" in plan.needs else None,
        probabilities=candidates.probabilities,
    )
    limits = Limits(
        costs=costs,
        budget=budget.parts,
        quotas=quotas,
        near=NearDuplicates(images["phash"], options.near_duplicates, _clusters(images, clusters)),
        explore=options.explore,
    )
    named = [int(place[row]) for row in preselected if place[row] >= 0]
    batch = fill_batch(choice, plan.strategy, limits, random=options.units.strategies["random"], named=named)
    order = _ranked(batch, candidates.scores, choice.ties, by_score=plan.strategy.name == "top")
    taken = np.array(batch.rows, dtype=np.int64)[order]
    return Chosen(
        rows=rows[taken],
        taken_by=[_name(batch.taken_by[at], plan.strategy.name, plan.name) for at in order],
        for_minimum=[row in batch.for_minimums for row in taken.tolist()],
        scores=candidates.scores[taken],
        spent=budget.spent(batch.spent),
        batch=replace(batch, refused=tuple(row for row in preselected if place[row] < 0) + tuple(int(rows[row]) for row in batch.refused)),
        quotas=quotas,
        cheapest=budget.spent(int(costs.min())) if len(costs) else 0.0,
    )


def tie_breaks(image_ids: pa.ChunkedArray, seed: int) -> np.ndarray:
    """Hash seed and image id, (N,) uint64; a loop, because there is no vectorised sha256 (1,000,000 ids take about a second)."""
    import numpy as np

    start = hashlib.sha256(f"{seed}\0".encode())
    digests = bytearray()
    for first in range(0, len(image_ids), _IDS_AT_ONCE):
        for name in image_ids.slice(first, _IDS_AT_ONCE).to_pylist():
            digest = start.copy()
            digest.update(name.encode())
            digests += digest.digest()[:8]
    return np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64)


def _ranked(batch: Batch, scores: np.ndarray, ties: np.ndarray, *, by_score: bool) -> np.ndarray:
    """Return the order of the ranks: of the highest scores by score, whatever came first for a minimum or at random.

    Of other strategies as they were taken, what was drawn at random last.
    """
    import numpy as np

    taken = np.array(batch.rows, dtype=np.int64)
    if not by_score:
        return np.argsort([taken_by == RANDOM for taken_by in batch.taken_by], kind="stable")
    return np.lexsort((ties[taken], -scores[taken]))


def _name(taken_by: str, strategy: str, name: str) -> str:
    """Return under which name a row stands in ``samples``: of a score the score's, else the strategy's."""
    return name if taken_by == strategy else taken_by


def _clusters(images: pa.Table, clusters: Mapping[str, str]) -> list[str | None] | None:
    return [clusters.get(name) for name in images["image_id"].to_pylist()] if clusters else None
