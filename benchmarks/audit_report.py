"""What an audit's report costs: seconds, bytes and pictures, for findings spread evenly over a folder's images.

usage: python benchmarks/audit_report.py --images FOLDER [--findings 5000] [--pictures 500] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.store.objects import local_path

KEY = "2026-11-05"
SEED = 20261105


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="folder with images")
    parser.add_argument("--findings", type=int, default=5_000)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    arguments = parser.parse_args()
    measured = measure(arguments.images, arguments.findings, arguments.pictures)
    print(json.dumps(measured) if arguments.json else "\n".join(f"{name:<18}{value}" for name, value in measured.items()))


def measure(images: str, findings: int, pictures: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        dataset = open_dataset("report_benchmark", home=home)
        ingest_images(dataset, KEY, images)
        checks = [Check("question", "warning", "A question.", "An answer.", lambda data: _rows(data, findings))]
        without = _timed(lambda: audit_labels(dataset, KEY, checks=checks, on_findings="warn", report=None))[1]
        limits = ReportLimits(max_pictures=pictures)
        result, seconds = _timed(lambda: audit_labels(dataset, KEY, checks=checks, on_findings="warn", report=limits))
        page = Path(local_path(str(result.summary.report_uri))).read_bytes()
    return {
        "images": result.summary.counts["images"],
        "findings": findings,
        "report_seconds": round(seconds - without, 2),
        "report_mb": round(len(page) / 1e6, 2),
        "pictures": page.count(b'"picture":{'),
        "crops": page.count(b'"crop":{'),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _rows(data: Any, findings: int) -> pa.Table:
    """Return overlooked objects of 8 % of the image's sides, the next one on the next image."""
    at = np.arange(findings) % data.images.num_rows
    width, height = (data.images[name].to_numpy()[at] for name in ("width", "height"))
    x, y = np.random.default_rng(SEED).uniform(0, 0.9, (2, findings)) * (width, height)
    boxes = np.round(np.stack([x, y, 0.08 * width, 0.08 * height], axis=1), 1).tolist()
    rows = data.images.select(["source_uri", "image_id"]).take(pa.array(at))
    rows = rows.append_column("message", pa.array([f"object {number} has no label" for number in range(findings)]))
    rows = rows.append_column("score", pa.array(np.arange(findings) / findings))
    return rows.append_column("suggestion", pa.array([json.dumps({"bbox": box, "category": "object", "score": 0.9}) for box in boxes]))


def _timed(work: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


if __name__ == "__main__":
    main()
