"""What was deleted on purpose."""

from __future__ import annotations

from airflow_cv_dataops.core.store.model.table_model import Column, TableModel

DELETIONS = TableModel(
    "deletions",
    "One image that was deleted on purpose: ingests do not take it again.",
    (
        Column("request", "string", "Which deletion it was part of: 16 hex digits of the images' digests.", required=True),
        Column(
            "digest",
            "string",
            "sha256 of the dataset's name, a zero byte and the image id, 64 hex digits: tells the image where its bytes come again, and "
            "names it nowhere.",
            required=True,
        ),
        Column("reason", "string", "Why, for people.", required=True),
        Column(
            "releases", "string", "`keep`: older releases were left as they are; `erase`: it was taken out of them, too.", required=True
        ),
        Column("dag_id", "string", "The DAG that asked for it."),
        Column("run_id", "string", "The run that asked for it."),
        Column("deleted_at", "timestamptz", "When.", required=True),
    ),
    partitioned_by=("request",),
    sort_by=("digest",),
    run_columns=("deleted_at", "run_id"),
)
