"""Recall and precision of ``overlooked_bbox`` where BCCD's labels lack boxes at random or by rule; beside it cleanlab, and scores alone.

Worlds: see ``missing_labels.missing``. Detectors:

- ``sharp``, ``soft``: of ``detection_faults.py``; what they miss and score has nothing to do with the picture.
- ``clear``, ``doubtful``: ``missing_labels.hard_and_easy``: faint, small, cut and crowded objects score low; false ones are parts
  of objects and background, few above 0.5 (``clear``) or as many as a quarter of the objects (``doubtful``).
- ``cut``: ``clear`` without what scores below 0.3, as some write their results.
- ``real``: ``bccd_detector.py``, on the 132 images of which BCCD labels nearly all that it finds; in the others many red cells have no
  label, and in these some.

``raw`` is every prediction of score 0.5 or more that fits no label. A finding is right if it fits a box that was removed. Printed are
means over seeds and, in brackets, the worst.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from bccd_detector import real_output
from detection_data import Boxes, audit_input, iou_matrix
from detection_faults import CATEGORIES, Suspicions, cleanlab, detector_output, load_bccd, ours
from missing_labels import WORLDS, contrast_of, hard_and_easy, missing

from airflow_cv_dataops.core.audit.detection.checks import overlooked_not_judged

DETECTORS = ("sharp", "soft", "clear", "doubtful", "cut", "real")
CONFIDENT = 0.5
# Of an image that is labelled as it should be, this share of the predictions from this score on fits a label.
AGREES, FROM_SCORE = 0.85, 0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bccd", default="../shared/data/bccd", help="folder of the data set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=100, help="the rule was settled while looking at 0 and 1")
    parser.add_argument("--detectors", nargs="+", default=DETECTORS, choices=DETECTORS)
    parser.add_argument("--cache", type=Path, help="file that keeps the real detector's output; without it there is no such detector")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    original, images = load_bccd(Path(given.bccd))
    contrast = contrast_of(Path(given.bccd), original)
    results: dict[str, dict] = {}
    for detector in given.detectors:
        if detector == "real" and not given.cache:
            continue
        real = real_output(Path(given.bccd), original, given.cache) if detector == "real" else None
        for world in WORLDS:
            measured = [
                measure(original, contrast, images, detector, world, seed, real, with_cleanlab=not given.only_ours)
                for seed in range(given.first_seed, given.first_seed + given.seeds)
            ]
            results[f"{detector} {world}"] = {side: _summary([one[side] for one in measured]) for side in measured[0]}
            if not given.json:
                _print(detector, world, results[f"{detector} {world}"])
    if given.json:
        print(json.dumps(results, indent=1))


def measure(
    original: Boxes, contrast: np.ndarray, images: int, detector: str, world: str, seed: int, real: Boxes | None, *, with_cleanlab: bool
) -> dict[str, dict[str, float]]:
    """Return by side precision, recall and findings; of ours also what is said not to be judged, and of raw what could be found."""
    rng = np.random.default_rng(seed)
    if real is not None:
        predictions = _suppressed(real)
        at = _well_labelled(predictions, original)
        predictions = predictions.take(np.flatnonzero(np.isin(predictions.image, at)))
        kept = np.isin(original.image, at)
        original, contrast = original.take(np.flatnonzero(kept)), contrast[kept]
    elif detector in ("sharp", "soft"):
        predictions = detector_output(original, rng, detector)
    else:
        predictions = hard_and_easy(original, contrast, rng, 2.0 if detector == "doubtful" else 3.5)
        predictions = predictions.take(np.flatnonzero(predictions.score >= (0.3 if detector == "cut" else 0)))
    is_missing = missing(world, original, contrast, rng)
    labels, removed = original.take(np.flatnonzero(~is_missing)), original.take(np.flatnonzero(is_missing))
    fits = _hits(predictions, labels)[0]
    raw = predictions.take(np.flatnonzero(~fits & (predictions.score >= CONFIDENT)))
    found = {"ours": ours(labels, predictions, images)["removed"], "raw": Suspicions(raw.score, np.ones(len(raw), bool), raw)}
    if with_cleanlab:
        found["cleanlab"] = cleanlab(labels, predictions, images)["removed"]
    rates = {side: _rates(one.of.take(np.flatnonzero(one.is_issue)), removed) for side, one in found.items()}
    rates["ours"]["not_judged"] = sum(overlooked_not_judged(audit_input(labels, predictions, images, CATEGORIES)).values())
    rates["raw"]["findable"] = float(_hits(predictions, removed)[1].mean())
    return rates


def _rates(found: Boxes, removed: Boxes) -> dict[str, float]:
    is_right, is_found = _hits(found, removed)
    return {
        "precision": float(is_right.mean()) if len(found) else 0.0,
        "recall": float(is_found.mean()),
        "findings": len(found),
        "removed": len(removed),
    }


def _hits(boxes: Boxes, objects: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Say which boxes fit an object of their category (IoU of 0.5 or more), and which objects are fitted."""
    fits, is_found = np.zeros(len(boxes), dtype=bool), np.zeros(len(objects), dtype=bool)
    for image in np.unique(boxes.image):
        a, b = np.flatnonzero(boxes.image == image), np.flatnonzero(objects.image == image)
        same = (iou_matrix(boxes.box[a], objects.box[b]) >= 0.5) & (boxes.category[a][:, None] == objects.category[b])
        fits[a] |= same.any(axis=1)
        is_found[b] |= same.any(axis=0)
    return fits, is_found


def _suppressed(boxes: Boxes, at_most: float = 0.2) -> Boxes:
    """Return the boxes that overlap no surer one of their category."""
    kept = []
    for image in np.unique(boxes.image):
        for category in np.unique(boxes.category):
            rows = np.flatnonzero((boxes.image == image) & (boxes.category == category))
            rows = rows[np.argsort(-boxes.score[rows], kind="stable")]
            overlap, alive = iou_matrix(boxes.box[rows], boxes.box[rows]), np.ones(len(rows), dtype=bool)
            for at in range(len(rows)):
                alive[at + 1 :] &= ~alive[at] | (overlap[at, at + 1 :] < at_most)
            kept.append(rows[alive])
    return boxes.take(np.sort(np.concatenate(kept)))


def _well_labelled(predictions: Boxes, original: Boxes) -> np.ndarray:
    sure = predictions.take(np.flatnonzero(predictions.score >= FROM_SCORE))
    fits = _hits(sure, original)[0]
    return np.array([image for image in np.unique(sure.image) if fits[sure.image == image].mean() >= AGREES])


def _summary(measured: list[dict[str, float]]) -> dict[str, float]:
    means = {name: round(float(np.mean([one[name] for one in measured])), 4) for name in measured[0]}
    return means | {f"least_{name}": round(min(one[name] for one in measured), 4) for name in ("precision", "recall")}


def _print(detector: str, world: str, sides: dict[str, dict[str, float]]) -> None:
    cells = [
        f"{one['precision']:.2f} ({one['least_precision']:.2f}) | {one['recall']:.2f} ({one['least_recall']:.2f})" for one in sides.values()
    ]
    more = f"{sides['ours']['not_judged']:.0f} | {sides['raw']['removed']:.0f} | {sides['raw']['findable']:.2f}"
    print(f"| {detector} | {world} | {' | '.join(cells)} | {more} |", flush=True)


if __name__ == "__main__":
    main()
