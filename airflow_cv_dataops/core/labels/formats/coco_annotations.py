"""Annotations of COCO files one by one, whatever their shape: to records, and to a problem for each thing that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from airflow_cv_dataops.core.labels.formats.coco_values import (
    bbox_values,
    flag,
    id_text,
    image_name,
    is_outline,
    keypoint_values,
    segmentation_text,
    unnamed_categories,
)
from airflow_cv_dataops.core.labels.records import (
    BACKGROUND,
    MALFORMED_RECORD,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
    number,
)

_MODELLED = frozenset(
    ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "keypoints", "num_keypoints", "annotator", "attributes")
)
# LVIS looks for some categories in each image: that none of them was found says nothing of the others.
_LOOKED_FOR = frozenset(("neg_category_ids", "not_exhaustive_category_ids"))
_LABELS = frozenset(("category_id", "bbox", "segmentation", "keypoints"))


class CocoImage(NamedTuple):
    """An entry of ``images``; ``file_name`` is ``None`` where the file does not settle it."""

    file_name: str | None
    width: int | None = None
    height: int | None = None


class CocoAnnotations:
    """What the annotations of one file say, and which images have any.

    :param images: of the file, by id as text. :param categories: names by id as text, ``None`` for an id with two.
    :param records: takes the problems.
    """

    def __init__(self, images: Mapping[str, CocoImage], categories: Mapping[str, str | None], records: RecordBuilder) -> None:
        self.images = images
        self.categories = categories
        self._records = records
        self._unsupported = dict.fromkeys(("caption", "segments_info"), 0)
        self._unnamed: dict[str, int] = {}
        self.labelled: set[str | None] = set()
        """Ids of images with annotations; ``None``: an annotation is of an image that the file does not tell."""

    def record(self, ordinal: int, annotation: Any) -> Record | None:
        """Return one annotation as a record; ``None`` where it makes none."""
        if not isinstance(annotation, dict):
            self._records.lost(f"annotations[{ordinal}] is {shape_of(annotation)}, not an object.")
            self.labelled.add(None)
            return None
        if kind := _unsupported(annotation):
            self._unsupported[kind] += 1
            return None
        image_key = id_text(annotation.get("image_id"))
        self.labelled.add(image_key if image_key in self.images else None)
        stated = annotation.get("category_id")
        category_key = id_text(stated)
        if stated is not None and category_key not in self.categories:
            shown = category_key or excerpt(stated)
            self._unnamed[shown] = self._unnamed.get(shown, 0) + 1
        category = self.categories.get(category_key or "")
        return _record(ordinal, annotation, image_key, self.images, category, self._records)

    def finish(self, annotations: int, entries: Iterable[tuple[int, Mapping[str, Any], str | None]]) -> None:
        """Note what is said of all annotations at once, and add the images that have none.

        :param annotations: how many there are. :param entries: those of ``images`` with their positions and ids.
        """
        for message in unnamed_categories(self._unnamed, "`categories`"):
            self._records.problem(MALFORMED_RECORD, message)
        for kind, count in self._unsupported.items():
            if count:
                self._records.unsupported(
                    count, f"{count:,} annotations with `{kind}` were left out: labels of this kind are not supported."
                )
        # Where it cannot be told which image an annotation is of, any image may be the one.
        if None not in self.labelled and not any(self._unsupported.values()):
            for record in _background(annotations, entries, self.images, self.labelled):
                self._records.add(record)


def _unsupported(annotation: dict[str, Any]) -> str | None:
    """Return the key of what the common model has no place for: a panoptic annotation, or a caption that is nothing else."""
    if "segments_info" in annotation:
        return "segments_info"
    return "caption" if "caption" in annotation and not annotation.keys() & _LABELS else None


def _record(
    ordinal: int,
    annotation: dict[str, Any],
    image_key: str | None,
    images: Mapping[str, CocoImage],
    category: str | None,
    records: RecordBuilder,
) -> Record:
    def taken(name: str, value: Any, given: Any) -> Any:
        """Note a field that is there but cannot be used."""
        if value is None and given is not None and given != []:
            records.problem(MALFORMED_RECORD, f"annotations[{ordinal}].{name} cannot be used: {excerpt(given)}", ordinal)
        return value

    bbox, area, segmentation, keypoints = (annotation.get(name) for name in ("bbox", "area", "segmentation", "keypoints"))
    is_outlined = is_outline(segmentation)
    boxed = taken("bbox", bbox_values(bbox), bbox)
    outlined = taken("segmentation", segmentation_text(segmentation), segmentation) if is_outlined else None
    pointed = taken("keypoints", keypoint_values(keypoints), keypoints) if keypoints else None
    image = images.get(image_key or "") or CocoImage(None)
    annotator = annotation.get("annotator")
    # What is stated and cannot be used is no classification either.
    task = (
        "keypoints"
        if pointed
        else "segmentation"
        if outlined
        else "detection"
        if bbox
        else "segmentation"
        if is_outlined
        else "keypoints"
        if keypoints
        else "classification"
    )
    return Record(
        ordinal,
        image.file_name or "#" + (image_key or clean_text(excerpt(annotation.get("image_id")))),
        task,
        category,
        boxed,
        outlined,
        taken("area", number(area), area),
        taken("iscrowd", flag(annotation.get("iscrowd")), annotation.get("iscrowd")),
        pointed,
        image.width,
        image.height,
        clean_text(annotator) if isinstance(annotator, str) and annotator else None,
        None,
        id_text(annotation.get("id")),
        _attributes(annotation, category),
    )


def _background(
    annotations: int,
    entries: Iterable[tuple[int, Mapping[str, Any], str | None]],
    images: Mapping[str, CocoImage],
    labelled: set[str | None],
) -> Iterator[Record]:
    """State of each file without annotation, under whatever id, that nothing is in it; ordinals follow those of the annotations."""
    named = [(position, key, name, entry.keys().isdisjoint(_LOOKED_FOR)) for position, entry, key in entries if (name := image_name(entry))]
    stated = {name for _, key, name, _ in named if key in labelled}
    for position, key, name, is_exhaustive in named:
        if key is not None and name not in stated and is_exhaustive:
            stated.add(name)
            image = images[key]
            yield Record(annotations + position, name, BACKGROUND, stated_width=image.width, stated_height=image.height)


def _attributes(annotation: dict[str, Any], category: str | None) -> str | None:
    left = {name: value for name, value in annotation.items() if name not in _MODELLED} if annotation.keys() - _MODELLED else {}
    given = annotation.get("attributes")
    if isinstance(given, dict):
        left.update(given)
    elif given:
        left["attributes"] = given
    if category is None and annotation.get("category_id") is not None:
        left["category_id"] = annotation["category_id"]
    return attributes_text(left)


def shape_of(value: Any) -> str:
    """Say what a JSON value is, for messages."""
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "a truth value"}
    kind = names.get(type(value), "null")
    return f"{kind} with the keys {excerpt(', '.join(map(str, value)))}" if isinstance(value, dict) else kind
