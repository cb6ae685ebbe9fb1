"""One image of an export, as exporters take it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.placement import Placement

_TURNED = range(2, 9)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image and its labels, both as they are exported.

    :param stem: its file's name in the export without extension, unique in it.
    :param width: of the exported picture, pixels.
    :param height: of the exported picture, pixels.
    :param is_background: it is known that nothing that was asked for is in it: labels state so, or all are of other categories, or cut off.
    :param orientation: EXIF orientation of the stored file, 1 to 8; ``None``: none.
    :param extension: of the stored file, by its format.
    :param is_jpeg: the stored file is one.
    """

    image_id: str
    split: str
    stem: str
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
    extension: str
    is_jpeg: bool

    @property
    def name(self) -> str:
        """The name of its file, e.g. ``street_07.jpg``. A picture that is written anew is a JPEG if it was one, else a PNG."""
        return self.stem + ((".jpg" if self.is_jpeg else ".png") if self.is_rewritten else self.extension)

    @property
    def is_turned(self) -> bool:
        """Say whether readers that take no notice of EXIF would see the stored file lying on its side, or mirrored."""
        return self.orientation in _TURNED

    @property
    def is_rewritten(self) -> bool:
        """Say whether the exported picture is another one than the stored file: upright, resized or cropped."""
        return self.is_turned or not self.placement.is_identity
