"""DataOps for computer vision inside Apache Airflow.

Operators and sensors live in ``operators`` and ``sensors``. What they call is handed on here by name for notebooks and scripts, with the
same defaults (docs/python.md)::

    from airflow_cv_dataops import open_dataset

A name is imported when it is first asked for: DAG parsing stays cheap. These names stay; where a module below ``core`` lies may change.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from airflow_cv_dataops.version import __version__ as __version__

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.audit import audit_labels as audit_labels
    from airflow_cv_dataops.core.audit.check import Check as Check
    from airflow_cv_dataops.core.audit.check import check as check
    from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS as BUILT_IN_CHECKS
    from airflow_cv_dataops.core.audit.finding_rows import annotation_rows as annotation_rows
    from airflow_cv_dataops.core.audit.finding_rows import category_rows as category_rows
    from airflow_cv_dataops.core.audit.finding_rows import image_rows as image_rows
    from airflow_cv_dataops.core.audit.finding_rows import number as number
    from airflow_cv_dataops.core.audit.finding_rows import text as text
    from airflow_cv_dataops.core.catalogue.datasets import list_datasets as list_datasets
    from airflow_cv_dataops.core.catalogue.details import show_dataset as show_dataset
    from airflow_cv_dataops.core.catalogue.facts import DatasetDetails as DatasetDetails
    from airflow_cv_dataops.core.catalogue.facts import DatasetEntry as DatasetEntry
    from airflow_cv_dataops.core.contracts.frame import contract_frame as contract_frame
    from airflow_cv_dataops.core.contracts.validate import validate_table as validate_table
    from airflow_cv_dataops.core.dataset import Dataset as Dataset
    from airflow_cv_dataops.core.dataset import open_dataset as open_dataset
    from airflow_cv_dataops.core.deletion.delete import delete_images as delete_images
    from airflow_cv_dataops.core.diff.diff import diff_releases as diff_releases
    from airflow_cv_dataops.core.diff.release_diff import ReleaseDiff as ReleaseDiff
    from airflow_cv_dataops.core.diff.step import report_diff as report_diff
    from airflow_cv_dataops.core.embeddings.embedding import embed_images as embed_images
    from airflow_cv_dataops.core.embeddings.importing import import_embeddings as import_embeddings
    from airflow_cv_dataops.core.embeddings.reading import read_embeddings as read_embeddings
    from airflow_cv_dataops.core.errors import ConcurrentPromotionError as ConcurrentPromotionError
    from airflow_cv_dataops.core.errors import ConfigurationError as ConfigurationError
    from airflow_cv_dataops.core.errors import CvDataOpsError as CvDataOpsError
    from airflow_cv_dataops.core.errors import DatasetNotFoundError as DatasetNotFoundError
    from airflow_cv_dataops.core.errors import EmptySourceError as EmptySourceError
    from airflow_cv_dataops.core.errors import SharedPartitionError as SharedPartitionError
    from airflow_cv_dataops.core.errors import SourceError as SourceError
    from airflow_cv_dataops.core.errors import StoreError as StoreError
    from airflow_cv_dataops.core.export.export import export_release as export_release
    from airflow_cv_dataops.core.export.manifest import ExportCheck as ExportCheck
    from airflow_cv_dataops.core.export.manifest import check_export as check_export
    from airflow_cv_dataops.core.export.options import ExportOptions as ExportOptions
    from airflow_cv_dataops.core.export.transform.placement import Resize as Resize
    from airflow_cv_dataops.core.health.health import check_health as check_health
    from airflow_cv_dataops.core.imaging.decoding.decode import Limits as Limits
    from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images as ingest_images
    from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings as IngestSettings
    from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards as commit_shards
    from airflow_cv_dataops.core.imaging.ingest.shards.steps import ingest_shard as ingest_shard
    from airflow_cv_dataops.core.imaging.ingest.shards.steps import plan_shards as plan_shards
    from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds as QualityThresholds
    from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits as ArchiveLimits
    from airflow_cv_dataops.core.imaging.sources.arrival import observe_arrival as observe_arrival
    from airflow_cv_dataops.core.labels.formats.coco_writer import to_coco as to_coco
    from airflow_cv_dataops.core.labels.formats.csv_columns import CsvColumns as CsvColumns
    from airflow_cv_dataops.core.labels.formats.voc_writer import to_voc as to_voc
    from airflow_cv_dataops.core.labels.formats.yolo_writer import to_yolo as to_yolo
    from airflow_cv_dataops.core.labels.freshness import observe_labels as observe_labels
    from airflow_cv_dataops.core.labels.importing import import_labels as import_labels
    from airflow_cv_dataops.core.predictions.importing import import_predictions as import_predictions
    from airflow_cv_dataops.core.release.card.card import Card as Card
    from airflow_cv_dataops.core.release.card.card import dataset_card as dataset_card
    from airflow_cv_dataops.core.release.card.card import write_card as write_card
    from airflow_cv_dataops.core.release.describe import describe_dataset as describe_dataset
    from airflow_cv_dataops.core.release.descriptions import Description as Description
    from airflow_cv_dataops.core.release.exclusions.rules import Exclusion as Exclusion
    from airflow_cv_dataops.core.release.gates.gates import Gate as Gate
    from airflow_cv_dataops.core.release.map_style import MapStyleDataset as MapStyleDataset
    from airflow_cv_dataops.core.release.promote import promote_dataset as promote_dataset
    from airflow_cv_dataops.core.release.reader import Release as Release
    from airflow_cv_dataops.core.release.rollback import rollback_stage as rollback_stage
    from airflow_cv_dataops.core.release.splits.options import SplitOptions as SplitOptions
    from airflow_cv_dataops.core.release.stages import observe_stage as observe_stage
    from airflow_cv_dataops.core.report.limits import ReportLimits as ReportLimits
    from airflow_cv_dataops.core.report.location import read_report as read_report
    from airflow_cv_dataops.core.sampling.evaluations import Evaluation as Evaluation
    from airflow_cv_dataops.core.sampling.evaluations import read_evaluations as read_evaluations
    from airflow_cv_dataops.core.sampling.learning_curve import LearningCurve as LearningCurve
    from airflow_cv_dataops.core.sampling.learning_curve import expected_gain as expected_gain
    from airflow_cv_dataops.core.sampling.learning_curve import learning_curve as learning_curve
    from airflow_cv_dataops.core.sampling.manifest import label_studio_tasks as label_studio_tasks
    from airflow_cv_dataops.core.sampling.manifest_formats import convert_manifest as convert_manifest
    from airflow_cv_dataops.core.sampling.review.review import review_sample as review_sample
    from airflow_cv_dataops.core.sampling.sample import sample_hard_examples as sample_hard_examples
    from airflow_cv_dataops.core.sampling.scores.score import Score as Score
    from airflow_cv_dataops.core.sampling.scores.score import sampling_score as sampling_score
    from airflow_cv_dataops.core.sampling.strategies.strategy import Strategy as Strategy
    from airflow_cv_dataops.core.sampling.strategies.strategy import sampling_strategy as sampling_strategy
    from airflow_cv_dataops.core.store.base import Place as Place
    from airflow_cv_dataops.core.store.catalog import CatalogConfig as CatalogConfig
    from airflow_cv_dataops.core.store.former_names import rename_catalog as rename_catalog
    from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset as maintain_dataset
    from airflow_cv_dataops.core.store.schema import TABLES as TABLES
    from airflow_cv_dataops.core.summary import StepResult as StepResult
    from airflow_cv_dataops.core.summary import Summary as Summary
    from airflow_cv_dataops.core.trends.numbers import dataset_metrics as dataset_metrics
    from airflow_cv_dataops.core.trends.trends import metric_trends as metric_trends

_MODULES = {
    "ArchiveLimits": "core.imaging.sources.archive_members",
    "BUILT_IN_CHECKS": "core.audit.checks",
    "Card": "core.release.card.card",
    "CatalogConfig": "core.store.catalog",
    "Check": "core.audit.check",
    "ConcurrentPromotionError": "core.errors",
    "ConfigurationError": "core.errors",
    "CsvColumns": "core.labels.formats.csv_columns",
    "CvDataOpsError": "core.errors",
    "Dataset": "core.dataset",
    "DatasetDetails": "core.catalogue.facts",
    "DatasetEntry": "core.catalogue.facts",
    "DatasetNotFoundError": "core.errors",
    "Description": "core.release.descriptions",
    "EmptySourceError": "core.errors",
    "Evaluation": "core.sampling.evaluations",
    "Exclusion": "core.release.exclusions.rules",
    "ExportCheck": "core.export.manifest",
    "ExportOptions": "core.export.options",
    "Gate": "core.release.gates.gates",
    "IngestSettings": "core.imaging.ingest.settings",
    "LearningCurve": "core.sampling.learning_curve",
    "Limits": "core.imaging.decoding.decode",
    "MapStyleDataset": "core.release.map_style",
    "Place": "core.store.base",
    "QualityThresholds": "core.imaging.measures.quality",
    "Release": "core.release.reader",
    "ReleaseDiff": "core.diff.release_diff",
    "ReportLimits": "core.report.limits",
    "Resize": "core.export.transform.placement",
    "SharedPartitionError": "core.errors",
    "SourceError": "core.errors",
    "SplitOptions": "core.release.splits.options",
    "StepResult": "core.summary",
    "StoreError": "core.errors",
    "Summary": "core.summary",
    "TABLES": "core.store.schema",
    "annotation_rows": "core.audit.finding_rows",
    "category_rows": "core.audit.finding_rows",
    "image_rows": "core.audit.finding_rows",
    "number": "core.audit.finding_rows",
    "text": "core.audit.finding_rows",
    "audit_labels": "core.audit.audit",
    "check": "core.audit.check",
    "check_export": "core.export.manifest",
    "contract_frame": "core.contracts.frame",
    "check_health": "core.health.health",
    "commit_shards": "core.imaging.ingest.shards.steps",
    "convert_manifest": "core.sampling.manifest_formats",
    "dataset_card": "core.release.card.card",
    "dataset_metrics": "core.trends.numbers",
    "delete_images": "core.deletion.delete",
    "describe_dataset": "core.release.describe",
    "diff_releases": "core.diff.diff",
    "embed_images": "core.embeddings.embedding",
    "expected_gain": "core.sampling.learning_curve",
    "export_release": "core.export.export",
    "import_embeddings": "core.embeddings.importing",
    "import_labels": "core.labels.importing",
    "import_predictions": "core.predictions.importing",
    "ingest_images": "core.imaging.ingest.ingest",
    "ingest_shard": "core.imaging.ingest.shards.steps",
    "label_studio_tasks": "core.sampling.manifest",
    "learning_curve": "core.sampling.learning_curve",
    "list_datasets": "core.catalogue.datasets",
    "maintain_dataset": "core.store.maintenance.maintain",
    "metric_trends": "core.trends.trends",
    "observe_arrival": "core.imaging.sources.arrival",
    "observe_labels": "core.labels.freshness",
    "observe_stage": "core.release.stages",
    "open_dataset": "core.dataset",
    "plan_shards": "core.imaging.ingest.shards.steps",
    "promote_dataset": "core.release.promote",
    "read_embeddings": "core.embeddings.reading",
    "read_evaluations": "core.sampling.evaluations",
    "read_report": "core.report.location",
    "rename_catalog": "core.store.former_names",
    "rollback_stage": "core.release.rollback",
    "report_diff": "core.diff.step",
    "review_sample": "core.sampling.review.review",
    "sample_hard_examples": "core.sampling.sample",
    "sampling_score": "core.sampling.scores.score",
    "sampling_strategy": "core.sampling.strategies.strategy",
    "Score": "core.sampling.scores.score",
    "Strategy": "core.sampling.strategies.strategy",
    "show_dataset": "core.catalogue.details",
    "to_coco": "core.labels.formats.coco_writer",
    "to_voc": "core.labels.formats.voc_writer",
    "to_yolo": "core.labels.formats.yolo_writer",
    "write_card": "core.release.card.card",
    "validate_table": "core.contracts.validate",
}
__all__ = ["__version__", *_MODULES]


if not TYPE_CHECKING:  # a type checker is to find a name that is not there

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(_import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
