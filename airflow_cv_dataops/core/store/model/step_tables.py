"""What steps have found, chosen and measured."""

from __future__ import annotations

from airflow_cv_dataops.core.store.model.table_model import IMAGE_ID, PARTITION_KEY, Column, TableModel, key_column

FINDINGS = TableModel(
    "findings",
    "One problem at one place.",
    (
        key_column(),
        Column("audit", "string", "Which audit owns the row, e.g. `label_audit` or `label_import:default`.", required=True),
        Column("finding_id", "string", "Stable id: 32 hex digits from audit, check and place.", required=True),
        Column("check", "string", "Id of the check, e.g. `zero_area_bbox`.", required=True),
        Column("severity", "string", "`error`, `warning` or `info`.", required=True),
        Column("image_id", "string", IMAGE_ID),
        Column("source_uri", "string", "The image's source, or the label file where no image is known."),
        Column("annotation_id", "string", "The annotation at fault, where there is one."),
        Column("category", "string", "Category of the annotation, or the one that the finding is about; null where there is none."),
        Column("score", "double", "0 (surely wrong) to 1 (surely right)."),
        Column("message", "string", "What is wrong, for people.", required=True),
        Column("suggestion", "string", 'JSON object with what would be right, e.g. `{"category": "3", "probability": 0.97}`.'),
    ),
    partitioned_by=(PARTITION_KEY, "audit"),
    sort_by=("check", "score", "finding_id"),
)

SAMPLES = TableModel(
    "samples",
    "One image chosen for labelling.",
    (
        key_column(),
        Column("sample_id", "string", "Which sample owns the row, e.g. `hard_examples`.", required=True),
        Column("rank", "int", "1 is labelled first.", required=True),
        Column("image_id", "string", IMAGE_ID, required=True),
        Column("source_uri", "string", "The image's source.", required=True),
        Column("storage_uri", "string", "Where the bytes are kept.", required=True),
        Column(
            "score",
            "double",
            "How much the image is worth labelling, 0 to 1: the one score that it was chosen by, or the weighted mean of its ranks; null "
            "where the strategy goes by no score.",
        ),
        Column("reasons", "list<string>", "Why the image was chosen, for people."),
        Column("category", "string", "What the model takes the image for."),
        Column(
            "strategy",
            "string",
            "What took the image: a strategy, a score of which the highest were taken, `random` (the share that is drawn) or `named` (by a "
            "person).",
            required=True,
        ),
        Column("model", "string", "Whose predictions were used; null where none were."),
        Column("seed", "long", "The seed of what was drawn at random, and that broke ties.", required=True),
        Column(
            "image_partition",
            "string",
            "Partition of the image, where its labels belong; another than the row's own if the batch was chosen from several.",
        ),
    ),
    partitioned_by=(PARTITION_KEY, "sample_id"),
    sort_by=("rank",),
)

METRICS = TableModel(
    "metrics",
    "One number that a step measured, such as an audit's `label_error_rate` or `overlooked_not_judged` (in all, and by category).",
    (
        key_column(),
        Column("step", "string", "Which step owns the row, e.g. `ingest` or `audit:label_audit`.", required=True),
        Column("metric", "string", "Name of the number.", required=True),
        Column("value", "double", "The number; never NaN or infinite.", required=True),
        Column("dimensions", "string", 'JSON object that tells several values of a metric apart, e.g. `{"category": "RBC"}`.'),
        Column("recorded_at", "timestamptz", "When the run that wrote this row started.", required=True),
        Column(
            "input_version",
            "string",
            "Of `input_rows` of an audit or a label import: which data files it went by, 16 hex digits; others once the partition is "
            "written again. Of `annotations` of a label import: in which it found all its labels, unchanged; null where it wrote them.",
        ),
    ),
    partitioned_by=(PARTITION_KEY, "step"),
    sort_by=("metric", "dimensions"),
    run_columns=("recorded_at", "input_version"),
)

PROFILES = TableModel(
    "profiles",
    "What the images and labels of one partition look like, as `check_health` has worked it out: what later partitions are compared with.",
    (
        key_column(),
        Column(
            "profile",
            "string",
            "JSON object: counts, categories, formats, modes, sizes, cameras, histograms of image measures and of boxes.",
            required=True,
        ),
        Column("recorded_at", "timestamptz", "When the run that wrote this row started.", required=True),
        Column(
            "input_version",
            "string",
            "Which data files it was worked out from, 16 hex digits; it is worked out anew once the partition is written again.",
            required=True,
        ),
    ),
    sort_by=("partition_key",),
    run_columns=("recorded_at", "input_version"),
)
