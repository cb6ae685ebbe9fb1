"""Findings rows out of arrays: what a check returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput, Boxes


def annotation_rows(data: AuditInput, where: np.ndarray, message: Any, *, score: Any = None, suggestion: Any = None) -> pa.Table | None:
    """Return one finding for each annotation at ``where``, or ``None`` where there is none.

    :param data: what the check was given.
    :param where: boolean mask over the annotations, or their row numbers.
    :param message: one text for all, or one a finding (see :func:`text`), in the order of ``where``.
    :param score: 0 (surely wrong) to 1 (surely right), one a finding.
    :param suggestion: JSON objects, one a finding.
    """
    return _rows_of(data.annotations, _row_numbers(where), message, score, suggestion)


def background_rows(data: AuditInput, where: np.ndarray, message: Any) -> pa.Table | None:
    """Return one finding for each statement at ``where`` that nothing is in an image, or ``None`` where there is none.

    :param where: boolean mask over ``data.backgrounds``, or row numbers of it.
    :param message: one text for all, or one a finding.
    """
    return _rows_of(data.backgrounds, _row_numbers(where), message, None, None)


def image_rows(data: AuditInput, where: np.ndarray, message: Any) -> pa.Table | None:
    """Return one finding for each image at ``where``, or ``None`` where there is none.

    :param data: what the check was given.
    :param where: boolean mask over the images, or their row numbers.
    :param message: one text for all, or one a finding, in the order of ``where``.
    """
    import pyarrow as pa

    at = _row_numbers(where)
    if not len(at):
        return None
    images = data.images.select(["image_id", "source_uri"]).take(pa.array(at))
    return pa.table(
        {
            "message": _column(message, len(at), pa.string()),
            "image_id": images["image_id"],
            "source_uri": images["source_uri"],
        }
    )


def category_rows(categories: Sequence[str], messages: Sequence[str]) -> pa.Table | None:
    """Return one finding for each category, about the partition as a whole: at no image and no annotation; ``None`` where there is none.

    :param categories: names.
    :param messages: one for each.
    """
    import pyarrow as pa

    if not categories:
        return None
    return pa.table({"message": pa.array(messages, pa.string()), "category": pa.array(categories, pa.string())})


def text(*parts: Any) -> pa.Array:
    """Return one string a row: the parts one after the other; a part is a string for all rows, or an Arrow column of strings.

    :param parts: strings, and Arrow columns of strings.

    >>> text("box of ", number(widths), " px")  # doctest: +SKIP
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = [part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part for part in parts]
    return pc.binary_join_element_wise(*arrays, "", null_handling="replace", null_replacement="null")


def number(values: Any) -> pa.Array:
    """Return numbers as people write them, at most two decimals.

    :param values: an array of numbers.
    """
    import numpy as np
    import pyarrow as pa

    values = np.asarray(values)
    if values.dtype.kind == "f":
        # Beyond 2**52 there are no decimals left to round, and rounding overflows where a coordinate is absurdly large.
        values = np.where(np.abs(values) < 2**52, np.round(np.clip(values, -(2.0**52), 2.0**52), 2) + 0.0, values)
    return pa.array(values).cast(pa.string())


def box_text(boxes: Boxes, rows: np.ndarray) -> pa.Array:
    """Return each row's box for people."""
    corner = text("box at (", number(boxes.x[rows]), ", ", number(boxes.y[rows]), ")")
    return text(corner, " of ", number(boxes.width[rows]), " x ", number(boxes.height[rows]), " px")


def image_text(data: AuditInput, rows: np.ndarray) -> pa.Array:
    """Return the size of each row's image for people."""
    width, height = data.image_size
    return text("the image of ", number(width[rows]), " x ", number(height[rows]), " px")


def box_json(x: Any, y: Any, width: Any, height: Any) -> pa.Array:
    """Return boxes as suggestions: ``{"bbox": [x, y, width, height]}``."""
    return text('{"bbox": [', number(x), ", ", number(y), ", ", number(width), ", ", number(height), "]}")


def _rows_of(annotations: pa.Table, at: np.ndarray, message: Any, score: Any, suggestion: Any) -> pa.Table | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(at):
        return None
    names = ["image_id", "source_uri", "annotation_id", "category", "source"]
    labels = annotations.select(names).take(pa.array(at))
    columns = {
        "message": _column(message, len(at), pa.string()),
        "image_id": labels["image_id"],
        "source_uri": pc.coalesce(labels["source_uri"], labels["source"]),
        "annotation_id": labels["annotation_id"],
        "category": labels["category"],
        "score": _column(score, len(at), pa.float64()),
        "suggestion": _column(suggestion, len(at), pa.string()),
    }
    return pa.table(columns)


def _row_numbers(where: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.flatnonzero(where) if where.dtype == bool else where


def _column(values: Any, rows: int, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    if values is None:
        return pa.nulls(rows, kind)
    if isinstance(values, str):
        return pa.repeat(pa.scalar(values, kind), rows)
    return values.cast(kind) if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)
