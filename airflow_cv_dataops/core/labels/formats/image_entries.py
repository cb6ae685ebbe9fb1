"""Images and their labels as writers name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE_COLUMNS = ("source_uri", "image_id", "file_name", "width", "height")


def image_entries(images: pa.Table) -> list[dict[str, Any]]:
    """Return address, id, name, width and height of each of ``images``' rows, by address."""
    return images.select(_IMAGE_COLUMNS).sort_by("source_uri").to_pylist()


def labels_with_images(entries: list[dict[str, Any]], annotations: pa.Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each label that has an image, with the place of its image among the entries.

    Labels of an image are labels of all its copies: one that was drawn on a file that is not among the entries (a release holds each image
    once) belongs to the first entry with the same bytes. One whose file has other bytes by now is of no image.
    """
    copies: dict[str, dict[str, int]] = {}
    for number, entry in enumerate(entries):
        copies.setdefault(entry["image_id"], {}).setdefault(entry["source_uri"], number)
    for label in annotations.to_pylist():
        if places := copies.get(label["image_id"]):
            yield places.get(label["source_uri"], next(iter(places.values()))), label
