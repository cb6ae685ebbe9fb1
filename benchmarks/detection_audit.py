"""Speed and memory of the detection checks against cleanlab's object_detection, on the same arrays in one run.

1,000 images of 640 x 480 with 20 categories, 7,000 labels and 40,000 predictions; then ours alone on 5,000 images with 36,000
labels and 200,000 predictions. ``ours`` is the four checks, from the audit's tables to findings. ``cleanlab`` is ``find_label_issues`` and
the scores of its three kinds. Each runs in a process of its own; time is the best of the rounds, which take turns; memory is the highest
resident memory above that before the start, with all imports and inputs there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from detection_data import Boxes, audit_input, cleanlab_input

CATEGORIES = [f"category_{number:02d}" for number in range(20)]
SIZES = {"small": (1000, 7_000, 40_000), "large": (5000, 36_000, 200_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only-ours", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", choices=["ours", "cleanlab", "large"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(run(given.run)))
        return
    sides = ["ours", "large"] if given.only_ours else ["ours", "cleanlab", "large"]
    result: dict[str, float] = {}
    for _ in range(given.rounds):
        for side in sides:
            found = json.loads(subprocess.run([sys.executable, __file__, "--run", side], check=True, capture_output=True).stdout)
            result[f"{side}_seconds"] = min(found["seconds"], result.get(f"{side}_seconds", found["seconds"]))
            result[f"{side}_extra_mb"] = max(found["extra_mb"], result.get(f"{side}_extra_mb", 0))
            result[f"{side}_findings"] = found["findings"]
    if "cleanlab_seconds" in result:
        result["times_cleanlab"] = round(result["cleanlab_seconds"] / result["ours_seconds"], 1)
    if given.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:20} {value}")


def run(side: str) -> dict[str, float]:
    """Run one side in this process."""
    images, labels, predictions = SIZES["large" if side == "large" else "small"]
    boxes = some_boxes(images, labels, predictions, seed=0)
    work = of_cleanlab(boxes, images) if side == "cleanlab" else of_ours(boxes, images)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the highest resident memory is that of now
    started = time.perf_counter()
    findings = work()
    return {
        "seconds": round(time.perf_counter() - started, 4),
        "extra_mb": round(_resident("VmHWM") - before, 1),
        "findings": findings,
    }


def of_ours(boxes: tuple[Boxes, Boxes], images: int):
    """Return the work, with everything imported and the tables made."""
    from airflow_cv_dataops.core.audit.detection.checks import badly_located_bbox, overlooked_bbox, spurious_bbox, swapped_category

    checks = (overlooked_bbox, badly_located_bbox, swapped_category, spurious_bbox)
    warm, data = (audit_input(*boxes, images, CATEGORIES) for _ in range(2))
    few = audit_input(*(side.take(np.arange(10)) for side in boxes), images, CATEGORIES)
    for check in checks:  # what is imported inside functions is imported now
        check.run(few)
    del warm

    def work() -> int:
        found = [check.run(data) for check in checks]
        return sum(table.num_rows for table in found if table is not None)

    return work


def of_cleanlab(boxes: tuple[Boxes, Boxes], images: int):
    """Return the work, with everything imported and cleanlab's lists made."""
    from cleanlab.object_detection import filter as objectlab
    from cleanlab.object_detection import rank

    labels, predictions = cleanlab_input(*boxes, images, len(CATEGORIES))

    def work() -> int:
        issues = objectlab.find_label_issues(labels, predictions)
        for scores in (rank.compute_overlooked_box_scores, rank.compute_badloc_box_scores, rank.compute_swap_box_scores):
            scores(labels=labels, predictions=predictions)
        return int(np.sum(issues))

    return work


def some_boxes(images: int, labels: int, predictions: int, seed: int) -> tuple[Boxes, Boxes]:
    """Return labels (3 % missing, 3 % of another category) and predictions: one near each object, the rest anywhere."""
    rng = np.random.default_rng(seed)
    objects = _anywhere(images, labels * 100 // 97, rng)
    near = objects.box + rng.normal(0, 0.04, objects.box.shape) * np.tile(objects.box[:, 2:], 2)
    found = Boxes(objects.image, objects.category, near, rng.beta(12, 1, len(objects)))
    false = _anywhere(images, predictions - len(objects), rng)
    false = Boxes(false.image, false.category, false.box, rng.beta(1, 6, len(false)))
    category = np.where(rng.random(len(objects)) < 0.03, (objects.category + 1) % len(CATEGORIES), objects.category)
    kept = np.sort(rng.permutation(len(objects))[:labels])
    return Boxes(objects.image, category, objects.box, objects.score).take(kept), found.joined(false)


def _anywhere(images: int, count: int, rng: np.random.Generator) -> Boxes:
    sides = rng.uniform(20, 150, (count, 2))
    box = np.concatenate([rng.uniform(0, 1, (count, 2)) * (np.array([640, 480]) - sides), sides], axis=1)
    return Boxes(rng.integers(0, images, count), rng.integers(0, len(CATEGORIES), count), box, np.ones(count))


def _resident(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
