"""Sixty days of a dataset with a weekly rhythm, written in one commit a table, and what may go wrong on some of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_cv_dataops import Dataset
from airflow_cv_dataops.core.health.partitions import COUNTED, Partitions
from airflow_cv_dataops.core.health.profiling import profile_partition
from airflow_cv_dataops.core.store.schema import arrow_schema

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
WEEK = (200, 210, 205, 200, 190, 90, 70)  # images by weekday, Monday first
SHARES = {"car": 0.5, "bus": 0.2, "person": 0.3}


@dataclass
class Day:
    """What one day is like. :param images: how many, by its weekday; 0: there is no partition. :param labelled: the share of them."""

    images: int
    labelled: float = 1.0
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    size: tuple[int, int] = (1280, 720)
    mode: str = "RGB"
    camera: str = "Canon EOS"
    label_format: str = "coco"
    brightness: float = 0.5
    boxes: float = 3.0
    box_side: float = 120.0


def key_of(day: int) -> str:
    return f"{FIRST + timedelta(days=day):%Y-%m-%d}"


def as_of(day: int) -> datetime:
    """Return the end of a day."""
    return FIRST + timedelta(days=day + 1)


def days(seed: int, number: int = 60, **planted: Callable[[Day], None]) -> list[Day]:
    """Return days of a weekly rhythm with 5 % of noise. :param planted: by ``d30`` what is to be changed on day 30."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(number):
        usual = WEEK[(FIRST + timedelta(days=at)).weekday()]
        made.append(Day(int(rng.poisson(usual * np.exp(rng.normal(0, 0.05))))))
    for name, change in planted.items():
        change(made[int(name.removeprefix("d"))])
    return made


def write(dataset: Dataset, made: list[Day], seed: int = 0, *, first: int = 0) -> None:
    """Append images and labels of all days. Images come at six o'clock, labels are made at noon."""
    rng = np.random.default_rng([seed, 7])
    tables: dict[str, list[pa.Table]] = {"images": [], "annotations": []}
    for at, day in enumerate(made, first):
        images = image_rows(rng, key_of(at), day, FIRST + timedelta(days=at, hours=6))
        tables["images"].append(images)
        tables["annotations"].append(label_rows(rng, images, day, FIRST + timedelta(days=at, hours=12)))
    for table, parts in tables.items():
        dataset.ensure_table(table).append(pa.concat_tables(parts).cast(arrow_schema(table)))


def keep_profiles(dataset: Dataset, number: int) -> None:
    """Keep the profiles of the first days in one commit, as runs of health on each of them would have."""
    partitions = Partitions.of(dataset, dataset.snapshots(COUNTED))
    rows = [
        {
            "partition_key": key,
            "profile": profile_partition(dataset, key, partitions.snapshots).to_json(),
            "recorded_at": FIRST,
            "input_version": partitions.version(key),
        }
        for key in map(key_of, range(number))
    ]
    dataset.ensure_table("profiles").append(pa.Table.from_pylist(rows, schema=arrow_schema("profiles")))


def image_rows(rng: np.random.Generator, key: str, day: Day, at: datetime) -> pa.Table:
    names = [f"{number:06}.jpg" for number in range(day.images)]
    number = len(names)
    uris = [f"s3://photos/{key}/{name}" for name in names]
    values: dict[str, Any] = {
        "source_uri": uris,
        "image_id": [hashlib.sha256(uri.encode()).hexdigest() for uri in uris],
        "file_name": names,
        "storage_uri": uris,
        "bytes": rng.lognormal(12, 0.3, number).astype(int),
        "sharpness": rng.lognormal(5, 0.5, number),
        "entropy": np.clip(rng.normal(7, 0.3, number), 0, 8),
        "brightness": np.clip(rng.normal(day.brightness, 0.1, number), 0, 1),
        "contrast": np.clip(rng.normal(0.2, 0.03, number), 0, 0.5),
        "saturation": np.clip(rng.normal(0.4, 0.1, number), 0, 1),
        "colourfulness": rng.normal(40, 8, number),
    }
    facts = {"partition_key": key, "format": "JPEG", "width": day.size[0], "height": day.size[1], "mode": day.mode, "frames": 1}
    return _table("images", number, values, {**facts, "camera": day.camera, "ingested_at": at})


def label_rows(rng: np.random.Generator, images: pa.Table, day: Day, at: datetime) -> pa.Table:
    labelled = np.flatnonzero(np.arange(images.num_rows) < round(images.num_rows * day.labelled))
    of_image = np.repeat(labelled, 1 + rng.poisson(day.boxes - 1, len(labelled)))
    number = len(of_image)
    picked = images.select(["image_id", "source_uri", "file_name"]).take(of_image)
    sides = rng.lognormal(np.log(day.box_side), 0.4, (number, 2))
    key = images["partition_key"][0].as_py() if images.num_rows else ""
    names, shares = zip(*day.shares.items(), strict=True)
    values: dict[str, Any] = {
        **{name: picked[name].to_pylist() for name in picked.column_names},
        "annotation_id": [f"{key}-{at}" for at in range(number)],
        "category": rng.choice(names, number, p=np.array(shares) / sum(shares)).tolist(),
        "bbox": [{"x": 1.0, "y": 1.0, "width": width, "height": height} for width, height in sides.tolist()],
    }
    facts = {"partition_key": key, "label_set": "default", "task": "detection", "labeled_at": at, "format": day.label_format}
    return _table("annotations", number, values, {**facts, "source": "labels.json"})


def _table(table: str, number: int, values: Mapping[str, Any], facts: Mapping[str, Any]) -> pa.Table:
    columns = {**{name: [value] * number for name, value in facts.items()}, **values}
    schema = arrow_schema(table)
    return pa.table(
        {
            field.name: pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(number, field.type)
            for field in schema
        },
        schema=schema,
    )
