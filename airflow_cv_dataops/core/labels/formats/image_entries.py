"""Images as writers name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE_COLUMNS = ("source_uri", "file_name", "width", "height")


def image_entries(images: pa.Table) -> list[dict[str, Any]]:
    """Return address, name, width and height of each of ``images``' rows, by address."""
    return images.select(_IMAGE_COLUMNS).sort_by("source_uri").to_pylist()
