"""A comparison of two large releases: seconds and memory, beside pyarrow's scan of the same columns of both.

    python benchmarks/diff.py --images 1000000 --partitions 20 --json

The tables are made from a seed in an embedded dataset: five boxes an image, ``--polygons`` of them with a polygon of 20 points (0 to 1).
Three releases are made of them: ``v1``; ``v2``, for which 1 % of the labels was changed, all of them in every tenth partition (or in each,
where there are fewer than 20); ``v3``, for which every partition was written anew, with 1 % of the labels changed everywhere. A change is
another category, another box, or a label less. Compared are v1 with itself (nothing changed), with v2 (some) and with v3 (anew), each in a
process of its own; so is the scan of both snapshots with pyarrow alone, of the columns that a comparison looks at where everything was
written anew. Memory is by how much the peak of the resident memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.diff.diff import diff_releases
from airflow_cv_dataops.core.diff.label_columns import STATEMENT_COLUMNS
from airflow_cv_dataops.core.release.promote import promote_dataset

LABELS_AN_IMAGE = 5
SHARE = 0.01
ITEM_COLUMNS = ("image_id", "partition_key", "source_uri", "split")
CASES = {"nothing": ("v1", "v1"), "some": ("v1", "v2"), "anew": ("v1", "v3")}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        result = {"images": options.images, "partitions": options.partitions, **in_a_process(fill, home, options)}
        for name, names in CASES.items():
            for what, work in (("scan", scan), ("diff", diff)):
                found = in_a_process(on_dataset, home, work, names)
                result |= {f"{name}_{what}_{key}": value for key, value in found.items()}
            result[f"{name}_diff_to_scan"] = round(result[f"{name}_diff_seconds"] / result[f"{name}_scan_seconds"], 2)
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write and release; return how many labels there are."""
    dataset = _open(home)
    labels = 0
    for number in range(options.partitions):
        rows, boxes = partition(options, number)
        dataset.replace_partition("images", _key(number), rows)
        _write(dataset, number, boxes)
        labels += boxes.num_rows
    _release(dataset)
    every = 10 if options.partitions >= 20 else 1
    for number in range(0, options.partitions, every):
        _write(dataset, number, changed(partition(options, number)[1], SHARE * every, options.seed + number))
    _release(dataset)
    for number in range(options.partitions):
        _write(dataset, number, changed(partition(options, number)[1], SHARE, options.seed + number))
    _release(dataset)
    return {"labels": labels}


def partition(options: argparse.Namespace, number: int) -> tuple[pa.Table, pa.Table]:
    """Return images and labels of a partition; ids are spread as hashes are."""
    count = options.images // options.partitions
    images, boxes = make_tables(count * LABELS_AN_IMAGE, count, options.polygons, options.seed + number)
    letters = np.random.default_rng([options.seed, number]).bytes(32 * count).hex()
    ids = pa.array([letters[64 * place : 64 * place + 64] for place in range(count)])
    at = pc.index_in(boxes["image_id"], value_set=images["image_id"].combine_chunks())
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


def scan(dataset: Dataset, names: tuple[str, str]) -> int:
    """Read with pyarrow alone what a comparison has to look at, of both releases."""
    rows = 0
    for name in names:
        release = dataset.release(name)
        for table, columns in (("release_items", ITEM_COLUMNS), ("annotations", STATEMENT_COLUMNS)):
            found = dataset.load_table(table)
            assert found is not None
            for task in found.scan(snapshot_id=int(release.snapshots[table])).plan_files():
                if table == "annotations" or task.file.partition[0] == name:
                    rows += pq.read_table(task.file.file_path.removeprefix("file://"), columns=list(columns), partitioning=None).num_rows
    return rows


def diff(dataset: Dataset, names: tuple[str, str]) -> dict[str, int]:
    return dict(diff_releases(dataset, *names).counts["labels"])


def on_dataset(home: str, work: Any, names: tuple[str, str]) -> dict[str, Any]:
    """Measure work on a dataset whose tables have been opened."""
    dataset = _open(home)
    dataset.read("images", limit=1)
    return measured(lambda: work(dataset, names))


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _key(number: int) -> str:
    return f"part_{number:04}"


def _write(dataset: Dataset, number: int, boxes: pa.Table) -> None:
    dataset.replace_partition("annotations", _key(number), boxes.drop_columns(["label_set"]), owner="default")


def _release(dataset: Dataset) -> None:
    result = promote_dataset(dataset)
    assert result.failure is None, result.failure


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
