"""YOLO annotation files: one text file per image, normalised boxes, polygons and keypoints (https://docs.ultralytics.com/datasets/)."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.file_names import image_folder_name, strip_extension
from airflow_cv_dataops.core.labels.formats.yolo_classes import ClassFile, UnnamedClasses
from airflow_cv_dataops.core.labels.records import BACKGROUND, UNPARSABLE_LABEL, Record, RecordBuilder, attributes_text, excerpt

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BOX, _SCORED_BOX, _TRIANGLE = 5, 6, 7
# How far a polygon may reach, in sides of the image: objects are drawn a little beyond the border, not half an image.
_LEFTMOST, _RIGHTMOST = -0.5, 1.5
_SCORE_TOLERANCE = 1e-6  # softmax in single precision
_LABELS_IN_NAME = re.compile("(?<![a-z])labels?(?![a-z])", re.IGNORECASE)
_FEWEST_KEYPOINTS, _VISIBILITIES = 4, frozenset((0, 1, 2))


def parse_yolo(data: bytes, path: str, classes: ClassFile, records: RecordBuilder, unnamed: UnnamedClasses | None = None) -> None:
    """Add the lines of one file to ``records``: ``class cx cy w h``, the same with a confidence, or ``class x1 y1 x2 y2 …``.

    A polygon that leaves the image by more than half its side is in pixels, or no polygon (keypoints, a tracker's lines): it is left out,
    as is a line whose sixth number is no confidence. Where ``classes`` has a ``kpt_shape`` each line is ``class cx cy w h`` and the
    keypoints, and nothing else. Numbers stay normalised; :func:`to_pixels` turns them into pixels once the images' sizes are known. A class
    that ``classes`` does not name is kept without category, and counted in ``unnamed``. A file without any line states that nothing is
    there.

    :param path: the file below the source prefix; without its extension it names the image.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not UTF-8 text: {error}")
        return
    stem = strip_extension(path)
    alternative = _image_path(stem)
    if not any(line.strip() for line in lines):
        records.add(Record(0, stem, BACKGROUND, alternative_name=alternative))
        return
    for ordinal, line in enumerate(lines):
        if not line.strip():
            continue
        numbers = label_numbers(line, classes.keypoints)
        if numbers is None:
            what = "a comment, which YOLO does not know" if is_comment(line) else _other_than(classes.keypoints)
            records.lost(f"Line {ordinal + 1} is {what}: {excerpt(line)}")
            continue
        index, values = int(numbers[0]), numbers[1:]
        if classes.keypoints is None and (problem := _problem(values)):
            records.lost(f"Line {ordinal + 1} {problem}: {excerpt(line)}")
            continue
        category = classes.names.get(index) or None
        attributes: dict[str, Any] = {} if category else {"class_index": index}
        if category is None and unnamed is not None:
            unnamed.add(classes, index, records.source, ordinal + 1)
        points = None if classes.keypoints is None else _triplets(values[4:], classes.keypoints)
        is_box = points is not None or len(numbers) <= _SCORED_BOX
        if points is None and len(numbers) == _SCORED_BOX:
            attributes["score"] = values[4]
        records.add(
            Record(
                ordinal,
                stem,
                "keypoints" if points else "detection" if is_box else "segmentation",
                category,
                (values[0], values[1], values[2], values[3]) if is_box else None,
                keypoints=points,
                attributes=attributes_text(attributes),
                alternative_name=alternative,
                polygon=None if is_box else values,
            )
        )


def label_numbers(line: str, keypoints: tuple[int, int] | None = None) -> list[float] | None:
    """Return the numbers of a line that is a label; ``None`` where it is none. :param keypoints: how many, and numbers for each."""
    if "_" in line:  # Python takes 1_000 for a number
        return None
    try:
        numbers = [float(token) for token in line.split()]
    except ValueError:
        return None
    count = len(numbers)
    if keypoints is None:
        fits = count in (_BOX, _SCORED_BOX) or (count >= _TRIANGLE and count % 2 == 1)
    else:
        fits = count == _BOX + keypoints[0] * keypoints[1]
    # A NaN as class compares unequal to anything; 1e18 is beyond any list of classes.
    return numbers if fits and 0 <= numbers[0] < 1e18 and numbers[0].is_integer() else None


def is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def to_pixels(rows: pa.Table, width: np.ndarray, height: np.ndarray) -> pa.Table:
    """Return the rows with boxes, polygons and keypoints in pixels; where there is no size, the normalised numbers go to ``attributes``.

    :param width: pixels, one a row, NaN where the label joined no image; likewise ``height``.
    """
    import numpy as np
    import pyarrow as pa

    boxes, is_box = _box_values(rows)
    outlined = rows.column("polygon").combine_chunks()
    polygons, is_polygon, segmentation = _polygon_pixels(outlined, width, height)
    centre_x, centre_y, box_width, box_height = boxes
    pixels = np.stack(
        [(centre_x - box_width / 2) * width, (centre_y - box_height / 2) * height, box_width * width, box_height * height], axis=1
    )
    pixels[is_polygon] = polygons[is_polygon]
    unknown = np.isnan(width) | np.isnan(height)
    column = rows.schema.field("bbox")
    bbox = pa.StructArray.from_arrays(
        [pa.array(pixels[:, side]) for side in range(4)], fields=list(column.type), mask=pa.array(unknown | ~(is_box | is_polygon))
    )
    rows = rows.set_column(rows.schema.get_field_index("bbox"), column, bbox)
    rows = rows.set_column(rows.schema.get_field_index("segmentation"), "segmentation", segmentation)
    pointed = rows.column("keypoints").combine_chunks()
    rows = rows.set_column(rows.schema.get_field_index("keypoints"), "keypoints", _keypoint_pixels(pointed, width, height))
    return _keep_normalised(rows, np.flatnonzero(unknown & (is_box | is_polygon)), boxes, outlined, pointed)


def _image_path(stem: str) -> str:
    """Return the path of the image: ``images`` for ``labels`` as a folder, else as a word in a folder's name (``train_labels/1``)."""
    exchanged = image_folder_name(stem)
    if exchanged != stem:
        return exchanged
    folders, slash, name = stem.rpartition("/")
    found = list(_LABELS_IN_NAME.finditer(folders))
    return f"{folders[: found[-1].start()]}images{folders[found[-1].end() :]}{slash}{name}" if found else stem


def _problem(values: list[float]) -> str | None:
    """Return what is wrong with the numbers after the class of a line without keypoints: of a box with confidence, or of a polygon."""
    if len(values) == _SCORED_BOX - 1 and not -_SCORE_TOLERANCE <= values[4] <= 1 + _SCORE_TOLERANCE:
        return f"has the sixth number {values[4]:g}, which is no confidence from 0 to 1 (a tracker's number?)"
    if len(values) < _SCORED_BOX:
        return None
    points, left = divmod(len(values) - (_BOX - 1), 3)
    seen = values[_BOX + 1 :: 3]
    if not left and _VISIBILITIES.issuperset(seen) and (points >= _FEWEST_KEYPOINTS or 2 in seen):
        return f"looks like a box and {points} keypoints with visibility, and no class file has a kpt_shape: it is not taken for a polygon"
    far = next((value for value in values if math.isfinite(value) and not _LEFTMOST <= value <= _RIGHTMOST), None)
    if far is not None:
        return (
            f"is no polygon of normalised coordinates: {far:g} is more than half an image beyond the border (pixels, keypoints without "
            "kpt_shape, or a tracker's number?)"
        )
    return None


def _other_than(keypoints: tuple[int, int] | None) -> str:
    if keypoints is None:
        return "neither `class cx cy w h` nor `class x1 y1 x2 y2 x3 y3 …`"
    points, values = keypoints
    return f"not the {_BOX + points * values} numbers of `class cx cy w h` and kpt_shape [{points}, {values}]"


def _triplets(values: list[float], keypoints: tuple[int, int]) -> list[float]:
    """Return keypoints as x, y and visibility; without one a point is visible (2), unless it lies where Ultralytics has absent ones."""
    if keypoints[1] == 3:
        return values
    points = zip(values[::2], values[1::2], strict=True)
    return [number for x, y in points for number in (x, y, 0.0 if (x == 0 and y == 0) or x < 0 or y < 0 else 2.0)]


def _box_values(rows: pa.Table) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the sides of ``bbox`` (NaN where null) and where there is one."""
    import numpy as np
    import pyarrow.compute as pc

    column = rows.column("bbox").combine_chunks()
    sides = [np.asarray(pc.struct_field(column, [side]).fill_null(np.nan)) for side in range(4)]
    return sides, np.asarray(column.is_valid())


def _polygon_pixels(outlined: pa.ListArray, width: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Return the enclosing boxes (n x 4, pixels), where there is a polygon, and the polygons as COCO JSON."""
    import numpy as np
    import pyarrow as pa

    is_polygon = np.asarray(outlined.is_valid())
    boxes = np.full((len(outlined), 4), np.nan)
    segmentation: list[str | None] = [None] * len(outlined)
    where = np.flatnonzero(is_polygon)
    if len(where):
        present = outlined.take(pa.array(where))
        lengths = np.asarray(present.value_lengths()) // 2
        points = np.asarray(present.flatten()).reshape(-1, 2) * np.repeat(np.stack([width[where], height[where]], axis=1), lengths, axis=0)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
        boxes[where] = np.concatenate([low, high - low], axis=1)
        # JSON is text, made polygon by polygon.
        for row, start, length, box in zip(where, starts, lengths, boxes[where], strict=True):
            if np.isfinite(box).all():
                segmentation[row] = json.dumps([points[start : start + length].ravel().tolist()])
    return boxes, is_polygon, pa.array(segmentation, pa.string())


def _keypoint_pixels(pointed: pa.ListArray, width: np.ndarray, height: np.ndarray) -> pa.ListArray:
    """Return the triplets with x and y in pixels; null where there is no size."""
    import numpy as np
    import pyarrow as pa

    lengths = np.asarray(pointed.value_lengths().fill_null(0)) // 3
    if not lengths.any():
        return pointed
    scale = np.stack([width, height, np.ones(len(width))], axis=1)
    points = np.asarray(pointed.flatten()).reshape(-1, 3) * np.repeat(scale, lengths, axis=0)
    absent = np.isnan(width) | np.isnan(height) | ~np.asarray(pointed.is_valid())
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths * 3)]).astype(np.int32))
    scaled = pa.ListArray.from_arrays(offsets, pa.array(points.ravel()), mask=pa.array(absent))
    return scaled.cast(pointed.type)


def _keep_normalised(
    rows: pa.Table, unknown: np.ndarray, boxes: list[np.ndarray], outlined: pa.ListArray, pointed: pa.ListArray
) -> pa.Table:
    import pyarrow as pa

    if not len(unknown):
        return rows
    attributes = rows.column("attributes").to_pylist()
    # Only labels that joined no image come here.
    for row in unknown.tolist():
        polygon, points = outlined[row].as_py(), pointed[row].as_py()
        kept = {"normalised": [float(side[row]) for side in boxes] if polygon is None else polygon}
        if points is not None:
            kept["normalised_keypoints"] = points
        attributes[row] = attributes_text({**json.loads(attributes[row] or "{}"), **kept})
    return rows.set_column(rows.schema.get_field_index("attributes"), "attributes", pa.array(attributes, pa.string()))
