"""How many rows of class probabilities are looked at together."""

from __future__ import annotations

# Numbers in a batch: 8 MB as float64, which stays in a core's cache. Twice or four times as many were no faster.
BATCH_VALUES = 2**20


def rows_in_batch(classes: int) -> int:
    """Return how many rows of so many classes make a batch."""
    return max(BATCH_VALUES // max(classes, 1), 1)
