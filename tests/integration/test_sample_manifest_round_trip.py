"""Labels that come back under the names of a COCO manifest belong to the images that were sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.sampling.manifest_formats import encode_manifest
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

KEY = "2026-11-05"


def entries_of(dataset: Dataset) -> list[dict[str, Any]]:
    """Return every image as an entry, with a box whose place and category tell which image it is."""
    return [
        {
            "rank": rank,
            "image_id": row["image_id"],
            "source_uri": row["source_uri"],
            "storage_uri": row["storage_uri"],
            "score": 0.5,
            "category": "cell",
            "reasons": ["entropy"],
            "partition_key": KEY,
            "width": row["width"],
            "height": row["height"],
            "boxes": [{"category": f"kind {rank}", "score": 0.5, "bbox": [rank, 1, 10, 12]}],
        }
        for rank, row in enumerate(dataset.images(partition_key=KEY).sort_by("source_uri").to_pylist(), start=1)
    ]


def test_a_coco_manifest_comes_back_as_labels_of_its_images(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset("cells")
    for number, name in enumerate(("a/1.png", "b/1.png", "b/2 ü.png", "c/d/2 ü.png", "c/3.png")):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((64, 48), 20 + number).save(file)
    assert ingest_images(dataset, KEY, str(tmp_path / "photos"), workers=1).failure is None
    entries = entries_of(dataset)
    manifest = encode_manifest(entries, "coco")
    (tmp_path / "labels.json").write_bytes(manifest)
    assert len({image["file_name"] for image in json.loads(manifest)["images"]}) == 5
    assert import_labels(dataset, KEY, str(tmp_path / "labels.json"), format="coco").failure is None
    found = {row["category"]: (row["image_id"], row["bbox"]["x"]) for row in dataset.annotations(partition_key=KEY).to_pylist()}
    assert found == {f"kind {entry['rank']}": (entry["image_id"], entry["rank"]) for entry in entries}
