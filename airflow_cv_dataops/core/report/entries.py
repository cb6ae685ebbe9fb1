"""Findings, their annotations and their images to what the page's gallery shows, as plain JSON values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.report.browser_image import is_served
from airflow_cv_dataops.core.report.views import Box, view_of
from airflow_cv_dataops.core.store.objects import without_credentials

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_TEXT = 600
_LONGEST_URI = 1_000
_FARTHEST_PX = 1e7
_MOST_POINTS = 400
_MOST_OTHER_BOXES = 200
_LINKED = re.compile(r"(?:https?|file)://[^\s]+", re.IGNORECASE)


@dataclass
class GalleryImage:
    """One image that findings are about.

    :param place: in ``Gallery.images``.
    :param values: what goes into the page.
    :param findings: places in ``Gallery.findings``.
    """

    place: int
    source_uri: str
    image_id: str
    storage_uri: str
    bytes: int
    width: int
    height: int
    values: dict[str, Any]
    findings: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Gallery:
    """What the gallery shows, in its order.

    :param findings: one JSON object a finding.
    :param images: in the order in which the findings first name them; a finding's ``image`` is a place in it.
    """

    findings: list[dict[str, Any]]
    images: list[GalleryImage]


def gallery(findings: pa.Table, annotations: pa.Table, images: pa.Table, checks: Sequence[str], most_bytes: int) -> Gallery:
    """Return the findings, in the given order, as far as they fit.

    :param findings: rows of ``findings``.
    :param annotations: annotation_id, source_uri, category and bbox; also segmentation, where it was read.
    :param images: source_uri, image_id, storage_uri, bytes, width and height.
    :param checks: ids; a finding's ``check`` is a place in it.
    :param most_bytes: of JSON.
    """
    labels = _rows_by_id(annotations, findings["annotation_id"])
    image_rows = _image_rows(images, findings)
    place_of_check = {check: place for place, check in enumerate(checks)}
    shown: list[dict[str, Any]] = []
    shown_images: dict[int, GalleryImage] = {}
    size = 0
    # One Python round a finding: each becomes one JSON object, and there are never more than a page can hold.
    for row, label, image_row in zip(findings.to_pylist(), labels, image_rows, strict=True):
        image = None if image_row is None else shown_images.get(image_row["row"]) or gallery_image(image_row, len(shown_images))
        entry = _entry(row, label, image)
        entry["check"] = place_of_check[row["check"]]
        size += json_bytes(entry) + (0 if image is None or image.findings else json_bytes(image.values))
        if size > most_bytes:
            break
        if image is not None and image_row is not None:
            entry["image"] = image.place
            shown_images.setdefault(image_row["row"], image)
            image.findings.append(len(shown))
        shown.append(entry)
    return Gallery(shown, list(shown_images.values()))


def _entry(row: Mapping[str, Any], label: Mapping[str, Any] | None, image: GalleryImage | None) -> dict[str, Any]:
    bbox = box_of((label or {}).get("bbox"))
    suggestion = _suggestion(row["suggestion"])
    entry = {
        "message": _text(row["message"]),
        "score": row["score"] if row["score"] is not None and math.isfinite(row["score"]) else None,
        "category": _text(row["category"] if row["category"] is not None else (label or {}).get("category")),
        "label": row["annotation_id"],
        "bbox": bbox,
        "outline": outline_of((label or {}).get("segmentation")),
        "suggestion": suggestion,
    }
    if image is None:
        entry["source"] = _text(without_credentials(row["source_uri"]), _LONGEST_URI) if row["source_uri"] else None
    else:
        entry["view"] = view_of([bbox, (suggestion or {}).get("bbox")], image.width, image.height)
    return {name: value for name, value in entry.items() if value is not None}


def gallery_image(row: Mapping[str, Any], place: int) -> GalleryImage:
    """Return an image for a page. :param row: of ``images``. :param place: in ``Gallery.images``."""
    uri = without_credentials(row["source_uri"])
    values = {"uri": _text(uri, _LONGEST_URI), "width": row["width"], "height": row["height"]}
    if _LINKED.fullmatch(uri) and len(uri) <= _LONGEST_URI:
        values["link"] = True  # any other scheme (s3, javascript, …) is text
    if is_served(row["image_id"], row["storage_uri"]):
        values["id"] = row["image_id"]
    names = ("source_uri", "image_id", "storage_uri", "bytes", "width", "height")
    return GalleryImage(place=place, values=values, **{name: row[name] for name in names})


def _suggestion(text: str | None) -> dict[str, Any] | None:
    """Return category, bbox, score and votes of a suggestion, each only as what it should be; anything else as ``other``."""
    if not text:
        return None
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {"other": _text(text)}
    if not isinstance(given, dict):
        return {"other": _text(text)}
    score = given.get("probability", given.get("score"))
    known: dict[str, Any] = {
        "category": _text(str(given["category"])) if given.get("category") is not None else None,
        "bbox": box_of(given.get("bbox")),
        "score": float(score) if isinstance(score, (int, float)) and 0 <= score <= 1 else None,
        "votes": _votes(given.get("votes")),
    }
    found = {name: value for name, value in known.items() if value is not None}
    return found or {"other": _text(text)}


def _votes(given: Any) -> list[list[Any]] | None:
    if not isinstance(given, dict) or not all(type(count) is int and abs(count) < 2**53 for count in given.values()):
        return None
    return [[_text(name, 100), count] for name, count in list(given.items())[:20]] or None


def box_of(value: Any) -> Box | None:
    """Return x, y, width and height to a tenth of a pixel; ``None`` where they are no numbers that can be drawn."""
    sides = [value.get(name) for name in ("x", "y", "width", "height")] if isinstance(value, Mapping) else value
    if not isinstance(sides, (list, tuple)) or len(sides) != 4:
        return None
    if not all(isinstance(side, (int, float)) and abs(side) < _FARTHEST_PX for side in sides):  # NaN is not smaller
        return None
    x, y, width, height = (_short(side) for side in sides)
    return x, y, width, height


def outline_of(segmentation: str | None) -> list[list[float]] | None:
    """Return the polygons of a COCO segmentation, if they are few points; masks (RLE) are not drawn."""
    if not segmentation or not segmentation.startswith("[[") or len(segmentation) > 40 * _MOST_POINTS:
        return None
    try:
        polygons = json.loads(segmentation)
    except (ValueError, RecursionError):
        return None
    numbers = [number for polygon in polygons if isinstance(polygon, list) for number in polygon]
    if len(numbers) > 2 * _MOST_POINTS or not all(isinstance(number, (int, float)) and abs(number) < _FARTHEST_PX for number in numbers):
        return None
    drawn = [[_short(number) for number in polygon] for polygon in polygons if len(polygon) >= 6 and len(polygon) % 2 == 0]
    return drawn or None


def add_other_boxes(annotations: pa.Table, images: Sequence[GalleryImage], *, most_bytes: int) -> None:
    """Give the images the boxes of all their labels (``others``), at most 200 an image, for as long as there is room."""
    import pyarrow as pa
    import pyarrow.compute as pc

    boxes: dict[str, list[Box]] = {image.source_uri: [] for image in images}
    of_images = annotations.filter(pc.is_in(annotations["source_uri"], value_set=pa.array(boxes, pa.string())))
    # As many rounds as labels of the few images that get a picture.
    for uri, value in zip(of_images["source_uri"].to_pylist(), of_images["bbox"].to_pylist(), strict=True):
        box = box_of(value)
        if box and len(boxes[uri]) < _MOST_OTHER_BOXES:
            boxes[uri].append(box)
    for image in images:
        most_bytes -= len(json.dumps(boxes[image.source_uri]))
        image.values["others"] = boxes[image.source_uri] if most_bytes >= 0 else []


def _rows_by_id(annotations: pa.Table, ids: pa.ChunkedArray) -> list[dict[str, Any] | None]:
    """Return the annotation with each id, or ``None``; of several with one id the first."""
    names = [name for name in ("category", "bbox", "segmentation") if name in annotations.column_names]
    return _looked_up(annotations.select(names), annotations["annotation_id"], ids)


def _image_rows(images: pa.Table, findings: pa.Table) -> list[dict[str, Any] | None]:
    """Return each finding's image by its source, else by its image id, or ``None``; ``row`` tells images apart."""
    import numpy as np
    import pyarrow as pa

    numbered = images.append_column("row", pa.array(np.arange(images.num_rows)))
    by_source = _looked_up(numbered, images["source_uri"], findings["source_uri"])
    by_id = _looked_up(numbered, images["image_id"], findings["image_id"])
    return [first or second for first, second in zip(by_source, by_id, strict=True)]


def _looked_up(rows: pa.Table, keys: pa.ChunkedArray, wanted: pa.ChunkedArray) -> list[dict[str, Any] | None]:
    import pyarrow.compute as pc

    found = pc.index_in(wanted, value_set=keys.combine_chunks(), skip_nulls=True)
    return [row if at is not None else None for row, at in zip(rows.take(found).to_pylist(), found.to_pylist(), strict=True)]


def _text(value: str | None, longest: int = _LONGEST_TEXT) -> str | None:
    return value if value is None or len(value) <= longest else value[: longest - 1] + "…"


def _short(value: float) -> float:
    rounded = round(float(value), 1)
    return int(rounded) if rounded == int(rounded) else rounded


def json_bytes(value: Any) -> int:
    return len(json.dumps(value)) + 1
