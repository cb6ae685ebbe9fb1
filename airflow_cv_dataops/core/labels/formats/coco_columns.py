"""Annotations of COCO files in columns: those of the usual shape many at a time, the others one by one, in their places."""

from __future__ import annotations

from collections.abc import Sequence
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
    """What is the same for all annotations: their images and categories as arrays."""

    def __init__(self, labels: CocoAnnotations) -> None:
        import pyarrow as pa

        images = [(key, image) for key, image in labels.images.items() if image.file_name]
        named = [(key, name) for key, name in labels.categories.items() if name is not None]
        self.image_places = {key: place for place, (key, _) in enumerate(images)}
        self.category_places: dict[str | None, int | None] = {None: None, **{key: place for place, (key, _) in enumerate(named)}}
        self.file_names = pa.array([image.file_name for _, image in images], pa.string())
        self.widths = pa.array([image.width for _, image in images], pa.int32())
        self.heights = pa.array([image.height for _, image in images], pa.int32())
        self.categories = pa.array([name for _, name in named], pa.string())


def add_annotations(annotations: Sequence[msgspec.Raw], labels: CocoAnnotations, records: RecordBuilder) -> None:
    """Add the annotations of one file to ``records``, in their order.

    The rows and problems are those of ``labels.record`` for each of them, which sees only what is unusual.

    :raises NotCocoError: an annotation is nested too deeply.
    """
    known = _Known(labels)
    start = 0
    while start < len(annotations):
        end, size = start, 0
        while end < len(annotations) and end - start < _AT_ONCE and size < _BYTES_AT_ONCE:
            size += len(memoryview(annotations[end]))
            end += 1
        _add(annotations[start:end], start, known, labels, records)
        start = end


def _add(annotations: Sequence[msgspec.Raw], first: int, known: _Known, labels: CocoAnnotations, records: RecordBuilder) -> None:
    """Add annotations that follow one another. :param first: the ordinal of the first."""
    import pyarrow as pa

    usual: list[_Usual] = []
    places: list[tuple[int, int, int | None]] = []
    odd: list[int] = []
    for number, annotation in enumerate(annotations):
        try:
            found = _usual.decode(annotation)
        except REFUSED:
            odd.append(number)
            continue
        image = known.image_places.get(str(found.image_id))
        key = None if found.category_id is None else str(found.category_id)
        if image is None or key not in known.category_places or (found.keypoints and len(found.keypoints) % 3):
            odd.append(number)
            continue
        usual.append(found)
        places.append((number, image, known.category_places[key]))
    outlines, unusable = outline_texts([found.segmentation for found in usual])
    if unusable:
        odd = sorted([*odd, *(places[row][0] for row in unusable)])
        kept = [row for row in range(len(usual)) if row not in unusable]
        usual, places, outlines = [usual[row] for row in kept], [places[row] for row in kept], outlines.take(pa.array(kept, pa.int64()))
    labels.labelled.update({str(found.image_id) for found in usual})
    others = [record for number in odd if (record := labels.record(first + number, value_of(annotations[number]))) is not None]
    columns = _columns(usual, places, outlines, known) if usual else {}
    records.add_columns([first + number for number, _, _ in places], columns, others)


def _columns(usual: list[_Usual], places: list[tuple[int, int, int | None]], outlines: pa.Array, known: _Known) -> dict[str, pa.Array]:
    import pyarrow as pa
    import pyarrow.compute as pc

    images = pa.array([image for _, image, _ in places], pa.int64())
    boxes = [found.bbox for found in usual]
    boxed = pa.array([box is not None for box in boxes])
    keypoints = pa.array([found.keypoints or None for found in usual], pa.list_(pa.float64()))
    task = pc.if_else(outlines.is_valid(), "segmentation", pc.if_else(boxed, "detection", "classification"))
    attributes = [attributes_text(found.attributes) if found.attributes else None for found in usual]
    return {
        "file_name": known.file_names.take(images),
        "task": pc.if_else(keypoints.is_valid(), "keypoints", task),
        "category": known.categories.take(pa.array([category for _, _, category in places], pa.int64())),
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
