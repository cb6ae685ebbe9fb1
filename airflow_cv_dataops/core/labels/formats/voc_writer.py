"""Rows of ``images`` and ``annotations`` as Pascal VOC; an import of the result gives the same labels."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
        name: _voc_file(entries[copies[0]], [label for image in copies for label in labels.get(image, ())])
        for name, copies in by_file(entries, ".xml").items()
        if not labels.keys().isdisjoint(copies)
    }


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
