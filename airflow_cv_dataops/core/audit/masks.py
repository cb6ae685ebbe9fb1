"""Segmentations (COCO JSON) read once for all checks: what is wrong with their form, their polygons' areas, the boxes around them."""

from __future__ import annotations

import json
import logging
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.rle import extent_of_rle, problem_of_rle
from airflow_cv_dataops.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_NUMBERS = {int, float}
# Annotations that are parsed before their coordinates are looked at as one array: bounds memory to some tens of MB.
_CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class Segmentations:
    """The segmentations of N annotations.

    :param polygon_problems: row and message of what is neither a list of polygons nor an RLE, and of polygons of no usable form.
    :param rle_problems: row and message of faulty run-length encodings.
    :param empty: rows whose segmentation is a list of no polygons.
    :param polygon_row: (P,) the annotation of each polygon of usable form, ascending.
    :param polygon_area: (P,) its area in square pixels (shoelace formula); NaN where a coordinate is not finite.
    :param extent: (N, 4) left, top, right, bottom in pixels of all that is outlined or covered; NaN where there is none, or it is faulty.
    """

    polygon_problems: list[tuple[int, str]]
    rle_problems: list[tuple[int, str]]
    empty: np.ndarray
    polygon_row: np.ndarray
    polygon_area: np.ndarray
    extent: np.ndarray


def read_segmentations(segmentation: pa.ChunkedArray, image_width: np.ndarray, image_height: np.ndarray) -> Segmentations:
    """Read the COCO JSON of all annotations; text of any kind is taken. :param image_width: (N,), NaN where the image is unknown."""
    import numpy as np

    polygon_problems: list[tuple[int, str]] = []
    rle_problems: list[tuple[int, str]] = []
    empty: list[int] = []
    extent = np.full((len(segmentation), 4), np.nan)
    measured, collected = [], _Polygons()
    for row, is_rle, value in _parsed(segmentation):
        if is_rle:
            problem = problem_of_rle(value, image_width[row], image_height[row])
            if problem:
                rle_problems.append((row, problem))
            else:
                extent[row] = extent_of_rle(value)
        elif problem := collected.add(row, value):
            polygon_problems.append((row, problem))
        elif not value:
            empty.append(row)
        if len(collected.rows) >= _CHUNK:
            measured.append(collected.measured())
            collected = _Polygons()
    measured.append(collected.measured())
    rows, areas, extents = (np.concatenate(parts) for parts in zip(*measured, strict=True))
    for side, widest in ((0, np.fmin), (1, np.fmin), (2, np.fmax), (3, np.fmax)):
        widest.at(extent[:, side], rows, extents[:, side])
    extent[rows[np.isnan(areas)]] = np.nan
    extent[[row for row, _ in polygon_problems]] = np.nan
    return Segmentations(polygon_problems, rle_problems, np.array(empty, dtype=np.int64), rows, areas, extent)


def _parsed(segmentation: pa.ChunkedArray) -> Iterator[tuple[int, bool, Any]]:
    """Yield row number, whether it looks like an RLE (a JSON object), and parsed JSON of each; what is no JSON comes as text.

    A loop, because neither Arrow nor numpy reads JSON lists of differing depth and length.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.flatnonzero(segmentation.is_valid().to_numpy())
    progress = Progress("segmentations", len(rows), log)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        texts = segmentation.take(pa.array(part))
        looks_like_rle = pc.starts_with(pc.utf8_ltrim_whitespace(texts), "{").to_pylist()
        for row, is_rle, text in zip(part.tolist(), looks_like_rle, texts.to_pylist(), strict=True):
            yield row, is_rle, _loads(text)
        progress.advance(len(part))


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@dataclass
class _Polygons:
    """Polygons of many annotations: their coordinates one after the other, to be looked at as one array."""

    rows: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    coordinates: array[float] = field(default_factory=lambda: array("d"))

    def add(self, row: int, value: Any) -> str | None:
        """Take the annotation's polygons; return what is wrong with their form, in which case the faulty one is not taken."""
        if not isinstance(value, list) or not all(isinstance(polygon, list) for polygon in value):
            return "the segmentation is neither a list of polygons nor a run-length encoding"
        for polygon in value:
            if len(polygon) % 2:
                return f"a polygon has an odd number of coordinates ({len(polygon)})"
            if len(polygon) < 6:
                return f"a polygon has fewer than 3 points ({len(polygon) // 2})"
            if not set(map(type, polygon)) <= _NUMBERS:
                return "a polygon has a coordinate that is not a number"
            try:
                self.coordinates += array("d", polygon)
            except OverflowError:  # an integer beyond the range of a float
                return "a polygon has a coordinate that is not finite"
            self.rows.append(row)
            self.lengths.append(len(polygon) // 2)
        return None

    def measured(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each polygon's row, area in square pixels and extent (P, 4); NaN where a coordinate is not finite."""
        import numpy as np

        if not self.rows:
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 4))
        points = np.frombuffer(self.coordinates, dtype=np.float64).reshape(-1, 2)
        lengths = np.array(self.lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        finite = np.logical_and.reduceat(np.isfinite(points).all(axis=1), starts)
        extent = np.hstack([np.minimum.reduceat(points, starts, axis=0), np.maximum.reduceat(points, starts, axis=0)])
        with np.errstate(over="ignore", invalid="ignore"):
            # Relative to the polygon's first point, so that large coordinates do not eat the digits of small areas.
            points = points - np.repeat(points[starts], lengths, axis=0)
            following = np.arange(len(points)) + 1
            following[starts + lengths - 1] = starts
            cross = points[:, 0] * points[following, 1] - points[following, 0] * points[:, 1]
            area = np.abs(np.add.reduceat(cross, starts)) / 2
        extent[~finite] = np.nan
        return np.array(self.rows), np.where(finite, area, np.nan), extent
