"""Which images belong together: those that share a key, or share one with an image that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def connected(images: int, links: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return for each image the smallest number of an image that it is connected with, its own where with none; int64.

    Labels are lowered to the smallest of each key and along their own chains in turn until nothing changes, which takes some log(n) rounds
    (after Shiloach and Vishkin 1982).

    :param images: how many there are; they are numbered from 0.
    :param links: pairs of arrays: numbers of images, and the code of the key that each has. Equal codes of one pair are one key.
    """
    import numpy as np

    label = np.arange(images)
    ordered = [_by_key(*link) for link in links if len(link[0])]
    while True:
        before = label.copy()
        for at, starts in ordered:
            smallest = np.minimum.reduceat(label[at], starts)
            lowest = np.repeat(smallest, np.diff(np.append(starts, len(at))))
            # What an image was labelled by so far is lowered, too: or a chain would be walked one link a round.
            np.minimum.at(label, label[at], lowest)
            np.minimum.at(label, at, lowest)
        while True:
            shorter = label[label]
            if np.array_equal(shorter, label):
                break
            label = shorter
        if np.array_equal(before, label):
            return label


def _by_key(at: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the images ordered by key, and where each key begins."""
    import numpy as np

    order = np.argsort(codes, kind="stable")
    keys = codes[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = keys[1:] != keys[:-1]
    return at[order], np.flatnonzero(begins)
