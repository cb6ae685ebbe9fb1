"""Random numbers that belong to an image and not to its row, and orders made of them: the same whatever the order of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_LARGEST = (1 << 64) - 1


def random_keys(ties: np.ndarray, *numbers: int) -> np.ndarray:
    """Return (N,) uint64, uniform and as good as independent for other numbers: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

    :param ties: (N,) uint64, what tells images apart. :param numbers: what tells the draws apart: a seed, the number of a step.
    """
    import numpy as np

    salt = np.zeros(1, dtype=np.uint64)
    for number in numbers:
        salt = _mixed(salt + np.uint64(number & _LARGEST))
    return _mixed(ties ^ salt)


def exponentials(keys: np.ndarray) -> np.ndarray:
    """Return (N,) float64 of the exponential distribution with mean 1, above 0, one for each key.

    The row with the largest ``weights / exponentials`` is drawn with a probability in proportion to its weight.
    """
    import numpy as np

    uniform = ((keys >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52  # between 0 and 1, never either
    return -np.log(uniform)


def first(rows: np.ndarray, ties: np.ndarray) -> int:
    """Return which of some rows has the smallest tie. :param rows: (R,) at least one."""
    return int(rows[ties[rows].argmin()])


def highest_first(scores: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Return all rows, the highest score first, of equal ones the smallest tie."""
    import numpy as np

    return np.lexsort((ties, -scores))


def order_by_content(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Return all rows of vectors that have no ties, shuffled by what is in them; only rows that are equal keep their order."""
    import numpy as np

    bits = np.ascontiguousarray(vectors + np.float32(0), dtype=np.float32).view(np.uint32)  # + 0 makes -0 into 0
    keys = random_keys(np.zeros(len(bits), dtype=np.uint64), seed)
    for column in range(bits.shape[1]):  # over dimensions, not over images
        keys = _mixed(keys ^ bits[:, column].astype(np.uint64))
    return np.argsort(keys, kind="stable")


def _mixed(state: np.ndarray) -> np.ndarray:
    import numpy as np

    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
