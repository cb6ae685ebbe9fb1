"""Ways in which labels go missing, and detectors to find them by; see ``detection_missing.py``, which measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from detection_data import Boxes, iou_matrix
from PIL import Image

SIZE = (640, 480)


def contrast_of(folder: Path, original: Boxes) -> np.ndarray:
    """Return how far each box's colours are from those around it: the L2 distance of mean RGB of its middle and of a ring around it."""
    found = np.empty(len(original))
    for number, path in enumerate(sorted((folder / "BCCD" / "JPEGImages").glob("*.jpg"))):
        picture = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)
        whole = np.pad(picture.cumsum(0).cumsum(1), ((1, 0), (1, 0), (0, 0)))
        for row in np.flatnonzero(original.image == number):
            inner, outer = _mean(whole, original.box[row], 0.7), _mean(whole, original.box[row], 1.3)
            found[row] = np.linalg.norm(inner - outer)
    return found


def _mean(integral: np.ndarray, box: np.ndarray, factor: float) -> np.ndarray:
    centre, half = box[:2] + box[2:] / 2, box[2:] * factor / 2
    left, top = np.clip(centre - half, 0, (integral.shape[1] - 2, integral.shape[0] - 2)).astype(int)
    right, bottom = np.clip(centre + half, (left + 1, top + 1), (integral.shape[1] - 1, integral.shape[0] - 1)).astype(int)
    total = integral[bottom, right] - integral[top, right] - integral[bottom, left] + integral[top, left]
    return total / ((bottom - top) * (right - left))


def missing(world: str, original: Boxes, contrast: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Say which boxes have no label in this world.

    ``random_N``: N % of all. ``border``: 9 in 10 of those that come within 1 % of a border. ``small``, ``faint``: 9 in 10 of the quarter of
    their class with the least area or contrast. ``border_and_faint``: both. ``one_class``: 8 in 10 of the most frequent class but one.
    ``some_images``: 7 in 10 boxes of a third of the images. ``whole_images``: all but one box of a fifth of the images.
    """
    count, most = len(original), rng.random(len(original)) < 0.9
    if world.startswith("random_"):
        return rng.random(count) < float(world.removeprefix("random_")) / 100
    if world in ("some_images", "whole_images"):
        images = np.unique(original.image)
        share, kept = (1 / 3, 0.3) if world == "some_images" else (1 / 5, 0.0)
        first = np.unique(original.image, return_index=True)[1]  # an image without any label has not been labelled yet
        is_chosen = np.isin(original.image, rng.choice(images, int(len(images) * share), replace=False))
        return is_chosen & (rng.random(count) >= kept) & ~np.isin(np.arange(count), first)
    if world == "one_class":
        chosen = np.argsort(np.bincount(original.category))[-2]
        return (original.category == chosen) & (rng.random(count) < 0.8)
    low, high = original.corners[:, :2], np.array(SIZE) - original.corners[:, 2:]
    at_border = np.minimum(low, high).min(axis=1) <= 0.01 * SIZE[0]
    faint = _lowest_quarter(original.category, contrast)
    by_rule = {
        "border": at_border,
        "small": _lowest_quarter(original.category, original.box[:, 2:].prod(axis=1)),
        "faint": faint,
        "border_and_faint": at_border | faint,
    }
    return by_rule[world] & most


WORLDS = ("random_5", "random_20", "random_50", "border", "small", "faint", "border_and_faint", "one_class", "some_images", "whole_images")


def _lowest_quarter(category: np.ndarray, value: np.ndarray) -> np.ndarray:
    limit = {number: np.quantile(value[category == number], 0.25) for number in np.unique(category)}
    return value < np.array([limit[number] for number in category])


def hard_and_easy(original: Boxes, contrast: np.ndarray, rng: np.random.Generator, doubt: float = 2.0) -> Boxes:
    """Return the output of a detector for which small, faint, crowded and cut objects are hard: it misses them, places them badly and
    scores them low. False ones: parts of objects, and background; of each the more, the lower the score.
    """
    rank = [_ranks(original.category, value) for value in (contrast, original.box[:, 2:].prod(axis=1))]
    low, high = original.corners[:, :2], np.array(SIZE) - original.corners[:, 2:]
    cut = np.minimum(low, high).min(axis=1) <= 3
    neighbours = np.array(
        [(iou_matrix(original.box[[n]], original.box[original.image == original.image[n]]) > 0.1).sum() - 1 for n in range(len(original))]
    )
    ease = 3 + 1.5 * (rank[0] - 0.5) + 1.0 * (rank[1] - 0.5) - 1.0 * cut - 0.4 * np.minimum(neighbours, 3) + rng.normal(0, 1, len(original))
    score = 1 / (1 + np.exp(-ease))
    error = rng.normal(0, 0.04 + 0.08 * (1 - score)[:, None], (len(original), 4)) * np.tile(original.box[:, 2:], 2)
    error[:, :2] -= error[:, 2:] / 2
    true = Boxes(original.image, original.category, original.box + error, score).take(np.flatnonzero(score > 0.05))
    parts = original.take(rng.integers(0, len(original), len(original) // 2))
    box = parts.box.copy()
    box[:, 2:] *= rng.uniform(0.4, 0.75, (len(parts), 2))
    box[:, :2] += rng.random((len(parts), 2)) * (parts.box[:, 2:] - box[:, 2:])
    wrong = Boxes(parts.image, parts.category, box, parts.score)
    sides = original.box[rng.integers(0, len(original), len(original)), 2:] * rng.uniform(0.6, 1.4, (len(original), 2))
    corner = rng.random((len(sides), 2)) * np.maximum(np.array(SIZE) - sides, 1)
    category = original.category[rng.integers(0, len(original), len(sides))]
    wrong = wrong.joined(
        Boxes(rng.choice(original.image, len(sides)), category, np.concatenate([corner, sides], axis=1), np.ones(len(sides)))
    )
    score = 1 / (1 + np.exp(doubt - rng.exponential(0.8, len(wrong)) + rng.normal(0, 0.5, len(wrong))))
    # The suppression that a detector ends with: a false box that lies on a surer true one is gone.
    kept = [
        n
        for n in range(len(wrong))
        if iou_matrix(wrong.box[[n]], true.box[(true.image == wrong.image[n]) & (true.score > score[n])]).max(initial=0) < 0.5
    ]
    return true.joined(Boxes(wrong.image, wrong.category, wrong.box, score).take(np.array(kept)))


def _ranks(category: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the share of the class that is lower, 0 to 1."""
    found = np.empty(len(value))
    for number in np.unique(category):
        own = np.flatnonzero(category == number)
        found[own] = np.argsort(np.argsort(value[own])) / max(len(own) - 1, 1)
    return found
