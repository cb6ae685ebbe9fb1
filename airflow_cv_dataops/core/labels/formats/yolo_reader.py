"""YOLO annotation files: one text file per image, normalised boxes and polygons (https://docs.ultralytics.com/datasets/)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.file_names import has_image_extension, image_folder_name, strip_extension
from airflow_cv_dataops.core.labels.records import UNPARSABLE_LABEL, Record, RecordBuilder, attributes_text, clean_text, excerpt

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_BOX, _SCORED_BOX, _TRIANGLE = 5, 6, 7


def parse_yolo(data: bytes, path: str, classes: Mapping[int, str], records: RecordBuilder) -> None:
    """Add the lines of one file to ``records``: ``class cx cy w h``, the same with a confidence, or ``class x1 y1 x2 y2 …``.

    Numbers stay normalised; :func:`to_pixels` turns them into pixels once the images' sizes are known. A class that
    ``classes`` does not name is kept without category. A list of image files (``train.txt``) holds no labels.

    :param path: the file below the source prefix; without its extension it names the image.
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not UTF-8 text: {error}")
        return
    stem = strip_extension(path)
    alternative = image_folder_name(stem)
    for ordinal, line in enumerate(lines):
        if not line.strip():
            continue
        numbers = _numbers(line)
        if numbers is None:
            records.lost(f"Line {ordinal + 1} is neither `class cx cy w h` nor `class x1 y1 x2 y2 x3 y3 …`: {excerpt(line)}")
            continue
        index, values = int(numbers[0]), numbers[1:]
        attributes: dict[str, Any] = {} if index in classes else {"class_index": index}
        is_box = len(numbers) <= _SCORED_BOX
        if len(numbers) == _SCORED_BOX:
            attributes["score"] = values[4]
        records.add(
            Record(
                ordinal,
                stem,
                "detection" if is_box else "segmentation",
                classes.get(index),
                (values[0], values[1], values[2], values[3]) if is_box else None,
                attributes=attributes_text(attributes),
                alternative_name=alternative,
                polygon=None if is_box else values,
            )
        )


def is_image_list(data: bytes) -> bool:
    """Say whether a text file lists image files, as ``train.txt`` does."""
    first = data.decode("utf-8-sig", "replace").strip().split("\n", 1)[0].strip()
    return has_image_extension(first)


def parse_classes(data: bytes, name: str) -> dict[int, str]:
    """Return class names by index from ``data.yaml`` (``names`` as list or mapping) or a text file with one name a line.

    :raises ConfigurationError: the file holds no names.
    """
    import yaml

    try:
        text = data.decode("utf-8-sig")
        if not name.lower().endswith((".yaml", ".yml")):
            return class_names([line.strip() for line in text.rstrip().splitlines()])
        document = yaml.safe_load(text)
        return class_names(document.get("names") if isinstance(document, dict) else None)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ConfigurationError) as error:
        raise ConfigurationError(f"Cannot read class names from {name}: {error}") from error


def class_names(names: Any) -> dict[int, str]:
    """Return class names by index from a list, or a mapping of index to name.

    :raises ConfigurationError: it is neither, or empty.
    """
    if isinstance(names, Sequence) and not isinstance(names, (str, bytes)) and names:
        return {index: clean_text(str(name)) for index, name in enumerate(names)}
    try:
        if isinstance(names, Mapping) and names:
            return {int(index): clean_text(str(name)) for index, name in names.items()}
    except (TypeError, ValueError):
        pass
    raise ConfigurationError(f"Expected class names as a list or as a mapping of index to name, found {excerpt(names)}")


def to_pixels(rows: pa.Table, width: np.ndarray, height: np.ndarray) -> pa.Table:
    """Return the rows with ``bbox`` and ``segmentation`` in pixels; where there is no size, the normalised numbers go to ``attributes``.

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
    return _keep_normalised(rows, np.flatnonzero(unknown), boxes, outlined)


def _numbers(line: str) -> list[float] | None:
    try:
        numbers = [float(token) for token in line.split()]
    except ValueError:
        return None
    count = len(numbers)
    fits = count in (_BOX, _SCORED_BOX) or (count >= _TRIANGLE and count % 2 == 1)
    # A NaN as class compares unequal to anything; 1e18 is beyond any list of classes.
    return numbers if fits and 0 <= numbers[0] < 1e18 and numbers[0].is_integer() else None


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


def _keep_normalised(rows: pa.Table, unknown: np.ndarray, boxes: list[np.ndarray], outlined: pa.ListArray) -> pa.Table:
    import pyarrow as pa

    if not len(unknown):
        return rows
    attributes = rows.column("attributes").to_pylist()
    # Only labels that joined no image come here.
    for row in unknown.tolist():
        polygon = outlined[row].as_py()
        values = [float(side[row]) for side in boxes] if polygon is None else polygon
        attributes[row] = attributes_text({**json.loads(attributes[row] or "{}"), "normalised": values})
    return rows.set_column(rows.schema.get_field_index("attributes"), "attributes", pa.array(attributes, pa.string()))
