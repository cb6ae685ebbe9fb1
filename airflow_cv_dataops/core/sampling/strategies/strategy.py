"""What a strategy is: the order in which images are taken, asked for one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
NEEDS = ("scores", "embeddings", "probabilities")


@dataclass(frozen=True, eq=False)
class Choice:
    """What a strategy chooses from.

    :param scores: (N,) 0 to 1, higher for an image that is worth more; never NaN. Ranks of several scores, or one score as it is.
    :param ties: (N,) uint64, different for each image and the same whatever the order of the rows: of equal images, the smallest first.
    :param open: (N,) bool, which images may be taken now. The limits change it in place after each image that is taken: an image is closed
        once taken, once one of its groups is full, once it would exceed the budget, once a near duplicate is in the batch. **A strategy
        yields open rows only**, and ends when none is open.
    :param wanted: how many images are expected to be taken, at least 1; the batch may end earlier or later.
    :param seed: of whatever is drawn at random; equal seeds give equal batches.
    :param embeddings: (N, D) float32, finite, as they were given (not normalised).
    :param covered: (M, D) float32, embeddings of images that are labelled already or were taken before: of what is known. M may be 0.
    :param probabilities: (N, K) float32, rows that sum to 1.
    """

    scores: np.ndarray
    ties: np.ndarray
    open: np.ndarray
    wanted: int
    seed: int
    embeddings: np.ndarray | None = None
    covered: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Strategy:
    """A way to choose. Made from a generator function by :func:`strategy`; calling it calls the function.

    :param name: in arguments and in ``samples``: lower-case letters, digits and ``_``.
    :param meaning: what it takes, one sentence for people.
    :param run: yields rows of the choice, each open at that moment, in the order in which they are taken.
    :param needs: what it cannot do without, of ``NEEDS``.
    :param words: why an image was taken, beside its scores, for people; without: ``meaning``, of a strategy that goes by no score.
    :raises ConfigurationError: the name or a need cannot be used.
    """

    name: str
    meaning: str
    run: Callable[[Choice], Iterator[int]]
    needs: tuple[str, ...] = ()
    words: str = ""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.name):
            raise ConfigurationError(f"Strategy {self.name!r} cannot be used: expected lower-case letters, digits and _, first a letter.")
        if unknown := sorted(set(self.needs) - set(NEEDS)):
            raise ConfigurationError(f"Strategy {self.name!r} needs {', '.join(unknown)}: expected some of {', '.join(NEEDS)}.")

    def __call__(self, choice: Choice) -> Iterator[int]:
        return self.run(choice)


def strategy(*, meaning: str, needs: tuple[str, ...] = (), words: str = "") -> Callable[[Callable[[Choice], Iterator[int]]], Strategy]:
    """Make a :class:`Strategy` of a generator function, under the function's name.

    :param meaning: what it takes, one sentence for people.
    :param needs: what it cannot do without: ``scores``, ``embeddings``, ``probabilities``.
    :param words: why an image was taken, beside its scores, for people.
    """
    return lambda run: Strategy(run.__name__, meaning, run, needs, words)


sampling_strategy = strategy
"""The same under the name that the package hands on."""
