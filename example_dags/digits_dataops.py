"""Handwritten digits, daily: wait, ingest, import labels and predictions, embed, validate, audit, look at health, sample, promote, export.

Runs as it is, with nothing but Airflow: ``make demo`` for three days in one process, ``make airflow`` for the real thing.
Only ``land`` is a stand-in, for whatever brings images in; everything after it is what a DAG of yours would hold.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, get_current_context, task
from digits_landing import MODEL, land_day, landing_folder

from airflow_cv_dataops.common.partition import resolve_partition_key
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_embedding import ImageEmbeddingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

DAY = landing_folder() + "/{partition_key}"

with DAG(
    dag_id="digits_dataops",
    description="From landed images to a release that is ready to train on",
    schedule="@daily",
    start_date=datetime(2026, 11, 1),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    tags=["cv_dataops", "example"],
    doc_md=__doc__,
) as dag:
    # What it writes is told by outlets, as of any task that is no operator of this package: lineage then begins here, not at the source.
    @task(outlets=[Asset(Path(landing_folder(), name).absolute().as_uri()) for name in ("images", "labels.csv", "predictions.npz")])
    def land() -> dict[str, int]:
        """Writes a day's images, labels and predictions, as cameras, labellers and a model would."""
        return land_day(resolve_partition_key(get_current_context()))

    wait = ImageArrivalSensor(
        task_id="wait_for_images",
        source=f"{DAY}/images",
        min_images=500,
        settle_seconds=1,
        poke_interval=2,
        timeout=600,
    )
    ingest = ImageIngestOperator(task_id="ingest", dataset="digits", source=f"{DAY}/images")
    labels = LabelImportOperator(task_id="import_labels", dataset="digits", source=f"{DAY}/labels.csv", format="csv")
    predictions = PredictionImportOperator(
        task_id="import_predictions", dataset="digits", source=f"{DAY}/predictions.npz", model=MODEL, model_version="1"
    )
    # Which images are alike: so that a batch for labelling is not fifty times the same. Here without a model; yours: model="….onnx".
    embed = ImageEmbeddingOperator(task_id="embed", dataset="digits")
    # What must hold, in a file that the whole team can read: a label that breaks it is not released.
    validate = DatasetValidationOperator(
        task_id="validate", dataset="digits", table="annotations", suite=Path(__file__).with_name("digits_contract.yaml")
    )
    audit = LabelAuditOperator(task_id="audit", dataset="digits", categories=[str(digit) for digit in range(10)])
    # Is the day as days are? With two weeks of history it says so; whoever is on call may be told by notifiers=[…].
    health = DatasetHealthOperator(task_id="health", dataset="digits", on_findings="warn")
    # The images that are most worth labelling; five of them drawn at random, to compare with once labels are back (SamplingReviewOperator).
    sample = HardExampleSamplingOperator(task_id="sample", dataset="digits", budget=50, max_per_class=10, explore=0.1)
    promote = DatasetPromotionOperator(
        task_id="promote",
        dataset="digits",
        stage="production",
        leave_out_unaudited=True,  # what other runs of a backfill are still at work on is released by them
        gates=["images >= 500", "reject_ratio <= 0.01", "findings.error == 0", "label_error_rate <= 0.15"],
    )

    export = DatasetExportOperator(
        task_id="export",
        dataset="digits",
        release="{{ ti.xcom_pull('promote')['release'] }}",  # what this run promoted, wherever the stage is by then
        format="imagefolder",
    )

    land() >> wait >> ingest >> [labels, predictions] >> audit >> [health, sample, promote]
    ingest >> embed >> sample
    labels >> validate >> promote
    promote >> export
