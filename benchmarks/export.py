"""Exports of a large release: seconds and memory, beside ``cp`` of the same image files, and beside Datumaro.

    python benchmarks/export.py --images 100000 --json
    python benchmarks/export.py --images 100000 --formats yolo,coco --datumaro-python PYTHON

The release is made from a seed: JPEGs of 640 x 480 and a few kB, each with bytes of its own, where the dataset refers to them; five labels
an image, 1 % of them with a fault, ``--polygons`` of them (0 to 1) with a polygon of 20 points; three splits. Each export runs in a process
of its own into an empty folder on the same file system, after everything that was written before is on disk; nothing is removed before the
end, as ext4 makes files several times more slowly for some seconds after others were removed. What it is compared with are
``cp -r`` and ``cp -rl`` (hard links) of the folder of images, which write no label, and Datumaro, where a Python that has it is given:
it imports the COCO export of this run with its images, and exports that as ``coco`` and ``yolo``, images with it. ``extra_mb`` is by how
much the peak of the resident memory of the process exceeds what it was after the imports.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from measuring import in_a_process, measured, show
from PIL import Image
from structural_audit import HEIGHT, WIDTH, make_tables

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.release.promote import promote_dataset

LABELS_AN_IMAGE = 5
DIFFERENT_PICTURES = 50
# Format and what becomes of images.
EXPORTS = (("yolo", "copy"), ("coco", "copy"), ("coco", "link"), ("webdataset", "copy"), ("huggingface", "copy"))
DATUMARO = """
import json, resource, sys, time
from datumaro.components.dataset import Dataset
source, target, kind = sys.argv[1:]
begun = time.perf_counter()
found = Dataset.import_from(source, "coco_instances")
imported = time.perf_counter()
found.export(target, kind, save_media=True)
ended = time.perf_counter()
print(json.dumps({
    "seconds": round(ended - begun, 2), "import_seconds": round(imported - begun, 2),
    "images": len(found), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1)}))
"""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        result: dict[str, Any] = {"images": options.images, **in_a_process(fill, home, options)}
        for name, arguments in (("cp", ["-r"]), ("cp_links", ["-rl"])):
            result[f"{name}_seconds"] = copied(home, arguments)
        coco = None
        for kind, images in EXPORTS:
            if options.formats and kind not in options.formats.split(","):
                continue
            target = Path(home, f"export_{kind}_{images}")
            found = _after_sync(lambda: in_a_process(export, home, str(target), kind, images))  # noqa: B023 (called at once)
            if options.again:
                found["again_seconds"] = in_a_process(export, home, str(target), kind, images)["seconds"]
            result |= {f"{kind}_{images}_{key}": value for key, value in found.items()}
            if (kind, images) == ("coco", "copy"):
                coco = target
        if coco and options.datumaro_python:
            for kind in ("coco_instances", "yolo"):
                result |= {f"datumaro_{kind}_{key}": value for key, value in datumaro(options.datumaro_python, coco, kind).items()}
    show(result, as_json=options.json)


def fill(home: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write images and a release of them; return how large they are."""
    images, boxes = make_tables(options.images * LABELS_AN_IMAGE, options.images, options.polygons, options.seed)
    folder = _photos(home)
    folder.mkdir()
    ids, sizes = [], []
    pictures = [_jpeg(number) for number in range(DIFFERENT_PICTURES)]
    for number in range(options.images):
        data = _with_comment(pictures[number % DIFFERENT_PICTURES], f"{options.seed}/{number}".encode())
        (folder / f"{number:08}.jpg").write_bytes(data)
        ids.append(hashlib.sha256(data).hexdigest())
        sizes.append(len(data))
    uris = pa.array([f"{folder.as_uri()}/{number:08}.jpg" for number in range(options.images)])
    of_id = dict(zip(images["image_id"].to_pylist(), range(options.images), strict=True))
    at = pa.array([of_id[image_id] for image_id in boxes["image_id"].to_pylist()])
    own = {"image_id": pa.array(ids), "source_uri": uris, "storage_uri": uris}
    own["file_name"] = pa.array([f"{number:08}.jpg" for number in range(options.images)])
    for name, column in own.items():
        images = _with(images, name, column)
        if name in boxes.column_names:
            boxes = _with(boxes, name, column.take(at))
    images = _with(images, "bytes", pa.array(sizes, pa.int64()))
    dataset = _open(home)
    dataset.replace_partition("images", "all", images)
    dataset.replace_partition("annotations", "all", boxes.drop_columns(["label_set"]), owner="default")
    splits = {"train": 0.8, "val": 0.1, "test": 0.1}
    failure = promote_dataset(dataset, splits=splits).failure
    assert failure is None, failure
    return {"labels": boxes.num_rows, "image_mb": round(sum(sizes) / 1e6, 1)}


def copied(home: str, arguments: list[str]) -> float:
    """Return the seconds that ``cp`` takes for the folder of images."""
    target = Path(home, f"copied{arguments[0]}")

    def copy() -> float:
        started = time.perf_counter()
        subprocess.run(["cp", *arguments, str(_photos(home)), str(target)], check=True)
        return round(time.perf_counter() - started, 2)

    return float(_after_sync(copy))


def export(home: str, target: str, kind: str, images: str) -> dict[str, Any]:
    """Measure an export."""
    dataset = _open(home)
    dataset.read("images", limit=1)
    options = ExportOptions(format=kind, images=images, max_left_out_ratio=1.0)

    def run() -> dict[str, Any]:
        result = export_release(dataset, target=target, options=options)
        assert result.failure is None, result.failure
        counts = result.summary.to_dict()["counts"]
        return {"files_written": counts["files_written"], "labels": counts["labels"]}

    found = measured(run)
    return {**{name: found[name] for name in ("seconds", "cpu_seconds", "extra_mb")}, **found["result"]}


def datumaro(python: str, source: Path, kind: str) -> dict[str, Any]:
    """Measure Datumaro's import of a COCO export and its export."""
    target = source.with_name(f"datumaro_{kind}")
    command = [python, "-W", "ignore", "-c", DATUMARO, str(source), str(target), kind]
    done = _after_sync(lambda: subprocess.run(command, check=True, capture_output=True, text=True))
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _after_sync(work: Any) -> Any:
    os.sync()
    return work()


def _open(home: str) -> Dataset:
    return open_dataset("benchmark", home=str(Path(home, "home")))


def _photos(home: str) -> Path:
    return Path(home, "photos")


def _jpeg(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8))
    written = io.BytesIO()
    small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(written, "JPEG", quality=30)
    return written.getvalue()


def _with_comment(jpeg: bytes, comment: bytes) -> bytes:
    """Return the same picture as other bytes: with a comment behind the file's first marker."""
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--polygons", type=float, default=0.2, help="share of the labels with a polygon, 0 to 1")
    parser.add_argument("--formats", help="these only, separated by commas")
    parser.add_argument("--again", action="store_true", help="also time a second run over each export, which finds all there")
    parser.add_argument("--datumaro-python", help="a Python that has Datumaro; default: no comparison")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scratch", help="folder for dataset and exports; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
