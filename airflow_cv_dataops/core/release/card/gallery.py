"""Example images with their boxes: of each of the largest categories the first by image id, which are as good as drawn by lot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.label_tally import CategoryFacts
from airflow_cv_dataops.core.report.entries import Gallery, GalleryImage
from airflow_cv_dataops.core.report.pictures import add_pictures

if TYPE_CHECKING:
    from airflow_cv_dataops.core.release.reader import Release

MOST_PICTURES = 12
_MOST_BYTES = 3_000_000
_MOST_BOXES = 200
_IMAGE_COLUMNS = ("image_id", "source_uri", "storage_uri", "bytes", "width", "height")


@dataclass(frozen=True)
class ExampleBox:
    """A box in pixels of the upright image, and the place of its category among the card's; ``None``: beyond them, or without."""

    x: float
    y: float
    width: float
    height: float
    category: int | None


@dataclass(frozen=True)
class Example:
    """One picture of the gallery.

    :param data: base64. :param problem: why there is no picture.
    :param categories: of its labels, each once, those of whole images among them.
    """

    image_id: str
    split: str
    width: int
    height: int
    boxes: tuple[ExampleBox, ...]
    categories: tuple[str, ...]
    media_type: str = ""
    data: str = ""
    problem: str = ""


def examples(release: Release, items: CardItems, categories: Sequence[CategoryFacts]) -> tuple[Example, ...]:
    """Return at most 12 images: one of each of the largest categories, then a second of each, …"""
    import pyarrow as pa

    places = _chosen(categories) or list(range(min(len(items), MOST_PICTURES)))
    if not places:
        return ()
    ids = items.image_ids.take(pa.array(places)).to_pylist()
    images = _images(release, ids)
    add_pictures(release.dataset, Gallery([], images), most_pictures=MOST_PICTURES, most_bytes=_MOST_BYTES)
    labels = _labels(release, ids)
    at = {category.name: place for place, category in enumerate(categories)}
    split_of = {image_id: items.splits[items.split[place]] for image_id, place in zip(ids, places, strict=True)}
    return tuple(_example(image, split_of[image.image_id], labels.get(image.image_id, []), at) for image in images)


def _chosen(categories: Sequence[CategoryFacts]) -> list[int]:
    found: dict[int, None] = {}
    for turn in range(MOST_PICTURES):
        for category in categories[:MOST_PICTURES]:
            if turn < len(category.examples) and len(found) < MOST_PICTURES:
                found.setdefault(category.examples[turn])
    return list(found)


def _images(release: Release, ids: Sequence[str]) -> list[GalleryImage]:
    """Return the images in the order of their ids' list; of byte-identical files the first by its place."""
    from pyiceberg.expressions import In

    snapshot_id = release.snapshots["images"]
    rows = release.dataset.read("images", columns=_IMAGE_COLUMNS, snapshot_id=snapshot_id, where=In("image_id", tuple(ids)))
    found: dict[str, dict[str, Any]] = {}
    for row in rows.sort_by("source_uri").to_pylist():
        found.setdefault(row["image_id"], row)
    return [GalleryImage(place=place, values={}, **found[image_id]) for place, image_id in enumerate(ids)]


def _labels(release: Release, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    from pyiceberg.expressions import In

    if "annotations" not in release.snapshots:
        return {}
    columns = ("image_id", "partition_key", "annotation_id", "category", "bbox")
    where, snapshot_id = In("image_id", tuple(ids)), release.snapshots["annotations"]
    rows = release.dataset.read("annotations", columns=columns, snapshot_id=snapshot_id, where=where)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in release.excluded().without(rows).to_pylist():  # of a dozen images
        if release.partition_keys is None or row["partition_key"] in release.partition_keys:
            found.setdefault(row["image_id"], []).append(row)
    return found


def _example(image: GalleryImage, split: str, labels: Sequence[dict[str, Any]], at: dict[str, int]) -> Example:
    # What copies of an image say alike is drawn once; the largest lies lowest.
    boxes = sorted({_drawn(label, at) for label in labels if _is_box(label)}, key=lambda box: (-box[2] * box[3], box))
    names = {label["category"] for label in labels if label["category"] is not None}
    picture = image.values.get("picture", {})
    return Example(
        image_id=image.image_id,
        split=split,
        width=image.width,
        height=image.height,
        boxes=tuple(ExampleBox(x, y, width, height, place if place >= 0 else None) for x, y, width, height, place in boxes[:_MOST_BOXES]),
        categories=tuple(sorted(names, key=lambda name: at.get(name, len(at)))),
        media_type=picture.get("type", ""),
        data=picture.get("data", ""),
        problem=image.values.get("problem", "" if picture else "The pictures before it fill the card."),
    )


def _is_box(label: dict[str, Any]) -> bool:
    box = label["bbox"]
    return box is not None and all(side is not None and abs(side) < 1e7 for side in box.values()) and box["width"] > 0 and box["height"] > 0


def _drawn(label: dict[str, Any], at: dict[str, int]) -> tuple[float, float, float, float, int]:
    box = label["bbox"]
    return box["x"], box["y"], box["width"], box["height"], at.get(label["category"], -1)
