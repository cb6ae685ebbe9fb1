"""Audited datasets for the report's tests: real images, with faults that are known because they were made."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

KEY = "2026-11-05"
CELLS = ("Platelets", "RBC", "WBC")
SEED = 20261105
FAULTS = 45  # of each kind


def audited_cells(dataset: Dataset, bccd: Path, results: Path, **arguments: Any) -> StepResult:
    """Audit BCCD with 45 boxes removed, 45 moved and 45 relabelled, by what a detector made of the original boxes (``results``)."""
    ingest_images(dataset, KEY, str(bccd / "BCCD" / "JPEGImages"))
    import_labels(dataset, KEY, str(bccd / "BCCD" / "Annotations"), format="voc")
    results.write_text(json.dumps(detector_output(dataset)))
    import_predictions(dataset, KEY, str(results), model="detector", format="coco")
    _put_faults_in(dataset)
    return audit_labels(dataset, KEY, categories=CELLS, on_findings="warn", **arguments)


def audited_digits(dataset: Dataset, folder: Path, monkeypatch: Any, examples: Path, **arguments: Any) -> StepResult:
    """Audit a day of the digits example: 400 labels, 20 of them flipped, and out-of-sample probabilities."""
    monkeypatch.setenv("CV_DATAOPS_LANDING", str(folder))
    monkeypatch.setattr(sys, "path", [str(examples), *sys.path])
    from digits_landing import land_day

    land_day(KEY)
    day = folder / "digits" / KEY
    ingest_images(dataset, KEY, str(day / "images"))
    import_labels(dataset, KEY, str(day / "labels.csv"), format="csv")
    import_predictions(dataset, KEY, str(day / "predictions.npz"), model="logistic_regression", model_version="1")
    return audit_labels(dataset, KEY, categories=[str(digit) for digit in range(10)], on_findings="warn", **arguments)


def tiny_digits(folder: Path) -> tuple[Path, Path]:
    """Write the 1,797 digits of scikit-learn as PNG of 8 x 8 px with a label each; return the folder and the CSV."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label"])
        for number, (pixels, target) in enumerate(zip(digits.images, digits.target, strict=True)):
            Image.fromarray((pixels * (255 / 16)).astype(np.uint8)).save(folder / "images" / f"{number:04d}.png")
            writer.writerow([f"{number:04d}.png", str(target)])
    return folder / "images", folder / "labels.csv"


def detector_output(dataset: Dataset) -> list[dict[str, Any]]:
    """Return COCO results: the sound boxes a little off, 5 in 100 of them missed, and 60 boxes where nothing is."""
    random = np.random.default_rng(SEED)
    labels = dataset.annotations(partition_key=KEY).sort_by("annotation_id").to_pylist()
    seen = [row for row in labels if row["bbox"]["width"] > 0 and row["bbox"]["height"] > 0 and random.random() > 0.05]
    results = []
    for row in seen:
        x, y, width, height = row["bbox"].values()
        box = np.array([x, y, width, height]) + random.normal(0, 0.03, 4) * [width, height, width, height]
        results.append(_result(row["file_name"], row["category"], box, random.uniform(0.55, 0.99)))
    for row in random.choice(seen, 60):
        box = [random.uniform(0, 540), random.uniform(0, 380), *random.uniform(40, 100, 2)]
        results.append(_result(row["file_name"], str(random.choice(CELLS)), box, random.uniform(0.3, 0.7)))
    return results


def _result(file_name: str, category: str, box: Any, score: float) -> dict[str, Any]:
    return {"image_id": file_name, "category_id": category, "bbox": [round(float(side), 2) for side in box], "score": round(score, 4)}


def _put_faults_in(dataset: Dataset) -> None:
    """Remove, move and relabel boxes."""
    labels = dataset.annotations(partition_key=KEY).sort_by("annotation_id").to_pylist()
    random = np.random.default_rng(SEED + 1)
    sound = [row for row in labels if row["bbox"]["width"] > 0 and row["bbox"]["height"] > 0]
    chosen = [sound[at] for at in random.permutation(len(sound))[: 3 * FAULTS]]
    removed, moved, relabelled = (chosen[kind * FAULTS : (kind + 1) * FAULTS] for kind in range(3))
    for row in moved:
        row["bbox"] = _moved(row["bbox"], random)
    for row in relabelled:
        row["category"] = str(random.choice([name for name in CELLS if name != row["category"]]))
    _replace(dataset, [row for row in labels if row not in removed])


def _moved(box: dict[str, float], random: np.random.Generator) -> dict[str, float]:
    by = random.uniform(0.35, 0.6, 2) * random.choice([-1, 1], 2)
    return {**box, "x": max(0.0, box["x"] + by[0] * box["width"]), "y": max(0.0, box["y"] + by[1] * box["height"])}


def _replace(dataset: Dataset, rows: list[dict[str, Any]]) -> None:
    schema = dataset.annotations(partition_key=KEY).schema
    table = pa.Table.from_pylist(rows, schema).drop_columns(["partition_key", "label_set"])
    dataset.replace_partition("annotations", KEY, table, owner="default")
