"""Detection labels for a folder or bucket of images: ingest, import COCO, VOC or YOLO labels, validate, audit, look at health, promote.

Every path is a DAG param: trigger it with your own. ``{partition_key}`` in a path becomes the run's partition key. With
predictions (COCO results) the audit judges the labels by them, and the hardest unlabelled images are sampled; without, the two tasks of
predictions are skipped.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

with DAG(
    dag_id="detection_dataops",
    description="From images with boxes to a promoted release",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30)},
    params={
        "dataset": Param("detection", type="string", pattern="^[a-z][a-z0-9_]*$", description="Name of the dataset"),
        "images": Param(
            "/data/images", type="string", description="Folder or bucket prefix with the images, e.g. s3://aws_default@bucket/images/"
        ),
        "labels": Param("/data/labels", type="string", description="Label file, or folder with label files"),
        "format": Param("coco", type="string", enum=["coco", "voc", "yolo"], description="Format of the labels"),
        "classes": Param(
            None, type=["null", "string"], description="YOLO: class names separated by commas, or the URI of a file with them"
        ),
        "categories": Param(
            None, type=["null", "string"], description="The taxonomy, separated by commas; a label outside it is a finding"
        ),
        "predictions": Param(None, type=["null", "string"], description="COCO results JSON, for audit and sampling"),
        "model": Param("detector", type="string", description="Name of the model behind the predictions"),
        "on_findings": Param(
            "warn", type="string", enum=["fail", "warn", "skip"], description="What findings of severity error do to the run"
        ),
        "max_label_error_rate": Param(0.2, type="number", minimum=0, maximum=1, description="Gate: share of annotations at fault"),
        "stage": Param("staging", type="string", description="The stage to move"),
    },
    render_template_as_native_obj=False,
    tags=["cv_dataops", "example"],
    doc_md=__doc__,
) as dag:
    dataset = "{{ params.dataset }}"

    wait = ImageArrivalSensor(task_id="wait_for_images", source="{{ params.images }}", settle_seconds=5, timeout=600, poke_interval=5)
    ingest = ImageIngestOperator(task_id="ingest", dataset=dataset, source="{{ params.images }}")
    labels = LabelImportOperator(
        task_id="import_labels",
        dataset=dataset,
        source="{{ params.labels }}",
        format="{{ params.format }}",
        classes="{{ params.classes or '' }}",
        on_findings="{{ params.on_findings }}",
    )
    # The table's own contract: boxes inside their images, every label of an image, ids that are unique. For yours: suite="….yaml".
    validate = DatasetValidationOperator(task_id="validate", dataset=dataset, on_findings="{{ params.on_findings }}")
    audit = LabelAuditOperator(
        task_id="audit",
        dataset=dataset,
        categories="{{ params.categories or '' }}",
        on_findings="{{ params.on_findings }}",
        trigger_rule="none_failed_min_one_success",  # predictions are skipped where there are none
    )
    health = DatasetHealthOperator(task_id="health", dataset=dataset, on_findings="warn")
    promote = DatasetPromotionOperator(
        task_id="promote",
        dataset=dataset,
        stage="{{ params.stage }}",
        leave_out_unaudited=True,  # other runs may be at work on partitions of their own
        gates=["images >= 1", "reject_ratio <= 0.1", "label_error_rate <= {{ params.max_label_error_rate }}"],
    )

    predictions = PredictionImportOperator(
        task_id="import_predictions",
        dataset=dataset,
        source="{{ params.predictions or '' }}",
        skip_without_source=True,
        model="{{ params.model }}",
        format="coco",
        coco_reference="{{ params.labels if params.format == 'coco' else '' }}",
        classes="{{ params.classes or '' }}",
    )
    # Boxes that the detector doubts, those of rare categories first, and some of every category.
    sample = HardExampleSamplingOperator(
        task_id="sample",
        dataset=dataset,
        model="{{ params.model }}",
        strategy="top",
        scores={"entropy_by_class": 2, "category_rarity": 1},
        min_per={"category": 5},
        explore=0.1,
    )

    wait >> ingest >> labels >> audit >> [health, promote]
    labels >> validate >> promote
    ingest >> predictions >> [audit, sample]
    labels >> sample  # what has a label by then is not sampled
