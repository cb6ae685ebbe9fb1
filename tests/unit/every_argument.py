"""A DAG file that gives every operator and sensor every argument that is checked when it is parsed, with another value than the default."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from airflow_cv_dataops.common.checking import CheckedArguments
from airflow_cv_dataops.operators.dataset_description import DatasetDescriptionOperator
from airflow_cv_dataops.operators.dataset_diff import DatasetDiffOperator
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_maintenance import DatasetMaintenanceOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_rollback import DatasetRollbackOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_deletion import ImageDeletionOperator
from airflow_cv_dataops.operators.image_embedding import ImageEmbeddingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.operators.sampling_review import SamplingReviewOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardPlanOperator
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor

_PARTITION = {"partition_key": "2026-11-05", "partition_format": "%G-W%V", "partition_timezone": "Europe/Berlin"}
_OF_ALL = {"dataset": "digits", **_PARTITION}
_PLACE = {"source": "s3://landing/{partition_key}/images"}
_POLICY = {"on_findings": "warn", "fail_on": ["error", "warning"]}
_FILES = {"pattern": "*.x", "exclude": ["*.y"]}
_RATIOS = {"max_unreadable_ratio": "0.5", "min_match_ratio": 1, "keep_unmatched": "false", "allow_empty": True}
_IMPORT = {**_OF_ALL, **_PLACE, **_FILES, **_POLICY, **_RATIOS}
_REPORT = {"report": "true", "report_max_megabytes": 5}
_INGEST = {
    **_OF_ALL, **_PLACE, **_FILES, "copy_images": False, "formats": ["JPEG"], "max_reject_ratio": "1", "max_bytes": 10**6,
    "max_pixels": 10**6, "min_side": 8, "thresholds": {"blurry_below": 30}, "archive_limits": {"max_members": 5}, "timeout_seconds": 5,
    "worker_memory_bytes": 2**30, "force": True, "allow_empty": True, "workers": 2,
}  # fmt: skip

ARGUMENTS: dict[type[CheckedArguments], dict[str, Any]] = {
    ImageIngestOperator: _INGEST,
    ImageShardPlanOperator: {**_INGEST, "max_files_per_shard": 10, "max_bytes_per_shard": "1000"},
    LabelImportOperator: {**_IMPORT, "format": "csv", "label_set": "team", "classes": ["cat"], "csv_columns": {"label": "colour"}},
    PredictionImportOperator: {
        **_IMPORT, "model": "m", "format": "probabilities", "coco_reference": "/a.json", "classes": "cat, dog", "ids": "/ids.txt",
        "skip_without_source": True,
    },
    ImageEmbeddingOperator: {
        **_OF_ALL, **_POLICY, "model": "s3://models/m.onnx", "embedding_model": "m", "input_size": "224, 320", "mean": [0.5, 0.5, 0.5],
        "std": "[1, 1, 1]", "resize": "crop", "channels": "bgr", "layout": "NHWC", "output_name": "x", "batch_size": "8", "threads": 2,
        "max_unreadable_ratio": "0.5",
    },
    LabelAuditOperator: {
        **_OF_ALL, **_POLICY, **_REPORT, "audit": "nightly", "categories": ["cat"], "label_sets": ["team"], "models": ["m"], "checks": [],
        "disabled": ["rare_category"], "severities": {"suspect_label": "info"}, "thresholds": {"duplicate_bbox": {"iou": 0.9}},
        "limits": {"suspect_label": "2%"}, "max_error_rate": 0.5, "report_max_pictures": 10,
    },
    DatasetHealthOperator: {
        **_OF_ALL, **_POLICY, **_REPORT, "as_of": "2026-11-05", "window": 30, "min_history": "10", "max_image_age_hours": 1,
        "max_label_age_hours": 1, "max_unlabelled_ratio": 0.5, "max_unlabelled_hours": 1, "disabled": ["volume"],
        "severities": {"image_count": "info"}, "thresholds": {"image_count": {"score": 5}}, "trends": ["ingest/images"],
    },
    DatasetPromotionOperator: {
        **_OF_ALL, "stage": "staging", "gates": ["images >= 10"], "splits": {"a": 0.5, "b": 0.5}, "split_salt": "x",
        "group_by": ["camera", "folder[0]"], "groups": "s3://b/groups.parquet", "given_splits": "attributes.split", "stratify": True,
        "frozen_splits": ["a"], "max_left_out_ratio": 0.5, "exclude": ["labels: suspect_label"], "partition_keys": ["2026-11-05"],
        "leave_out_unaudited": True, "accept_outdated_audits": True, "allow_backwards": True, "on_backwards": "skip",
        "allow_rolled_back": True, "metrics": {"map50": "0.5"}, "notes": "first", "card": False,
    },
    DatasetRollbackOperator: {**_OF_ALL, "stage": "staging", "to": "v3", "reason": "labels are shifted"},
    ImageDeletionOperator: {
        **_OF_ALL, "reason": "asked for", "image_ids": ["0" * 64], "sources": ["s3://b/p/"], "where": "width > 5", "releases": "erase",
        "dry_run": True,
    },
    DatasetMaintenanceOperator: {**_OF_ALL, "keep_history_days": "7", "grace_days": 1.5, "compact": False, "dry_run": True},
    DatasetDescriptionOperator: {
        **_OF_ALL, "description": "digits", "dataset_owner": "team", "license": "MIT", "notes": "none", "stages": ["staging", "production"],
        "others": {"contact": "x"}, "take_back": ["tasks"], "cards": False,
    },
    DatasetDiffOperator: {
        **_OF_ALL, **_REPORT, "before": "v1", "after": "staging", "iou_threshold": 0.7, "allow_missing_before": True,
        "report_max_pictures": 5,
    },
    DatasetExportOperator: {
        **_OF_ALL, "release": "v1", "target": "s3://b/{release}/{partition_key}", "format": "yolo",
        "without_labels": "all", "incomplete_images": "leave_out", "categories": ["cat"], "label_sets": ["team"], "splits": ["train"],
        "size": "640x480", "fit": "pad", "crop": "0,0,1,0.5", "min_visible": 0.5, "max_left_out_ratio": 0.5, "shard_images": 10,
        "replace": True,
    },
    DatasetValidationOperator: {
        **_OF_ALL, **_POLICY, "table": "images", "suite": {"expectations": []}, "suite_parameters": {"least": 1},
        "contract": "mine", "whole_dataset": True, "snapshot_id": "1", "allow_empty": True, "max_rows": 5, "report": False,
    },
    HardExampleSamplingOperator: {
        **_OF_ALL, "strategy": "diverse_top", "scores": {"entropy": 2, "novelty": "1"}, "model": "cnn", "embedding_model": "clip",
        "budget": "5", "budget_unit": "minutes", "cost": {"image": 0.1, "box": "0.2"}, "max_per_class": "5", "max_per": {"source": 20},
        "min_per": {"category": {"dog": 1}}, "explore": 0.1, "near_duplicates": "off", "clusters": "/clusters/{partition_key}.csv",
        "preselected": ["a.png"], "similar_to": ["b.png"], "candidates": "labelled", "partitions": "all", "leave_out_issues": ["blurry"],
        "leave_out_queued": False, "labelled_in": "dataset", "aggregate": "mean", "seed": 1, "sample_id": "weekly", "manifest": "coco",
        "evaluations": "/evaluations/{partition_key}.csv", "next_labels": "50", "custom": [], **_REPORT,
        "report_max_pictures": 10,
    },
    SamplingReviewOperator: {
        **_OF_ALL, **_REPORT, "sample_id": "weekly", "compared_with": "random_batch", "label_sets": ["team"], "model": "m",
        "min_answered": "5", "min_score": "0.3", "iou": 0.7, "evaluations": [{"labels": 100, "value": 0.8}], "next_labels": "50",
        "report_max_pictures": 5,
    },
    DatasetReleaseSensor: {**_OF_ALL, "stage": "staging", "after": "v3"},
    ImageArrivalSensor: {**_PARTITION, **_PLACE, **_FILES, "min_images": "5", "settle_seconds": 5},
    LabelFreshnessSensor: {**_OF_ALL, "label_sets": ["team"], "min_labelled_ratio": 0.5, "max_age_hours": "5"},
}  # fmt: skip

# What goes with nothing above.
INSTEAD: dict[type[CheckedArguments], dict[str, Any]] = {
    ImageEmbeddingOperator: {"dataset": "digits", "embeddings": "/v.npy", "ids": "/ids.txt", "id_column": "name", "embedding_model": "m"},
    DatasetPromotionOperator: {"dataset": "digits", "release": "staging"},
    DatasetExportOperator: {"dataset": "digits", "images": "link"},
    DatasetValidationOperator: {"dataset": "digits", "table": "images", "release": "v1", "categories": ["cat"]},
}

with DAG("every_argument") as dag:
    for number, (kind, arguments) in enumerate([*ARGUMENTS.items(), *INSTEAD.items()]):
        kind(task_id=f"task_{number}", **arguments)
