"""Pascal VOC annotation files: one XML per image (http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.file_names import image_folder_name, strip_extension
from airflow_cv_dataops.core.labels.records import (
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

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_MODELLED = ("name", "bndbox")


def parse_voc(data: bytes, path: str, records: RecordBuilder) -> None:
    """Add the objects of one XML to ``records``.

    ``bbox`` is ``(xmin, ymin, xmax - xmin, ymax - ymin)`` exactly as stated. The VOC development kit counts pixels from 1 and
    includes the last one, nearly every other tool does not, and no file says which: nothing is added or taken away, so that
    an export gives the numbers that came in. The image is the one that ``<filename>`` names, else the one named as the XML.

    :param path: the XML below the source prefix.
    """
    try:
        root = _parsed(data)
    except ValueError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not XML that can be used: {error}")
        return
    if root.tag != "annotation":
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: expected <annotation>, found <{excerpt(root.tag)}>.")
        return
    stem = strip_extension(path)
    file_name = _text(root, "filename") or stem.rpartition("/")[2]
    size = root.find("size")
    width, height = (None, None) if size is None else (_pixels(size, "width"), _pixels(size, "height"))
    for ordinal, item in enumerate(root.findall("object")):
        name = _text(item, "name")
        bbox, stated = _bbox(item)
        if name is None and stated is None:
            records.lost(f"Object {ordinal} has neither a name nor a box.")
            continue
        if bbox is None and stated is not None:
            records.problem(MALFORMED_RECORD, f"The box of object {ordinal} cannot be used: {excerpt(stated)}", ordinal)
        records.add(
            Record(
                ordinal,
                file_name,
                "classification" if stated is None else "detection",
                name,
                bbox,
                stated_width=width,
                stated_height=height,
                attributes=attributes_text(_attributes(item)),
                alternative_name=image_folder_name(stem),
            )
        )


def _parsed(data: bytes) -> Element:
    """Parse without entities. :raises ValueError: it is not XML, or XML that attacks its reader."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(data)
    except (ParseError, LookupError) as error:
        raise ValueError(str(error)) from error


def _text(element: Element, tag: str) -> str | None:
    found = element.findtext(tag)
    return clean_text(found.strip()) or None if found else None


def _pixels(size: Element, tag: str) -> int | None:
    try:
        return pixels(float(size.findtext(tag) or ""))
    except ValueError:
        return None


def _bbox(item: Element) -> tuple[tuple[float, float, float, float] | None, str | None]:
    """Return the box, where it can be used, and what the file states, where it states a box."""
    box = item.find("bndbox")
    if box is None:
        return None, None
    stated = [(box.findtext(side) or "").strip() for side in _SIDES]
    try:
        xmin, ymin, xmax, ymax = map(float, stated)
    except ValueError:
        return None, ", ".join(f"{side}={value or 'absent'}" for side, value in zip(_SIDES, stated, strict=True))
    return (xmin, ymin, xmax - xmin, ymax - ymin), ", ".join(stated)


def _attributes(item: Element) -> dict[str, object]:
    """Return ``difficult``, ``truncated``, ``pose``, ``occluded`` and whatever else the object carries; 0 and 1 as numbers."""
    return {child.tag: _nested(child) for child in item if child.tag not in _MODELLED}


def _nested(element: Element) -> object:
    """Return an element's text, or its children's texts by tag (a ``part`` of VOC's layout task, CVAT's ``attributes``)."""
    if len(element):
        return {f"{child.tag}_{position}": " ".join("".join(child.itertext()).split()) for position, child in enumerate(element)}
    text = (element.text or "").strip()
    return int(text) if text in ("0", "1") else text
