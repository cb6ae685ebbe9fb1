"""A real detector's output on BCCD: aggregated channel features and boosted trees over sliding windows, cross-fitted by image.

After Dollar, Appel, Belongie and Perona, "Fast Feature Pyramids for Object Detection" (PAMI 2014): colour and gradient channels, averaged
over 5 x 5 cells of a window; here with scikit-learn's gradient boosting, one classifier a class, hard negatives once, windows of five
shapes around the class's usual one, non-maximum suppression, and boxes averaged over the windows that agree. Every image is predicted by
classifiers that were trained on the other two thirds of images, with the labels that BCCD has. It takes eight minutes of one core; the
result (float32: image, category, x, y, width, height, score) is kept in a file, outside the project.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from detection_data import Boxes, iou_matrix
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier

CELLS = 5
FOLDS = 3
SHRINK = 2
LEAST_SCORE = 0.02


def real_output(folder: Path, original: Boxes, cache: Path) -> Boxes:
    """Return the predictions for all images, out of the cache if they are there."""
    if not cache.exists():
        paths = sorted((folder / "BCCD" / "JPEGImages").glob("*.jpg"))
        np.save(cache, _cross_fitted([_channels(path) for path in paths], original).astype(np.float32))
    table = np.load(cache).astype(np.float64)
    return Boxes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6], table[:, 6])


def _channels(path: Path) -> np.ndarray:
    """Return integral images (channels, height + 1, width + 1) of colour, gradient and six orientations at half the size."""
    picture = Image.open(path).convert("RGB")
    picture = picture.resize((picture.width // SHRINK, picture.height // SHRINK), Image.Resampling.BOX)
    colour = np.moveaxis(np.asarray(picture.convert("HSV"), dtype=np.float32), 2, 0)
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    down, across = np.gradient(grey)
    strength, angle = np.hypot(down, across), np.arctan2(down, across) % np.pi
    bins = np.minimum((angle / np.pi * 6).astype(int), 5)
    channels = np.stack([*colour, grey, strength, *(strength * (bins == number) for number in range(6))]).astype(np.float64)
    return np.pad(channels.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0))).astype(np.float32)


def _features(integral: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return (N, features) means over cells of boxes (N, 4) in pixels of the whole picture, and their place."""
    _, height, width = integral.shape
    part = np.linspace(0, 1, CELLS + 1)
    across = np.clip(np.rint((box[:, :1] + part * box[:, 2:3]) / SHRINK), 0, width - 1).astype(int)
    down = np.clip(np.rint((box[:, 1:2] + part * box[:, 3:]) / SHRINK), 0, height - 1).astype(int)
    corner = integral[:, down[:, :, None], across[:, None, :]]
    total = np.diff(np.diff(corner, axis=2), axis=3)
    area = np.diff(down, axis=1)[:, :, None] * np.diff(across, axis=1)[:, None, :]
    cells = (total / np.maximum(area, 1)).transpose(1, 0, 2, 3).reshape(len(box), -1)
    return np.concatenate([cells, box[:, 2:]], axis=1).astype(np.float32)


def _windows(sides: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return windows of the class's usual sizes at every fifth of them; at the border they are cut, as labels are."""
    centre = np.median(sides, axis=0)
    spread = np.clip(np.exp(np.log(sides).std(axis=0)), 1.1, 1.35)
    shapes = [centre * spread ** np.array(power) for power in ((0, 0), (-1, -1), (1, 1), (-1, 1), (1, -1))]
    found = []
    for width, height in shapes:
        x, y = (np.arange(-side / 3, limit - side * 2 / 3, side / 5) for side, limit in ((width, size[0]), (height, size[1])))
        place = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        low, high = np.maximum(place, 0), np.minimum(place + np.array([width, height]), size)
        found.append(np.concatenate([low, high - low], axis=1))
    return np.concatenate(found)


def _cross_fitted(integrals: list[np.ndarray], original: Boxes) -> np.ndarray:
    rows = []
    for category in np.unique(original.category):
        own = original.take(np.flatnonzero(original.category == category))
        windows = _windows(own.box[:, 2:], (640, 480))
        truth = [own.box[own.image == number] for number in range(len(integrals))]
        # With cells of other sizes nearby, windows of IoU 0.6 and more are objects, those below 0.4 are not.
        overlap = [iou_matrix(windows, boxes).max(axis=1, initial=0) if len(boxes) else np.zeros(len(windows)) for boxes in truth]
        for fold in range(FOLDS):
            rng = np.random.default_rng(fold)
            train = [number for number in range(len(integrals)) if number % FOLDS != fold]
            model = _trained(integrals, windows, truth, overlap, train, rng)
            for number in range(fold, len(integrals), FOLDS):
                score = model.predict_proba(_features(integrals[number], windows))[:, 1]
                for box, value in _suppressed(windows, score):
                    rows.append((number, category, *box, value))
            print(f"class {category}, fold {fold}: {len(rows)} predictions", flush=True)
    return np.array(rows)


def _trained(integrals, windows, truth, overlap, train, rng) -> HistGradientBoostingClassifier:
    model, hard = None, {}
    for _ in range(2):
        inputs, targets = [], []
        for number in train:
            away = np.flatnonzero(overlap[number] < 0.4)
            some = rng.choice(away, min(30, len(away)), replace=False)
            if model is not None and number % 4 == 0:
                scores = model.predict_proba(_features(integrals[number], windows[away]))[:, 1]
                hard[number] = away[np.argsort(-scores)[:40]]
            near = np.flatnonzero(overlap[number] >= 0.6)
            near = rng.choice(near, min(20, len(near)), replace=False)
            box = np.concatenate([truth[number], windows[near], windows[some], windows[hard.get(number, [])]])
            inputs.append(_features(integrals[number], box))
            targets.append(np.arange(len(box)) < len(truth[number]) + len(near))
        model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.15, max_leaf_nodes=15, l2_regularization=1.0, random_state=0)
        model.fit(np.concatenate(inputs), np.concatenate(targets))
    return model


def _suppressed(windows: np.ndarray, score: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Return the best windows, each averaged with those that it overlaps by 0.6 and more."""
    order = np.argsort(-score)[:400]
    order = order[score[order] >= LEAST_SCORE]
    overlap = iou_matrix(windows[order], windows[order])
    alive, found = np.ones(len(order), dtype=bool), []
    for at in range(len(order)):
        if alive[at]:
            weight = score[order] * (overlap[at] >= 0.6)
            found.append((weight @ windows[order] / weight.sum(), float(score[order[at]])))
            alive &= overlap[at] < 0.35
    return found
