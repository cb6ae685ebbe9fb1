"""Releases: what they hold and leave out, how they were split, and what people say of the dataset."""

from __future__ import annotations

from airflow_cv_dataops.core.store.model.table_model import IMAGE_ID, PARTITION_KEY, Column, TableModel

RELEASES = TableModel(
    "releases",
    "One release, or one move of a stage; append-only. The row of a stage with the highest sequence says where the stage is.",
    (
        Column(
            "sequence",
            "long",
            "1 for the first row, one more for each further row; unique, because appending is compare-and-set.",
            required=True,
        ),
        Column("release", "string", "Name of the release: `v1`, `v2`, …", required=True),
        Column("stage", "string", "The stage that moved to this release.", required=True),
        Column("parent", "string", "The release that the stage was at before; null for its first."),
        Column(
            "content_id",
            "string",
            "32 hex digits of what the release holds: images, splits and annotations. Equal content, equal id.",
            required=True,
        ),
        Column("items_id", "string", "Which rows of `release_items` belong to the release.", required=True),
        Column("snapshots", "string", "JSON object: table to snapshot id (a string) that the release holds.", required=True),
        Column("gates", "string", "JSON array of gates with wanted and found value and outcome.", required=True),
        Column("metrics", "string", "JSON object of the metrics that the gates were asked about.", required=True),
        Column("images", "long", "Images in the release; an exact duplicate counts once.", required=True),
        Column("annotations", "long", "Annotations in the release.", required=True),
        Column(
            "labels_by",
            "string",
            "How labels belong to the release's images: `image_id`, those of all byte-identical copies, each statement once; null: by "
            "partition key and source, those of the row that stands for the image, as releases were made at first.",
        ),
        Column(
            "partition_keys",
            "string",
            "JSON array of the partitions that the release was narrowed down to; null: the whole dataset.",
        ),
        Column("action", "string", "`promotion` or `rollback`; null: a promotion, by a version that knew no rollback."),
        Column(
            "measured",
            "string",
            "JSON object of every metric of the release by name, slices included (`annotations[category=stop]`); null: nobody measured it.",
        ),
        Column(
            "splitting",
            "string",
            "JSON object: how images were split (shares, salt, what keeps images together) and what came out; null: by hash of their ids.",
        ),
        Column(
            "exclusions",
            "string",
            "JSON array: each rule by which images and labels were left out, and how many; null: nothing was left out.",
        ),
        Column(
            "rolled_back",
            "string",
            "Of a rollback, JSON object: `releases` that were taken back, their `content_ids`, and `partitions`: keys of those in which "
            "the release that the stage was at held something else; the next promotions do not bring it back.",
        ),
        Column("allows_rolled_back", "boolean", "The promotion was told that it may bring back what was rolled back before it."),
        Column("erased_images", "long", "Images that were taken out of the release afterwards, on purpose; null: none was."),
        Column("notes", "string", "For people; of a rollback the reason."),
        Column("dag_id", "string", "The DAG that promoted."),
        Column("run_id", "string", "The run that promoted."),
        Column("created_at", "timestamptz", "When it was promoted.", required=True),
    ),
    partitioned_by=(),
    sort_by=("sequence",),
    run_columns=("created_at", "run_id"),
)

RELEASE_ITEMS = TableModel(
    "release_items",
    "One image of one release.",
    (
        Column("release", "string", "Name of the release.", required=True),
        Column(
            "items_id", "string", "Tells the rows of a release from those of an attempt at the same name that lost the race.", required=True
        ),
        Column("image_id", "string", IMAGE_ID, required=True),
        Column(PARTITION_KEY, "string", "Partition of the row that stands for the image.", required=True),
        Column("source_uri", "string", "Source of the row that stands for the image.", required=True),
        Column("split", "string", "`train`, `val`, `test` or another name.", required=True),
    ),
    partitioned_by=("release", "items_id"),
    sort_by=("image_id",),
)

SPLIT_ASSIGNMENTS = TableModel(
    "split_assignments",
    "One image, or one group of images, and the split that it got when a release held it first: the memory that keeps it there.",
    (
        Column("release", "string", "The release in which it got its split.", required=True),
        Column("items_id", "string", "As in `release_items`: rows of an attempt that lost the race count for nothing.", required=True),
        Column("image_id", "string", IMAGE_ID + " Null where the row is of a group."),
        Column("group_key", "string", "What its images have in common, e.g. `camera=Canon EOS`; null where the row is of an image."),
        Column("split", "string", "`train`, `val`, `test` or another name.", required=True),
    ),
    partitioned_by=("release", "items_id"),
    sort_by=("image_id", "group_key"),
)

EXCLUSIONS = TableModel(
    "exclusions",
    "One image or label that a release leaves out, as a finding condemns it.",
    (
        Column("release", "string", "Name of the release.", required=True),
        Column("items_id", "string", "As in `release_items`.", required=True),
        Column("rule", "string", "The rule that left it out, e.g. `labels: suspect_label`; the first of several.", required=True),
        Column("check", "string", "The check whose finding condemns it.", required=True),
        Column("severity", "string", "`error`, `warning` or `info`.", required=True),
        Column("image_id", "string", IMAGE_ID, required=True),
        Column(PARTITION_KEY, "string", "Partition of the finding.", required=True),
        Column("annotation_id", "string", "The label that is left out, by this id in this partition; null where it is the image."),
    ),
    partitioned_by=("release", "items_id"),
    sort_by=("image_id", "annotation_id"),
)

DESCRIPTIONS = TableModel(
    "descriptions",
    "One thing that people say of the dataset: a field of its card, or the order of its stages.",
    (
        Column(
            "field",
            "string",
            "`description`, `owner`, `license`, `notes`, `stages` (JSON array, in their order), or a name of your own.",
            required=True,
        ),
        Column("value", "string", "What is said; null: it was taken back."),
        Column("said_by", "string", "Who said so: a person, or DAG and task."),
        Column("said_at", "timestamptz", "When.", required=True),
    ),
    partitioned_by=("field",),
    sort_by=("field",),
    run_columns=("said_at", "said_by"),
)
