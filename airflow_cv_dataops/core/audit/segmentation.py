"""Checks on polygons and run-length encoded masks (COCO JSON)."""

from __future__ import annotations

import json
import logging
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.rows import annotation_rows
from airflow_cv_dataops.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.data import AuditInput

log = logging.getLogger(__name__)

_NUMBERS = {int, float}
# Annotations that are parsed before their coordinates are looked at as one array: bounds memory to some tens of MB.
_CHUNK = 20_000


@check(
    "error",
    meaning="A polygon with fewer than 3 points, an odd number of coordinates, a coordinate that is no finite number, or no area"
    " (0.01 px², `area_px`); or a segmentation of no known form.",
    fix="Redraw the polygon or remove the label.",
    column="segmentation",
    reads=("annotations.segmentation",),
)
def invalid_polygon(data: AuditInput, *, area_px: float = 0.01) -> pa.Table | None:
    """Find polygons that enclose nothing: too few points, an odd number of coordinates, not finite, no area; or no polygon at all.

    Self-intersection is not looked for: it costs the square of the number of points, and common tools fill such polygons all the same.
    """
    import pyarrow.compute as pc

    problems: list[tuple[int, str]] = []
    is_segmentation = pc.equal(data.annotations.column("task"), "segmentation").to_numpy()
    collected = _Polygons()
    for row, value in _parsed(data.annotations.column("segmentation"), is_rle=False):
        problem = collected.add(row, value)
        if problem is None and value == [] and is_segmentation[row]:
            problem = "a segmentation label without a polygon"
        if problem:
            problems.append((row, problem))
        if len(collected.rows) >= _CHUNK:
            problems += collected.problems(area_px)
            collected = _Polygons()
    problems += collected.problems(area_px)
    return _rows(data, problems)


@check(
    "error",
    meaning="A run-length encoded mask whose runs do not fill its size, or whose size is not the image's.",
    fix="Export the mask again at the image's size (height first).",
    column="segmentation",
    reads=("annotations.segmentation",),
)
def invalid_rle(data: AuditInput) -> pa.Table | None:
    """Find run-length encoded masks whose runs do not fill the stated size, or whose size is not the image's."""
    width, height = data.image_size
    problems = []
    for row, value in _parsed(data.annotations.column("segmentation"), is_rle=True):
        if problem := rle_problem(value, width[row], height[row]):
            problems.append((row, problem))
    return _rows(data, problems)


def _parsed(segmentation: pa.ChunkedArray, *, is_rle: bool) -> Iterator[tuple[int, Any]]:
    """Yield row number and parsed JSON of the segmentations that are JSON objects (``is_rle``), or of all others; no JSON comes as text.

    A loop, because neither Arrow nor numpy reads JSON lists of differing depth and length.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    looks_like_rle = pc.starts_with(pc.utf8_ltrim_whitespace(segmentation), "{")
    rows = np.flatnonzero(pc.fill_null(pc.equal(looks_like_rle, is_rle), False).to_numpy())
    progress = Progress("segmentations", len(rows), log)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        for row, text in zip(part.tolist(), segmentation.take(pa.array(part)).to_pylist(), strict=True):
            yield row, _loads(text)
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

    def problems(self, smallest_area: float) -> list[tuple[int, str]]:
        """Return row and message of each polygon that is not finite, or of at most this area (shoelace formula) in square pixels."""
        import numpy as np

        if not self.rows:
            return []
        points = np.frombuffer(self.coordinates, dtype=np.float64).reshape(-1, 2)
        lengths = np.array(self.lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        finite = np.logical_and.reduceat(np.isfinite(points).all(axis=1), starts)
        with np.errstate(over="ignore", invalid="ignore"):
            # Relative to the polygon's first point, so that large coordinates do not eat the digits of small areas.
            points = points - np.repeat(points[starts], lengths, axis=0)
            following = np.arange(len(points)) + 1
            following[starts + lengths - 1] = starts
            cross = points[:, 0] * points[following, 1] - points[following, 0] * points[:, 1]
            flat = np.abs(np.add.reduceat(cross, starts)) / 2 <= smallest_area
        rows = np.array(self.rows)
        found = [(row, "a polygon has a coordinate that is not finite") for row in rows[~finite].tolist()]
        return found + [(row, "a polygon has no area") for row in rows[finite & flat].tolist()]


def rle_problem(value: Any, image_width: float, image_height: float) -> str | None:
    """Return what is wrong with a run-length encoding on an image of this size (NaN: unknown), or ``None``."""
    if not isinstance(value, dict):
        return "the run-length encoding is not readable JSON"
    size, counts = value.get("size"), value.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and 0 < side < 2**31 for side in size)):
        return "the run-length encoding has no size of the form [height, width]"
    runs = _runs(counts)
    if runs is None:
        return "the run-length encoding has no readable counts"
    height, width = size
    if (runs < 0).any() or runs.sum() != height * width:
        return f"the runs of the mask add up to {runs.sum():.0f}, not to {height} x {width}"
    if math.isfinite(image_width) and (width, height) != (image_width, image_height):
        return f"the mask is {width} x {height} px, the image {image_width:.0f} x {image_height:.0f} px"
    return None


def _runs(counts: Any) -> np.ndarray | None:
    """Return run lengths as float64 (so that absurd ones cannot overflow), or ``None`` where they cannot be read."""
    import numpy as np

    if isinstance(counts, str):
        return _decompressed(counts)
    if not isinstance(counts, list) or not all(type(run) is int and abs(run) < 2**53 for run in counts):
        return None
    return np.array(counts, dtype=np.float64)


def _decompressed(counts: str) -> np.ndarray | None:
    """Decode COCO's compressed counts (``rleFrString`` of cocoapi's maskApi.c): 5 bits a character, differences from the third run on."""
    import numpy as np

    if not counts.isascii():
        return None
    codes = np.frombuffer(counts.encode(), dtype=np.uint8).astype(np.int64) - 48
    if not codes.size:
        return np.empty(0)
    is_last = (codes & 0x20) == 0
    if (codes < 0).any() or (codes > 63).any() or not is_last[-1]:
        return None
    starts = np.concatenate([[0], np.flatnonzero(is_last)[:-1] + 1])
    lengths = np.diff(np.concatenate([starts, [len(codes)]]))
    if lengths.max() > 10:  # 50 bits: far beyond any image
        return None
    shift = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((codes & 0x1F) << shift, starts)
    is_negative = (codes[is_last] & 0x10) != 0
    runs = (numbers - np.where(is_negative, np.int64(1) << (5 * lengths), 0)).astype(np.float64)
    # Run i > 2 is stored as its difference from run i - 2.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _rows(data: AuditInput, problems: list[tuple[int, str]]) -> pa.Table | None:
    """Return one finding an annotation: of several wrong polygons the first message by name."""
    import numpy as np

    first = dict(sorted(problems, reverse=True))
    rows = sorted(first)
    return annotation_rows(data, np.array(rows, dtype=np.int64), [first[row] for row in rows])
