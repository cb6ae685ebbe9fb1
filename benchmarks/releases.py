"""Promotions and comparisons of a large dataset, beside pyarrow's scan of the same columns: seconds and memory, each in its own process.

    python benchmarks/releases.py --images 1000000 --partitions 20 --json

The tables are made from a seed in an embedded dataset: five boxes an image, ``--polygons`` of them with a polygon of 20 points (0 to 1),
1 % with a fault; every partition is audited. Measured are

- ``promotion``: of all of it, by hash of image ids; ``unchanged``: once more; ``grouped``: to another stage, in groups of some ten images,
  stratified by category, without labels that an error condemns; ``regrouped``: the same once more, with what is remembered;
- ``card`` of the release, without pictures, and reading it back;
- ``diff`` of v1 with itself (``nothing``), with a release for which 1 % of the labels changed in every tenth partition (``some``), and with
  one for which every partition was written anew, 1 % of the labels changed (``anew``). A change is another category, another box, or a
  label less.

What they are compared with is pyarrow alone, which reads the columns that they have to look at from the same data files into Arrow: of
images and labels for a promotion, of the items and labels of both releases for a comparison. Memory is by how much the peak of the resident
memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.diff.diff import diff_releases
from airflow_cv_dataops.core.diff.label_columns import STATEMENT_COLUMNS
from airflow_cv_dataops.core.release.card.card import dataset_card
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.splits.options import SplitOptions

LABELS_AN_IMAGE = 5
SHARE = 0.01
IMAGE_COLUMNS = ("partition_key", "source_uri", "image_id", "file_name")
ITEM_COLUMNS = ("image_id", "partition_key", "source_uri", "split")
PAIRS = {"nothing": ("v1", "v1"), "some": ("v1", "v3"), "anew": ("v1", "v4")}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        result = {"images": options.images, "partitions": options.partitions, **in_a_process(fill, home, options)}
        for name, work in (
            ("scan", scan),
            ("promotion", promote),
            ("unchanged", promote),
            ("grouped", promote_groups),
            ("regrouped", promote_groups),
            ("card", card),
            ("read_images", read_images),
            ("read_boxes", read_boxes),
        ):
            result |= {f"{name}_{key}": value for key, value in in_a_process(on_dataset, home, work).items()}
        in_a_process(change, home, options)
        for name, releases in PAIRS.items():
            for what, compare in (("scan", scan_both), ("diff", diff)):
                found = in_a_process(on_dataset, home, compare, releases)
                result |= {f"{name}_{what}_{key}": value for key, value in found.items()}
            result[f"{name}_diff_to_scan"] = round(result[f"{name}_diff_seconds"] / result[f"{name}_scan_seconds"], 2)
    for name in ("promotion", "grouped", "regrouped"):
        result[f"{name}_to_scan"] = round(result[f"{name}_seconds"] / result["scan_seconds"], 2)
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write and audit the partitions; return how many labels there are and how long their segmentations are in all."""
    dataset = _open(home)
    labels = characters = 0
    for number in range(options.partitions):
        rows, boxes = partition(options, number)
        dataset.replace_partition("images", _key(number), rows)
        _write(dataset, number, boxes)
        audit_labels(dataset, _key(number), categories=CATEGORIES, on_findings="warn", report=None)
        labels += boxes.num_rows
        characters += pc.sum(pc.binary_length(boxes["segmentation"])).as_py() or 0
    return {"labels": labels, "segmentation_mb": round(characters / 1e6, 1)}


def change(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write labels that differ from those of v1 in some partitions, and release; then in all of them, and release."""
    dataset = _open(home)
    every = 10 if options.partitions >= 20 else 1
    for name, numbers, share in (("v3", range(0, options.partitions, every), SHARE * every), ("v4", range(options.partitions), SHARE)):
        for number in numbers:
            _write(dataset, number, changed(partition(options, number)[1], share, options.seed + number))
        result = promote_dataset(dataset, card=False)
        assert result.failure is None, result.failure
        assert result.summary.to_dict()["release"] == name
    return {}


def partition(options: argparse.Namespace, number: int) -> tuple[pa.Table, pa.Table]:
    """Return images and labels of a partition; ids are spread as hashes are."""
    count = options.images // options.partitions
    images, boxes = make_tables(count * LABELS_AN_IMAGE, count, options.polygons, options.seed + number)
    letters = np.random.default_rng([options.seed, number]).bytes(32 * count).hex()
    ids = pa.array([letters[64 * place : 64 * place + 64] for place in range(count)])
    at = pc.index_in(boxes["image_id"], value_set=images["image_id"].combine_chunks())
    cameras = pa.array([f"camera {number}-{place // 10}" for place in range(count)])
    images = images.drop_columns([name for name in images.column_names if name == "camera"]).append_column("camera", cameras)
    return _with(images, "image_id", ids), _with(boxes, "image_id", ids.take(at.combine_chunks()))


def changed(boxes: pa.Table, share: float, seed: int) -> pa.Table:
    """Return the labels with a share of them changed: a third each has another category, another box, or is gone."""
    rng = np.random.default_rng([seed, 1])
    what = np.where(rng.random(boxes.num_rows) < share, rng.integers(1, 4, boxes.num_rows), 0)
    category = pc.if_else(pa.array(what == 1), pa.scalar(CATEGORIES[-1]), boxes["category"])
    box = boxes["bbox"].combine_chunks()
    sides = {name: pc.struct_field(box, name) for name in ("x", "y", "width", "height")}
    sides["width"] = pc.if_else(pa.array(what == 2), pc.multiply(sides["width"], 1.1), sides["width"])
    moved = pa.StructArray.from_arrays(list(sides.values()), list(sides))
    return _with(_with(boxes, "category", category), "bbox", moved).filter(pa.array(what != 3))


def scan(dataset: Dataset) -> int:
    """Read with pyarrow alone what a promotion has to know of images and labels."""
    return sum(_scanned(dataset, table, columns, None) for table, columns in (("images", IMAGE_COLUMNS), ("annotations", LABEL_COLUMNS)))


def scan_both(dataset: Dataset, releases: Sequence[str]) -> int:
    """Read with pyarrow alone what a comparison has to look at, of both releases."""
    tables = (("release_items", ITEM_COLUMNS), ("annotations", STATEMENT_COLUMNS))
    return sum(_scanned(dataset, table, columns, name) for name in releases for table, columns in tables)


def promote(dataset: Dataset) -> int:
    result = promote_dataset(dataset, gates=["label_error_rate <= 0.5", "unaudited_partitions == 0"], card=False)
    assert result.failure is None, result.failure
    return int(result.summary.to_dict()["counts"]["images"])


def promote_groups(dataset: Dataset) -> int:
    splits = SplitOptions(group_by=["camera"], stratify=True, salt="by camera")
    result = promote_dataset(dataset, stage="staging", splits=splits, exclude=["labels: error"], card=False)
    assert result.failure is None, result.failure
    return int(result.summary.to_dict()["counts"]["images"])


def card(dataset: Dataset) -> int:
    return len(dataset_card(dataset.release("v1"), pictures=False).html)


def read_images(dataset: Dataset) -> int:
    return dataset.release("v1").images().num_rows


def read_boxes(dataset: Dataset) -> int:
    return dataset.release("v1").annotations(["image_id", "category", "bbox"]).num_rows


def diff(dataset: Dataset, releases: Sequence[str]) -> dict[str, int]:
    return dict(diff_releases(dataset, *releases).counts["labels"])


def on_dataset(home: str, work: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Measure work on a dataset whose tables have been opened."""
    dataset = _open(home)
    dataset.read("images", limit=1)
    return measured(lambda: work(dataset, *arguments))


def _scanned(dataset: Dataset, table: str, columns: Sequence[str], release: str | None) -> int:
    """Return how many rows there are, after reading them. :param release: at whose snapshot, and of whose items."""
    found = dataset.load_table(table)
    assert found is not None
    snapshot_id = None if release is None else int(dataset.release(release).snapshots[table])
    rows = 0
    for task in found.scan(snapshot_id=snapshot_id).plan_files():
        if table != "release_items" or task.file.partition[0] == release:
            rows += pq.read_table(task.file.file_path.removeprefix("file://"), columns=list(columns), partitioning=None).num_rows
    return rows


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _key(number: int) -> str:
    return f"part_{number:04}"


def _write(dataset: Dataset, number: int, boxes: pa.Table) -> None:
    dataset.replace_partition("annotations", _key(number), boxes.drop_columns(["label_set"]), owner="default")


def _with(table: pa.Table, name: str, column: Any) -> pa.Table:
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
