"""A dataset of ten million images and fifty million labels: what each step takes of it, each in a process of its own.

    python benchmarks/scale.py --images 10000000 --annotations-an-image 5 --partitions 200 --json

The tables are made from a seed in an embedded dataset, partition by partition: boxes of 80 categories, ``--polygons`` of them with a
polygon of 20 points (0 to 1), 1 % with a fault; every partition is audited. One more partition, ``all``, has as many images as the others,
no label, and a classifier's probabilities of ten classes, to sample from. Measured are

- ``scan``: pyarrow alone reads the columns of images and labels that a promotion has to look at, from the same data files;
- ``promotion`` of all of it, ``unchanged``: the same once more, and ``one_partition``: a release of one partition to another stage;
- ``read_one``: its images and labels, read back;
- ``audit``: of one partition, and ``audit_alone``: of the same partition in a dataset that has no other;
- ``sampling``: 1,000 images of the partition without labels; ``commit``: one small partition, ten times.

Memory is by how much the peak of the resident memory of the process exceeds what it was after the imports. ``--home`` names a folder that
keeps the tables, so that another run (``--only promotion``) measures the same ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sampling
from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, make_tables

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS
from airflow_cv_dataops.core.release.promote import promote_dataset

IMAGE_COLUMNS = ("partition_key", "source_uri", "image_id", "file_name")
GATES = ("label_error_rate <= 0.5", "unaudited_partitions == 0")
FULL = "full.json"  # says that a folder holds all tables, and of which size
CLASSES = 10
_ID_LETTERS = 64
_SMALL = 100


def main() -> None:
    options = _options()
    with _home(options) as home:
        is_full = Path(home, FULL)
        filled = {} if is_full.exists() else {f"fill_{key}": value for key, value in in_a_process(fill, home, options).items()}
        result: dict[str, Any] = {**json.loads(is_full.read_text()), **filled}
        for name, work in MEASUREMENTS.items():
            if options.only is None or name in options.only:
                result |= {f"{name}_{key}": value for key, value in in_a_process(work, home).items()}
    for name in ("promotion", "unchanged"):
        if f"{name}_seconds" in result and "scan_seconds" in result:
            result[f"{name}_to_scan"] = round(result[f"{name}_seconds"] / result["scan_seconds"], 2)
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write and audit the partitions, and one of them in a dataset of its own."""
    count = options.images // options.partitions
    template = make_tables(count * options.annotations_an_image, count, options.polygons, options.seed)
    at = pc.index_in(template[1]["image_id"], value_set=template[0]["image_id"].combine_chunks()).combine_chunks()
    dataset, started = _open(home), time.perf_counter()
    for number in range(options.partitions):
        rows, boxes = _partition(template, at, _key(number), np.random.default_rng([options.seed, number]))
        _write(dataset, number, rows, boxes)
        if not number:
            _write(_open(f"{home}/alone"), number, rows, boxes)
    sampling.fill(home, argparse.Namespace(images=count, classes=CLASSES, seed=options.seed))
    audit_labels(dataset, sampling.KEY, on_findings="warn", report=None)
    told = {name: getattr(options, name) for name in ("images", "annotations_an_image", "partitions", "polygons")}
    Path(home, FULL).write_text(json.dumps(told))
    return {"seconds": round(time.perf_counter() - started, 1)}


def scan(home: str) -> dict[str, Any]:
    dataset = _warm(home)
    return measured(lambda: sum(_scanned(dataset, *what) for what in (("images", IMAGE_COLUMNS), ("annotations", LABEL_COLUMNS))))


def promote(home: str) -> dict[str, Any]:
    """To a stage that there is not yet: where tables are kept, those of earlier runs hold the same."""
    return _promoted(home, stage=f"run_{_open(home).read('releases').num_rows}", gates=GATES)


def promote_again(home: str) -> dict[str, Any]:
    stages = [stage for stage in _open(home).read("releases")["stage"].to_pylist() if stage.startswith("run_")]
    return _promoted(home, stage=stages[-1], gates=GATES)


def promote_one(home: str) -> dict[str, Any]:
    return _promoted(home, stage="one", partition_keys=[_key(0)], allow_backwards=True)


def read_one(home: str) -> dict[str, Any]:
    dataset = _warm(home)

    def read() -> tuple[int, int]:
        release = dataset.release("one")
        return release.images(["image_id", "width"]).num_rows, release.annotations(["image_id", "category", "bbox"]).num_rows

    return measured(read)


def audit(home: str) -> dict[str, Any]:
    dataset = _warm(home)
    return measured(lambda: _audited(dataset, 0))


def audit_alone(home: str) -> dict[str, Any]:
    return audit(f"{home}/alone")


def commit(home: str) -> dict[str, Any]:
    """Write a small partition and empty it, again and again; the result is the median's seconds of one commit."""
    dataset = _warm(home)
    rows = dataset.read("images", partition_key=_key(0), limit=_SMALL).drop_columns(["partition_key"])

    def write() -> float:
        seconds = []
        for _ in range(10):
            started = time.perf_counter()
            dataset.replace_partition("images", "small", rows)
            dataset.replace_partition("images", "small", rows.slice(0, 0))
            seconds.append((time.perf_counter() - started) / 2)
        return round(float(np.median(seconds)), 3)

    return measured(write)


# In this order, each in a process of its own. What takes the promotion's place in the tables comes behind it.
MEASUREMENTS: dict[str, Callable[[str], dict[str, Any]]] = {
    "scan": scan,
    "promotion": promote,
    "unchanged": promote_again,
    "one_partition": promote_one,
    "read_one": read_one,
    "audit": audit,
    "audit_alone": audit_alone,
    "sampling": sampling.sample,
    "commit": commit,
}


def _promoted(home: str, **arguments: Any) -> dict[str, Any]:
    dataset = _warm(home)

    def promote() -> int:
        result = promote_dataset(dataset, card=False, **arguments)
        assert result.failure is None, result.failure
        return int(result.summary.to_dict()["counts"]["images"])

    return measured(promote)


def _audited(dataset: Dataset, number: int) -> int:
    result = audit_labels(dataset, _key(number), categories=CATEGORIES, on_findings="warn", report=None)
    return int(result.summary.to_dict()["counts"]["findings"])


def _partition(template: tuple[pa.Table, pa.Table], at: pa.Array, key: str, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Return the template's images and labels as those of another partition: other ids, spread as hashes are, and other places."""
    images, boxes = template
    ids = _hex(rng, images.num_rows)
    images, boxes = _with(images, "image_id", ids), _with(boxes, "image_id", ids.take(at))
    for name in ("source_uri", "storage_uri"):
        images = _with(images, name, pc.replace_substring(images[name], "2026-11-05", key))
    return images, _with(boxes, "source_uri", images["source_uri"].combine_chunks().take(at))


def _hex(rng: np.random.Generator, count: int) -> pa.Array:
    letters = rng.bytes(_ID_LETTERS // 2 * count).hex().encode()
    ends = np.arange(count + 1, dtype=np.int32) * _ID_LETTERS
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(letters))


def _write(dataset: Dataset, number: int, rows: pa.Table, boxes: pa.Table) -> None:
    dataset.replace_partition("images", _key(number), rows)
    dataset.replace_partition("annotations", _key(number), boxes.drop_columns(["label_set"]), owner="default")
    _audited(dataset, number)


def _with(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _scanned(dataset: Dataset, table: str, columns: Sequence[str]) -> int:
    """Return how many rows there are, after reading them file by file."""
    found = dataset.load_table(table)
    assert found is not None
    paths = [task.file.file_path.removeprefix("file://") for task in found.scan().plan_files()]
    return sum(pq.read_table(path, columns=list(columns), partitioning=None).num_rows for path in paths)


def _warm(home: str) -> Dataset:
    """Return a dataset whose tables have been opened."""
    dataset = _open(home)
    dataset.read("images", limit=1)
    return dataset


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=home)


def _key(number: int) -> str:
    return f"part_{number:04}"


@contextlib.contextmanager
def _home(options: argparse.Namespace) -> Iterator[str]:
    if options.home:
        Path(options.home).mkdir(parents=True, exist_ok=True)
        yield options.home
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        yield home


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--annotations-an-image", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=200)
    parser.add_argument("--polygons", type=float, default=0.1, help="share of the labels with a polygon, 0 to 1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="measure this alone; may be repeated; default: everything")
    parser.add_argument("--home", help="folder that keeps the tables; default: a temporary one")
    parser.add_argument("--scratch", help="folder for the temporary one; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
