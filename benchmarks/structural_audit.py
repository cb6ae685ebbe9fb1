"""Every structural check on one large partition: seconds of each, of counting and of making the rows, and the memory it takes.

    python benchmarks/structural_audit.py --boxes 1000000 --json

The boxes are made from a seed: ten an image, 80 categories of very different frequency, sizes of a lognormal distribution, and 1 % of them
with a fault (no area, negative, not finite, outside, tiny, a repeat, a near repeat, a repeat under another name). What several checks share
(boxes as arrays, the image of each label) is worked out once, and counts in the seconds of the check that asked first. ``cpu_seconds`` are
those of the process: on a machine that other work shares they say more than the clock.

``--polygons 0.1`` gives a tenth of the labels a polygon of 20 points; ``--images 100`` crowds the boxes into a hundred images; ``--whole``
also writes the tables and times ``audit_labels`` on them, storage included.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from measuring import PeakMemory

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.statistics import audit_metrics, count_findings
from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.findings import Findings, findings_table
from airflow_cv_dataops.core.store.schema import arrow_schema

CATEGORIES = tuple(f"category_{number:02}" for number in range(80))
FAULTS = 8
WIDTH, HEIGHT = 640, 480


def main() -> None:
    options = _options()
    count = options.images or max(options.boxes // 10, 1)
    images, annotations = make_tables(options.boxes, count, options.polygons, options.seed)
    result = measure(images, annotations)
    if options.whole:
        result["whole_audit_seconds"] = round(whole_audit(images, annotations), 2)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:34} {value}")


def measure(images: pa.Table, annotations: pa.Table) -> dict[str, Any]:
    """Return seconds by check and in all, and the memory above what was in use before, which holds the tables already."""
    checks = [check for check in BUILT_IN_CHECKS if not any(name.startswith("predictions.") for name in check.reads)]
    data = AuditInput(images, annotations, arrow_schema("predictions").empty_table(), CATEGORIES)
    seconds: dict[str, float] = {}
    memory, cpu = PeakMemory(), time.process_time()
    found = []
    for check in checks:
        rows = _timed(seconds, check.id, lambda check=check: check.run(data))  # type: ignore[misc]
        found.append(Findings(check.id, check.default_severity, pa.table({"message": pa.array([], pa.string())}) if rows is None else rows))
    check_seconds = sum(seconds.values())
    numbers = _timed(seconds, "(counting)", lambda: count_findings(data, checks, found))
    _timed(seconds, "(metrics)", lambda: list(audit_metrics(numbers)))
    written = _timed(seconds, "(rows of findings)", lambda: findings_table("benchmark", found))
    return {
        "boxes": annotations.num_rows,
        "images": images.num_rows,
        "checks": len(checks),
        "findings": written.num_rows,
        "checks_seconds": round(check_seconds, 2),
        "seconds": round(sum(seconds.values()), 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "extra_mb": round(memory.stop(), 1),
        "seconds_by_check": {name: round(value, 3) for name, value in sorted(seconds.items(), key=lambda item: -item[1])},
    }


def whole_audit(images: pa.Table, annotations: pa.Table) -> float:
    """Return the seconds of an audit of the same tables in a fresh embedded dataset: read, check, count, write."""
    with tempfile.TemporaryDirectory() as home:
        dataset = open_dataset("benchmark", home=home)
        dataset.replace_partition("images", "all", images)
        dataset.replace_partition("annotations", "all", annotations.drop_columns(["label_set"]), owner="default")
        started = time.perf_counter()
        audit_labels(dataset, "all", categories=CATEGORIES, on_findings="warn")
        return time.perf_counter() - started


def make_tables(boxes: int, count: int, polygons: float, seed: int) -> tuple[pa.Table, pa.Table]:
    """Return images and annotations. :param count: images. :param polygons: share of the annotations that have one."""
    rng = np.random.default_rng(seed)
    images = _images(count)
    image = np.sort(rng.integers(0, count, boxes))
    frequency = 1 / np.arange(1, len(CATEGORIES) + 1)
    category = rng.choice(len(CATEGORIES), boxes, p=frequency / frequency.sum())
    width, height = np.exp(rng.normal(math.log(50), 0.6, (2, boxes))).clip(6, 400)
    x, y = rng.uniform(0, WIDTH - width), rng.uniform(0, HEIGHT - height)
    _spoil(rng, image, category, (x, y, width, height))
    uris = images["source_uri"].take(pa.array(image))
    columns = {
        "label_set": pa.repeat("default", boxes),
        "annotation_id": pa.array([f"{number:032x}" for number in range(boxes)]),
        "image_id": images["image_id"].take(pa.array(image)),
        "source_uri": uris,
        "file_name": images["file_name"].take(pa.array(image)),
        "task": pa.repeat("detection", boxes),
        "category": pa.array(CATEGORIES).take(pa.array(category)),
        "bbox": pa.StructArray.from_arrays([pa.array(side) for side in (x, y, width, height)], ["x", "y", "width", "height"]),
        "segmentation": pa.array(_polygons(rng, polygons, (x, y, width, height)), pa.string()),
        "stated_width": pa.repeat(pa.scalar(WIDTH, pa.int32()), boxes),
        "stated_height": pa.repeat(pa.scalar(HEIGHT, pa.int32()), boxes),
        "format": pa.repeat("coco", boxes),
        "source": pa.repeat("s3://labels/instances.json", boxes),
        "source_id": pa.array(np.arange(boxes)).cast(pa.string()),
    }
    return images, _in_schema("annotations", columns, boxes)


def _images(count: int) -> pa.Table:
    names = [f"camera_{number % 7}/{number:08}.jpg" for number in range(count)]
    uris = [f"s3://photos/2026-11-05/{name}" for name in names]
    columns = {
        "source_uri": pa.array(uris),
        "image_id": pa.array([f"{number:064x}" for number in range(count)]),
        "file_name": pa.array(names),
        "storage_uri": pa.array(uris),
        "bytes": pa.repeat(pa.scalar(1, pa.int64()), count),
        "format": pa.repeat("JPEG", count),
        "width": pa.repeat(pa.scalar(WIDTH, pa.int32()), count),
        "height": pa.repeat(pa.scalar(HEIGHT, pa.int32()), count),
        "mode": pa.repeat("RGB", count),
        "frames": pa.repeat(pa.scalar(1, pa.int32()), count),
        "ingested_at": pa.repeat(pa.scalar(datetime(2026, 11, 5, tzinfo=UTC), pa.timestamp("us", tz="UTC")), count),
    }
    return _in_schema("images", columns, count)


def _spoil(rng: np.random.Generator, image: np.ndarray, category: np.ndarray, corners: tuple[np.ndarray, ...]) -> None:
    """Give 1 % of the boxes a fault, each kind an equal part."""
    x, _, width, height = corners
    faulty = np.flatnonzero(rng.random(len(image)) < 0.01)
    faulty = faulty[faulty > 0]
    no_area, negative, infinite, outside, tiny, again, nearly, renamed = (faulty[kind::FAULTS] for kind in range(FAULTS))
    width[no_area], height[negative], x[infinite], x[outside], width[tiny] = 0, -5, np.nan, WIDTH + 20, 1
    for copies, shift in ((again, 0.0), (nearly, 0.02), (renamed, 0.0)):
        image[copies], category[copies] = image[copies - 1], category[copies - 1]
        for side in corners:
            side[copies] = side[copies - 1]
        x[copies] += shift * width[copies]
    category[renamed] = (category[renamed] + 1) % len(CATEGORIES)


def _polygons(rng: np.random.Generator, share: float, corners: tuple[np.ndarray, ...]) -> list[str | None]:
    """Return polygons of 20 points within the boxes, for a share of them."""
    texts: list[str | None] = [None] * len(corners[0])
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for row in np.flatnonzero(rng.random(len(texts)) < share):
        x, y, width, height = (float(side[row]) for side in corners)
        points = np.stack([x + width / 2 * (1 + np.cos(angle)), y + height / 2 * (1 + np.sin(angle))], axis=1)
        texts[row] = json.dumps([points.round(2).ravel().tolist()])
    return texts


def _in_schema(table: str, columns: dict[str, Any], rows: int) -> pa.Table:
    wanted = [field for field in arrow_schema(table) if field.name != "partition_key"]
    return pa.table(
        [columns[field.name].cast(field.type) if field.name in columns else pa.nulls(rows, field.type) for field in wanted],
        schema=pa.schema(wanted),
    )


def _timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = work()
    seconds[name] = time.perf_counter() - started
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boxes", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, help="default: a tenth of the boxes")
    parser.add_argument("--polygons", type=float, default=0.0, help="share of the labels with a polygon, 0 to 1")
    parser.add_argument("--whole", action="store_true", help="also time audit_labels on tables in storage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
