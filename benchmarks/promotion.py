"""A promotion of a large dataset, the release read back, and its card: seconds and memory, each in a process of its own.

    python benchmarks/promotion.py --images 1000000 --partitions 20 --polygons 1 --json

The tables are those of the structural audit's benchmark, made from a seed in an embedded dataset: five labels an image, ``--polygons``
of them with a polygon of 20 points (0 to 1), 1 % with a fault; every partition is audited. What a promotion is compared with is PyIceberg
alone: a scan of the same columns of ``images`` and ``annotations`` into Arrow, which holds them all at once. Memory is by how much the peak
of the resident memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from typing import Any

import pyarrow.compute as pc
from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release.card.card import dataset_card
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS
from airflow_cv_dataops.core.release.promote import promote_dataset

LABELS_AN_IMAGE = 5


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        labels = in_a_process(fill, home, options)
        result = {"images": options.images, "partitions": options.partitions, **labels}
        for name, work in (
            ("scan", scan),
            ("promotion", promote),
            ("unchanged", promote),
            ("read_images", images),
            ("read_labels", annotations),
            ("read_boxes", boxes),
            ("card", card),
        ):
            result |= {f"{name}_{key}": value for key, value in in_a_process(on_dataset, home, work).items()}
    result["promotion_to_scan"] = round(result["promotion_seconds"] / result["scan_seconds"], 2)
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write and audit the partitions; return how many labels there are and how long their segmentations are in all."""
    dataset = _open(home)
    labels = characters = 0
    per_partition = options.images // options.partitions
    for number in range(options.partitions):
        key = f"part_{number:04}"
        found = make_tables(per_partition * LABELS_AN_IMAGE, per_partition, options.polygons, options.seed + number)
        # The same names in every partition, and other bytes. Ids differ in their first digits, as hashes do.
        rows, boxes = (_with(table, "image_id", _id_of(table["image_id"], number)) for table in found)
        dataset.replace_partition("images", key, rows)
        dataset.replace_partition("annotations", key, boxes.drop_columns(["label_set"]), owner="default")
        audit_labels(dataset, key, categories=CATEGORIES, on_findings="warn", report=None)
        labels += boxes.num_rows
        characters += pc.sum(pc.binary_length(boxes["segmentation"])).as_py() or 0
    return {"labels": labels, "segmentation_mb": round(characters / 1e6, 1)}


def scan(dataset: Dataset) -> int:
    """Read with PyIceberg what a promotion has to know of images and labels."""
    rows = 0
    for table, columns in (("images", ("partition_key", "source_uri", "image_id")), ("annotations", LABEL_COLUMNS)):
        found = dataset.load_table(table)
        assert found is not None
        rows += found.scan(selected_fields=columns).to_arrow().num_rows
    return rows


def promote(dataset: Dataset) -> int:
    result = promote_dataset(dataset, gates=["label_error_rate <= 0.5", "unaudited_partitions == 0"])
    assert result.failure is None, result.failure
    return result.summary.to_dict()["counts"]["images"]


def images(dataset: Dataset) -> int:
    return dataset.release("production").images().num_rows


def annotations(dataset: Dataset) -> int:
    return dataset.release("production").annotations().num_rows


def boxes(dataset: Dataset) -> int:
    return dataset.release("production").annotations(["image_id", "category", "bbox"]).num_rows


def card(dataset: Dataset) -> int:
    return len(dataset_card(dataset.release("production"), pictures=False).html)


def on_dataset(home: str, work: Callable[[Dataset], int]) -> dict[str, Any]:
    """Measure work on a dataset whose tables have been opened."""
    dataset = _open(home)
    dataset.read("images", limit=1)
    return measured(lambda: work(dataset))


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _id_of(ids: Any, partition: int) -> Any:
    return pc.utf8_replace_slice(pc.ascii_reverse(ids), 8, 16, f"{partition:08x}")


def _with(table: Any, name: str, column: Any) -> Any:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=20)
    parser.add_argument("--polygons", type=float, default=1.0, help="share of the labels with a polygon, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", help="folder for the tables; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
