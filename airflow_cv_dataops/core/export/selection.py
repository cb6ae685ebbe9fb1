"""Which images and labels of a release are exported, and why the others are not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.export.exporter import PARTS, Exporter
from airflow_cv_dataops.core.export.names import Names, extension_of
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.transform.label import Label, label_of
from airflow_cv_dataops.core.export.transform.moved_labels import (
    BARELY_VISIBLE,
    CLIPPED,
    CROPPED_OUT,
    moved,
    problem_of,
    with_box,
    without_broken_mask,
)
from airflow_cv_dataops.core.export.transform.placement import Placement
from airflow_cv_dataops.core.labels.records import BACKGROUND
from airflow_cv_dataops.core.release.slices import Slice
from airflow_cv_dataops.core.store.objects import without_credentials

IMAGE_COLUMNS = ("file_name", "storage_uri", "bytes", "format", "width", "height", "exif_orientation")
# Labels that were not asked for: nothing of what was is missing in their image without them.
_NOT_ASKED_FOR = ("other_category", CROPPED_OUT)
# Labels that are left out by choice, and not for what is wrong with them.
OF_CHOICE = (*_NOT_ASKED_FOR, BARELY_VISIBLE, "image_incomplete")


@dataclass(frozen=True)
class _Found:
    """What is said of one image, as it would be exported.

    :param left_out: labels that are not, by reason.
    :param of_other_sets: labels of label sets that were not asked for.
    :param is_stated: labels state that nothing is in the image.
    """

    labels: tuple[Label, ...]
    left_out: Mapping[str, int]
    cut: int
    is_stated: bool
    of_other_sets: int

    @property
    def lost(self) -> int:
        return sum(count for reason, count in self.left_out.items() if reason not in _NOT_ASKED_FOR)

    @property
    def is_background(self) -> bool:
        """Say whether it is known that nothing that was asked for is in the image."""
        return not self.labels and not self.lost and (self.is_stated or bool(self.left_out))


class Selection:
    """Turns rows into pictures, and counts.

    In ``tally``, by name and a word behind a dot: ``images_left_out``: ``unlabelled`` (nothing is said of them), ``background``,
    ``labels_left_out`` (none of their labels can be exported), ``incomplete``, ``other_split``, and what the format says;
    ``labels_left_out``: ``no_category``, ``no_box``, ``crowd``, ``no_area``, ``outside_image``, ``other_category``, ``cropped_out``,
    ``barely_visible``, ``image_not_carried`` and ``image_incomplete`` (labels of images that are left out); ``not_carried``: labels that go
    without a part.
    """

    def __init__(self, exporter: type[Exporter], options: ExportOptions, names: Names | None) -> None:
        """:param names: what files are called; ``None`` while names are still collected."""
        self._exporter = exporter
        self._options = options
        self._names = names
        self._has_no_place_for = [part for part in PARTS if part not in exporter.carries]
        self.tally: Counter[str] = Counter()
        self.categories: set[str] = set()

    def pictures(self, part: Slice) -> Iterator[Picture]:
        """Yield the pictures of a slice that are exported, by image id."""
        said: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in part.annotations.to_pylist():  # formats are written label by label
            said[row["image_id"]].append(row)
        for image in part.images.to_pylist():
            placement = self._options.resize.place(image["width"], image["height"])
            found = self._found(said.get(image["image_id"], []), image, placement)
            why = self._why_not(found)
            if why is None:  # of splits that are not asked for, too, so that each split's export numbers them alike
                self.categories.update(label.category for label in found.labels if label.category is not None)
            if self._options.splits is not None and image["split"] not in self._options.splits:
                self.tally["images_left_out.other_split"] += 1
            elif self._takes(found, why):
                yield self._picture(image, found, placement)

    def _found(self, rows: list[dict[str, Any]], image: Mapping[str, Any], placement: Placement) -> _Found:
        labels: list[Label] = []
        left_out: Counter[str] = Counter()
        is_stated, cut, of_other_sets = False, 0, 0
        for row in rows:
            if self._options.label_sets is not None and row["label_set"] not in self._options.label_sets:
                of_other_sets += row["task"] != BACKGROUND
            elif row["task"] == BACKGROUND:
                is_stated = True
            else:
                label, reason, is_cut = self._label(label_of(row), image, placement)
                cut += is_cut
                if label is None:
                    left_out[reason] += 1
                else:
                    labels.append(label)
        return _Found(tuple(labels), left_out, cut, is_stated, of_other_sets)

    def _label(self, label: Label, image: Mapping[str, Any], placement: Placement) -> tuple[Label | None, str, bool]:
        """Return the label as it is exported, or why it is not; and whether the crop cuts it."""
        needs = self._exporter.needs
        if label.category is None and ("category" in needs or self._options.categories is not None):
            return None, "no_category", False
        if self._options.categories is not None and label.category not in self._options.categories:
            return None, "other_category", False
        label = with_box(label, image["width"], image["height"])
        if label.iscrowd and "iscrowd" not in self._exporter.carries:
            return None, "crowd", False
        if label.bbox is None and "box" in needs:
            return None, "no_box", False
        if "area" in needs:
            label = without_broken_mask(label, image["width"], image["height"])
            if problem := problem_of(label, image["width"], image["height"]):
                return None, problem, False
        found, what = moved(label, placement)
        return found, what or "", what == CLIPPED

    def _takes(self, found: _Found, why: str | None) -> bool:
        """Say whether an image is exported, and count what that means for its labels. :param why: it is not."""
        self.tally["labels_of_other_label_sets"] += found.of_other_sets
        self.tally["labels"] += len(found.labels) + sum(found.left_out.values())
        for reason, count in found.left_out.items():
            self.tally[f"labels_left_out.{reason}"] += count
        if why:
            self.tally[f"images_left_out.{why}"] += 1
            if found.labels:
                self.tally[f"labels_left_out.{'image_incomplete' if why == 'incomplete' else 'image_not_carried'}"] += len(found.labels)
            return False
        self.tally["images_incomplete"] += bool(found.lost)
        self.tally["images_background"] += found.is_background
        self.tally["images_unlabelled"] += not found.labels and not found.is_background
        self.tally["labels_exported"] += len(found.labels)
        self.tally["labels_cut"] += found.cut
        for part in self._has_no_place_for:
            self.tally[f"not_carried.{part}"] += sum(_has(label, part) for label in found.labels)
        self.tally["not_carried.broken_segmentations"] += sum(label.is_broken for label in found.labels)
        return True

    def _why_not(self, found: _Found) -> str | None:
        if found.labels:
            incomplete = found.lost and self._options.incomplete_images == "leave_out"
            return "incomplete" if incomplete else self._exporter.refuses(found.labels)
        if found.lost:
            return "labels_left_out"
        wanted = ("stated", "all") if found.is_background else ("all",)
        if self._options.without_labels not in wanted:
            return "background" if found.is_background else "unlabelled"
        return self._exporter.refuses(())

    def _picture(self, image: Mapping[str, Any], found: _Found, placement: Placement) -> Picture:
        picture = Picture(
            image_id=image["image_id"],
            split=image["split"],
            stem=self._names.stem(image["file_name"], image["image_id"]) if self._names else "",
            width=placement.output[0],
            height=placement.output[1],
            labels=found.labels,
            is_background=found.is_background,
            partition_key=image["partition_key"],
            source_uri=without_credentials(image["source_uri"]),
            file_name=image["file_name"],
            storage_uri=image["storage_uri"],
            bytes=image["bytes"],
            orientation=image["exif_orientation"],
            placement=placement,
            extension=extension_of(image["file_name"], image["format"]),
            is_jpeg=image["format"] == "JPEG",
        )
        stays = self._options.images == "reference"  # and so do labels: in pixels of the upright picture
        self.tally["images_not_upright" if stays else "images_turned_upright"] += picture.is_turned
        self.tally["images_resized"] += not placement.is_identity
        return picture


def _has(label: Label, part: str) -> bool:
    if part in ("polygons", "masks"):
        return isinstance(label.segmentation, list if part == "polygons" else dict)
    return label.bbox is not None if part == "boxes" else bool(getattr(label, part))
