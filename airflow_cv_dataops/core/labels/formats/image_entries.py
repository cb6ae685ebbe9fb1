"""Images and their labels as writers name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.file_names import strip_extension
from airflow_cv_dataops.core.labels.records import BACKGROUND

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE_COLUMNS = ("source_uri", "image_id", "file_name", "width", "height")


def image_entries(images: pa.Table) -> list[dict[str, Any]]:
    """Return address, id, name, width and height of each of ``images``' rows, and its partition where the rows tell it, by address."""
    columns = [*_IMAGE_COLUMNS, *(["partition_key"] if "partition_key" in images.column_names else [])]
    return images.select(columns).sort_by("source_uri").to_pylist()


def labels_with_images(entries: list[dict[str, Any]], annotations: pa.Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each label that has an image, and each statement that nothing is there, with the place of its image among the entries.

    Labels of an image are labels of all its copies: one that was drawn on a file that is not among the entries (a release holds each image
    once) belongs to the first entry with the same bytes. One whose file has other bytes by now is of no image.
    """
    copies: dict[str, dict[tuple[str | None, str], int]] = {}
    for number, entry in enumerate(entries):
        places = copies.setdefault(entry["image_id"], {})
        for key in (entry.get("partition_key"), None):  # a label may not tell its partition
            places.setdefault((key, entry["source_uri"]), number)
    for label in annotations.to_pylist():
        if places := copies.get(label["image_id"], {}):
            known = [places.get((key, label["source_uri"])) for key in (label.get("partition_key"), None)]
            yield next((number for number in known if number is not None), next(iter(places.values()))), label


def is_label(row: Mapping[str, Any]) -> bool:
    """Say whether a row of ``annotations`` is a label, and not the statement that nothing is in the image."""
    return row.get("task") != BACKGROUND


def by_file(entries: list[dict[str, Any]], extension: str) -> dict[str, list[int]]:
    """Return the files that are to be written, by name, and the entries whose labels each of them holds: all with the same bytes.

    :raises ConfigurationError: two different images would have the same label file.
    """
    files: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        name = strip_extension(entry["file_name"]) + extension
        first = entries[files.setdefault(name, [number])[0]]
        if first["image_id"] != entry["image_id"]:
            raise ConfigurationError(
                f"The labels of {first['source_uri']} and of {entry['source_uri']} would be the same file, {name}: write the images of "
                "each partition to a folder of its own."
            )
        if files[name][-1] != number:
            files[name].append(number)
    return files
