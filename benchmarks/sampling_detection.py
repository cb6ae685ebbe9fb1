"""Sampling of BCCD's photographs with a simulated detector: what is found in the first tenth of the images, against random.

    python benchmarks/sampling_detection.py --json

Two questions, each over seeds, with detectors whose scores tell right from wrong well (``sharp``) and less well (``soft``), as
``detection_faults.py`` makes them:

- **Faults of labels**, among labelled images: by ``errors_against_labels``. ``spread``: 18 % of all boxes removed, shifted, relabelled or
  added, at random over all images, so that nobody can find many in a tenth of them; ``careless``: the same in a tenth of the images alone,
  as of one annotator; ``by_rule``: in a tenth of the images no Platelets are labelled.
- **Rare boxes**, among unlabelled images: Platelets, of which two thirds of the images that have some are taken out of the pool first. By
  ``category_rarity``, ``entropy_by_class``, plain ``entropy``, and the first two by their ranks, as the example DAG has them; no label is
  known.

Printed is the share of all faults (of all Platelets) that lies in the first tenth of the images by the score, the same of ``random`` and of
``best``: the tenth with the most of them. Equal scores are ordered at random.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from detection_data import Boxes
from detection_faults import CATEGORIES, DETECTORS, SIZE, detector_output, load_bccd, with_faults
from measuring import show

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.built_in import SCORES
from airflow_cv_dataops.core.sampling.scores.combining import combined
from airflow_cv_dataops.core.store.schema import arrow_schema

FAULTS = ("spread", "careless", "by_rule")
RARE = CATEGORIES.index("Platelets")
SHARE = 0.1
_KINDS = {"annotations": "annotation_id", "predictions": "prediction_id"}


def main() -> None:
    options = _options()
    original, images = load_bccd(Path(options.bccd))
    result: dict[str, Any] = {"seeds": options.seeds, "images": images}
    for detector in DETECTORS:
        for kind in FAULTS:
            result[f"faults_{kind}_{detector}"] = _mean(
                faults_found(original, images, kind, detector, seed) for seed in range(options.seeds)
            )
        result[f"rare_{detector}"] = _mean(rare_found(original, images, detector, seed) for seed in range(options.seeds))
    show(result, as_json=options.json)


def faults_found(original: Boxes, images: int, kind: str, detector: str, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    labels, faults = _faulty(original, images, kind, rng)
    pool = _pool(images, detector_output(original, rng, detector), labels)
    return _shares({"errors_against_labels": SCORES["errors_against_labels"](pool)}, faults, rng)


def rare_found(original: Boxes, images: int, detector: str, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    rare = np.bincount(original.image[original.category == RARE], minlength=images)
    with_rare = rng.permutation(np.flatnonzero(rare))
    kept = np.sort(np.concatenate([np.flatnonzero(rare == 0), with_rare[: len(with_rare) // 3]]))
    place = np.full(images, -1)
    place[kept] = np.arange(len(kept))
    predicted = detector_output(original, rng, detector)
    rows = np.flatnonzero(place[predicted.image] >= 0)
    predicted = Boxes(place[predicted.image[rows]], predicted.category[rows], predicted.box[rows], predicted.score[rows])
    pool = _pool(len(kept), predicted, None)
    scores = {name: SCORES[name](pool) for name in ("category_rarity", "entropy_by_class", "entropy")}
    scores["entropy_by_class and category_rarity"] = combined(scores, {"entropy_by_class": 2, "category_rarity": 1})
    return _shares(scores, rare[kept], rng)


def _faulty(original: Boxes, images: int, kind: str, rng: np.random.Generator) -> tuple[Boxes, np.ndarray]:
    """Return labels with faults, and how many there are in each image."""
    chosen = rng.random(images) < SHARE if kind != "spread" else np.ones(images, dtype=bool)
    if kind == "by_rule":
        gone = chosen[original.image] & (original.category == RARE)
        return original.take(np.flatnonzero(~gone)), np.bincount(original.image[gone], minlength=images)
    touched = original.take(np.flatnonzero(chosen[original.image]))
    labels, places, removed = with_faults(touched, rng)
    where = np.concatenate([removed.image, *(labels.image[rows] for rows in places.values())])
    return original.take(np.flatnonzero(~chosen[original.image])).joined(labels), np.bincount(where, minlength=images)


def _shares(scores: Mapping[str, np.ndarray], wanted: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Return which share of what is wanted lies in the first tenth of the images."""
    first = round(SHARE * len(wanted))
    ties = rng.random(len(wanted))
    orders = {name: np.lexsort((ties, -np.nan_to_num(values, nan=-1.0))) for name, values in scores.items()}
    orders |= {"random": np.argsort(ties), "best": np.argsort(-wanted, kind="stable")}
    return {name: float(wanted[order[:first]].sum() / wanted.sum()) for name, order in orders.items()}


def _mean(found: Iterator[dict[str, float]]) -> dict[str, str]:
    seeds = list(found)
    values = {name: np.array([one[name] for one in seeds]) for name in seeds[0]}
    return {name: f"{share.mean():.3f} ± {share.std(ddof=1) / np.sqrt(len(share)):.3f}" for name, share in values.items()}


class Listed:
    """Rows of a stored table, kept in memory."""

    def __init__(self, table: str, boxes: Boxes) -> None:
        schema = pa.schema([field.with_nullable(True) for field in arrow_schema(table)])
        rows = [
            {
                _KINDS[table]: f"{number:08}",
                "image_id": f"{image:04}",
                "task": "detection",
                "category": CATEGORIES[category],
                "bbox": dict(zip(("x", "y", "width", "height"), box, strict=True)),
                **({"score": score, "model": "m"} if table == "predictions" else {"label_set": "default"}),
            }
            for number, (image, category, box, score) in enumerate(
                zip(boxes.image.tolist(), boxes.category.tolist(), boxes.box.tolist(), boxes.score.tolist(), strict=True)
            )
        ]
        self._rows = pa.Table.from_pylist(rows, schema)

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        yield self._rows.select(list(columns))


def _pool(images: int, predictions: Boxes, labels: Boxes | None) -> Pool:
    names = [f"{image:04}" for image in range(images)]
    columns = dict.fromkeys(("image_id", "source_uri", "storage_uri", "file_name"), names)
    sides = {"width": [SIZE[0]] * images, "height": [SIZE[1]] * images}
    return Pool(
        pa.table({**columns, **sides}),
        predictions={"m": Listed("predictions", predictions)},
        model="m",
        annotations=None if labels is None else Listed("annotations", labels),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bccd", default="../shared/data/bccd", help="folder of the data set")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
