"""Datasets of small pictures and rows as no importer writes them, for tests of exports."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)
WIDTH, HEIGHT = 40, 30
ALL_FORMATS = ("coco", "yolo", "yolo_seg", "voc", "imagefolder", "csv", "parquet", "webdataset", "huggingface")
OF_BOXES = tuple(name for name in ALL_FORMATS if name != "imagefolder")


def png(number: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Return a picture that no other number has."""
    written = io.BytesIO()
    Image.new("RGB", size, (number % 256, number // 256, 77)).save(written, "PNG")
    return written.getvalue()


def id_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put_images(dataset: Dataset, folder: Path, files: Mapping[str, bytes], key: str = KEY) -> list[str]:
    """Write rows of images of these names, with the files behind them. :return: the image ids."""
    rows, folder = [], folder / "stored"
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        kept = folder / id_of(data)
        kept.write_bytes(data)
        image = Image.open(io.BytesIO(data))
        turned = image.getexif().get(0x0112)
        width, height = image.size[::-1] if turned in (5, 6, 7, 8) else image.size
        rows.append(
            {
                "source_uri": f"file:///landing/{key}/{name}",
                "image_id": id_of(data),
                "file_name": name,
                "storage_uri": kept.as_uri(),
                "bytes": len(data),
                "format": image.format,
                "width": width,
                "height": height,
                "mode": image.mode,
                "frames": 1,
                "exif_orientation": turned,
                "ingested_at": NOW,
            }
        )
    dataset.replace_partition("images", key, _table("images", rows))
    return [row["image_id"] for row in rows]


def put_labels(dataset: Dataset, labels: Iterable[Mapping[str, Any]], key: str = KEY, label_set: str = "default") -> None:
    """Write rows of annotations; each says ``image_id`` and what else a test is about."""
    places = {
        row["image_id"]: row["source_uri"]
        for row in dataset.read("images", columns=["image_id", "source_uri", "partition_key"]).to_pylist()
        if row["partition_key"] == key
    }
    rows = [
        {
            "annotation_id": f"{number:032x}",
            "task": "detection",
            "source_uri": places[label["image_id"]],
            "file_name": places[label["image_id"]],
            "format": "coco",
            "source": "file:///labels.json",
            **label,
        }
        for number, label in enumerate(labels)
    ]
    dataset.replace_partition("annotations", key, _table("annotations", rows), owner=label_set)


def release(dataset: Dataset, **options: Any) -> None:
    """Make a release of all of it; every image is for training unless other splits are said."""
    assert promote_dataset(dataset, **{"splits": {"train": 1.0}, **options}).failure is None


def box(x: float = 4.0, y: float = 3.0, width: float = 20.0, height: float = 10.0) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}


def _table(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    names = {name for row in rows for name in row}
    return pa.Table.from_pylist(rows, pa.schema([field for field in arrow_schema(table) if field.name in names]))
