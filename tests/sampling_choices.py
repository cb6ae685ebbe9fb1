"""Choices for tests of sampling strategies, and the caller that takes from them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, Strategy


def choice_of(
    embeddings: Any, *, scores: Any = None, ties: Any = None, covered: Any = None, probabilities: Any = None, **more: Any
) -> Choice:
    """Make a choice whose rows are all open; ties are the numbers of the rows unless given."""
    embeddings = np.asarray(embeddings, dtype=np.float32)
    if embeddings.ndim == 1:
        embeddings = embeddings[:, np.newaxis]
    count = len(embeddings)
    covered = np.zeros((0, embeddings.shape[1])) if covered is None else np.asarray(covered)
    return Choice(
        scores=np.zeros(count) if scores is None else np.asarray(scores, dtype=np.float64),
        ties=np.arange(count, dtype=np.uint64) if ties is None else np.asarray(ties, dtype=np.uint64),
        open=np.ones(count, dtype=bool),
        embeddings=embeddings,
        covered=covered.reshape(-1, embeddings.shape[1]).astype(np.float32),
        probabilities=np.full((count, 3), 1 / 3, dtype=np.float32)
        if probabilities is None
        else np.asarray(probabilities, dtype=np.float32),
        **({"wanted": 5, "seed": 1} | more),
    )


def random_choice(count: int, *, dimensions: int = 4, covered: int = 0, seed: int = 0, **more: Any) -> Choice:
    rng = np.random.default_rng(seed)
    return choice_of(
        rng.normal(size=(count, dimensions)),
        scores=rng.random(count),
        ties=rng.permutation(count),
        covered=rng.normal(size=(covered, dimensions)),
        probabilities=rng.dirichlet(np.ones(3), size=count),
        **more,
    )


def shuffled(choice: Choice, order: np.ndarray) -> Choice:
    """The same images in another order of rows."""
    assert choice.embeddings is not None
    assert choice.probabilities is not None
    return Choice(
        choice.scores[order],
        choice.ties[order],
        choice.open[order].copy(),
        choice.wanted,
        choice.seed,
        choice.embeddings[order],
        choice.covered,
        choice.probabilities[order],
    )


def taken(strategy: Strategy, choice: Choice, count: int | None = None) -> list[int]:
    """Take rows, closing each, until the strategy ends or there are enough."""
    rows = []
    for row in itertools.islice(strategy(choice), count):
        assert choice.open[row]
        choice.open[row] = False
        rows.append(row)
    return rows
