"""Strategies of sampling on embeddings: seconds, memory and coverage radius, each in a process of its own.

    python benchmarks/sampling_strategies.py --json [--images 100000 --dimensions 512 --budget 1000] [--only k_center plain]

Embeddings are made from a seed, once as they come (``gaussian``: no two images are alike) and once in 300 clusters (``clustered``).
``plain`` is k-center greedy as a loop in numpy: for each image taken, its distance to all others. The coverage radius is the largest
distance of any image to the nearest one taken. Memory is by how much the peak of the resident memory exceeds what it was when the
embeddings were there; the embeddings' own size is ``embeddings_mb``.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from measuring import MEGABYTE, in_a_process, measured, show

from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice

DATA = ("gaussian", "clustered")
PLAIN = "plain"
CLUSTERS, CLASSES = 300, 10
_ROWS_AT_ONCE = 4_096


def main() -> None:
    options = _options()
    result: dict[str, Any] = {"images": options.images, "dimensions": options.dimensions, "budget": options.budget}
    result["embeddings_mb"] = options.images * options.dimensions * 4 / MEGABYTE
    for data in options.data:
        for name in options.only or (PLAIN, *STRATEGIES):
            found = in_a_process(take, name, data, options)
            result |= {f"{data}_{name}_{key}": value for key, value in found.items()}
    show(result, as_json=options.json)


def take(name: str, data: str, options: argparse.Namespace) -> dict[str, Any]:
    """Take a batch by a strategy, or by the plain loop, and say what it took."""
    choice = _choice(data, options)
    _warm_up()
    work = (lambda: plain(choice)) if name == PLAIN else (lambda: _taken(name, choice))
    found = measured(work)
    return found | {"result": len(found["result"]), "radius": round(_radius(choice, found["result"]), 4)}


def plain(choice: Choice) -> list[int]:
    """K-center greedy as one writes it: all distances to each image taken."""
    embeddings = choice.embeddings
    assert embeddings is not None
    rows = [int(np.square(embeddings - embeddings.mean(axis=0)).sum(axis=1).argmin())]
    nearest = np.full(len(embeddings), np.inf, dtype=np.float32)
    while True:
        np.minimum(nearest, np.square(embeddings - embeddings[rows[-1]]).sum(axis=1), out=nearest)
        if len(rows) == choice.wanted:
            return rows
        rows.append(int(nearest.argmax()))


def _taken(name: str, choice: Choice) -> list[int]:
    rows = []
    for row in STRATEGIES[name](choice):
        choice.open[row] = False
        rows.append(row)
        if len(rows) == choice.wanted:
            break
    return rows


def _radius(choice: Choice, rows: list[int]) -> float:
    embeddings = choice.embeddings
    assert embeddings is not None
    centers, largest = embeddings[rows].astype(np.float64), 0.0
    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        part = embeddings[start : start + _ROWS_AT_ONCE].astype(np.float64)
        squared = np.square(part).sum(axis=1)[:, np.newaxis] + np.square(centers).sum(axis=1) - 2 * part @ centers.T
        largest = max(largest, float(squared.min(axis=1).max()))
    return largest**0.5


def _choice(data: str, options: argparse.Namespace) -> Choice:
    rng, count = np.random.default_rng(options.seed), options.images
    embeddings = rng.standard_normal((count, options.dimensions), dtype=np.float32)
    probabilities = rng.gamma(0.3, size=(count, CLASSES)) + 1e-9
    if data == "clustered":
        means = rng.standard_normal((CLUSTERS, options.dimensions), dtype=np.float32)
        embeddings *= np.float32(0.3)
        embeddings += means[rng.integers(0, CLUSTERS, count)]
    return Choice(
        scores=rng.random(count),
        ties=rng.permutation(count).astype(np.uint64),
        open=np.ones(count, dtype=bool),
        wanted=options.budget,
        seed=options.seed,
        embeddings=embeddings,
        covered=np.zeros((0, options.dimensions), dtype=np.float32),
        probabilities=(probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32),
    )


def _warm_up() -> None:
    """Let the library of matrix products start its threads and take their memory, which is no part of a strategy."""
    small = np.ones((512, 512), dtype=np.float32)
    small @ small


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--budget", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--only", nargs="+", choices=(PLAIN, *STRATEGIES), help="default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
