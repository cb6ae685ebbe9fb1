"""What the files beside the tables hold, in the words of the data model: so that columns can be followed from the source on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_cv_dataops.core.store.model.table_model import BBOX, Column


@dataclass(frozen=True)
class FileContent:
    """:param doc: what the files are, for people. :param columns: what each says; a format may lack some and call them otherwise."""

    doc: str
    columns: tuple[Column, ...]


_IMAGE = Column("image", "string", "The image, as the file names it.")
_CATEGORY = Column("category", "string", "The category, as the file names it.")
_BBOX = Column("bbox", BBOX, "The box, as the file states it: in pixels, or as shares of the image.")

FILE_CONTENTS: Mapping[str, FileContent] = {
    "images": FileContent(
        "Image files as they come in, of every partition.",
        (
            Column("path", "string", "Where the file lies."),
            Column("content", "binary", "The file's bytes."),
        ),
    ),
    "labels": FileContent(
        "Label files as they come in, of every partition.",
        (_IMAGE, _CATEGORY, _BBOX, Column("annotator", "string", "Who labelled.")),
    ),
    "predictions": FileContent(
        "Model outputs as they come in, of every partition.",
        (
            _IMAGE,
            _CATEGORY,
            Column("score", "double", "Confidence in the category, 0 to 1."),
            _BBOX,
            Column("probabilities", "list<float>", "Class probabilities, 0 to 1."),
        ),
    ),
    "embeddings": FileContent(
        "Vectors of images as they come in, of every partition.",
        (_IMAGE, Column("embedding", "list<float>", "The vector, as a model gave it.")),
    ),
    "embedding_model": FileContent(
        "A model that makes a vector of an image.",
        (Column("content", "binary", "The file's bytes."),),
    ),
    "export": FileContent(
        "A release as files that train: images and labels in one format, and a manifest of all files.",
        (
            Column("image", "string", "The image: its file, or its bytes."),
            Column("image_id", "string", "As in images; of formats without place for it in the manifest."),
            Column("split", "string", "As in the release."),
            Column("category", "string", "The category, by name or number."),
            Column("bbox", BBOX, "The box, as the format has it: in pixels of the exported picture, or as shares of it."),
        ),
    ),
    "diff_reports": FileContent(
        "Pages that show what changed between two releases, in numbers and as pictures; one file a comparison.",
        (
            Column("image_id", "string", "An image that changed, or labels of which did."),
            Column("category", "string", "Categories, before and after."),
            Column("bbox", BBOX, "Boxes, before and after."),
            Column("split", "string", "Splits, before and after."),
        ),
    ),
    "shard_list": FileContent(
        "What a sharded ingest is to take: the listing of its source, one Parquet file a plan, with one row group for each shard.",
        (Column("path", "string", "Where the file lies."), Column("bytes", "long", "Size of the file in bytes.")),
    ),
    "shard_rows": FileContent(
        "Rows that the shards of an ingest have written, as data files that belong to no table before the commit.",
        (
            Column("image_id", "string", "As in images."),
            Column("source_uri", "string", "As in images and rejects."),
        ),
    ),
}
