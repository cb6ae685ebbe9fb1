"""Recall and precision of the detection checks on BCCD with injected faults, and the same of cleanlab's ObjectLab.

Faults, drawn from a seed: 5 % of the boxes are removed, 5 % shifted (by 0.25 to 0.75 of their size, in any direction), 5 % given another
category, and 3 % are added where nothing is. The detector's output is made by perturbing the *original* boxes: 5 % are missed; position
and size of the others get normal errors of 5 % of the size; 1 % are given another category; and for each 100 boxes there are 15 false ones
of any category, at any place. Scores are drawn from beta distributions that overlap:

- ``sharp``: right ones Beta(20, 1), wrong ones Beta(1.5, 3);
- ``soft``:  right ones Beta(8, 2), wrong ones Beta(2, 5).

What counts as found: the label that was shifted, relabelled or added; for a removed one, a suggested box of its category with an IoU of at
least 0.5. Whatever else a check names is wrong, even if it has a fault of another kind.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from defusedxml import ElementTree
from detection_data import Boxes, audit_input, cleanlab_input, iou_matrix

CATEGORIES = ["Platelets", "RBC", "WBC"]
DETECTORS = {"sharp": ((20, 1), (1.5, 3)), "soft": ((8, 2), (2, 5))}
CHECKS = {"removed": "overlooked_bbox", "shifted": "badly_located_bbox", "relabelled": "swapped_category", "added": "spurious_bbox"}
SIZE = (640, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bccd", default="../shared/data/bccd", help="folder of the data set")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    original, images = load_bccd(Path(given.bccd))
    results = {}
    for detector in DETECTORS:
        measured = [measure(original, images, seed, detector, with_cleanlab=not given.only_ours) for seed in range(given.seeds)]
        results[detector] = {
            side: {kind: _summary([one[side][kind] for one in measured]) for kind in measured[0][side]} for side in measured[0]
        }
    if given.json:
        print(json.dumps(results, indent=1))
        return
    print("| detector | fault | by | recall | precision | found | right |\n|---|---|---|---|---|---|---|")
    for detector, sides in results.items():
        for kind in CHECKS:
            for side in sides:
                if kind in sides[side]:
                    one = sides[side][kind]
                    recall, precision = (f"{one[name]['mean']:.3f} ({one[name]['least']:.3f})" for name in ("recall", "precision"))
                    print(f"| {detector} | {kind} | {side} | {recall} | {precision} | {one['findings']:.0f} | {one['right']:.0f} |")


def _summary(measured: list[dict[str, float]]) -> dict:
    rates = {
        name: {
            "mean": round(float(np.mean([one[name] for one in measured])), 4),
            "least": round(float(np.min([one[name] for one in measured])), 4),
        }
        for name in ("recall", "precision", "f1")
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


def _rates(found: dict, places: dict[str, np.ndarray], removed: Boxes) -> dict[str, dict]:
    rates = {}
    for kind, names in found.items():
        if kind == "removed":
            hit = [
                (iou_matrix(box[None], removed.box) >= 0.5)[0] & (removed.image == image) & (removed.category == category)
                for image, category, box in zip(*names, strict=True)
            ]
            right = sum(bool(one.any()) for one in hit)
            recall, count = float(np.any(hit, axis=0).sum() / len(removed)) if hit else 0.0, len(hit)
        else:
            right, count = len(np.intersect1d(names, places[kind])), len(names)
            recall = right / len(places[kind])
        precision = right / count if count else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        rates[kind] = {"recall": recall, "precision": precision, "f1": f1, "findings": count, "right": right}
    return rates


def ours(labels: Boxes, predictions: Boxes, images: int) -> dict:
    """Return what our checks find: places of labels, and images, categories and boxes of overlooked objects."""
    from airflow_cv_dataops.core.audit.checks import BUILT_IN

    checks = {check.id: check for check in BUILT_IN}
    data = audit_input(labels, predictions, images, CATEGORIES)
    tables = {kind: checks[name].run(data) for kind, name in CHECKS.items()}
    found = {kind: np.array([] if table is None or kind == "removed" else table["annotation_id"].cast("int64")) for kind, table in tables.items()}
    missing = [] if tables["removed"] is None else tables["removed"].to_pylist()
    suggested = [json.loads(row["suggestion"]) for row in missing]
    found["removed"] = (
        np.array([int(row["image_id"]) for row in missing]),
        np.array([CATEGORIES.index(one["category"]) for one in suggested]),
        np.array([one["bbox"] for one in suggested]),
    )
    return found


def cleanlab(labels: Boxes, predictions: Boxes, images: int) -> dict:
    """Return what ``find_label_issues`` finds, box by box: its own scores against its own thresholds."""
    from cleanlab.internal import constants
    from cleanlab.internal.constants import ALPHA
    from cleanlab.object_detection import filter as objectlab
    from cleanlab.object_detection import rank

    given, predicted = cleanlab_input(labels, predictions, images, len(CATEGORIES))
    inputs = rank._get_valid_inputs_for_compute_scores(ALPHA, given, predicted)
    precision = objectlab._get_per_class_ap(given, predicted)
    by_label = objectlab._process_class_list([one["labels"] for one in given], precision)
    by_prediction = objectlab._process_class_list([objectlab._separate_prediction(one)[1] for one in predicted], precision)
    high, low = constants.HIGH_PROBABILITY_THRESHOLD, constants.LOW_PROBABILITY_THRESHOLD
    scores = {
        "removed": rank.compute_overlooked_box_scores(alpha=ALPHA, high_probability_threshold=high, auxiliary_inputs=inputs),
        "shifted": rank.compute_badloc_box_scores(alpha=ALPHA, low_probability_threshold=low, auxiliary_inputs=inputs),
        "relabelled": rank.compute_swap_box_scores(
            alpha=ALPHA, high_probability_threshold=high, overlapping_label_check=True, auxiliary_inputs=inputs
        ),
    }
    factors = {"removed": constants.OVERLOOKED_THRESHOLD_FACTOR, "shifted": constants.BADLOC_THRESHOLD_FACTOR}
    factors["relabelled"] = constants.SWAP_THRESHOLD_FACTOR
    limits = {"removed": by_prediction, "shifted": by_label, "relabelled": by_label}
    issues = {kind: objectlab._find_label_issues_per_box(scores[kind], limits[kind], factors[kind]) for kind in scores}
    rows = [np.flatnonzero(labels.image == number) for number in range(images)]
    found: dict = {
        kind: np.concatenate([here[flagged[: len(here)]] for here, flagged in zip(rows, issues[kind], strict=True)])
        for kind in ("shifted", "relabelled")
    }
    names = [
        (number, int(category), np.concatenate([box[:2], box[2:] - box[:2]]))
        for number, (flagged, one) in enumerate(zip(issues["removed"], predicted, strict=True))
        for is_issue, box, category in zip(flagged, *objectlab._separate_prediction(one)[:2], strict=False)
        if is_issue
    ]
    found["removed"] = tuple(np.array(column) for column in zip(*names, strict=True)) if names else ((), (), ())
    return found


if __name__ == "__main__":
    main()
