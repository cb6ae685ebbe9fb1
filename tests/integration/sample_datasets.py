"""Batches for the tests of a sample's report: real photos with boxes, and digits of 8 x 8 px with probabilities."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.sampling.report.values import BatchImage, Distribution, LeftOut, PredictedBox, SampleReport
from airflow_cv_dataops.core.sampling.scores.doubt import of_image
from airflow_cv_dataops.core.sampling.scores.said import Said
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.wording import percent

KEY = "2026-11-05"
SEED = 20261105
PHOTOS = 12


def batch_of_cells(dataset: Dataset, bccd: Path, folder: Path) -> SampleReport:
    """Return 12 photos of BCCD, two of them for exploration, with their boxes as a detector's and scores that are made up."""
    (folder / "photos").mkdir(parents=True)
    (folder / "labels").mkdir()
    for photo in sorted((bccd / "BCCD" / "JPEGImages").glob("*.jpg"))[:PHOTOS]:
        shutil.copy(photo, folder / "photos")
        shutil.copy(bccd / "BCCD" / "Annotations" / f"{photo.stem}.xml", folder / "labels")
    ingest_images(dataset, KEY, str(folder / "photos"), workers=1)
    import_labels(dataset, KEY, str(folder / "labels"), format="voc")
    random = np.random.default_rng(SEED)
    boxes: dict[str, list[PredictedBox]] = {}
    for row in dataset.annotations(partition_key=KEY).sort_by("annotation_id").to_pylist():
        bbox = tuple(row["bbox"][side] for side in ("x", "y", "width", "height"))
        boxes.setdefault(row["image_id"], []).append(PredictedBox(row["category"], round(float(random.beta(5, 1.3)), 3), bbox))
    images = []
    for rank, row in enumerate(dataset.images(partition_key=KEY).sort_by("source_uri").to_pylist(), start=1):
        found = boxes[row["image_id"]]
        explored = rank > PHOTOS - 2
        images.append(
            BatchImage(
                rank=rank,
                image_id=row["image_id"],
                source_uri=row["source_uri"],
                storage_uri=row["storage_uri"],
                score=math.nan if explored else 1 - rank / 100,
                strategy="exploration" if explored else "box entropy",
                category=min(Counter(box.category for box in found).items(), key=lambda pair: (-pair[1], str(pair[0])))[0],
                reasons=["drawn at random"] if explored else _reasons(found),
                partition_key=KEY,
                boxes=found,
            )
        )
    return SampleReport(
        dataset=dataset.name,
        partition_key=KEY,
        sample_id="hard_cells",
        strategy="uncertainty of the most uncertain box (box entropy)",
        model="detector",
        seed=SEED,
        budget="12 images",
        images=images,
        left_out=[LeftOut("already labelled", 210, "labels of this partition"), LeftOut("near duplicate of a chosen image", 31)],
        distributions=[
            Distribution("category", {"RBC": 100, "WBC": 20, "Platelets": 14}, {"RBC": 8, "WBC": 1, "Platelets": 3}, {"RBC": "at most 8"}),
            Distribution("source", {"microscope_a": 90, "microscope_b": 44}, {"microscope_a": 12}),
        ],
        notes=["Minimum not met: Blasts at least 5, the pool has none."],
        candidates=134,
    )


def _reasons(boxes: list[PredictedBox]) -> list[str]:
    """Return reasons as sampling words them; those of rare categories only where there is a box of one."""
    hardest = min(boxes, key=lambda box: abs(box.score - 0.5))
    told = f"of {len(boxes)} boxes the model is least sure of one: {hardest.category} (confidence {percent(hardest.score)}) [entropy]"
    has_platelets = any(box.category == "Platelets" for box in boxes)
    rare = "the model sees Platelets, of which there are few labels: 145 of 1,694 [category_rarity]"
    return [told, rare] if has_platelets else [told]


def batch_of_digits(dataset: Dataset, folder: Path) -> SampleReport:
    """Return 30 digits of 8 x 8 px, with probabilities that are made up."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True)
    for number, pixels in enumerate(load_digits().images[:30]):
        Image.fromarray((pixels * (255 / 16)).astype(np.uint8)).save(folder / f"{number:04d}.png")
    ingest_images(dataset, KEY, str(folder), workers=1)
    random = np.random.default_rng(SEED)
    images = []
    for rank, row in enumerate(dataset.images(partition_key=KEY).sort_by("source_uri").to_pylist(), start=1):
        likely = sorted(zip(random.dirichlet(np.full(10, 0.4)).tolist(), map(str, range(10)), strict=True), reverse=True)
        images.append(
            BatchImage(
                rank=rank,
                image_id=row["image_id"],
                source_uri=row["source_uri"],
                storage_uri=row["storage_uri"],
                score=1 - likely[0][0],
                strategy="least_confidence",
                category=likely[0][1],
                reasons=[of_image(Said("", likely[0][1], None, [(name, value) for value, name in likely[:3]], False), "least_confidence")],
                partition_key=KEY,
                probabilities={name: probability for probability, name in likely},
            )
        )
    return SampleReport(
        dataset.name, KEY, "hard_digits", "least confidence (least_confidence)", "logistic_regression", SEED, "30 images", images
    )
