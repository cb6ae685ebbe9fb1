"""COCO annotation files (https://cocodataset.org/#format-data): boxes, polygons, RLE, keypoints."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
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
from airflow_cv_dataops.core.labels.formats.json_kinds import labels_under_another_name, other_kind
from airflow_cv_dataops.core.labels.records import (
    AMBIGUOUS_FILE_NAME,
    BACKGROUND,
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
    number,
    pixels,
)

_MODELLED = frozenset(
    ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "keypoints", "num_keypoints", "annotator", "attributes")
)
# LVIS looks for some categories in each image: that none of them was found says nothing of the others.
_LOOKED_FOR = frozenset(("neg_category_ids", "not_exhaustive_category_ids"))
_LABELS = frozenset(("category_id", "bbox", "segmentation", "keypoints"))


class NotCocoError(ValueError):
    """The bytes are no JSON, or JSON of another shape; the message says which."""


class CocoImage(NamedTuple):
    """An entry of ``images``; ``file_name`` is ``None`` where the file does not settle it."""

    file_name: str | None
    width: int | None = None
    height: int | None = None


def parse_coco(data: bytes, records: RecordBuilder) -> None:
    """Add the annotations of one COCO file to ``records``.

    An annotation of an image that the file does not define is kept with the file name ``#<image_id>``; one of a category
    that it does not define is kept without category, a problem for each such id. Segmentations are stored as JSON with the very numbers of
    the file. An image of ``images`` without annotation in ``annotations`` is stated to show nothing, unless it is one of LVIS. Captions and
    panoptic segments are left out and counted; a file with any of them states nothing of its other images.
    """
    try:
        document = load_json(data)
        if kind := other_kind(document):
            raise NotCocoError(f"not COCO, but {kind}")
        if not isinstance(document, dict) or not any(isinstance(document.get(part), list) for part in ("annotations", "images")):
            raise NotCocoError(f"not COCO: expected an object with `images` and `annotations`, found {_shape(document)}")
    except NotCocoError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {error}")
        return
    images = coco_images(document, records)
    categories = coco_categories(document, records)
    annotations = document.get("annotations")
    if annotations is None and "annotations" not in document:
        if others := labels_under_another_name(document):
            shown = excerpt(", ".join(f"`{name}`" for name in others))
            records.problem(
                UNPARSABLE_LABEL, f"The file has `images` and no `annotations`; {shown} is not read: call the list of labels `annotations`."
            )
        return
    if not isinstance(annotations, list):
        records.problem(UNPARSABLE_LABEL, f"`annotations` is {_shape(annotations)}, not a list; nothing of it was taken.")
        return
    unsupported = dict.fromkeys(("caption", "segments_info"), 0)
    labelled: set[str | None] = set()
    unnamed: dict[str, int] = {}
    # Each annotation is a Python object of its own shape, so it is checked by itself.
    for ordinal, annotation in enumerate(annotations):
        annotations[ordinal] = None  # its memory is needed for what is made of it
        if not isinstance(annotation, dict):
            records.lost(f"annotations[{ordinal}] is {_shape(annotation)}, not an object.")
            labelled.add(None)
        elif kind := _unsupported(annotation):
            unsupported[kind] += 1
        else:
            image_key = id_text(annotation.get("image_id"))
            labelled.add(image_key if image_key in images else None)
            stated = annotation.get("category_id")
            category_key = id_text(stated)
            if stated is not None and category_key not in categories:
                shown = category_key or excerpt(stated)
                unnamed[shown] = unnamed.get(shown, 0) + 1
            category = categories.get(category_key or "")
            records.add(_record(ordinal, annotation, image_key, images, category, records))
    for message in unnamed_categories(unnamed, "`categories`"):
        records.problem(MALFORMED_RECORD, message)
    for kind, count in unsupported.items():
        if count:
            records.unsupported(count, f"{count:,} annotations with `{kind}` were left out: labels of this kind are not supported.")
    # Where it cannot be told which image an annotation is of, any image may be the one.
    if None not in labelled and not any(unsupported.values()):
        _add_background(document, len(annotations), images, labelled, records)


def load_json(data: bytes) -> Any:
    """Return parsed JSON of any size and shape. :raises NotCocoError: it is not JSON, or nested too deeply."""
    try:
        try:
            return json.loads(data)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise
        except ValueError:
            # A whole number of thousands of digits, which Python refuses by default; as a double it is infinite.
            return json.loads(data, parse_int=_long_int)
    except RecursionError:
        raise NotCocoError("nested too deeply") from None
    except ValueError as error:
        is_lines = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        raise NotCocoError(f"not JSON: {error}{'; JSON lines are to be written as one JSON document' if is_lines else ''}") from None


def coco_images(document: dict[str, Any], records: RecordBuilder) -> dict[str, CocoImage]:
    """Return the file's ``images`` by id as text.

    An id that stands for two files settles no file name, nor does a name that images of different sizes share. One that images of the same
    size share is kept: it may be one picture that is listed for each of its annotators.
    """
    images: dict[str, CocoImage] = {}
    for position, image, key in _entries(document, "images"):
        if key is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] has no id that can be used: {excerpt(image)}")
            continue
        found = CocoImage(image_name(image), pixels(image.get("width")), pixels(image.get("height")))
        if found.file_name is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] (id {excerpt(key)}) has no file_name and no coco_url.")
        if images.get(key, found).file_name != found.file_name:
            both = f"{excerpt(images[key].file_name)} and {excerpt(found.file_name)}"
            records.problem(MALFORMED_RECORD, f"Image id {excerpt(key)} stands for {both}; its annotations join neither.")
            found = CocoImage(None)
        images[key] = found
    for name, keys in _shared_names(images).items():
        ids = f"Ids {excerpt(', '.join(keys))}: {len(keys):,} images of the file are called {excerpt(name)}"
        if len({images[key][1:] for key in keys if None not in images[key]}) > 1:
            records.problem(MALFORMED_RECORD, f"{ids} and differ in size; their annotations join none.")
            images |= dict.fromkeys(keys, CocoImage(None))
        else:
            records.problem(
                AMBIGUOUS_FILE_NAME, f"{ids}. If they are several pictures, all their annotations count for one; name their folders."
            )
    return images


def _shared_names(images: Mapping[str, CocoImage]) -> dict[str, list[str]]:
    """Return the ids of images that have the file name of another."""
    count = Counter(image.file_name for image in images.values())
    shared: dict[str, list[str]] = {}
    for key, image in images.items():
        if image.file_name is not None and count[image.file_name] > 1:
            shared.setdefault(image.file_name, []).append(key)
    return shared


def coco_categories(document: dict[str, Any], records: RecordBuilder) -> dict[str, str | None]:
    """Return names of the file's ``categories`` by id as text; ``None`` for an id with two names. One with a blank name is left out."""
    named: dict[str, str] = {}
    refused: set[str] = set()
    for position, category, key in _entries(document, "categories"):
        name = category.get("name")
        if key is None or not isinstance(name, str) or not name.strip():
            records.problem(MALFORMED_RECORD, f"categories[{position}] has no id or no name that can be used: {excerpt(category)}")
            continue
        first = named.setdefault(key, clean_text(name))
        if first != clean_text(name):
            both = f"{excerpt(first)} and {excerpt(name)}"
            records.problem(MALFORMED_RECORD, f"Category id {excerpt(key)} stands for {both}; its annotations are kept without category.")
            refused.add(key)
    return {key: None if key in refused else name for key, name in named.items()}


def _entries(document: dict[str, Any], part: str) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    entries = document.get(part)
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        shaped = entry if isinstance(entry, dict) else {}
        yield position, shaped, id_text(shaped.get("id"))


def _unsupported(annotation: dict[str, Any]) -> str | None:
    """Return the key of what the common model has no place for: a panoptic annotation, or a caption that is nothing else."""
    if "segments_info" in annotation:
        return "segments_info"
    return "caption" if "caption" in annotation and not annotation.keys() & _LABELS else None


def _record(
    ordinal: int,
    annotation: dict[str, Any],
    image_key: str | None,
    images: dict[str, CocoImage],
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


def _add_background(
    document: dict[str, Any], annotations: int, images: dict[str, CocoImage], labelled: set[str | None], records: RecordBuilder
) -> None:
    """State of each file without annotation, under whatever id, that nothing is in it; ordinals follow those of the annotations."""
    entries = [(position, entry, image_name(entry), key) for position, entry, key in _entries(document, "images")]
    stated = {name for _, _, name, key in entries if key in labelled}
    for position, entry, name, key in entries:
        if key is not None and name is not None and name not in stated and entry.keys().isdisjoint(_LOOKED_FOR):
            stated.add(name)
            image = images[key]
            ordinal = annotations + position
            records.add(Record(ordinal, name, BACKGROUND, stated_width=image.width, stated_height=image.height))


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


def _shape(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "a truth value"}
    kind = names.get(type(value), "null")
    return f"{kind} with the keys {excerpt(', '.join(map(str, value)))}" if isinstance(value, dict) else kind


def _long_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)
