"""A label import of a COCO file at COCO's size, beside ``json.load`` of the same file: CPU seconds and peak memory.

    python benchmarks/label_import.py --json
    python benchmarks/label_import.py --polygons --json

The file is made from a seed: as many annotations and images as in COCO's ``instances_train2017.json`` (860,000 in 118,000 images), with the
fields that its entries have, 80 categories, numbers of two decimals; 1 % of the images are without annotation. ``--polygons`` gives 99 % of
the annotations a polygon of 5 to 40 points, and the others, which are crowds, a run-length encoding; ``--digits 12`` writes its numbers
with so many decimals. ``--odd 0.01`` gives such a share of the annotations something that must be looked at by itself: a category or an
image that the file does not define, a box of three numbers, a field of the writer's own.

The whole step is measured: the file is read, joined with the images of an embedded dataset, and annotations, findings and metrics are
written. ``json.load`` runs in the same run. Each measurement is a process of its own; ``peak_mb`` is the process's, imports included.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import in_a_process, measured, show
from structural_audit import CATEGORIES, HEIGHT, WIDTH, make_tables

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.labels.importing import import_labels

FAULTS = 4


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as home:
        path = str(Path(home, "instances.json"))
        result = {"annotations": options.annotations, "images": options.images, **in_a_process(write_coco, path, options)}
        for number in range(options.repeat):
            own = str(Path(home, f"run_{number}"))
            in_a_process(write_images, own, options.images)  # by another process, so that the peak is the import's
            loaded, imported = in_a_process(load, path), in_a_process(import_file, path, own)
            for name, found in (("json_load", loaded), ("import", imported)):
                for key, value in found.items():
                    result[f"{name}_{key}"] = min(value, result.get(f"{name}_{key}", value)) if key == "cpu_seconds" else value
    result["times_json_load"] = round(result["import_cpu_seconds"] / result["json_load_cpu_seconds"], 2)
    show(result, as_json=options.json)


def load(path: str) -> dict[str, Any]:
    """Measure ``json.load``."""

    def work() -> int:
        with open(path, encoding="utf-8") as file:
            return len(json.load(file)["annotations"])

    return _told(measured(work))


def import_file(path: str, home: str) -> dict[str, Any]:
    """Measure the whole import of the file into an embedded dataset that holds the images."""
    dataset = open_dataset("benchmark", home=home)
    found = measured(lambda: import_labels(dataset, "all", path, format="coco", on_findings="warn"))
    counts = found["result"].summary.counts
    kept = {
        "rows": counts["annotations"] + counts["backgrounds"],
        "matched": counts["matched"],
        "problems": sum(counts["problems"].values()),
    }
    return {**_told(found), **kept}


def write_images(home: str, count: int) -> dict[str, Any]:
    """Write a partition's images."""
    images, _ = make_tables(1, count, 0.0, 1)
    open_dataset("benchmark", home=home).replace_partition("images", "all", images)
    return {}


def write_coco(path: str, options: argparse.Namespace) -> dict[str, Any]:
    """Write the COCO file, and return its size."""
    rng = np.random.default_rng(options.seed)
    with open(path, "w", encoding="utf-8") as file:
        file.write('{"info": {"description": "made from a seed"},"licenses": [{"id": 4,"name": "none"}],"images": [')
        file.writelines(_listed(_image(number) for number in range(options.images)))
        file.write('],"annotations": [')
        file.writelines(_listed(_annotations(rng, options)))
        categories = [{"supercategory": "thing", "id": number + 1, "name": name} for number, name in enumerate(CATEGORIES)]
        file.write(f'],"categories": {json.dumps(categories)}}}')
    return {"file_mb": round(Path(path).stat().st_size / 1e6, 1)}


def _image(number: int) -> str:
    name = f"camera_{number % 7}/{number:08}.jpg"
    return (
        f'{{"license": 4,"file_name": "{name}","coco_url": "http://i.example.org/{number:012}.jpg","height": {HEIGHT},'
        f'"width": {WIDTH},"date_captured": "2013-11-14 17:02:52","flickr_url": "http://f.example.org/{number:012}_z.jpg","id": {number}}}'
    )


def _annotations(rng: np.random.Generator, options: argparse.Namespace) -> Iterator[str]:
    count = options.annotations
    image = rng.integers(0, max(int(options.images * 0.99), 1), count)
    category = rng.integers(1, len(CATEGORIES) + 1, count)
    boxes = rng.uniform(10, 200, (count, 4)).round(2)
    odd = rng.random(count) < options.odd
    for number in range(count):
        box = ",".join(map(str, boxes[number].tolist()))
        outline, crowd = _outline(rng, number, options) if options.polygons else ("[]", 0)
        fault = number % FAULTS if odd[number] else FAULTS
        shown = {0: 99_999_999}.get(fault, int(image[number]))
        named = {1: 999}.get(fault, int(category[number]))
        box = box.rpartition(",")[0] if fault == 2 else box
        more = ',"score": 0.5' if fault == 3 else ""
        yield (
            f'{{"segmentation": {outline},"area": {boxes[number, 2] * boxes[number, 3]!s},"iscrowd": {crowd},"image_id": {shown},'
            f'"bbox": [{box}],"category_id": {named},"id": {number}{more}}}'
        )


def _outline(rng: np.random.Generator, number: int, options: argparse.Namespace) -> tuple[str, int]:
    if number % 100 == 0:
        runs = rng.integers(1, 900, 60).tolist()
        return f'{{"counts": {json.dumps([*runs, WIDTH * HEIGHT - sum(runs)])},"size": [{HEIGHT},{WIDTH}]}}', 1
    points = rng.uniform(0, HEIGHT, 2 * int(rng.integers(5, 40))).round(options.digits)
    return f"[[{','.join(map(str, points.tolist()))}]]", 0


def _listed(texts: Iterator[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        yield f"{',' if number else ''}{text}"


def _told(found: dict[str, Any]) -> dict[str, Any]:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return {"seconds": found["seconds"], "cpu_seconds": found["cpu_seconds"], "peak_mb": round(peak), "extra_mb": round(found["extra_mb"])}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, default=860_000)
    parser.add_argument("--images", type=int, default=118_000)
    parser.add_argument("--polygons", action="store_true", help="with polygons and run-length encodings")
    parser.add_argument("--digits", type=int, default=2, help="decimals of the polygons' numbers")
    parser.add_argument("--odd", type=float, default=0.0, help="share of the annotations that is of no plain shape, 0 to 1")
    parser.add_argument("--repeat", type=int, default=1, help="measure so often, the least CPU seconds count")
    parser.add_argument("--scratch", help="folder for what is made; default: the system's")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
