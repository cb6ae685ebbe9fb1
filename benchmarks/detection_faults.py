"""Recall and precision of the detection checks on BCCD with injected faults, and the same of cleanlab's ObjectLab.

Faults, drawn from a seed: 5 % of the boxes are removed, 5 % shifted (by 0.25 to 0.75 of their size, in any direction), 5 % given another
category, and 3 % are added where nothing is. The detector's output is made by perturbing the *original* boxes: 5 % are missed; position
and size of the others get normal errors of 5 % of the size; 1 % are given another category; and for each 100 boxes there are 15 false ones
of any category, at any place. Scores are drawn from beta distributions that overlap:

- ``sharp``: right ones Beta(20, 1), wrong ones Beta(1.5, 3);
- ``soft``:  right ones Beta(8, 2), wrong ones Beta(2, 5).

What counts as found: the label that was shifted, relabelled or added; for a removed one, a suggested box of its category with an IoU of at
least 0.5. Whatever else a check names is wrong, even if it has a fault of another kind. Average precision judges the scores alone: how
well they would do with any threshold (labels without a finding of ours have the score 1). Printed is the mean over seeds, and the worst.

More labels missing, at random and by rule: ``detection_missing.py``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from defusedxml import ElementTree
from detection_data import Boxes, audit_input, cleanlab_input, iou_matrix
from sklearn.metrics import average_precision_score

from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS

CATEGORIES = ["Platelets", "RBC", "WBC"]
DETECTORS = {"sharp": ((20, 1), (1.5, 3)), "soft": ((8, 2), (2, 5))}
CHECKS = {"removed": "overlooked_bbox", "shifted": "badly_located_bbox", "relabelled": "swapped_category", "added": "spurious_bbox"}
SIZE = (640, 480)
RATES = ("recall", "precision", "f1", "average_precision")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bccd", default="../shared/data/bccd", help="folder of the data set")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=100, help="the defaults of the checks were settled on while looking at 0 to 4")
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    original, images = load_bccd(Path(given.bccd))
    results, seeds = {}, range(given.first_seed, given.first_seed + given.seeds)
    for detector in DETECTORS:
        measured = [measure(original, images, seed, detector, with_cleanlab=not given.only_ours) for seed in seeds]
        results[detector] = {
            side: {kind: _summary([one[side][kind] for one in measured]) for kind in measured[0][side]} for side in measured[0]
        }
    if given.json:
        print(json.dumps(results, indent=1))
        return
    print("| detector | fault | by | recall | precision | F1 | average precision | findings |\n|---|---|---|---|---|---|---|---|")
    for detector, sides in results.items():
        for kind in CHECKS:
            for side in sides:
                if kind in sides[side]:
                    one = sides[side][kind]
                    rates = [f"{one[name]['mean']:.3f} ({one[name]['least']:.3f})" for name in RATES]
                    print(f"| {' | '.join([detector, kind, side, *rates])} | {one['findings']:.0f} |")


def _summary(measured: list[dict[str, float]]) -> dict:
    rates = {
        name: {
            "mean": round(float(np.mean([one[name] for one in measured])), 4),
            "least": round(float(np.min([one[name] for one in measured])), 4),
        }
        for name in RATES
    }
    return {**rates, **{name: float(np.mean([one[name] for one in measured])) for name in ("findings", "right")}}


def load_bccd(folder: Path) -> tuple[Boxes, int]:
    """Return the boxes of all 364 images, as the VOC import has them, without the two that have no area."""
    rows = []
    paths = sorted((folder / "BCCD" / "Annotations").glob("*.xml"))
    for number, path in enumerate(paths):
        for found in ElementTree.parse(path).getroot().iter("object"):
            left, top, right, bottom = (float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            rows.append((number, CATEGORIES.index(found.findtext("name")), left, top, right - left, bottom - top))
    table = np.array(rows)
    table = table[(table[:, 4:] > 0).all(axis=1)]
    return Boxes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:], np.ones(len(table))), len(paths)


def with_faults(original: Boxes, rng: np.random.Generator) -> tuple[Boxes, dict[str, np.ndarray], Boxes]:
    """Return labels with faults; by kind the places of faulty labels in them; and the boxes that were removed."""
    count = len(original)
    fate = rng.permutation(count)
    removed, shifted, relabelled = np.split(fate[: 3 * (count // 20)], 3)
    box, category = original.box.copy(), original.category.copy()
    angle, far = rng.uniform(0, 2 * np.pi, len(shifted)), rng.uniform(0.25, 0.75, len(shifted))
    box[shifted, :2] += np.stack([np.cos(angle), np.sin(angle)], axis=1) * far[:, None] * box[shifted, 2:]
    category[relabelled] = (category[relabelled] + rng.integers(1, len(CATEGORIES), len(relabelled))) % len(CATEGORIES)
    changed = Boxes(original.image, category, box, original.score)
    kept = np.setdiff1d(np.arange(count), removed)
    added = _elsewhere(original, 3 * count // 100, rng)
    places = {
        "shifted": np.searchsorted(kept, np.sort(shifted)),
        "relabelled": np.searchsorted(kept, np.sort(relabelled)),
        "added": len(kept) + np.arange(len(added)),
    }
    return changed.take(kept).joined(added), places, original.take(np.sort(removed))


def detector_output(original: Boxes, rng: np.random.Generator, detector: str) -> Boxes:
    """Return predictions made of the original boxes, see above."""
    right, wrong = DETECTORS[detector]
    seen = original.take(np.flatnonzero(rng.random(len(original)) >= 0.05))
    centre = seen.box[:, :2] + seen.box[:, 2:] / 2 + rng.normal(0, 0.05, (len(seen), 2)) * seen.box[:, 2:]
    sides = seen.box[:, 2:] * np.exp(rng.normal(0, 0.05, (len(seen), 2)))
    confused = rng.random(len(seen)) < 0.01
    category = np.where(confused, (seen.category + rng.integers(1, len(CATEGORIES), len(seen))) % len(CATEGORIES), seen.category)
    score = np.where(confused, rng.beta(*wrong, len(seen)), rng.beta(*right, len(seen)))
    true = Boxes(seen.image, category, np.concatenate([centre - sides / 2, sides], axis=1), score)
    false = _anywhere(original, 15 * len(original) // 100, rng)
    false = Boxes(false.image, false.category, false.box, rng.beta(*wrong, len(false)))
    return true.joined(false)


def _anywhere(original: Boxes, count: int, rng: np.random.Generator) -> Boxes:
    """Return boxes of the sizes that occur, at any place of any image, of any category."""
    sides = original.box[rng.integers(0, len(original), count), 2:]
    corner = rng.random((count, 2)) * np.maximum(np.array(SIZE) - sides, 1)
    image = rng.choice(np.unique(original.image), count)
    return Boxes(image, rng.integers(0, len(CATEGORIES), count), np.concatenate([corner, sides], axis=1), np.ones(count))


def _elsewhere(original: Boxes, count: int, rng: np.random.Generator) -> Boxes:
    """Return boxes as ``_anywhere`` that overlap no original one by more than an IoU of 0.1."""
    tried = _anywhere(original, 20 * count, rng)
    free = [iou_matrix(tried.box[[n]], original.box[original.image == tried.image[n]]).max(initial=0) <= 0.1 for n in range(len(tried))]
    return tried.take(np.flatnonzero(free)[:count])


def measure(original: Boxes, images: int, seed: int, detector: str, *, with_cleanlab: bool = True) -> dict[str, dict[str, dict]]:
    """Return, by side and kind of fault, recall, precision, F1 and how many findings there are."""
    rng = np.random.default_rng(seed)
    labels, places, removed = with_faults(original, rng)
    predictions = detector_output(original, rng, detector)
    sides = {"ours": ours(labels, predictions, images)}
    if with_cleanlab:
        sides["cleanlab"] = cleanlab(labels, predictions, images)
    return {side: _rates(found, places, removed) for side, found in sides.items()}


@dataclass(frozen=True, eq=False)
class Suspicions:
    """What one side says: about labels (``of`` is ``None``), or about predictions that mark an overlooked object.

    :param score: 0 (surely wrong) to 1 (surely right).
    :param is_issue: named as an issue.
    :param of: the boxes that are judged, where they are not the labels.
    """

    score: np.ndarray
    is_issue: np.ndarray
    of: Boxes | None = None


def _rates(found: dict[str, Suspicions], places: dict[str, np.ndarray], removed: Boxes) -> dict[str, dict]:
    return {kind: _overlooked_rates(one, removed) if kind == "removed" else _label_rates(one, places[kind]) for kind, one in found.items()}


def _label_rates(found: Suspicions, places: np.ndarray) -> dict[str, float]:
    is_faulty = np.zeros(len(found.score), dtype=bool)
    is_faulty[places] = True
    right = int((is_faulty & found.is_issue).sum())
    return _numbers(right, int(found.is_issue.sum()), right / len(places), float(average_precision_score(is_faulty, 1 - found.score)))


def _overlooked_rates(found: Suspicions, removed: Boxes) -> dict[str, float]:
    boxes = found.of
    assert boxes is not None
    hits = iou_matrix(boxes.box, removed.box) >= 0.5
    hits &= (boxes.image[:, None] == removed.image) & (boxes.category[:, None] == removed.category)
    is_hit = hits.any(axis=1)
    within_reach = float(hits.any(axis=0).mean())
    average = float(average_precision_score(is_hit, 1 - found.score)) * within_reach if is_hit.any() else 0.0
    count, right = int(found.is_issue.sum()), int((is_hit & found.is_issue).sum())
    return _numbers(right, count, float(hits[found.is_issue].any(axis=0).mean()), average)


def _numbers(right: int, count: int, recall: float, average_precision: float) -> dict[str, float]:
    precision = right / count if count else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"recall": recall, "precision": precision, "f1": f1, "average_precision": average_precision, "findings": count, "right": right}


def ours(labels: Boxes, predictions: Boxes, images: int) -> dict[str, Suspicions]:
    """Return what our checks find; a label or prediction without a finding has the score 1."""
    data = audit_input(labels, predictions, images, CATEGORIES)
    checks = {check.id: check for check in BUILT_IN_CHECKS}
    found = {}
    for kind, name in CHECKS.items():
        table = checks[name].run(data)
        rows = [] if table is None else table.to_pylist()
        if kind == "removed":
            found[kind] = _suggested(rows)
            continue
        score, is_issue = np.ones(len(labels)), np.zeros(len(labels), dtype=bool)
        at = [int(row["annotation_id"]) for row in rows]
        score[at], is_issue[at] = [row["score"] for row in rows], True
        found[kind] = Suspicions(score, is_issue)
    return found


def _suggested(rows: list[dict]) -> Suspicions:
    suggested = [json.loads(row["suggestion"]) for row in rows]
    image = np.array([int(row["image_id"]) for row in rows], dtype=int)
    category = np.array([CATEGORIES.index(one["category"]) for one in suggested], dtype=int)
    score = np.array([row["score"] for row in rows])
    boxes = Boxes(image, category, np.array([one["bbox"] for one in suggested]).reshape(-1, 4), score)
    return Suspicions(score, np.ones(len(rows), dtype=bool), boxes)


def cleanlab(labels: Boxes, predictions: Boxes, images: int) -> dict[str, Suspicions]:
    """Return what ``find_label_issues`` finds, box by box: its own scores against its own thresholds."""
    from cleanlab.internal import constants
    from cleanlab.object_detection import filter as objectlab
    from cleanlab.object_detection import rank

    given, predicted = cleanlab_input(labels, predictions, images, len(CATEGORIES))
    inputs = rank._get_valid_inputs_for_compute_scores(constants.ALPHA, given, predicted)
    precision = objectlab._get_per_class_ap(given, predicted)
    by_label = objectlab._process_class_list([one["labels"] for one in given], precision)
    by_prediction = objectlab._process_class_list([objectlab._separate_prediction(one)[1] for one in predicted], precision)
    sure = {"alpha": constants.ALPHA, "high_probability_threshold": constants.HIGH_PROBABILITY_THRESHOLD, "auxiliary_inputs": inputs}
    likely = {"alpha": constants.ALPHA, "low_probability_threshold": constants.LOW_PROBABILITY_THRESHOLD, "auxiliary_inputs": inputs}
    scored = {
        "removed": (rank.compute_overlooked_box_scores(**sure), by_prediction, constants.OVERLOOKED_THRESHOLD_FACTOR),
        "shifted": (rank.compute_badloc_box_scores(**likely), by_label, constants.BADLOC_THRESHOLD_FACTOR),
        "relabelled": (rank.compute_swap_box_scores(**sure, overlapping_label_check=True), by_label, constants.SWAP_THRESHOLD_FACTOR),
    }
    order = np.concatenate([np.flatnonzero(labels.image == number) for number in range(images)])
    found = {}
    for kind, (scores, limits, factor) in scored.items():
        flagged = objectlab._find_label_issues_per_box(scores, limits, factor)
        flat = np.concatenate([one[: len(score)] for one, score in zip(flagged, scores, strict=True)])
        score = np.nan_to_num(np.concatenate(scores), nan=1.0)
        if kind == "removed":
            found[kind] = Suspicions(score, flat, _separated(predicted))
            continue
        by_row = np.empty(len(labels)), np.empty(len(labels), dtype=bool)
        by_row[0][order], by_row[1][order] = score, flat
        found[kind] = Suspicions(*by_row)
    return found


def _separated(predicted: list[np.ndarray]) -> Boxes:
    """Return cleanlab's predictions in the order of its scores: by image, then by category."""
    parts = [(number, category, boxes) for number, one in enumerate(predicted) for category, boxes in enumerate(one)]
    boxes = np.concatenate([part[2] for part in parts])
    image, category = (np.concatenate([np.full(len(part[2]), part[at]) for part in parts]) for at in (0, 1))
    return Boxes(image, category, np.concatenate([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]], axis=1), boxes[:, 4])


if __name__ == "__main__":
    main()
