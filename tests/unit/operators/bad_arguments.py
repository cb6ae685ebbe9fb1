"""Every operator and sensor, arguments that make it, and for each argument a value that is refused."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops import check
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
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardCommitOperator, ImageShardOperator, ImageShardPlanOperator
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor


@check("warning", meaning="It is there twice.", fix="Name it otherwise.")
def twice(data: Any) -> None:
    """A check of one's own, that finds nothing."""


_DATASET = {"dataset": "digits"}
_SOURCE = {**_DATASET, "source": "/data"}

NEEDED: dict[type, dict[str, Any]] = {
    ImageIngestOperator: _SOURCE,
    ImageShardPlanOperator: _SOURCE,
    ImageShardOperator: {**_SOURCE, "plan": {}, "index": 0},
    ImageShardCommitOperator: {**_SOURCE, "plan": {}, "results": []},
    LabelImportOperator: {**_SOURCE, "format": "coco"},
    PredictionImportOperator: {**_SOURCE, "model": "m"},
    ImageEmbeddingOperator: _DATASET,
    LabelAuditOperator: _DATASET,
    DatasetHealthOperator: _DATASET,
    DatasetPromotionOperator: _DATASET,
    DatasetRollbackOperator: {**_DATASET, "reason": "labels are shifted"},
    DatasetDescriptionOperator: _DATASET,
    DatasetDiffOperator: _DATASET,
    DatasetExportOperator: _DATASET,
    DatasetMaintenanceOperator: _DATASET,
    ImageDeletionOperator: {**_DATASET, "reason": "asked for", "image_ids": ["0" * 64]},
    DatasetValidationOperator: _DATASET,
    HardExampleSamplingOperator: _DATASET,
    SamplingReviewOperator: _DATASET,
    DatasetReleaseSensor: _DATASET,
    ImageArrivalSensor: {"source": "/data"},
    LabelFreshnessSensor: _DATASET,
}

_PARTITION = {"partition_key": "a\nb", "partition_format": "%Y-%Q", "partition_timezone": "Europe/Berlim"}
_OF_ALL = {"dataset": "Brk-Bad Name", **_PARTITION}
_PLACE = {"source": "s3://landing/{ds}/images"}
_POLICY = {"on_findings": "wran", "fail_on": ["critical"]}
_REPORT = {"report": "perhaps", "report_max_megabytes": 0.5}
_FILES = {"pattern": ["*.jpg"], "exclude": 5}
_IMPORT = {**_FILES, **_POLICY, "max_unreadable_ratio": "2", "min_match_ratio": 1.5, "keep_unmatched": "perhaps", "allow_empty": "perhaps"}
_INGEST = {
    **_FILES,
    "copy_images": "perhaps",
    "formats": 5,
    "max_reject_ratio": 2,
    "max_bytes": 0,
    "max_pixels": "many",
    "min_side": 1.5,
    "thresholds": {"blury_below": 3},
    "archive_limits": {"max_members": 0},
    "timeout_seconds": 0,
    "worker_memory_bytes": 5,
    "force": "perhaps",
    "allow_empty": "perhaps",
    "workers": 0,
}

BAD: dict[type, dict[str, Any]] = {
    ImageIngestOperator: {**_OF_ALL, **_PLACE, **_INGEST},
    ImageShardPlanOperator: {**_PLACE, "max_files_per_shard": 0, "max_bytes_per_shard": "many"},
    LabelImportOperator: {
        **_OF_ALL, **_PLACE, **_IMPORT, "format": "cocoo", "label_set": 5, "classes": 5, "csv_columns": {"lable": "colour"},
    },
    PredictionImportOperator: {
        **_OF_ALL, **_PLACE, **_IMPORT, "model": "", "format": "propabilities", "coco_reference": "/data/{ds}.json",
        "classes": "/data/{ds}.txt", "ids": "/data/{ds}.txt", "skip_without_source": "perhaps",
    },
    ImageEmbeddingOperator: {
        **_OF_ALL, **_POLICY, "model": "/models/{ds}.onnx", "embeddings": "/data/{ds}.npy", "ids": "/data/{ds}.txt", "embedding_model": 5,
        "input_size": [1, 2, 3], "mean": [0.5, 0.5], "std": "[0, 1, 1]", "resize": "crop_center", "channels": "gbr", "layout": "NHW",
        "batch_size": 0, "threads": 0, "id_column": "file", "output_name": "features", "max_unreadable_ratio": "2",
    },
    LabelAuditOperator: {
        **_OF_ALL, **_POLICY, **_REPORT, "audit": 5, "categories": [], "label_sets": [], "models": [],
        "disabled": ["suspect_labels"], "severities": {"suspect_label": "bad"}, "thresholds": {"duplicate_bbox": {"iuo": 0.5}},
        "limits": {"suspect_label": 0.5}, "max_error_rate": "2", "report_max_pictures": -1,
        "checks": [twice, twice],
    },
    DatasetHealthOperator: {
        **_OF_ALL, **_POLICY, **_REPORT, "as_of": "yesterday", "window": 10, "min_history": 2, "max_image_age_hours": -1,
        "max_label_age_hours": "long", "max_unlabelled_ratio": 2, "max_unlabelled_hours": -1, "disabled": ["volum"],
        "severities": {"image_count": "bad"}, "thresholds": {"image_count": {"scroe": 5}}, "trends": ["a//b[c"],
    },
    DatasetPromotionOperator: {
        **_OF_ALL, "stage": "v3", "release": " ", "gates": ["images => 10"], "splits": {"train": 0.8, "test": 0.3}, "split_salt": 5,
        "group_by": ["camra"], "groups": "cameras", "given_splits": "atributes", "stratify": "perhaps", "frozen_splits": [" test"],
        "max_left_out_ratio": 2, "exclude": ["lables: suspect_label"], "partition_keys": [], "leave_out_unaudited": "perhaps",
        "accept_outdated_audits": "perhaps", "allow_backwards": "perhaps", "on_backwards": "wait", "allow_rolled_back": "perhaps",
        "metrics": {"map50": "good"}, "notes": 5, "card": "perhaps",
    },
    DatasetRollbackOperator: {**_OF_ALL, "stage": "main", "to": "three", "reason": " "},
    DatasetDescriptionOperator: {
        **_OF_ALL, "description": 5, "dataset_owner": "x" * 501, "license": 5, "notes": 5, "stages": ["v1"], "others": {"No Name": "x"},
        "take_back": ["No Name"], "cards": "perhaps",
    },
    ImageDeletionOperator: {
        **_OF_ALL, "reason": " ", "image_ids": ["abc"], "sources": ["a.png"], "where": 5, "releases": "some", "dry_run": "perhaps",
    },
    DatasetMaintenanceOperator: {**_OF_ALL, "keep_history_days": -1, "grace_days": "long", "compact": "perhaps", "dry_run": "perhaps"},
    DatasetDiffOperator: {
        **_OF_ALL, **_REPORT, "before": 5, "after": 5, "iou_threshold": 0, "allow_missing_before": "perhaps", "report_max_pictures": -1,
    },
    DatasetExportOperator: {
        **_OF_ALL, "release": 5, "target": "/exports/{relase}", "format": "yolo-segg", "images": "copied", "without_labels": "some",
        "incomplete_images": "drop", "categories": ["a", "a"], "label_sets": [], "splits": "", "size": "big", "fit": "letterbox",
        "crop": "0,0,0,0", "min_visible": 2, "max_left_out_ratio": 2, "shard_images": 0, "replace": "perhaps",
    },
    DatasetValidationOperator: {
        **_OF_ALL, **_POLICY, "table": "anotations", "suite": "my_suite", "categories": 5, "suite_parameters": "[1]", "contract": "a\nb",
        "release": 5, "whole_dataset": "perhaps", "snapshot_id": "first", "owners": 5, "allow_empty": "perhaps", "max_rows": 10**6,
        "report": "perhaps", "context_root_dir": "/gx",
    },
    HardExampleSamplingOperator: {
        **_OF_ALL, **_REPORT, "strategy": "entropie", "scores": {"entropie": 1}, "budget": 0, "budget_unit": "hours", "cost": {"image": 1},
        "max_per_class": -1, "max_per": {"folder": 5}, "min_per": {"source": 0}, "explore": 2, "near_duplicates": -1, "clusters": 5,
        "preselected": 5, "similar_to": 5, "candidates": "labeled", "partitions": ["x" * 300], "leave_out_issues": ["Blurry!"],
        "leave_out_queued": "perhaps", "labelled_in": "here", "aggregate": "mox", "seed": -1, "sample_id": "../x", "manifest": "xml",
        "custom": ["darkness"], "evaluations": [{"labels": 0, "value": 1}], "next_labels": 0, "report_max_pictures": -1,
    },
    SamplingReviewOperator: {
        **_OF_ALL, **_REPORT, "sample_id": "../x", "compared_with": "a b", "label_sets": [], "min_answered": 0, "min_score": 2, "iou": 0,
        "evaluations": [{"labels": 100}], "next_labels": 0, "report_max_pictures": -1,
    },
    DatasetReleaseSensor: {**_OF_ALL, "stage": "v3", "after": "three"},
    ImageArrivalSensor: {**_PARTITION, **_PLACE, **_FILES, "min_images": -1, "settle_seconds": -1},
    LabelFreshnessSensor: {**_OF_ALL, "label_sets": [], "min_labelled_ratio": 2, "max_age_hours": 0},
}  # fmt: skip

TOGETHER: list[tuple[type, dict[str, Any]]] = [
    (DatasetPromotionOperator, {"release": "staging", "splits": {"train": 1.0}}),
    (DatasetPromotionOperator, {"release": "staging", "exclude": ["images: error"]}),
    (DatasetHealthOperator, {"window": 20, "min_history": 30}),
    (DatasetExportOperator, {"format": "yolo", "images": "reference"}),
    (DatasetExportOperator, {"images": "reference", "size": 640}),
    (DatasetExportOperator, {"images": "reference", "crop": "0,0,1,0.5"}),
    (DatasetExportOperator, {"size": 640, "fit": "pad"}),
    (PredictionImportOperator, {"format": "coco", "coco_reference": "/a.json", "classes": ["cat"]}),
    (ImageEmbeddingOperator, {"model": "/m.onnx", "embeddings": "/v.npy", "embedding_model": "m"}),
    (ImageEmbeddingOperator, {"embeddings": "/v.parquet"}),
    (ImageEmbeddingOperator, {"ids": "/ids.txt"}),
    (ImageEmbeddingOperator, {"model": "descriptor", "input_size": 224}),
    (DatasetValidationOperator, {"release": "v1", "whole_dataset": True}),
    (DatasetValidationOperator, {"table": "releases"}),
    (DatasetValidationOperator, {"suite": {"expectations": [{"type": "x", "severity": "bad"}]}}),
    (DatasetValidationOperator, {"suite": {"expectation": []}}),
    (DatasetValidationOperator, {"suite": "a.json", "categories": ["cat"]}),
    (HardExampleSamplingOperator, {"budget_unit": "boxes", "max_per": {"source": 0.5}}),
    (SamplingReviewOperator, {"sample_id": "a", "compared_with": "a"}),
    (ImageDeletionOperator, {"image_ids": []}),
    (SamplingReviewOperator, {"evaluations": "s3://b/evaluations.parquet"}),
]

CASES = [
    *((kind, {name: value}) for kind, arguments in BAD.items() for name, value in arguments.items()),
    *TOGETHER,
]


def case_id(case: tuple[type, dict[str, Any]]) -> str:
    kind, arguments = case
    return f"{kind.__name__}-{'-'.join(arguments)}"
