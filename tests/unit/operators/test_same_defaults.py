"""An operator that is told nothing tells its ``core`` function what that function does by itself: a notebook and a DAG do the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_cv_dataops import BUILT_IN_CHECKS, Dataset, observe_arrival, observe_labels, observe_stage
from airflow_cv_dataops.operators.base import DatasetOperator
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

# What a run says of itself, what it is about, and what opens a source.
_OF_A_RUN = {"sources", "dag_id", "run_id", "partition_key", "said_by", "seen_at", "as_of", "source_options", "target_options"}
_INGEST, _SHARDS = "core.imaging.ingest.ingest.ingest_images", "core.imaging.ingest.shards.steps"


class AskedError(Exception):
    """Ends the step when it has asked."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, make_dataset: Callable[..., Dataset]) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Return a function that runs an operator and returns what it asked its ``core`` function for, and that function's defaults."""

    def ask(operator: DatasetOperator, function: str) -> tuple[dict[str, Any], dict[str, Any]]:
        module, _, name = function.rpartition(".")
        home = import_module(f"airflow_cv_dataops.{module}")
        signature = inspect.signature(getattr(home, name))
        bound: list[inspect.BoundArguments] = []

        def record(*arguments: Any, **named: Any) -> None:
            bound.append(signature.bind(*arguments, **named))
            raise AskedError

        monkeypatch.setattr(home, name, record)
        monkeypatch.setattr(DatasetOperator, "begin", lambda self, context: (make_dataset(), "2026-11-05"))
        ti = SimpleNamespace(dag_id="dag", task_id="step", run_id="run")
        with pytest.raises(AskedError):
            operator.execute({"ti": ti, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))})  # type: ignore[typeddict-item]
        defaults = {parameter.name: parameter.default for parameter in signature.parameters.values()}
        return dict(bound[0].arguments), defaults

    return ask


@pytest.mark.parametrize(
    ("operator", "arguments", "function"),
    [
        (ImageIngestOperator, {"source": "/in"}, _INGEST),
        (ImageShardPlanOperator, {"source": "/in"}, f"{_SHARDS}.plan_shards"),
        (ImageShardOperator, {"source": "/in", "plan": {"shards": 1}, "index": 0}, f"{_SHARDS}.ingest_shard"),
        (ImageShardCommitOperator, {"source": "/in", "plan": {"shards": 0}, "results": []}, f"{_SHARDS}.commit_shards"),
        (LabelImportOperator, {"source": "/in", "format": "coco"}, "core.labels.importing.import_labels"),
        (PredictionImportOperator, {"source": "/in", "model": "cnn"}, "core.predictions.importing.import_predictions"),
        (ImageEmbeddingOperator, {}, "core.embeddings.embedding.embed_images"),
        (
            ImageEmbeddingOperator,
            {"embeddings": "/v.npy", "embedding_model": "m"},
            "core.embeddings.importing.import_embeddings",
        ),
        (LabelAuditOperator, {}, "core.audit.audit.audit_labels"),
        (DatasetValidationOperator, {}, "core.contracts.validate.validate_table"),
        (DatasetHealthOperator, {}, "core.health.health.check_health"),
        (HardExampleSamplingOperator, {}, "core.sampling.sample.sample_hard_examples"),
        (SamplingReviewOperator, {}, "core.sampling.review.review.review_sample"),
        (DatasetPromotionOperator, {}, "core.release.promote.promote_dataset"),
        (DatasetRollbackOperator, {"reason": "bad labels"}, "core.release.rollback.rollback_stage"),
        (DatasetDescriptionOperator, {}, "core.release.describe.describe_dataset"),
        (DatasetDiffOperator, {}, "core.diff.step.report_diff"),
        (DatasetExportOperator, {}, "core.export.export.export_release"),
        (DatasetMaintenanceOperator, {}, "core.store.maintenance.maintain.maintain_dataset"),
        (ImageDeletionOperator, {"reason": "asked for", "sources": ["s3://b/p/"]}, "core.deletion.delete.delete_images"),
    ],
)
def test_an_operator_asks_for_what_its_function_does_by_itself(
    asked: Callable[..., tuple[dict[str, Any], dict[str, Any]]], operator: type[DatasetOperator], arguments: dict[str, Any], function: str
) -> None:
    given, defaults = asked(operator(task_id="step", dataset="digits", **arguments), function)
    told = {name: value for name, value in given.items() if defaults[name] is not inspect.Parameter.empty and name not in _OF_A_RUN}
    assert told
    empty = {
        "checks": BUILT_IN_CHECKS,
        "metrics": {},
        "gates": [],
        "fail_on": ["error"],
    }  # what stands for a default in an operator's own types
    assert {name: value for name, value in told.items() if value != defaults[name] and value != empty.get(name)} == {}


@pytest.mark.parametrize(
    ("sensor", "function"),
    [(ImageArrivalSensor, observe_arrival), (LabelFreshnessSensor, observe_labels), (DatasetReleaseSensor, observe_stage)],
)
def test_a_sensor_looks_as_its_function_does(sensor: type, function: Callable[..., Any]) -> None:
    theirs = inspect.signature(sensor.__init__).parameters
    shared = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name in theirs and parameter.name != "dataset"
    ]
    assert shared
    required = inspect.Parameter.empty
    assert [p.name for p in shared if required not in (p.default, theirs[p.name].default) and p.default != theirs[p.name].default] == []
