"""Reports in a few words: images in a dataset of the test's own, findings as dictionaries, and the page read back."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.report import write_audit_report
from airflow_cv_dataops.core.audit.statistics import count_findings
from airflow_cv_dataops.core.findings import Findings, findings_table
from airflow_cv_dataops.core.report.limits import ReportLimits
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Report:
    uri: str
    page: bytes

    @property
    def html(self) -> str:
        return self.page.decode()

    @property
    def data(self) -> dict[str, Any]:
        """The gallery's data, as the page's script reads it."""
        [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', self.html, re.DOTALL)
        return json.loads(found)


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return noise, which compresses badly."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def store_images() -> Callable[..., dict[str, str]]:
    """Keep files as a dataset's images and return their sources by name; ``size`` is width and height of the upright image."""

    def store(dataset: Dataset, files: dict[str, bytes], size: tuple[int, int] = (64, 48)) -> dict[str, str]:
        rows = []
        for name, content in files.items():
            image_id = hashlib.sha256(content).hexdigest()
            stored = dataset.objects().write(f"objects/{image_id[:2]}/{image_id}", content)
            facts = {"file_name": name, "bytes": len(content), "format": "PNG", "width": size[0], "height": size[1], "mode": "RGB"}
            facts |= {"frames": 1, "ingested_at": datetime(2026, 11, 5, tzinfo=UTC)}
            rows.append({"source_uri": f"s3://photos/{name}", "image_id": image_id, "storage_uri": stored, **facts})
        schema = pa.schema([field for field in arrow_schema("images") if field.name in rows[0]])
        dataset.replace_partition("images", KEY, pa.Table.from_pylist(rows, schema))
        return {row["file_name"]: row["source_uri"] for row in rows}

    return store


@pytest.fixture
def report_of() -> Callable[..., Report]:
    """Write a report of findings by check (``{"error:some_check": [{...}]}``) on labels, and read it back."""

    def build(
        dataset: Dataset,
        findings: dict[str, list[dict[str, Any]]],
        labels: list[dict[str, Any]] | None = None,
        *,
        partition_key: str = KEY,
        audit: str = "label_audit",
        meaning: str = "What `side_px` means.",
        unable: Mapping[str, str] = NOTHING,
        **limits: int,
    ) -> Report:
        found, checks = [], []
        for name, rows in findings.items():
            severity, _, check = name.partition(":")
            checks.append(Check(check, severity, meaning, "How to mend it.", lambda data: None))
            found.append(Findings(check, severity, _table("findings", [{"message": "wrong", **row} for row in rows])))
        annotations = _table("annotations", labels or [])
        images = dataset.images(partition_key=partition_key)
        numbers = count_findings(AuditInput(images, annotations, arrow_schema("predictions").empty_table()), checks, found)
        uri = write_audit_report(
            dataset,
            partition_key,
            audit,
            findings=findings_table(audit, found),
            annotations=annotations,
            images_snapshot_id=dataset.snapshot_id("images"),
            statistics=numbers,
            checks=checks,
            unable=unable,
            limits=ReportLimits(**limits),
        )
        return Report(uri, read_report(dataset, uri))

    return build


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = arrow_schema(name)
    wanted = {
        "annotations": schema.names,
        "findings": ["message", "image_id", "source_uri", "annotation_id", "category", "score", "suggestion"],
    }
    nullable = pa.schema([schema.field(column).with_nullable(True) for column in wanted[name]])
    return pa.Table.from_pylist([{**dict.fromkeys(nullable.names), **row} for row in rows], nullable)


def bbox(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}
