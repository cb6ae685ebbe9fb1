"""Hard-example sampling of one large partition: seconds and memory, each in a process of its own.

    python benchmarks/sampling.py --images 100000 --classes 1000 --json

Images and class probabilities of one classifier are made from a seed in an embedded dataset; no image is labelled. What sampling is
compared with is PyIceberg alone: a scan of the predictions' columns into Arrow, which holds them all at once. Memory is by how much the
peak of the resident memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from measuring import in_a_process, measured, show

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "all"
COLUMNS = ("prediction_id", "image_id", "task", "category", "score", "probabilities", "classes")
_ROWS_AT_ONCE = 4_096


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        in_a_process(fill, home, options)
        result: dict[str, Any] = {"images": options.images, "classes": options.classes}
        for name, work in (("scan", scan), ("sampling", sample)):
            if name == "sampling" or not options.only_ours:
                result |= {f"{name}_{key}": value for key, value in in_a_process(work, home).items()}
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write images and predictions."""
    dataset, rng = _open(home), np.random.default_rng(options.seed)
    names = [f"{number:08}.jpg" for number in range(options.images)]
    ids = [f"{number:064x}" for number in range(options.images)]
    uris = [f"s3://photos/{name}" for name in names]
    columns: dict[str, Any] = {"source_uri": uris, "image_id": ids, "file_name": names, "storage_uri": uris}
    facts = {"bytes": 1, "format": "JPEG", "width": 640, "height": 480, "mode": "RGB", "frames": 1}
    for name, value in (*facts.items(), ("ingested_at", datetime(2026, 11, 5, tzinfo=UTC))):
        columns[name] = [value] * options.images
    dataset.replace_partition("images", KEY, _in_schema("images", columns))

    classes = [f"category_{number:04}" for number in range(options.classes)]
    text = json.dumps(classes)
    writer = dataset.partition_writer("predictions", KEY, owner="classifier")
    for start in range(0, options.images, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        probabilities = np.exp(rng.normal(size=(len(names[part]), options.classes)) * 3).astype(np.float32)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        count = len(probabilities)
        predicted = {
            "prediction_id": [f"{number:032x}" for number in range(start, start + count)],
            "image_id": ids[part],
            "source_uri": uris[part],
            "file_name": names[part],
            "task": ["classification"] * count,
            "category": [classes[best] for best in probabilities.argmax(axis=1)],
            "score": probabilities.max(axis=1).astype(float),
            "probabilities": pa.FixedSizeListArray.from_arrays(probabilities.ravel(), options.classes).cast(pa.list_(pa.float32())),
            "classes": [text] * count,
            "source": ["s3://predictions.npz"] * count,
        }
        writer.write(_in_schema("predictions", predicted))
    dataset.replace_partition_by_files("predictions", KEY, writer.finish(), owner="classifier")
    return {}


def scan(home: str) -> dict[str, Any]:
    """Read with PyIceberg what sampling has to know of predictions."""
    found = _open(home).load_table("predictions")
    assert found is not None
    return measured(lambda: found.scan(selected_fields=COLUMNS).to_arrow().num_rows)


def sample(home: str) -> dict[str, Any]:
    dataset = _open(home)
    dataset.read("images", limit=1)

    def work() -> int:
        result = sample_hard_examples(dataset, KEY, strategy="entropy", budget=1_000, max_per_class=50, report=None)
        return int(result.summary.counts["sampled"])

    return measured(work)


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _in_schema(table: str, columns: dict[str, Any]) -> pa.Table:
    schema = arrow_schema(table)
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in columns.items()})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only-ours", action="store_true", help="without PyIceberg's scan")
    parser.add_argument("--scratch", help="folder for the tables; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
