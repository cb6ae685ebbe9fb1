"""COCO annotation files (https://cocodataset.org/#format-data): boxes, polygons, RLE, keypoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from airflow_cv_dataops.core.labels.records import (
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
    json_text,
    number,
    pixels,
)

_NUMBERS = {int, float}
_MODELLED = frozenset(
    ("id", "image_id", "category_id", "bbox", "segmentation", "area", "iscrowd", "keypoints", "num_keypoints", "annotator", "attributes")
)


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
    that it does not define is kept without category. Segmentations are stored as JSON with the very numbers of the file.
    """
    try:
        document = load_json(data)
        if not isinstance(document, dict) or not any(isinstance(document.get(part), list) for part in ("annotations", "images")):
            raise NotCocoError(f"not COCO: expected an object with `images` and `annotations`, found {_shape(document)}")
    except NotCocoError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {error}")
        return
    images = coco_images(document, records)
    categories = coco_categories(document)
    annotations = document.get("annotations", [])
    if not isinstance(annotations, list):
        records.problem(UNPARSABLE_LABEL, f"`annotations` is {_shape(annotations)}, not a list; nothing of it was taken.")
        return
    # Each annotation is a Python object of its own shape, so it is checked by itself.
    for ordinal, annotation in enumerate(annotations):
        annotations[ordinal] = None  # its memory is needed for what is made of it
        if not isinstance(annotation, dict):
            records.lost(f"annotations[{ordinal}] is {_shape(annotation)}, not an object.")
        elif "segments_info" in annotation:
            records.lost(f"annotations[{ordinal}] is a panoptic one, which is not supported; give instances instead.")
        else:
            records.add(_record(ordinal, annotation, images, categories, records))


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
        raise NotCocoError(f"not JSON: {error}") from None


def coco_images(document: dict[str, Any], records: RecordBuilder) -> dict[str, CocoImage]:
    """Return the file's ``images`` by id as text; an id that stands for two files settles no file name."""
    images: dict[str, CocoImage] = {}
    for position, image, key in _entries(document, "images"):
        if key is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] has no id that can be used: {excerpt(image)}")
            continue
        name = image.get("file_name")
        file_name = clean_text(name) if isinstance(name, str) and name else None
        found = CocoImage(file_name, pixels(image.get("width")), pixels(image.get("height")))
        if found.file_name is None:
            records.problem(MALFORMED_RECORD, f"images[{position}] (id {excerpt(key)}) has no file_name.")
        if images.get(key, found).file_name != found.file_name:
            both = f"{excerpt(images[key].file_name)} and {excerpt(found.file_name)}"
            records.problem(MALFORMED_RECORD, f"Image id {excerpt(key)} stands for {both}; its annotations join neither.")
            found = CocoImage(None)
        images[key] = found
    return images


def coco_categories(document: dict[str, Any]) -> dict[str, str]:
    """Return names of the file's ``categories`` by id as text; the first of two with one id."""
    categories: dict[str, str] = {}
    for _, category, key in _entries(document, "categories"):
        if key is not None and isinstance(category.get("name"), str):
            categories.setdefault(key, clean_text(category["name"]))
    return categories


def id_text(value: Any) -> str | None:
    """Return an id as text, so that ``1``, ``1.0`` and ``"1"`` are one id; ``None`` for what cannot be an id."""
    if type(value) is int:
        return str(value) if abs(value) < 10**40 else None
    if type(value) is float and value.is_integer():
        return str(int(value)) if abs(value) < 1e40 else None
    return clean_text(value) if isinstance(value, str) and value else None


def segmentation_text(value: Any) -> str | None:
    """Return COCO JSON of polygons or an RLE; ``None`` where it is neither, or not finite."""
    if isinstance(value, list):
        fits = all(isinstance(polygon, list) and set(map(type, polygon)) <= _NUMBERS for polygon in value)
    elif isinstance(value, dict):
        size, counts = value.get("size"), value.get("counts")
        fits = isinstance(size, list) and len(size) == 2 and {type(side) for side in size} == {int}
        fits = fits and (isinstance(counts, str) or (isinstance(counts, list) and set(map(type, counts)) <= {int}))
    else:
        fits = False
    return json_text(value) if fits else None


def bbox_values(value: Any) -> tuple[float, float, float, float] | None:
    """Return four numbers as doubles, finite or not; ``None`` for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    x, y, width, height = (number(side) for side in value)
    return None if x is None or y is None or width is None or height is None else (x, y, width, height)


def _entries(document: dict[str, Any], part: str) -> Iterator[tuple[int, dict[str, Any], str | None]]:
    entries = document.get(part)
    for position, entry in enumerate(entries if isinstance(entries, list) else []):
        shaped = entry if isinstance(entry, dict) else {}
        yield position, shaped, id_text(shaped.get("id"))


def _record(
    ordinal: int, annotation: dict[str, Any], images: dict[str, CocoImage], categories: dict[str, str], records: RecordBuilder
) -> Record:
    def taken(name: str, value: Any, given: Any) -> Any:
        """Note a field that is there but cannot be used."""
        if value is None and given is not None and given != []:
            records.problem(MALFORMED_RECORD, f"annotations[{ordinal}].{name} cannot be used: {excerpt(given)}", ordinal)
        return value

    bbox, area, segmentation, keypoints = (annotation.get(name) for name in ("bbox", "area", "segmentation", "keypoints"))
    boxed = taken("bbox", bbox_values(bbox), bbox)
    outlined = taken("segmentation", segmentation_text(segmentation), segmentation) if segmentation else None
    pointed = taken("keypoints", _keypoints(keypoints), keypoints) if keypoints else None
    image_key, category_key = id_text(annotation.get("image_id")), id_text(annotation.get("category_id"))
    image = images.get(image_key or "") or CocoImage(None)
    category = categories.get(category_key or "")
    annotator = annotation.get("annotator")
    return Record(
        ordinal,
        image.file_name or "#" + (image_key or clean_text(excerpt(annotation.get("image_id")))),
        "keypoints" if pointed else "segmentation" if outlined else "detection" if bbox else "classification",
        category,
        boxed,
        outlined,
        taken("area", number(area), area),
        _flag(annotation.get("iscrowd")),
        pointed,
        image.width,
        image.height,
        clean_text(annotator) if isinstance(annotator, str) and annotator else None,
        None,
        id_text(annotation.get("id")),
        _attributes(annotation, category),
    )


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


def _keypoints(value: Any) -> list[float] | None:
    if not isinstance(value, list) or len(value) % 3 or not set(map(type, value)) <= _NUMBERS:
        return None
    return [number(item) or 0.0 for item in value]


def _flag(value: Any) -> bool | None:
    return bool(value) if isinstance(value, (bool, int)) and value in (0, 1) else None


def _shape(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "a truth value"}
    kind = names.get(type(value), "null")
    return f"{kind} with the keys {excerpt(', '.join(map(str, value)))}" if isinstance(value, dict) else kind


def _long_int(digits: str) -> int | float:
    return int(digits) if len(digits) < 4000 else float(digits)
