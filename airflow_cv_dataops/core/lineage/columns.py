"""Where the key columns of each table come from: what a person follows from a label file to a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.step_lineage import DatasetUse


@dataclass(frozen=True)
class From:
    """One column that another comes from, in the words of OpenLineage's column lineage (ColumnLineageDatasetFacet 1-2-0).

    :param holder: the table, or what the files hold, with ``files:`` before it.
    :param subtype: ``IDENTITY``, ``TRANSFORMATION`` or ``AGGREGATION``, and of an indirect one ``JOIN`` or ``FILTER``.
    """

    holder: str
    column: str
    subtype: str = "IDENTITY"
    description: str = ""

    @property
    def type(self) -> str:
        return "INDIRECT" if self.subtype in ("JOIN", "FILTER") else "DIRECT"


@dataclass(frozen=True)
class Origin:
    """A column of a dataset that the step reads."""

    use: DatasetUse
    column: str
    type: str
    subtype: str
    description: str


def column_lineage(output: DatasetUse, inputs: Sequence[DatasetUse]) -> dict[str, list[Origin]]:
    """Return by key column of what a step writes where it comes from, as far as the step reads it."""
    read = {_holder(use): use for use in inputs}
    found: dict[str, list[Origin]] = {}
    for column, origins in ORIGINS.get(_holder(output), {}).items():
        known = [Origin(read[of.holder], of.column, of.type, of.subtype, of.description) for of in origins if of.holder in read]
        if known:
            found[column] = known
    return found


def _holder(use: DatasetUse) -> str:
    return use.table or f"files:{use.holds}"


_JOINED = "the name by which the file's rows join an image"
_PIXELS = "as x, y, width and height in pixels"
_HASH = "sha256 of the file's bytes"

ORIGINS: Mapping[str, Mapping[str, Sequence[From]]] = {
    "files:shard_list": {"path": [From("files:images", "path")]},
    "files:shard_rows": {
        "image_id": [From("files:images", "content", "TRANSFORMATION", _HASH)],
        "source_uri": [From("files:shard_list", "path")],
    },
    "images": {
        "image_id": [From("files:images", "content", "TRANSFORMATION", _HASH), From("files:shard_rows", "image_id")],
        "source_uri": [From("files:images", "path"), From("files:shard_rows", "source_uri")],
    },
    "rejects": {
        "source_uri": [From("files:images", "path"), From("files:shard_rows", "source_uri")],
        "reason": [From("files:images", "content", "TRANSFORMATION", "why the file could not be taken")],
    },
    "annotations": {
        "image_id": [From("images", "image_id"), From("files:labels", "image", "JOIN", _JOINED)],
        "source_uri": [From("images", "source_uri"), From("files:labels", "image", "JOIN", _JOINED)],
        "file_name": [From("files:labels", "image")],
        "category": [From("files:labels", "category")],
        "bbox": [From("files:labels", "bbox", "TRANSFORMATION", _PIXELS)],
        "annotator": [From("files:labels", "annotator")],
    },
    "predictions": {
        "image_id": [From("images", "image_id"), From("files:predictions", "image", "JOIN", _JOINED)],
        "source_uri": [From("images", "source_uri"), From("files:predictions", "image", "JOIN", _JOINED)],
        "file_name": [From("files:predictions", "image")],
        "category": [
            From("files:predictions", "category"),
            From("files:predictions", "probabilities", "TRANSFORMATION", "the most probable one"),
        ],
        "score": [
            From("files:predictions", "score"),
            From("files:predictions", "probabilities", "TRANSFORMATION", "of the most probable category"),
        ],
        "bbox": [From("files:predictions", "bbox", "TRANSFORMATION", _PIXELS)],
        "probabilities": [From("files:predictions", "probabilities")],
    },
    "embeddings": {
        "image_id": [From("images", "image_id"), From("files:embeddings", "image", "JOIN", _JOINED)],
        "source_uri": [From("images", "source_uri"), From("files:embeddings", "image", "JOIN", _JOINED)],
        "embedding": [
            From("images", "storage_uri", "TRANSFORMATION", "the vector of the bytes that are kept"),
            From("files:embedding_model", "content", "TRANSFORMATION", "the model that makes it"),
            From("files:embeddings", "embedding"),
        ],
    },
    # Of an audit's alone: a server that keeps the last facet of a dataset would show an import's in its place.
    "findings": {
        "image_id": [From("annotations", "image_id"), From("images", "image_id")],
        "annotation_id": [From("annotations", "annotation_id")],
        "category": [From("annotations", "category")],
        "message": [
            From("annotations", "category", "TRANSFORMATION", "what a check says of it"),
            From("annotations", "bbox", "TRANSFORMATION", "what a check says of it"),
        ],
        "score": [
            From("predictions", "probabilities", "TRANSFORMATION", "how far the model contradicts the label"),
            From("predictions", "score", "TRANSFORMATION", "how far the model contradicts the label"),
        ],
    },
    "samples": {
        "image_id": [
            From("images", "image_id"),
            From("annotations", "image_id", "FILTER", "images that have a label are left out"),
        ],
        "source_uri": [From("images", "source_uri")],
        "score": [
            From("predictions", "probabilities", "TRANSFORMATION", "how uncertain the model is, by the strategy"),
            From("predictions", "score", "TRANSFORMATION", "how uncertain the model is, by the strategy"),
            From("embeddings", "embedding", "TRANSFORMATION", "how far the image is from what is labelled"),
        ],
        "category": [From("predictions", "category")],
        "reasons": [From("findings", "check", "TRANSFORMATION", "findings of the image, beside its score")],
    },
    "files:export": {
        "image": [From("images", "storage_uri", "TRANSFORMATION", "the bytes that are kept, upright, resized and cropped where asked for")],
        "image_id": [From("release_items", "image_id")],
        "split": [From("release_items", "split")],
        "category": [From("annotations", "category")],
        "bbox": [From("annotations", "bbox", "TRANSFORMATION", "as the format has it, in the exported picture")],
    },
    "files:diff_reports": {
        "image_id": [From("release_items", "image_id")],
        "category": [From("annotations", "category")],
        "bbox": [From("annotations", "bbox")],
        "split": [From("release_items", "split")],
    },
    "release_items": {
        "image_id": [From("images", "image_id")],
        "partition_key": [From("images", "partition_key")],
        "source_uri": [From("images", "source_uri")],
        "split": [From("images", "image_id", "TRANSFORMATION", "the split follows from a hash of the image id")],
    },
    "releases": {
        "content_id": [
            From("images", "image_id", "AGGREGATION", "hash over all images and their labels"),
            From("annotations", "category", "AGGREGATION", "hash over all images and their labels"),
            From("annotations", "bbox", "AGGREGATION", "hash over all images and their labels"),
        ],
        "images": [From("images", "image_id", "AGGREGATION", "how many there are")],
        "annotations": [From("annotations", "annotation_id", "AGGREGATION", "how many there are")],
        "gates": [
            From("findings", "severity", "AGGREGATION", "what gates ask of findings"),
            From("findings", "annotation_id", "AGGREGATION", "labels at fault, each once"),
            From("rejects", "source_uri", "AGGREGATION", "how many files could not be taken"),
            From("metrics", "value", "AGGREGATION", "what gates ask of the steps' numbers"),
        ],
    },
}
