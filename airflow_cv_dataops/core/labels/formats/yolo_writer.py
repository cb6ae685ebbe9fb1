"""Rows of ``images`` and ``annotations`` as YOLO; an import of the result gives the same labels."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.formats.image_entries import by_file, image_entries, is_label, labels_with_images

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


def to_yolo(images: pa.Table, annotations: pa.Table, classes: Sequence[str]) -> dict[str, str]:
    """Return text by file name (the image's path with ``.txt``) for every image that has been labelled.

    The text is empty where it is said that nothing is in the image, or nothing of ``classes``. An image without label and statement has no
    file, since an empty one would say that nothing is there; nor has one of whose labels none
    can be written, where one of them has no category or no box: it may be of ``classes``.

    A segmentation of one polygon becomes a polygon, everything else with a box a box. YOLO has no place for labels without
    box, without category, or of a category outside ``classes``: these are left out, and the log counts the first two.

    :param images: rows of ``images``.
    :param annotations: rows of ``annotations``.
    :param classes: names of the classes, in the order of their numbers.
    :raises ConfigurationError: two different images would have the same label file.
    """
    index = {name: number for number, name in enumerate(classes)}
    entries = image_entries(images)
    lines: dict[int, list[str]] = defaultdict(list)
    unwritten: dict[int, int] = defaultdict(int)
    for image, label in labels_with_images(entries, annotations):
        of_image = lines[image]
        if not is_label(label):
            continue
        numbers = _yolo_numbers(label, entries[image]["width"], entries[image]["height"])
        category = label["category"]
        if not numbers or category is None:
            unwritten[image] += 1
        elif category in index:
            of_image.append(" ".join([str(index[category]), *map(repr, numbers)]))
    texts = {
        name: ("".join(f"{line}\n" for image in copies for line in lines.get(image, ())), not unwritten.keys().isdisjoint(copies))
        for name, copies in by_file(entries, ".txt").items()
        if not lines.keys().isdisjoint(copies)
    }
    files = {name: text for name, (text, is_incomplete) in texts.items() if text or not is_incomplete}
    if unwritten:
        log.warning(
            "YOLO has no place for %d labels, which have no category or no box; %d images have no label file, as an empty one would say "
            "that nothing is there",
            sum(unwritten.values()),
            len(texts) - len(files),
        )
    return files


def _yolo_numbers(label: Mapping[str, Any], width: int, height: int) -> list[float]:
    segmentation = json.loads(label["segmentation"]) if label["segmentation"] else None
    if isinstance(segmentation, list) and len(segmentation) == 1 and len(segmentation[0]) >= 6:
        return [value / (height if position % 2 else width) for position, value in enumerate(segmentation[0])]
    if label["bbox"] is None:
        return []
    return yolo_box(*(label["bbox"][side] for side in ("x", "y", "width", "height")), of=(width, height))


def yolo_box(x: float, y: float, width: float, height: float, *, of: tuple[int, int]) -> list[float]:
    """Return centre, width and height of a box in pixels as fractions. :param of: width and height of the picture in pixels."""
    return [(x + width / 2) / of[0], (y + height / 2) / of[1], width / of[0], height / of[1]]
