"""What Airflow discovers of this package. Imported whenever Airflow lists providers: nothing but literals here."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "CV DataOps"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, valid against Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-cv-dataops",
        "name": _INTEGRATION,
        "description": "DataOps for computer vision: ingest images, audit labels, sample hard examples, release and export, with lineage.",
        "integrations": [{"integration-name": _INTEGRATION, "tags": ["software"]}],
        "operators": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    "airflow_cv_dataops.operators.image_ingest",
                    "airflow_cv_dataops.operators.sharded_image_ingest",
                    "airflow_cv_dataops.operators.label_import",
                    "airflow_cv_dataops.operators.prediction_import",
                    "airflow_cv_dataops.operators.image_embedding",
                    "airflow_cv_dataops.operators.label_audit",
                    "airflow_cv_dataops.operators.dataset_validation",
                    "airflow_cv_dataops.operators.dataset_health",
                    "airflow_cv_dataops.operators.hard_example_sampling",
                    "airflow_cv_dataops.operators.sampling_review",
                    "airflow_cv_dataops.operators.dataset_promotion",
                    "airflow_cv_dataops.operators.dataset_rollback",
                    "airflow_cv_dataops.operators.dataset_description",
                    "airflow_cv_dataops.operators.dataset_diff",
                    "airflow_cv_dataops.operators.dataset_export",
                    "airflow_cv_dataops.operators.dataset_maintenance",
                    "airflow_cv_dataops.operators.image_deletion",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    "airflow_cv_dataops.sensors.image_arrival",
                    "airflow_cv_dataops.sensors.label_freshness",
                    "airflow_cv_dataops.sensors.dataset_release",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    "airflow_cv_dataops.triggers.image_arrival",
                    "airflow_cv_dataops.triggers.label_freshness",
                    "airflow_cv_dataops.triggers.dataset_release",
                ],
            }
        ],
        "asset-uris": [
            {
                "schemes": ["cv"],
                "handler": "airflow_cv_dataops.common.assets.sanitize_uri",
                "factory": "airflow_cv_dataops.common.assets.release_asset",
                "to_openlineage_converter": "airflow_cv_dataops.common.assets.to_openlineage",
            }
        ],
        "hooks": [{"integration-name": _INTEGRATION, "python-modules": ["airflow_cv_dataops.hooks.dataset"]}],
        "connection-types": [
            {
                "connection-type": "cv_catalog",
                "hook-class-name": "airflow_cv_dataops.hooks.dataset.DatasetHook",
                "hook-name": "CV DataOps catalog",
                "conn-fields": {
                    name: {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}
                    for name, (label, description, schema) in CONNECTION_FIELDS.items()
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": RELABELING,
                    "placeholders": PLACEHOLDERS,
                },
            }
        ],
        "extra-links": [
            "airflow_cv_dataops.links.audit_report.AuditReportLink",
            "airflow_cv_dataops.links.sample_report.SampleReportLink",
            "airflow_cv_dataops.links.data_docs.DataDocsLink",
            "airflow_cv_dataops.links.dataset_card.DatasetCardLink",
            "airflow_cv_dataops.links.dataset_health.DatasetHealthLink",
            "airflow_cv_dataops.links.diff_report.DiffReportLink",
            "airflow_cv_dataops.links.marquez.MarquezLink",
            "airflow_cv_dataops.links.sampling_review.SamplingReviewLink",
        ],
        "config": {
            "cv_dataops": {
                "description": "Settings of the CV DataOps provider.",
                "options": {
                    "home": {
                        "description": (
                            "Folder of the embedded catalog and warehouse, used where no ``cv_catalog`` connection is given. "
                            "All workers must see it. Default: ``cv_dataops`` below AIRFLOW_HOME."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "/opt/airflow/cv_dataops",
                        "default": "",
                    },
                    "marquez_url": {
                        "description": "Address of Marquez's web page, for the link from a task to its dataset. Empty: no link.",
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "http://localhost:3000",
                        "default": "",
                    },
                    "lineage_names": {
                        "description": (
                            "What a table is called in lineage: ``catalog``, its name in the catalog such as ``digits.images``, which "
                            "Marquez's graph can show, or ``location``, where it is stored; the other name is a symlink. The same for "
                            "all that report to one lineage server."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "location",
                        "default": "catalog",
                    },
                    "lineage_failed_severities": {
                        "description": (
                            "The severities, separated by commas, at which a check that found something counts as failed in lineage, "
                            "and a dataset in Marquez as unhealthy. Default: all."
                        ),
                        "type": "string",
                        "version_added": "0.1.0",
                        "example": "error",
                        "default": "error,warning,info",
                    },
                },
            }
        },
    }


CONNECTION_FIELDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "type": (
        "Catalog type",
        "What pyiceberg.catalog.load_catalog calls it.",
        {"default": "sql", "enum": ["sql", "rest", "glue", "hive", "dynamodb", "in-memory"]},
    ),
    "warehouse": ("Warehouse", "URI below which tables and images are kept, e.g. s3://bucket/warehouse.", {}),
    "aws_conn_id": ("AWS connection id", "Airflow connection for s3:// and Glue. Empty: the worker's default credentials.", {}),
    "properties": (
        "More catalog properties",
        'JSON object of further PyIceberg properties, e.g. {"s3.endpoint": "http://minio:9000"}.',
        {},
    ),
}
RELABELING = {"host": "Catalog URI", "login": "Login", "password": "Password or token", "extra": "Extra"}
PLACEHOLDERS = {"host": "postgresql+psycopg2://db:5432/iceberg, https://catalog.example.com, empty for Glue"}
