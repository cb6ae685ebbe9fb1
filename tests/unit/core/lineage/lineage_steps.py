"""Steps of each kind as lineage is told of them, for tests of events."""

from __future__ import annotations

from airflow_cv_dataops.core.step_lineage import Assertion, DatasetUse, StepLineage
from airflow_cv_dataops.core.store.catalog import CatalogConfig
from airflow_cv_dataops.core.store.dataset import Dataset

S3 = CatalogConfig("prod", {"type": "sql", "uri": "postgresql+psycopg2://ann:pa55word@db:5432/cat", "warehouse": "s3://lake/wh"})
DIGITS = Dataset("digits", S3)
AIRFLOW = {"dag_id": "digits", "task_id": "step", "run_id": "manual__1", "try_number": 2, "map_index": -1, "partition_key": "2026-11-05"}
DAY = {"partition_key": "2026-11-05"}


STEPS = {
    "ingest": StepLineage(
        "ingest",
        inputs=(DatasetUse("s3://raw/digits", holds="images", storage_format="image", rows=4, bytes=4000),),
        outputs=(
            DIGITS.table_use(
                "images", snapshot_id="7", rows=3, bytes=900, files=1, null_counts={"phash": 0}, distinct_counts={"image_id": 2}, **DAY
            ),
            DIGITS.table_use("rejects", snapshot_id="8", rows=1, **DAY),
        ),
        facts={
            "images": 3,
            "rejects": 1,
            "rejectsByReason": {"truncated": 1},
            "duplicates": 1,
            "bytes": 4000,
            "partitionKey": "2026-11-05",
            "imagesPerSecond": 12.5,
        },
        parameters={"copy_images": True, "min_size": 8},
    ),
    "import": StepLineage(
        "import",
        inputs=(
            DatasetUse("file:///data/la%20bels", holds="labels", storage_format="coco", files=1),
            DIGITS.table_use("images", snapshot_id="7", rows=3, **DAY),
        ),
        outputs=(DIGITS.table_use("annotations", snapshot_id="9", rows=3, **DAY),),
        facts={"format": "coco", "files": 1, "records": 3, "matched": 3, "unmatched": 0, "problems": 0, "labelSet": "default"},
    ),
    "embedding": StepLineage(
        "embedding",
        inputs=(
            DatasetUse("s3://models/resnet50.onnx", holds="embedding_model", storage_format="onnx", files=1, rows=1),
            DIGITS.table_use("images", snapshot_id="7", rows=3, **DAY),
        ),
        outputs=(DIGITS.table_use("embeddings", snapshot_id="9", rows=2, owner="resnet50", **DAY),),
        facts={
            "embeddingModel": "resnet50",
            "source": "s3://models/resnet50.onnx",
            "preprocessing": "upright RGB, squashed to 224 x 224 px",
            "parametersId": "0123456789abcdef",
            "dimensions": 2048,
            "images": 3,
            "embedded": 1,
            "kept": 1,
            "unreadable": 1,
        },
    ),
    "audit": StepLineage(
        "audit",
        inputs=(
            DIGITS.table_use("images", snapshot_id="7", rows=3, **DAY),
            DIGITS.table_use(
                "annotations",
                snapshot_id="9",
                rows=3,
                assertions=(
                    Assertion("zero_area_bbox", False, "bbox", "error", "A box with no area.", "<= 2% of the annotations", "1"),
                    Assertion("unknown_category", True, "category", "warning", "Not in the list.", "0", "0"),
                ),
                **DAY,
            ),
        ),
        outputs=(DIGITS.table_use("findings", snapshot_id="10", rows=1, **DAY),),
        facts={
            "audit": "label_audit",
            "findings": 1,
            "bySeverity": {"error": 1},
            "byCheck": {"zero_area_bbox": 1},
            "labelErrorRate": 0.02,
            "reportUri": "s3://lake/wh/digits/reports/label_audit/index.html",
        },
    ),
    "sampling": StepLineage(
        "sampling",
        inputs=(
            DIGITS.table_use("images", snapshot_id="7"),
            DIGITS.table_use("predictions", snapshot_id="11"),
            DIGITS.table_use("findings"),
        ),
        outputs=(DIGITS.table_use("samples", snapshot_id="12", rows=2, **DAY),),
        facts={"sampleId": "hard_examples", "candidates": 3, "sampled": 2, "manifestUri": "s3://lake/wh/digits/samples/m.json"},
        parameters={"strategy": "entropy", "seed": 7, "budget": 2, "categories": ["3", "8"]},
    ),
    "sampling_review": StepLineage(
        "sampling_review",
        inputs=(DIGITS.table_use("samples", snapshot_id="12", rows=2, **DAY), DIGITS.table_use("annotations", snapshot_id="9", **DAY)),
        outputs=(DIGITS.table_use("metrics", snapshot_id="15", rows=9, **DAY),),
        facts={
            "sampleId": "hard_examples",
            "model": "cnn",
            "judged": {"entropy": 90, "random": 50},
            "wrong": {"entropy": 42, "random": 8},
            "outcomes": {"entropy": "more"},
            "reportUri": "s3://lake/wh/digits/reports/sampling_review_hard_examples/index.html",
        },
    ),
    "health": StepLineage(
        "health",
        inputs=(DIGITS.table_use("images", snapshot_id="7", assertions=(Assertion("image_count", success=False, severity="error"),)),),
        outputs=(
            DIGITS.table_use("findings", snapshot_id="13", rows=1, **DAY),
            DIGITS.table_use("profiles", snapshot_id="14", rows=1, **DAY),
        ),
        facts={
            "asOf": "2026-11-06T00:00:00+00:00",
            "trailingPartitions": 56,
            "breaches": 1,
            "notJudged": 4,
            "bySeverity": {"error": 1, "warning": 0, "info": 0},
            "byPillar": {"volume": 1},
            "byCheck": {"image_count": 1},
        },
    ),
    "promotion": StepLineage(
        "promotion",
        inputs=(DIGITS.table_use("images", snapshot_id="7"), DIGITS.table_use("annotations", snapshot_id="9")),
        outputs=(DIGITS.table_use("releases", snapshot_id="13", rows=1),),
        facts={
            "release": "v1",
            "stage": "production",
            "parent": None,
            "action": "rollback",
            "reason": "camera 3 is shifted",
            "contentId": "ab" * 16,
            "images": 2,
            "annotations": 3,
            "unchanged": False,
            "splits": {"train": 1, "val": 1},
            "snapshots": {"images": "7"},
        },
        gates=(
            {"name": "images >= 2", "status": "pass", "expected": ">= 2", "actual": "2"},
            {"name": "label_error_rate <= 0.01", "status": "fail", "expected": "<= 0.01", "actual": ""},
        ),
    ),
    "sensor": StepLineage(
        "sensor",
        inputs=(DIGITS.table_use("images", snapshot_id="7"),),
        facts={"condition": "at least 100 images", "satisfied": True, "details": {"images": 120}},
    ),
}
