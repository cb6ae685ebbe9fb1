"""How stored rows of class probabilities are read: so many together, by the names that their ``classes`` hold."""

from __future__ import annotations

import json

# Numbers in a batch: 8 MB as float64, which stays in a core's cache. Twice or four times as many were no faster.
BATCH_VALUES = 2**20


def rows_in_batch(classes: int) -> int:
    """Return how many rows of so many classes make a batch."""
    return max(BATCH_VALUES // max(classes, 1), 1)


def stored_classes(text: str | None) -> list[str]:
    """Return the class names of a ``classes`` value, the same for every step.

    None where it is not a JSON array of distinct strings: which number belongs to which name is then not known.
    """
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    usable = isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if usable else []
