"""Audited datasets for the report's tests: real images, with faults that are known because they were made."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.checks import BUILT_IN
from airflow_cv_dataops.core.imaging.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.labels.importing_predictions import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

KEY = "2026-11-05"
CELLS = ("Platelets", "RBC", "WBC")
SEED = 20261105
FAULTS = 45  # of each kind


def audited_cells(dataset: Dataset, bccd: Path, **arguments: Any) -> StepResult:
    """Audit BCCD with 45 boxes removed, 45 moved and 45 relabelled, by checks of the test's own that remember the originals."""
    ingest_images(dataset, KEY, str(bccd / "BCCD" / "JPEGImages"))
    import_labels(dataset, KEY, str(bccd / "BCCD" / "Annotations"), format="voc")
    checks = _put_faults_in(dataset)
    return audit_labels(dataset, KEY, checks=(*BUILT_IN, *checks), categories=CELLS, on_findings="warn", **arguments)


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


def _put_faults_in(dataset: Dataset) -> list[Check]:
    """Remove, move and relabel boxes, and return the checks that know which."""
    labels = dataset.annotations(partition_key=KEY).sort_by("annotation_id").to_pylist()
    random = np.random.default_rng(SEED)
    sound = [row for row in labels if row["bbox"]["width"] > 0 and row["bbox"]["height"] > 0]
    chosen = [sound[at] for at in random.permutation(len(sound))[: 3 * FAULTS]]
    removed, moved, relabelled = (chosen[kind * FAULTS : (kind + 1) * FAULTS] for kind in range(3))
    findings: dict[str, list[dict[str, Any]]] = {"overlooked_bbox": [], "badly_located_bbox": [], "swapped_category": []}
    for row in removed:
        found = {**_found(row, random), "category": None, "annotation_id": None}
        message = f"a model sees {row['category']} here, and no label is near"
        findings["overlooked_bbox"].append({**found, "message": message})
    for row in moved:
        findings["badly_located_bbox"].append({**_found(row, random), "message": "a model puts this box elsewhere"})
        row["bbox"] = _moved(row["bbox"], random)
    for row in relabelled:
        found = _found(row, random)
        row["category"] = str(random.choice([name for name in CELLS if name != row["category"]]))
        message = f"labelled {row['category']}, and a model is sure of {json.loads(found['suggestion'])['category']}"
        findings["swapped_category"].append({**found, "category": row["category"], "message": message})
    _replace(dataset, [row for row in labels if row not in removed])
    return [_check(name, rows) for name, rows in findings.items()]


def _found(row: dict[str, Any], random: np.random.Generator) -> dict[str, Any]:
    suggestion = {"bbox": list(row["bbox"].values()), "category": row["category"], "score": round(float(random.uniform(0.6, 0.99)), 3)}
    names = ("image_id", "source_uri", "annotation_id", "category")
    return {**{name: row[name] for name in names}, "score": float(1 - suggestion["score"]), "suggestion": json.dumps(suggestion)}


def _moved(box: dict[str, float], random: np.random.Generator) -> dict[str, float]:
    by = random.uniform(0.35, 0.6, 2) * random.choice([-1, 1], 2)
    return {**box, "x": max(0.0, box["x"] + by[0] * box["width"]), "y": max(0.0, box["y"] + by[1] * box["height"])}


def _replace(dataset: Dataset, rows: list[dict[str, Any]]) -> None:
    schema = dataset.annotations(partition_key=KEY).schema
    table = pa.Table.from_pylist(rows, schema).drop_columns(["partition_key", "label_set"])
    dataset.replace_partition("annotations", KEY, table, owner="default")


def _check(name: str, rows: list[dict[str, Any]]) -> Check:
    texts = {
        "overlooked_bbox": ("An object that nobody labelled.", "Add the suggested box."),
        "badly_located_bbox": ("A box that lies beside its object.", "Move it to the suggested place."),
        "swapped_category": ("A box with the category of another thing.", "Change the category."),
    }
    run: Callable[..., pa.Table] = lambda data: pa.Table.from_pylist(rows)  # noqa: E731
    return Check(name, "error" if name == "swapped_category" else "warning", *texts[name], run, "bbox")
