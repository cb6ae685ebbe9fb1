"""Segmentations (COCO JSON) read once for all checks: what is wrong with their form, their polygons' areas, the boxes around them."""

from __future__ import annotations

import json
import logging
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.audit_input import AuditInput, derived
from airflow_cv_dataops.core.labels.masks.rle import extent_of_rle, problem_of_rle
from airflow_cv_dataops.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_NUMBERS = {int, float}
# Annotations that are parsed before their coordinates are looked at as one array: bounds memory to some tens of MB.
_CHUNK = 20_000
# Lists of lists of numbers and nothing else: what Arrow's parser may see.
_ORDINARY = r"^\[\[[-+0-9eE., ]*\](, ?\[[-+0-9eE., ]*\])*\]$"


@dataclass(frozen=True, eq=False)
class Segmentations:
    """The segmentations of N annotations.

    :param polygon_problems: row and message of what is neither a list of polygons nor an RLE, and of polygons of no usable form.
    :param rle_problems: row and message of faulty run-length encodings.
    :param empty: rows whose segmentation is a list of no polygons.
    :param polygon_row: (P,) the annotation of each polygon of usable form.
    :param polygon_area: (P,) its area in square pixels (shoelace formula); NaN where a coordinate is not finite.
    :param extent: (N, 4) left, top, right, bottom in pixels of all that is outlined or covered; NaN where there is none, or it is faulty.
    """

    polygon_problems: list[tuple[int, str]]
    rle_problems: list[tuple[int, str]]
    empty: np.ndarray
    polygon_row: np.ndarray
    polygon_area: np.ndarray
    extent: np.ndarray


@derived
def segmentations_of(data: AuditInput) -> Segmentations:
    """Return what the segmentations outline, and what is wrong with them; for checks that read ``annotations.segmentation``."""
    return read_segmentations(data.annotations.column("segmentation"), *data.image_size)


def read_segmentations(segmentation: pa.ChunkedArray, image_width: np.ndarray, image_height: np.ndarray) -> Segmentations:
    """Read the COCO JSON of all annotations; text of any kind is taken. :param image_width: (N,), NaN where the image is unknown."""
    import numpy as np
    import pyarrow as pa

    extent = np.full((len(segmentation), 4), np.nan)
    others, measured = _Others(image_width, image_height, extent), []
    valid = np.flatnonzero(segmentation.is_valid().to_numpy())
    progress = Progress("segmentations", len(valid), log)
    for start in range(0, len(valid), _CHUNK):
        rows = valid[start : start + _CHUNK]
        texts = segmentation.take(pa.array(rows)).combine_chunks()
        ordinary, rest = _ordinary_polygons(texts)
        ordinary.rows = rows[ordinary.rows]
        # A loop, because neither Arrow nor numpy reads JSON of differing shape: masks, and whatever has something wrong.
        for row, text in zip(rows[rest].tolist(), texts.take(pa.array(rest)).to_pylist(), strict=True):
            others.add(row, text)
        measured += [_measured(ordinary), _measured(others.take_polygons())]
        progress.advance(len(rows))
    row, area, around = (np.concatenate(parts) for parts in zip(_measured(_Polygons()), *measured, strict=True))
    for side, widest in ((0, np.fmin), (1, np.fmin), (2, np.fmax), (3, np.fmax)):
        widest.at(extent[:, side], row, around[:, side])
    extent[row[np.isnan(area)]] = np.nan
    extent[[row for row, _ in others.polygon_problems]] = np.nan
    return Segmentations(others.polygon_problems, others.rle_problems, np.array(others.empty, dtype=np.int64), row, area, extent)


@dataclass
class _Polygons:
    """Polygons of many annotations: their coordinates one after the other, to be looked at as one array; and each one's row and points."""

    coordinates: Any = field(default_factory=lambda: array("d"))
    lengths: Any = field(default_factory=lambda: array("q"))
    rows: Any = field(default_factory=lambda: array("q"))


def _ordinary_polygons(texts: pa.Array) -> tuple[_Polygons, np.ndarray]:
    """Return the polygons of texts that are lists of well-formed ones, and the places of all other texts.

    Arrow's own parser takes a third of the time of Python's, but refuses all texts over a single one that it does not like.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places = np.flatnonzero(pc.match_substring_regex(texts, _ORDINARY).to_numpy(zero_copy_only=False))
    everything = np.arange(len(texts))
    lines = pc.binary_join_element_wise('{"s":', texts.take(pa.array(places)), "}", "")
    try:
        lists = _read_lines("\n".join(lines.to_pylist()).encode())
    except pa.ArrowInvalid:
        return _Polygons(), everything
    if len(lists) != len(places):
        return _Polygons(), everything
    polygons = lists.flatten()
    lengths, coordinates = polygons.value_lengths().to_numpy(), polygons.flatten().to_numpy()
    text = np.repeat(np.arange(len(places)), lists.value_lengths().to_numpy())
    is_fine = np.ones(len(places), dtype=bool)
    is_fine[text[(lengths % 2 != 0) | (lengths < 6)]] = False
    is_fine[np.repeat(text, lengths)[~np.isfinite(coordinates)]] = False
    kept = is_fine[text]
    found = _Polygons(coordinates[np.repeat(kept, lengths)], lengths[kept] // 2, places[text[kept]])
    return found, np.setdiff1d(everything, places[is_fine], assume_unique=True)


def _read_lines(lines: bytes) -> pa.ListArray:
    """Return column ``s`` of JSON lines. :raises pa.ArrowInvalid: there are none, or one is not a list of lists of numbers."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    schema = pa.schema([("s", pa.list_(pa.list_(pa.float64())))])
    # One block: a line longer than a block would be refused.
    read = arrow_json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    parse = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    return arrow_json.read_json(pa.BufferReader(lines), read_options=read, parse_options=parse)["s"].combine_chunks()


@dataclass
class _Others:
    """What is read one by one: run-length encodings, and segmentations of no usual form. ``extent`` is filled in."""

    image_width: np.ndarray
    image_height: np.ndarray
    extent: np.ndarray
    polygon_problems: list[tuple[int, str]] = field(default_factory=list)
    rle_problems: list[tuple[int, str]] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    _polygons: _Polygons = field(default_factory=_Polygons)

    def add(self, row: int, text: str) -> None:
        """Take one annotation's segmentation."""
        value = _loads(text)
        if text.lstrip().startswith("{"):
            problem = problem_of_rle(value, self.image_width[row], self.image_height[row])
            if problem:
                self.rle_problems.append((row, problem))
            else:
                self.extent[row] = extent_of_rle(value)
        elif problem := self._add_polygons(row, value):
            self.polygon_problems.append((row, problem))
        elif not value:
            self.empty.append(row)

    def take_polygons(self) -> _Polygons:
        """Return the polygons that were added since the last time."""
        taken, self._polygons = self._polygons, _Polygons()
        return taken

    def _add_polygons(self, row: int, value: Any) -> str | None:
        """Return what is wrong with the form of the annotation's polygons, in which case the faulty one is not taken."""
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
                self._polygons.coordinates += array("d", polygon)
            except OverflowError:  # an integer beyond the range of a float
                return "a polygon has a coordinate that is not finite"
            self._polygons.rows.append(row)
            self._polygons.lengths.append(len(polygon) // 2)
        return None


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _measured(polygons: _Polygons) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each polygon's row, area in square pixels and extent (P, 4); NaN where a coordinate is not finite."""
    import numpy as np

    rows, lengths = np.asarray(polygons.rows, dtype=np.int64), np.asarray(polygons.lengths, dtype=np.int64)
    if not len(rows):
        return rows, np.empty(0), np.empty((0, 4))
    points = np.asarray(polygons.coordinates, dtype=np.float64).reshape(-1, 2)
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
    return rows, np.where(finite, area, np.nan), extent
