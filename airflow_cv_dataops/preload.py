"""What the operators import when they run, imported ahead of time: for a process that forks its tasks, as Celery's workers do.

    AIRFLOW__CELERY__EXTRA_CELERY_CONFIG='{"imports": ["airflow_cv_dataops.preload"]}'

A task that is forked from such a worker has these modules already, and shares their memory with the others. Nothing else imports
this module; it opens no connection and no file.
"""

from __future__ import annotations

from importlib import import_module

MODULES = (
    "airflow.providers.amazon.aws.hooks.base_aws",
    "airflow.providers.openlineage.plugins.listener",
    "obstore.store",
    "pyarrow.acero",
    "pyarrow.dataset",  # brings pandas
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
    "airflow_cv_dataops.core.imaging.ingest.shards.steps",
)

for name in MODULES:
    import_module(name)
