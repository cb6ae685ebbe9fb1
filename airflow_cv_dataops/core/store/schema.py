"""The data model: every table, column, type, unit and meaning, once.

Iceberg schemas, Arrow schemas, OpenLineage schema facets and ``docs/data-model.md`` are all made from ``TABLES``. This
module imports nothing heavy, so that lineage can describe a table before any table is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.schema import Schema

PARTITION_KEY = "partition_key"
MAX_PARTITION_KEY_LENGTH = 250

BBOX = "struct<x: double, y: double, width: double, height: double>"


@dataclass(frozen=True)
class Column:
    """One column. ``type`` is an Iceberg type name, ``list<...>`` of one, or ``struct<name: type, ...>``."""

    name: str
    type: str
    doc: str
    required: bool = False


@dataclass(frozen=True)
class TableModel:
    """One table.

    :param owner: the column that, with the partition key, says which rows one run replaces; ``None``: the key alone.
    :param partitioned_by: identity partition columns.
    :param sort_by: the order of the rows inside a partition (also what makes a rerun produce identical files).
    :param run_columns: columns that say when or by which run a row was written; they differ between two equal runs.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    partitioned_by: tuple[str, ...] = (PARTITION_KEY,)
    sort_by: tuple[str, ...] = ()
    run_columns: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        extra = [name for name in self.partitioned_by if name != PARTITION_KEY]
        return extra[0] if extra and PARTITION_KEY in self.partitioned_by else None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _key(doc: str = "The slice of data that one run owns, e.g. `2026-11-05`; at most 250 characters.") -> Column:
    return Column(PARTITION_KEY, "string", doc, required=True)


_IMAGE_ID = "sha256 of the file's bytes, 64 hex digits."

_PARAMETERS_ID = "Hash of the parameters that decided the row; an incremental run reads a file again when it changes."

IMAGES = TableModel(
    "images",
    "One accepted source file.",
    (
        _key(),
        Column("source_uri", "string", "Where the file was found; unique in the partition.", required=True),
        Column("image_id", "string", _IMAGE_ID + " Repeats where two files are byte-identical.", required=True),
        Column("file_name", "string", "Path of the file below the source prefix, with `/`.", required=True),
        Column(
            "storage_uri",
            "string",
            "Where the bytes are kept: the content-addressed copy, or `source_uri` when images are referenced.",
            required=True,
        ),
        Column("bytes", "long", "Size of the file in bytes.", required=True),
        Column("format", "string", "Format by content, in Pillow's spelling: `JPEG`, `PNG`, `WEBP`, …", required=True),
        Column("width", "int", "Width of the upright image (EXIF orientation applied) in pixels.", required=True),
        Column("height", "int", "Height of the upright image (EXIF orientation applied) in pixels.", required=True),
        Column("mode", "string", "Pillow's pixel mode: `RGB`, `L`, `RGBA`, `I;16`, …", required=True),
        Column("aspect_ratio", "double", "Width by height of the upright image, above 0."),
        Column("bit_depth", "int", "Bits of a channel as the file stores it: 1, 2, 4, 8, 10, 12, 16 or 32; colours of a palette have 8."),
        Column("has_alpha", "boolean", "Pixels can be transparent: by an alpha channel, a palette's alpha or one transparent colour."),
        Column("frames", "int", "Number of frames or pages; the first is measured.", required=True),
        Column(
            "phash",
            "string",
            "64-bit DCT perceptual hash of the upright luminance, 16 hex digits (docs/fingerprints.md defines it to the bit).",
        ),
        Column(
            "dhash",
            "string",
            "64-bit horizontal difference hash of the upright luminance, 16 hex digits (docs/fingerprints.md defines it to the bit).",
        ),
        Column(
            "brightness",
            "double",
            "Mean perceived luminance (ITU-R BT.601 luma), 0 (black) to 1 (white), at most 512 px (docs/image-measures.md).",
        ),
        Column("brightness_p05", "double", "5th percentile of luminance: the smallest level that 5 % of the pixels do not exceed, 0 to 1."),
        Column("brightness_p50", "double", "50th percentile (median) of luminance, 0 to 1."),
        Column("brightness_p95", "double", "95th percentile of luminance, 0 to 1."),
        Column("brightness_p99", "double", "99th percentile of luminance, 0 to 1."),
        Column("contrast", "double", "Standard deviation of luminance, 0 to 0.5."),
        Column(
            "sharpness",
            "double",
            "Variance of the 4-neighbour Laplacian of luminance on a 0 to 255 scale, halved until at most 512 px; 0 is flat, "
            "below about 50 is often blurry.",
        ),
        Column("entropy", "double", "Shannon entropy of the 256-bin luminance histogram in bits, 0 to 8."),
        Column(
            "colourfulness",
            "double",
            "M3 of Hasler and Süsstrunk 2003 on a sample of at most 128 px: 0 (grey), 15 slightly, 33 moderately, 45 averagely, "
            "59 quite, 82 highly, 109 extremely colourful.",
        ),
        Column("saturation", "double", "Mean HSV saturation of the same sample, 0 (grey) to 1 (pure colours)."),
        Column(
            "is_grayscale",
            "boolean",
            "No pixel of the same sample has channels more than 2 of 255 apart: one channel, or an RGB file that shows only greys.",
        ),
        Column(
            "issues",
            "list<string>",
            "Quality issues found: `dark`, `light`, `low_contrast`, `blurry`, `low_information`, `odd_aspect_ratio`, `grayscale`, "
            "`extension_mismatch`, `odd_size`.",
        ),
        Column("exif_orientation", "int", "EXIF tag 0x0112, 1 to 8; null where absent or invalid."),
        Column("captured_at", "string", "EXIF DateTimeOriginal as ISO 8601 local time (EXIF has no zone); null where absent."),
        Column("camera", "string", "EXIF make and model; null where absent."),
        Column(
            "has_gps",
            "boolean",
            "EXIF or XMP holds a latitude or a longitude; the position itself is never stored. Null where EXIF cannot be read.",
        ),
        Column("source_etag", "string", "Entity tag that the source gave when the file was read; of an archive's member, the archive's."),
        Column(
            "source_version",
            "string",
            "Version id that the source gave, where it keeps versions; of a member of an archive, its place in it.",
        ),
        Column("source_modified_at", "timestamptz", "Last-modified time that the source gave."),
        Column(
            "parameters_id", "string", "Hash of the parameters that decided the row; an incremental run reads a file again when it changes."
        ),
        Column("ingested_at", "timestamptz", "When the run that wrote this row started.", required=True),
    ),
    sort_by=("source_uri",),
    run_columns=("ingested_at",),
)

REJECTS = TableModel(
    "rejects",
    "One source file that could not be taken.",
    (
        _key(),
        Column("source_uri", "string", "Where the file was found.", required=True),
        Column("file_name", "string", "Path of the file below the source prefix, with `/`.", required=True),
        Column(
            "reason",
            "string",
            "`unreadable`, `not_an_image`, `truncated`, `too_large`, `too_small`, `unsupported_format`, `timeout` or `empty`.",
            required=True,
        ),
        Column("detail", "string", "What the decoder or the store said."),
        Column("bytes", "long", "Size of the file in bytes, where known."),
        Column("source_etag", "string", "Entity tag that the source gave when the file was read; of an archive's member, the archive's."),
        Column("source_modified_at", "timestamptz", "Last-modified time that the source gave."),
        Column(
            "parameters_id", "string", "Hash of the parameters that decided the row; an incremental run reads a file again when it changes."
        ),
        Column("ingested_at", "timestamptz", "When the run that wrote this row started.", required=True),
    ),
    sort_by=("source_uri",),
    run_columns=("ingested_at",),
)

ANNOTATIONS = TableModel(
    "annotations",
    "One label: a human's, or one that was given.",
    (
        _key(),
        Column(
            "label_set",
            "string",
            "Which import owns the row, e.g. `default` or `round_2`; a rerun replaces its own label set.",
            required=True,
        ),
        Column("annotation_id", "string", "Stable id: 32 hex digits from label set, label file and position in it.", required=True),
        Column("image_id", "string", _IMAGE_ID + " Null where the label joined no image of the partition."),
        Column("source_uri", "string", "The image's source; null where the label joined no image."),
        Column(
            "file_name",
            "string",
            "The image's file name as the label file states it; of VOC with the folder of the XML where it states none.",
            required=True,
        ),
        Column(
            "task",
            "string",
            "`classification`, `detection`, `segmentation` or `keypoints`; `background` states that nothing is there.",
            required=True,
        ),
        Column("category", "string", "Name of the category; null where the label file names none that it defines."),
        Column("bbox", BBOX, "Top-left corner, width and height in pixels of the upright image; COCO convention (no +1)."),
        Column(
            "segmentation",
            "string",
            'COCO JSON: a list of polygons `[[x1, y1, …], …]` in pixels, or an RLE `{"size": [h, w], "counts": …}`.',
        ),
        Column("area", "double", "Area in square pixels as the label file states it."),
        Column("iscrowd", "boolean", "COCO's iscrowd: the label covers a group."),
        Column("keypoints", "list<double>", "COCO triplets x, y, visibility (0 not labelled, 1 hidden, 2 visible)."),
        Column("stated_width", "int", "Width of the image as the label file states it, pixels."),
        Column("stated_height", "int", "Height of the image as the label file states it, pixels."),
        Column("annotator", "string", "Who labelled, where known."),
        Column("labeled_at", "timestamptz", "When it was labelled, where known."),
        Column("format", "string", "`coco`, `voc`, `yolo` or `csv`.", required=True),
        Column("source", "string", "URI of the label file.", required=True),
        Column("source_id", "string", "The label's own id in its file, where it has one."),
        Column("attributes", "string", "JSON object of whatever else the label carries."),
    ),
    partitioned_by=(PARTITION_KEY, "label_set"),
    sort_by=("file_name", "annotation_id"),
)

PREDICTIONS = TableModel(
    "predictions",
    "One model output.",
    (
        _key(),
        Column("model", "string", "Name of the model; a rerun replaces its own model's rows.", required=True),
        Column("model_version", "string", "Version of the model."),
        Column("prediction_id", "string", "Stable id: 32 hex digits from model, file and position in it.", required=True),
        Column("image_id", "string", _IMAGE_ID + " Null where the prediction joined no image of the partition."),
        Column("source_uri", "string", "The image's source; null where the prediction joined no image."),
        Column("file_name", "string", "The image as the prediction file names it.", required=True),
        Column("task", "string", "`classification`, `detection` or `segmentation`.", required=True),
        Column("category", "string", "Predicted category; for probabilities the most probable one."),
        Column("score", "double", "Confidence in `category`, 0 to 1."),
        Column("bbox", BBOX, "Top-left corner, width and height in pixels."),
        Column("segmentation", "string", "COCO JSON, as in annotations."),
        Column("probabilities", "list<float>", "Class probabilities, 0 to 1, in the order of `classes`."),
        Column(
            "classes", "string", "JSON array with the category names of `probabilities`; the same in all rows of a model in a partition."
        ),
        Column("embedding", "list<float>", "Embedding of the image, where the model gives one."),
        Column(
            "pixel_probabilities",
            "string",
            "URI of a NumPy file with the image's pixel probabilities, 0 to 1: float of shape (classes, height, width), or (height, width)"
            " for one class; `classes` has their names.",
        ),
        Column("source", "string", "URI of the prediction file.", required=True),
    ),
    partitioned_by=(PARTITION_KEY, "model"),
    sort_by=("file_name", "prediction_id"),
)

FINDINGS = TableModel(
    "findings",
    "One problem at one place.",
    (
        _key(),
        Column("audit", "string", "Which audit owns the row, e.g. `label_audit` or `label_import:default`.", required=True),
        Column("finding_id", "string", "Stable id: 32 hex digits from audit, check and place.", required=True),
        Column("check", "string", "Id of the check, e.g. `zero_area_bbox`.", required=True),
        Column("severity", "string", "`error`, `warning` or `info`.", required=True),
        Column("image_id", "string", _IMAGE_ID),
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
        _key(),
        Column("sample_id", "string", "Which sample owns the row, e.g. `hard_examples`.", required=True),
        Column("rank", "int", "1 is labelled first.", required=True),
        Column("image_id", "string", _IMAGE_ID, required=True),
        Column("source_uri", "string", "The image's source.", required=True),
        Column("storage_uri", "string", "Where the bytes are kept.", required=True),
        Column("score", "double", "How hard the image is by the strategy: 0 (certain) to 1 (as uncertain as can be).", required=True),
        Column("reasons", "list<string>", "Why the image was chosen, for people."),
        Column("category", "string", "What the model takes the image for."),
        Column("strategy", "string", "`entropy`, `margin` or `least_confidence`.", required=True),
        Column("model", "string", "Whose predictions were used.", required=True),
        Column("seed", "long", "The seed that broke ties.", required=True),
    ),
    partitioned_by=(PARTITION_KEY, "sample_id"),
    sort_by=("rank",),
)

METRICS = TableModel(
    "metrics",
    "One number that a step measured, such as an audit's `label_error_rate` or `overlooked_not_judged` (in all, and by category).",
    (
        _key(),
        Column("step", "string", "Which step owns the row, e.g. `ingest` or `audit:label_audit`.", required=True),
        Column("metric", "string", "Name of the number.", required=True),
        Column("value", "double", "The number; never NaN or infinite.", required=True),
        Column("dimensions", "string", 'JSON object that tells several values of a metric apart, e.g. `{"category": "RBC"}`.'),
        Column("recorded_at", "timestamptz", "When the run that wrote this row started.", required=True),
        Column(
            "input_version",
            "string",
            "Of `input_rows` of an audit: which data files it looked at, 16 hex digits; others once the partition is written again.",
        ),
    ),
    partitioned_by=(PARTITION_KEY, "step"),
    sort_by=("metric", "dimensions"),
    run_columns=("recorded_at", "input_version"),
)

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
        Column("notes", "string", "For people."),
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
        Column("image_id", "string", _IMAGE_ID, required=True),
        Column(PARTITION_KEY, "string", "Partition of the row that stands for the image.", required=True),
        Column("source_uri", "string", "Source of the row that stands for the image.", required=True),
        Column("split", "string", "`train`, `val`, `test` or another name, by hash of the image id.", required=True),
    ),
    partitioned_by=("release", "items_id"),
    sort_by=("image_id",),
)

TABLES: Mapping[str, TableModel] = {
    model.name: model for model in (IMAGES, REJECTS, ANNOTATIONS, PREDICTIONS, FINDINGS, SAMPLES, METRICS, RELEASES, RELEASE_ITEMS)
}

REJECT_REASONS = ("unreadable", "not_an_image", "truncated", "too_large", "too_small", "unsupported_format", "timeout", "empty")
SEVERITIES = ("error", "warning", "info")


def model_of(table: str) -> TableModel:
    """Return the model of a table. :raises ConfigurationError: there is none of that name; the message has the closest."""
    if found := TABLES.get(table):
        return found
    closest = get_close_matches(str(table), TABLES, n=1)
    meant = f" Did you mean {closest[0]!r}?" if closest else ""
    raise ConfigurationError(f"There is no table {table!r}; there are {', '.join(TABLES)}.{meant}")


@cache
def iceberg_schema(table: str) -> Schema:
    """Return the table's Iceberg schema: field ids in order, meanings as field docs."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    ids = iter(range(1, 10_000))
    fields = [
        NestedField(next(ids), column.name, _iceberg_type(column.type, ids), required=column.required, doc=column.doc)
        for column in TABLES[table].columns
    ]
    return Schema(*fields)


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Return the table's Arrow schema as steps build it."""
    import pyarrow as pa

    return pa.schema([pa.field(column.name, _arrow_type(column.type), nullable=not column.required) for column in TABLES[table].columns])


def split_struct(type_name: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each field of ``struct<name: type, ...>``; empty for any other type."""
    if not type_name.startswith("struct<"):
        return ()
    return tuple((name.strip(), kind.strip()) for name, kind in (field.split(":") for field in type_name[7:-1].split(",")))


def _iceberg_type(type_name: str, ids):  # type: ignore[no-untyped-def]
    from pyiceberg.types import (
        BooleanType,
        DoubleType,
        FloatType,
        IntegerType,
        ListType,
        LongType,
        NestedField,
        StringType,
        StructType,
        TimestamptzType,
    )

    if fields := split_struct(type_name):
        return StructType(*(NestedField(next(ids), name, _iceberg_type(kind, ids), required=False) for name, kind in fields))
    if type_name.startswith("list<"):
        return ListType(next(ids), _iceberg_type(type_name[5:-1], ids), element_required=False)
    plain = {
        "string": StringType,
        "long": LongType,
        "int": IntegerType,
        "double": DoubleType,
        "float": FloatType,
        "boolean": BooleanType,
        "timestamptz": TimestamptzType,
    }
    return plain[type_name]()


def _arrow_type(type_name: str) -> pa.DataType:
    import pyarrow as pa

    if fields := split_struct(type_name):
        return pa.struct([(name, _arrow_type(kind)) for name, kind in fields])
    if type_name.startswith("list<"):
        return pa.list_(_arrow_type(type_name[5:-1]))
    plain = {
        "string": pa.string(),
        "long": pa.int64(),
        "int": pa.int32(),
        "double": pa.float64(),
        "float": pa.float32(),
        "boolean": pa.bool_(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    return plain[type_name]
