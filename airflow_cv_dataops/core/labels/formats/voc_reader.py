"""Pascal VOC annotation files: one XML per image (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.file_names import image_folder_name, strip_extension
from airflow_cv_dataops.core.labels.formats.voc_shapes import SIDES, corners, shape_of
from airflow_cv_dataops.core.labels.formats.voc_xml import parse_xml, text_of, value_of
from airflow_cv_dataops.core.labels.records import (
    BACKGROUND,
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
    pixels,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MODELLED = frozenset(("name", "bndbox", "part", "polygon"))
_SHAPES = ("bndbox", "robndbox", "polygon")


def parse_voc(data: bytes, path: str, records: RecordBuilder, siblings: Collection[str] = ()) -> None:
    """Add the objects of one XML to ``records``; one without objects states that nothing is there.

    Objects that LabelMe marks as ``deleted`` are left out. Such as stand neither below ``<annotation>`` nor below its ``<objects>`` are a
    problem, and then nothing is stated.

    ``bbox`` is ``(xmin, ymin, xmax - xmin, ymax - ymin)`` exactly as stated. The VOC development kit counts pixels from 1 and
    includes the last one, nearly every other tool does not, and no file says which: nothing is added or taken away, so that
    an export gives the numbers that came in. The image is the one that ``<filename>`` names, in the folder of the XML where it names none,
    else the one named as the XML. That goes first where ``<filename>`` is left over from another image: ``<path>`` names the image as the
    XML is named, or another XML of the folder is named as ``<filename>`` says.

    :param path: the XML below the source prefix.
    :param siblings: the source's XMLs, without extension.
    """
    try:
        root = parse_xml(data)
    except ValueError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not XML that can be used: {error}")
        return
    if root.tag != "annotation":
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: expected <annotation>, found <{excerpt(root.tag)}>.")
        return
    alternative = image_folder_name(strip_extension(path))
    file_name = alternative if _is_left_over(root, strip_extension(path), siblings) else _image_name(text_of(root, "filename"), alternative)
    size = root.find("size")
    width, height = (None, None) if size is None else (pixels(size.findtext("width")), pixels(size.findtext("height")))
    objects = [*root.findall("object"), *root.findall("objects/object")]
    is_read = _tell_what_is_elsewhere(root, objects, records)
    kept = [(ordinal, item) for ordinal, item in enumerate(objects) if (text_of(item, "deleted") or "0").lower() not in ("1", "true")]
    if not kept and is_read:
        records.add(Record(0, file_name, BACKGROUND, stated_width=width, stated_height=height, alternative_name=alternative))
    for ordinal, item in kept:
        name = text_of(item, "name")
        shape = shape_of(item)
        if name is None and shape.stated is None:
            records.lost(f"Object {ordinal} has neither a name nor a box.")
            continue
        if not shape.is_whole:
            records.problem(MALFORMED_RECORD, f"Where object {ordinal} is cannot be used: {excerpt(shape.stated)}", ordinal)
        records.add(
            Record(
                ordinal,
                file_name,
                "segmentation" if shape.segmentation else "classification" if shape.stated is None else "detection",
                name,
                shape.bbox,
                shape.segmentation,
                stated_width=width,
                stated_height=height,
                attributes=attributes_text(_attributes(ordinal, item, records)),
                alternative_name=alternative,
            )
        )


def _tell_what_is_elsewhere(root: Element, objects: Sequence[Element], records: RecordBuilder) -> bool:
    """Note objects, or shapes without objects, where none are looked for, and say whether all was read."""
    within = [sum(1 for _ in item.iter("object")) for item in objects]
    for ordinal, count in enumerate(within):
        if count > 1:
            records.problem(MALFORMED_RECORD, f"Object {ordinal} has {count - 1} more objects within it, which were not read.", ordinal)
    if elsewhere := sum(1 for _ in root.iter("object")) - sum(within):
        records.lost(f"{elsewhere} objects stand neither below <annotation> nor below its <objects>, and were not read.")
    shape = next((tag for tag in _SHAPES if root.find(f".//{tag}") is not None), None) if not objects and not elsewhere else None
    if shape:
        records.lost(f"There is a <{shape}>, and no <object>: nothing was read.")
    return not elsewhere and not shape


def _is_left_over(root: Element, own: str, siblings: Collection[str]) -> bool:
    """Say whether ``<filename>`` is that of the image whose XML this one was copied from."""
    stated, (folder, slash, name) = text_of(root, "filename"), own.rpartition("/")
    stem = strip_extension(stated or name)
    if stem == name or "/" in stem or "\\" in stem:
        return False
    placed = (text_of(root, "path") or "").replace("\\", "/").rpartition("/")[2]
    return strip_extension(placed) == name or folder + slash + stem in siblings


def _image_name(stated: str | None, alternative: str) -> str:
    """Return the stated name, in the folder of the XML where it has none itself; else the XML's own."""
    if stated is None:
        return alternative
    folder = "" if "/" in stated or "\\" in stated else alternative.rpartition("/")[0]
    return f"{folder}/{stated}" if folder else stated


def _attributes(ordinal: int, item: Element, records: RecordBuilder) -> dict[str, Any]:
    """Return ``difficult``, ``truncated``, ``pose``, ``occluded`` and whatever else the object carries; 0 and 1 as numbers.

    CVAT's ``<attributes>`` are taken one by one; ``parts`` are a list of ``{"name", "xmin", "ymin", "xmax", "ymax"}``.
    """
    found: dict[str, Any] = {}
    for child in item:
        if child.tag == "attributes" and len(child):
            for name, value in _named_values(child):
                _put(found, name, value)
        elif child.tag not in _MODELLED:
            _put(found, clean_text(child.tag), _nested(child))
    if parts := [_part(ordinal, part, records) for part in item.findall("part")]:
        _put(found, "parts", parts)
    return found


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    """Add a value; of several by one name a list."""
    if name not in found:
        found[name] = value
        return
    first = found[name]
    found[name] = [*(first if isinstance(first, list) else [first]), *(value if isinstance(value, list) else [value])]


def _named_values(attributes: Element) -> list[tuple[str, Any]]:
    """Return CVAT's ``<attribute><name/><value/></attribute>`` one by one, and any other child by its tag."""
    return [
        (text_of(child, "name") or "attribute", clean_text((child.findtext("value") or "").strip()))
        if child.tag == "attribute"
        else (clean_text(child.tag), _nested(child))
        for child in attributes
    ]


def _part(ordinal: int, part: Element, records: RecordBuilder) -> dict[str, Any]:
    found: dict[str, Any] = {"name": text_of(part, "name")}
    box = part.find("bndbox")
    if box is not None:
        bbox, stated = corners(box)
        found.update({side: value_of(box.findtext(side) or "") for side in SIDES})
        if bbox is None:
            records.problem(MALFORMED_RECORD, f"The box of a part of object {ordinal} cannot be used: {excerpt(stated)}", ordinal)
    found.update({clean_text(child.tag): _nested(child) for child in part if child.tag not in _MODELLED})
    return found


def _nested(element: Element) -> object:
    """Return an element's text, or its children's texts by tag."""
    if len(element):
        found: dict[str, Any] = {}
        for child in element:
            _put(found, clean_text(child.tag), value_of(" ".join(" ".join(child.itertext()).split())))
        return found
    text = (element.text or "").strip()
    return int(text) if text in ("0", "1") else text
