"""What an export is asked for, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.arguments import check_choice, check_ratio, check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.transform.placement import Resize

IMAGES = ("copy", "link", "reference")
WITHOUT_LABELS = ("stated", "none", "all")
INCOMPLETE_IMAGES = ("keep", "leave_out")
RELEASE_PLACEHOLDER = "{release}"
_BRACES = re.compile(r"\{[^{}/]*\}")
_AS_IT_IS = Resize()


@dataclass(frozen=True)
class ExportOptions:
    """Which images and labels of a release go out, and how.

    :param format: ``coco``, ``yolo``, ``yolo_seg``, ``voc``, ``imagefolder``, ``csv``, ``parquet``, ``webdataset`` or ``huggingface``.
    :param images: ``copy``: image files are copied; ``link``: they are hard links to the dataset's own, on one file system, so do not
        write to them; ``reference``: label files name them where they are stored, and none is copied (``coco``, ``csv``, ``parquet``).
        Images that are changed (``resize``, EXIF orientation) are files of their own also with ``link``.
    :param without_labels: which images without labels are exported: ``stated``, those of which labels state that nothing is in them;
        ``none``; ``all``, also those of which nothing is said, which whoever trains will take for empty.
    :param incomplete_images: what becomes of an image of which some labels cannot be exported: ``keep``, or ``leave_out``.
    :param categories: these, numbered in this order; labels of others are left out. Default: all that are exported, by name.
    :param label_sets: labels of these imports only; default: all.
    :param splits: these only; default: all.
    :param resize: how pictures are resized and cropped, labels with them.
    :param max_left_out_ratio: share of the labels, 0 to 1, that may be left out for what is wrong with them or for what the format has no
        place for, before the export fails; 1: never.
    :param shard_images: images in a shard of ``webdataset`` and ``huggingface``, and the images after which a run that was killed goes on.
    :raises ConfigurationError: a value cannot be used.
    """

    format: str = "coco"
    images: str = "copy"
    without_labels: str = "stated"
    incomplete_images: str = "keep"
    categories: tuple[str, ...] | None = None
    label_sets: tuple[str, ...] | None = None
    splits: tuple[str, ...] | None = None
    resize: Resize = _AS_IT_IS
    max_left_out_ratio: float = 0.1
    shard_images: int = 1_000

    def __post_init__(self) -> None:
        for name, known in (("images", IMAGES), ("without_labels", WITHOUT_LABELS), ("incomplete_images", INCOMPLETE_IMAGES)):
            check_choice(name, getattr(self, name), known)
        for name in ("categories", "label_sets", "splits"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, _names(name, given))
        check_whole_number("shard_images", self.shard_images, 1)
        check_ratio("max_left_out_ratio", self.max_left_out_ratio)
        check_can_resize(self.images, self.resize)

    def as_json(self) -> dict[str, Any]:
        """Return what decides which files an export has."""
        names = ("format", "images", "without_labels", "incomplete_images", "categories", "label_sets", "splits", "shard_images")
        values = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()} | {
            "resize": self.resize.as_json()
        }


def check_can_resize(images: str, resize: Resize) -> None:
    """:raises ConfigurationError: pictures are to be changed, and none is written."""
    if images == "reference" and not resize.changes_nothing:
        raise ConfigurationError("images='reference' writes no image, so that none can be resized or cropped: use images='copy'.")


def check_target(target: str, filled: str) -> None:
    """:raises ConfigurationError: something is left in it that nothing fills in. :param filled: the target with all that is known."""
    if unfilled := _BRACES.search(filled):
        raise ConfigurationError(
            f"target={target!r} has {unfilled.group()}, which nothing fills in: {RELEASE_PLACEHOLDER} is filled in, and in a task "
            "{partition_key}."
        )
    if "None" in filled.split("/"):
        raise ConfigurationError(
            f"target={target!r} has a folder None: a template in it rendered nothing. {RELEASE_PLACEHOLDER} and {{partition_key}} have "
            "single braces."
        )


def _names(what: str, given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise ConfigurationError(f"{what}={given!r} cannot be used: expected a list of names.")
    names = tuple(given)
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ConfigurationError(f"{what}={given!r} cannot be used: expected names, each once, and at least one.")
    return names
