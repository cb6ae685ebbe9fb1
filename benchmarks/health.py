"""Health of one partition of a large dataset: seconds and memory, each in a process of its own.

    python benchmarks/health.py --partitions 28 --images 100000 --labels 500000 --json

Images and boxes are made from a seed in an embedded dataset, the same rows in every partition under other ids. ``cold``: no trailing
partition has a profile, so that health reads all of them; ``warm``: all have one. ``own``: the profile of one partition, which every
run works out. What they are compared with is pyarrow's plain scan of the same columns of the same data files, one after the other in
batches, which looks at nothing (``scan`` of all partitions, ``scan_own`` of one). Memory is by how much the peak of the resident memory
of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import in_a_process, measured, show

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.health.health import check_health
from airflow_cv_dataops.core.health.kept_profiles import keep_profile
from airflow_cv_dataops.core.health.partitions import COUNTED, Partitions
from airflow_cv_dataops.core.health.profiling import _IMAGE_COLUMNS, _LABEL_COLUMNS, _MEASURED, profile_partition
from airflow_cv_dataops.core.store.schema import arrow_schema

FIRST = datetime(2026, 9, 1, tzinfo=UTC)
COLUMNS = {"images": [*_IMAGE_COLUMNS, *_MEASURED], "annotations": list(_LABEL_COLUMNS)}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        in_a_process(fill, home, options)
        result: dict[str, Any] = {"partitions": options.partitions, "images": options.images, "labels": options.labels}
        steps = {"scan_own": (scan, 1), "own": (own, 1), "scan": (scan, options.partitions), "cold": (health, options.partitions)}
        for name, (work, number) in steps.items():
            result |= {f"{name}_{key}": value for key, value in in_a_process(work, home, options.partitions, number).items()}
        in_a_process(keep, home, options.partitions)
        result |= {f"warm_{key}": value for key, value in in_a_process(health, home, options.partitions, 0).items()}
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write images and labels of every partition, a partition at a time."""
    dataset, rng = _open(home), np.random.default_rng(options.seed)
    tables = {"images": dataset.ensure_table("images"), "annotations": dataset.ensure_table("annotations")}
    for day in range(options.partitions):
        images = _images(rng, day, options.images)
        tables["images"].append(images)
        tables["annotations"].append(_labels(rng, day, images, options.labels))
    return {}


def scan(home: str, partitions: int, number: int) -> dict[str, Any]:
    """Read the columns that a profile is made of with pyarrow alone."""
    dataset = _open(home)
    kept = Partitions.of(dataset, dataset.snapshots(COUNTED))

    def work() -> int:
        rows = 0
        for table, columns in COLUMNS.items():
            for day in range(partitions - number, partitions):
                for file in kept.files_of(table, _key(day)):
                    parquet = pq.ParquetFile(file.path.removeprefix("file://"))
                    rows += sum(batch.num_rows for batch in parquet.iter_batches(131_072, columns=columns, use_threads=False))
        return rows

    return measured(work)


def own(home: str, partitions: int, _: int) -> dict[str, Any]:
    dataset = _open(home)
    snapshots = dataset.snapshots(COUNTED)
    return measured(lambda: profile_partition(dataset, _key(partitions - 1), snapshots).images)


def health(home: str, partitions: int, _: int) -> dict[str, Any]:
    dataset = _open(home)
    dataset.read("images", limit=1)
    last = FIRST + timedelta(days=partitions)
    return measured(lambda: check_health(dataset, _key(partitions - 1), as_of=last, on_findings="warn").summary.counts["not_judged"])


def keep(home: str, partitions: int) -> dict[str, Any]:
    """Keep the profiles of the trailing partitions, and take back what the run before has kept of the last."""
    dataset = _open(home)
    kept = Partitions.of(dataset, dataset.snapshots(COUNTED))
    for day in range(partitions - 1):
        keep_profile(dataset, _key(day), profile_partition(dataset, _key(day), kept.snapshots), kept.version(_key(day)), FIRST)
    dataset.replace_partition("profiles", _key(partitions - 1), arrow_schema("profiles").empty_table().drop_columns(["partition_key"]))
    return {}


def _images(rng: np.random.Generator, day: int, number: int) -> pa.Table:
    start = day * number
    names = [f"{at:08}.jpg" for at in range(start, start + number)]
    values: dict[str, Any] = {
        "source_uri": [f"s3://photos/{name}" for name in names],
        "storage_uri": [f"s3://photos/{name}" for name in names],
        "image_id": [f"{(at * 0x9E3779B97F4A7C15) % 2**64:016x}{at:048x}" for at in range(start, start + number)],
        "file_name": names,
        "bytes": rng.lognormal(12, 0.3, number).astype(int),
        **{name: rng.random(number) * top for name, top in (("brightness", 1), ("contrast", 0.5), ("entropy", 8), ("saturation", 1))},
        "sharpness": rng.lognormal(5, 0.5, number),
        "colourfulness": rng.random(number) * 100,
    }
    facts = {"format": "JPEG", "width": 1280, "height": 720, "mode": "RGB", "frames": 1, "camera": "Canon EOS", "ingested_at": _at(day)}
    return _table("images", day, number, values, facts)


def _labels(rng: np.random.Generator, day: int, images: pa.Table, number: int) -> pa.Table:
    of_image = pa.array(np.sort(rng.integers(0, images.num_rows, number)))
    width, height = rng.lognormal(4, 0.5, (2, number))
    box = pa.StructArray.from_arrays([pa.array(side) for side in (width * 0, width * 0, width, height)], ["x", "y", "width", "height"])
    picked = images.select(["image_id", "source_uri", "file_name"]).take(of_image)
    values: dict[str, Any] = {
        **{name: picked[name].combine_chunks() for name in picked.column_names},
        "annotation_id": [f"{at:032x}" for at in range(number)],
        "category": np.array([f"category_{at:02}" for at in range(80)])[rng.integers(0, 80, number)].tolist(),
        "bbox": box,
    }
    facts = {"label_set": "default", "task": "detection", "labeled_at": _at(day), "format": "coco", "source": "s3://labels.json"}
    return _table("annotations", day, number, values, facts)


def _table(table: str, day: int, number: int, values: dict[str, Any], facts: dict[str, Any]) -> pa.Table:
    constant = {name: [value] * number for name, value in {**facts, "partition_key": _key(day)}.items()}
    columns = {**constant, **values}
    schema = arrow_schema(table)

    def column(field: pa.Field) -> pa.Array:
        given = columns.get(field.name)
        if isinstance(given, pa.Array):
            return given
        return pa.nulls(number, field.type) if given is None else pa.array(given, field.type)

    return pa.table({field.name: column(field) for field in schema}, schema=schema)


def _key(day: int) -> str:
    return f"{FIRST + timedelta(days=day):%Y-%m-%d}"


def _at(day: int) -> datetime:
    return FIRST + timedelta(days=day, hours=6)


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=28)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", help="folder for the tables; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
