"""The whole chain of steps, in any order of partitions and twice at once: the same rows in every table."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.race_workers import at_once
from PIL import Image

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.once(reason="it takes long and hangs on PyIceberg, which is the same in all sets of versions"),
]

KEYS = ("2026-11-05", "2026-11-06", "2026-11-07")
WRITTEN = ("images", "rejects", "annotations", "predictions", "findings", "samples", "metrics")
CLASSES = ("cat", "dog", "owl")
IMAGES, LABELLED = 12, 8


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of images, labels of two thirds of them, probabilities of all; one that has no label on one day has one on another."""
    root = tmp_path_factory.mktemp("landing")
    for number, key in enumerate(KEYS):
        folder, random = root / key, np.random.default_rng(number)
        (folder / "images").mkdir(parents=True)
        names = [f"{key}_{place}.png" for place in range(IMAGES)]
        pictures = random.integers(0, 256, (IMAGES, 24, 32, 3), dtype=np.uint8)
        pictures[0 if number else IMAGES - 1] = 127
        for name, picture in zip(names, pictures, strict=True):
            Image.fromarray(picture).save(folder / "images" / name)
        (folder / "images" / "broken.png").write_bytes(b"\x89PNG")
        with (folder / "labels.csv").open("w", newline="") as file:
            rows = [["file", "label"], *([name, CLASSES[place % 3]] for place, name in enumerate(names[:LABELLED]))]
            csv.writer(file).writerows([*rows, ["lost.png", "cat"]])
        np.savez(folder / "predictions.npz", ids=names, probabilities=random.dirichlet([0.3] * 3, IMAGES), classes=CLASSES)
    return root


def run_chain(home: str, landing: str, key: str) -> None:
    """Every step of one partition, as its tasks would run them."""
    dataset, folder = open_dataset("pets", home=home), f"{landing}/{key}"
    ingest_images(dataset, key, f"{folder}/images", max_reject_ratio=1.0, workers=1)
    import_labels(dataset, key, f"{folder}/labels.csv", format="csv")
    import_predictions(dataset, key, f"{folder}/predictions.npz", model="m")
    audit_labels(dataset, key, on_findings="warn")
    sample_hard_examples(dataset, key, budget=3)


def rows(home: str) -> dict[str, list[Any]]:
    """Every table's rows but for when they were written and where the home is."""
    dataset = open_dataset("pets", home=home)
    tables = {table: dataset.read(table).drop_columns(list(TABLES[table].run_columns)).to_pylist() for table in WRITTEN}
    return {table: sorted(str(row).replace(home, "") for row in found) for table, found in tables.items()}


@pytest.mark.long
def test_every_table_is_the_same_in_any_order_of_partitions_and_after_a_rerun(landing: Path, tmp_path: Path) -> None:
    found = []
    for order in (KEYS, (KEYS[1], KEYS[2], KEYS[0])):
        home = str(tmp_path / "-".join(order))
        for key in order:
            run_chain(home, str(landing), key)
        found.append(rows(home))
    assert {table: len(found[0][table]) for table in ("images", "rejects", "annotations", "predictions", "samples")} == {
        "images": 3 * IMAGES,
        "rejects": 3,
        "annotations": 3 * (LABELLED + 1),
        "predictions": 3 * IMAGES,
        "samples": 9,
    }
    assert found[0]["findings"]
    for other in found[1:]:
        assert other == found[0]
    run_chain(home, str(landing), KEYS[1])
    assert rows(home) == found[0]


@pytest.mark.races
def test_every_table_is_the_same_where_two_processes_ran_each_partition_at_once(landing: Path, tmp_path: Path) -> None:
    alone, crowded = str(tmp_path / "alone"), str(tmp_path / "crowded")
    for key in KEYS:
        run_chain(alone, str(landing), key)
    at_once(run_chain, [(crowded, str(landing), key) for key in KEYS[:2] for _ in range(2)])
    run_chain(crowded, str(landing), KEYS[2])
    assert rows(crowded) == rows(alone)
