"""Rows of ``images`` and ``annotations`` as COCO, YOLO and Pascal VOC; an import of the result gives the same labels."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.names import strip_extension

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pyarrow as pa

_IMAGE_COLUMNS = ("source_uri", "file_name", "width", "height")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def to_coco(images: pa.Table, annotations: pa.Table) -> dict[str, Any]:
    """Return a COCO document: every image, and every annotation that has an image.

    Images are numbered from 1 by ``source_uri``, categories by name, annotations in the order of the rows. A number that JSON
    does not know (NaN, infinite) is left as it is: pass ``allow_nan=False`` to ``json.dumps`` to be told of it.
    """
    entries = _images(images)
    numbers = {entry["source_uri"]: number for number, entry in enumerate(entries, 1)}
    labels = [label for label in annotations.to_pylist() if label["source_uri"] in numbers]
    names = sorted({label["category"] for label in labels if label["category"] is not None})
    category_ids = {name: number for number, name in enumerate(names, 1)}
    return {
        "images": [
            {"id": numbers[entry["source_uri"]], **{name: entry[name] for name in ("file_name", "width", "height")}} for entry in entries
        ],
        "categories": [{"id": number, "name": name} for name, number in category_ids.items()],
        "annotations": [
            {"id": number, "image_id": numbers[label["source_uri"]], **_coco_label(label, category_ids)}
            for number, label in enumerate(labels, 1)
        ],
    }


def to_yolo(images: pa.Table, annotations: pa.Table, classes: Sequence[str]) -> dict[str, str]:
    """Return text by file name (the image's path with ``.txt``) for every image; one without labels has an empty text.

    A segmentation of one polygon becomes a polygon, everything else with a box a box. YOLO has no place for labels without
    box, or of a category outside ``classes``: these are left out.
    """
    index = {name: number for number, name in enumerate(classes)}
    lines: dict[str, list[str]] = defaultdict(list)
    sizes = {entry["source_uri"]: (entry["width"], entry["height"]) for entry in _images(images)}
    for label in annotations.to_pylist():
        size = sizes.get(label["source_uri"])
        if size is not None and label["category"] in index and (numbers := _yolo_numbers(label, *size)):
            lines[label["source_uri"]].append(" ".join([str(index[label["category"]]), *map(repr, numbers)]))
    return {
        strip_extension(entry["file_name"]) + ".txt": "".join(f"{line}\n" for line in lines[entry["source_uri"]])
        for entry in _images(images)
    }


def to_voc(images: pa.Table, annotations: pa.Table) -> dict[str, str]:
    """Return XML by file name (the image's path with ``.xml``) for every image; ``xmax`` is ``x + width``, without VOC's +1."""
    labels: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for label in annotations.to_pylist():
        labels[label["source_uri"]].append(label)
    return {strip_extension(entry["file_name"]) + ".xml": _voc_file(entry, labels[entry["source_uri"]]) for entry in _images(images)}


def _images(images: pa.Table) -> list[dict[str, Any]]:
    return images.select(_IMAGE_COLUMNS).sort_by("source_uri").to_pylist()


def _coco_label(label: Mapping[str, Any], category_ids: Mapping[str, int]) -> dict[str, Any]:
    found = {
        "category_id": category_ids.get(label["category"]),
        "bbox": None if label["bbox"] is None else [label["bbox"][side] for side in ("x", "y", "width", "height")],
        "segmentation": None if label["segmentation"] is None else json.loads(label["segmentation"]),
        "area": label["area"],
        "iscrowd": None if label["iscrowd"] is None else int(label["iscrowd"]),
        "keypoints": label["keypoints"],
        "num_keypoints": None if label["keypoints"] is None else sum(1 for seen in label["keypoints"][2::3] if seen > 0),
        "annotator": label["annotator"],
        "attributes": None if label["attributes"] is None else json.loads(label["attributes"]),
    }
    return {name: value for name, value in found.items() if value is not None}


def _yolo_numbers(label: Mapping[str, Any], width: int, height: int) -> list[float]:
    segmentation = json.loads(label["segmentation"]) if label["segmentation"] else None
    if isinstance(segmentation, list) and len(segmentation) == 1 and len(segmentation[0]) >= 6:
        return [value / (height if position % 2 else width) for position, value in enumerate(segmentation[0])]
    if label["bbox"] is None:
        return []
    x, y, box_width, box_height = (label["bbox"][side] for side in ("x", "y", "width", "height"))
    return [(x + box_width / 2) / width, (y + box_height / 2) / height, box_width / width, box_height / height]


def _voc_file(image: Mapping[str, Any], labels: Sequence[Mapping[str, Any]]) -> str:
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("annotation")
    _put(root, "filename", image["file_name"].rpartition("/")[2])
    size = SubElement(root, "size")
    _put(size, "width", image["width"])
    _put(size, "height", image["height"])
    for label in labels:
        item = SubElement(root, "object")
        if label["category"] is not None:
            _put(item, "name", label["category"])
        for name, value in json.loads(label["attributes"] or "{}").items():
            if _XML_NAME.fullmatch(name) and name not in ("name", "bndbox") and isinstance(value, (str, int, float)):
                _put(item, name, value)
        if label["bbox"] is not None:
            box, sides = label["bbox"], SubElement(item, "bndbox")
            corners = {"xmin": box["x"], "ymin": box["y"], "xmax": box["x"] + box["width"], "ymax": box["y"] + box["height"]}
            for name, value in corners.items():
                _put(sides, name, value)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _put(parent: Element, tag: str, value: Any) -> None:
    from xml.etree.ElementTree import SubElement

    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    SubElement(parent, tag).text = _NOT_XML.sub("�", str(value))
