"""Annotations of COCO files in columns: those of the usual shape many at a time, the others one by one, in their places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from airflow_cv_dataops.core.labels.formats.coco_annotations import CocoAnnotations
from airflow_cv_dataops.core.labels.formats.coco_json import REFUSED, value_of
from airflow_cv_dataops.core.labels.formats.coco_outlines import outline_texts
from airflow_cv_dataops.core.labels.records import RecordBuilder, attributes_text, bbox_array, label_schema

if TYPE_CHECKING:
    import pyarrow as pa

_AT_ONCE = 20_000
_BYTES_AT_ONCE = 1 << 25
_NULL = msgspec.Raw(b"null")

_Id = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)] | Annotated[str, msgspec.Meta(min_length=1)]
_Box = tuple[float, float, float, float]


class _Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The shape of an annotation that says nothing which must be looked at by itself."""

    image_id: _Id
    id: _Id | None = None
    category_id: _Id | None = None
    bbox: _Box | None = None
    segmentation: msgspec.Raw = _NULL
    area: float | None = None
    iscrowd: Literal[0, 1] | bool | None = None
    keypoints: list[float] | None = None
    num_keypoints: msgspec.Raw = _NULL
    annotator: str | None = None
    attributes: dict[str, Any] | None = None


_usual = msgspec.json.Decoder(_Usual)


class _Known:
    """What is the same for all annotations: their images and categories as arrays, and their places in these by id as it is written."""

    def __init__(self, labels: CocoAnnotations) -> None:
        import pyarrow as pa

        images = [(key, image) for key, image in labels.images.items() if image.file_name]
        named = [(key, name) for key, name in labels.categories.items() if name is not None]
        self.image_keys = [key for key, _ in images]
        self.image_places = _places(self.image_keys)
        self.category_places = _places([key for key, _ in named])
        self.file_names = pa.array([image.file_name for _, image in images], pa.string())
        self.widths = pa.array([image.width for _, image in images], pa.int32())
        self.heights = pa.array([image.height for _, image in images], pa.int32())
        self.categories = pa.array([name for _, name in named], pa.string())


def _places(keys: Sequence[str]) -> dict[int | str, int]:
    """Return places by id as text, and by the number that has this text."""
    places: dict[int | str, int] = {key: place for place, key in enumerate(keys)}
    for place, key in enumerate(keys):
        if key.isascii() and key.removeprefix("-").isdigit() and str(number := int(key)) == key:
            places[number] = place
    return places


def add_annotations(annotations: Sequence[msgspec.Raw], labels: CocoAnnotations, records: RecordBuilder) -> None:
    """Add the annotations of one file to ``records``, in their order.

    The rows and problems are those of ``labels.record`` for each of them, which sees only what is unusual.

    :raises NotCocoError: an annotation is nested too deeply.
    """
    known = _Known(labels)
    start = 0
    while start < len(annotations):
        count = _AT_ONCE
        while count > 1 and _bytes_of(annotations[start : start + count]) > _BYTES_AT_ONCE:
            count //= 2
        _add(annotations[start : start + count], start, known, labels, records)
        start += count


def _bytes_of(annotations: Sequence[msgspec.Raw]) -> int:
    views: Iterable[memoryview] = map(memoryview, annotations)  # type: ignore[arg-type]  # a buffer, which its stubs do not say
    return sum(map(len, views))


def _add(annotations: Sequence[msgspec.Raw], first: int, known: _Known, labels: CocoAnnotations, records: RecordBuilder) -> None:
    """Add annotations that follow one another. :param first: the ordinal of the first."""
    import pyarrow as pa

    usual: list[_Usual] = []
    numbers: list[int] = []
    odd: list[int] = []
    for number, annotation in enumerate(annotations):
        try:
            found = _usual.decode(annotation)
        except REFUSED:
            odd.append(number)
            continue
        is_named = found.category_id is None or found.category_id in known.category_places
        if is_named and found.image_id in known.image_places and not (found.keypoints and len(found.keypoints) % 3):
            usual.append(found)
            numbers.append(number)
        else:
            odd.append(number)
    outlines, unusable = outline_texts([found.segmentation for found in usual])
    if unusable:
        odd = sorted([*odd, *(numbers[row] for row in unusable)])
        kept = [row for row in range(len(usual)) if row not in unusable]
        usual, numbers, outlines = [usual[row] for row in kept], [numbers[row] for row in kept], outlines.take(pa.array(kept, pa.int64()))
    others = [record for number in odd if (record := labels.record(first + number, value_of(annotations[number]))) is not None]
    columns = _columns(usual, outlines, known, labels) if usual else {}
    records.add_columns([first + number for number in numbers], columns, others)


def _columns(usual: list[_Usual], outlines: pa.Array, known: _Known, labels: CocoAnnotations) -> dict[str, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    images = pa.array([known.image_places[found.image_id] for found in usual], pa.int64())
    labels.labelled.update(known.image_keys[place] for place in images.unique().to_pylist())
    categories = [None if found.category_id is None else known.category_places[found.category_id] for found in usual]
    boxes = [found.bbox for found in usual]
    boxed = pa.array([box is not None for box in boxes])
    keypoints = pa.array([found.keypoints or None for found in usual], pa.list_(pa.float64()))
    task = pc.if_else(outlines.is_valid(), "segmentation", pc.if_else(boxed, "detection", "classification"))
    attributes = [attributes_text(found.attributes) if found.attributes else None for found in usual]
    return {
        "file_name": known.file_names.take(images),
        "task": pc.if_else(keypoints.is_valid(), "keypoints", task),
        "category": known.categories.take(pa.array(categories, pa.int64())),
        "bbox": bbox_array(boxes, label_schema().field("bbox").type),
        "segmentation": outlines,
        "area": pa.array([found.area for found in usual], pa.float64()),
        "iscrowd": pa.array([None if found.iscrowd is None else bool(found.iscrowd) for found in usual], pa.bool_()),
        "keypoints": keypoints,
        "stated_width": known.widths.take(images),
        "stated_height": known.heights.take(images),
        "annotator": pa.array([found.annotator or None for found in usual], pa.string()),
        "source_id": pa.array([None if found.id is None else str(found.id) for found in usual], pa.string()),
        "attributes": pa.array(attributes, pa.string()),
    }
