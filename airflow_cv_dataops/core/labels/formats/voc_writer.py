"""Rows of ``images`` and ``annotations`` as Pascal VOC; an import of the result gives the same labels."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.formats.image_entries import by_file, image_entries, is_label, labels_with_images

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pyarrow as pa

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def to_voc(images: pa.Table, annotations: pa.Table) -> dict[str, str]:
    """Return XML by file name (the image's path with ``.xml``) for every image that has been labelled.

    Where it is said that nothing is in the image, it has no objects; an image without label and statement has no file, which would say the
    same. ``xmax`` is ``x + width``, without VOC's +1.

    :param images: rows of ``images``.
    :param annotations: rows of ``annotations``.
    :raises ConfigurationError: two different images would have the same label file.
    """
    entries = image_entries(images)
    labels: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for image, label in labels_with_images(entries, annotations):
        labels[image] += [label] if is_label(label) else []
    return {
        name: voc_document(
            entries[copies[0]]["file_name"].rpartition("/")[2],
            entries[copies[0]]["width"],
            entries[copies[0]]["height"],
            [_object_of(label) for image in copies for label in labels.get(image, ())],
        )
        for name, copies in by_file(entries, ".xml").items()
        if not labels.keys().isdisjoint(copies)
    }


@dataclass(frozen=True)
class VocObject:
    """One object of a file.

    :param bbox: x, y, width and height in pixels.
    :param attributes: those that :func:`is_written` become elements.
    """

    category: str | None
    bbox: Sequence[float] | None
    attributes: Mapping[str, Any]


def voc_document(file_name: str, width: int, height: int, objects: Iterable[VocObject]) -> str:
    """Return the XML of one image."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    root = Element("annotation")
    _put(root, "filename", file_name)
    size = SubElement(root, "size")
    _put(size, "width", width)
    _put(size, "height", height)
    for found in objects:
        item = SubElement(root, "object")
        if found.category is not None:
            _put(item, "name", found.category)
        for name, value in filter(is_written, found.attributes.items()):
            _put(item, name, value)
        if found.bbox is not None:
            (x, y, across, down), sides = found.bbox, SubElement(item, "bndbox")
            for name, value in {"xmin": x, "ymin": y, "xmax": x + across, "ymax": y + down}.items():
                _put(sides, name, value)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def is_written(attribute: tuple[str, Any]) -> bool:
    """Say whether an attribute, name and value, can be an element of an object."""
    name, value = attribute
    return bool(_XML_NAME.fullmatch(name)) and name not in ("name", "bndbox") and isinstance(value, (str, int, float))


def _object_of(label: Mapping[str, Any]) -> VocObject:
    box = label["bbox"]
    sides = None if box is None else [box[side] for side in ("x", "y", "width", "height")]
    return VocObject(label["category"], sides, json.loads(label["attributes"] or "{}"))


def _put(parent: Element, tag: str, value: Any) -> None:
    from xml.etree.ElementTree import SubElement

    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    SubElement(parent, tag).text = _NOT_XML.sub("�", str(value))
