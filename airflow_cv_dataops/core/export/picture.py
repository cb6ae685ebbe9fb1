"""One image of an export, as exporters take it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_cv_dataops.core.export.label import Label
from airflow_cv_dataops.core.export.placement import Placement

_TURNED = range(2, 9)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image and its labels, both as they are exported.

    :param name: its file's name in the export, unique in it, e.g. ``street_07.jpg``.
    :param width: of the exported picture, pixels.
    :param height: of the exported picture, pixels.
    :param is_background: labels state that nothing is in it (or nothing of the categories, or of the crop, that was asked for).
    :param orientation: EXIF orientation of the stored file, 1 to 8; ``None``: none.
    :param address: where its bytes are found: of the exported file, or of the stored one that it refers to.
    """

    image_id: str
    split: str
    name: str
    width: int
    height: int
    labels: tuple[Label, ...]
    is_background: bool
    partition_key: str
    source_uri: str
    file_name: str
    storage_uri: str
    bytes: int
    orientation: int | None
    placement: Placement
    address: str = ""

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def is_turned(self) -> bool:
        """Say whether readers that take no notice of EXIF would see the stored file lying on its side, or mirrored."""
        return self.orientation in _TURNED

    @property
    def is_rewritten(self) -> bool:
        """Say whether the exported picture is another one than the stored file: upright, resized or cropped."""
        return self.is_turned or not self.placement.is_identity
