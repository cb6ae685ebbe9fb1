"""Expectations of polygons and run-length encoded masks (COCO JSON)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.compatibility import pydantic

from airflow_cv_dataops.core.audit.masks.segmentations import read_segmentations
from airflow_cv_dataops.core.contracts.expectations.arguments import Distance, GivenShare
from airflow_cv_dataops.core.contracts.expectations.boxes import BOX_FIELDS, BoxExpectation, no_box
from airflow_cv_dataops.core.contracts.expectations.rows import numbers, register_rows
from airflow_cv_dataops.core.contracts.expectations.wording import Sentence

_NO_POLYGONS = r"\s*\[\s*\]\s*"
_PART = 50_000  # rows: texts of segmentations may be long


class ExpectSegmentationMatchesBox(BoxExpectation):
    """Expect the box around a label's polygons or mask to be its box: no side off by more than ``tolerance``, or an IoU of ``min_iou``.

    Missing: rows without a box or without a segmentation (null, or a list of no polygons). A segmentation that cannot be read is
    unexpected, and so is a box with a number that is absent or not finite.

    :param tolerance: how far apart the sides of the two boxes may be, in pixels; rounding costs the box of a small object much of its IoU.
    :param min_iou: the intersection over union of the two boxes that is enough where they are farther apart, 0 to 1.
    """

    segmentation_column: pydantic.StrictStr = pydantic.Field(default="segmentation", description="COCO JSON: polygons, or an RLE.")
    tolerance: Distance = pydantic.Field(default=2.0, description="Pixels between sides.")
    min_iou: GivenShare = pydantic.Field(default=0.7, description="IoU that is enough beyond the tolerance.")

    map_metric = "image_rows.segmentation_matches_box"
    column_fields = (*BOX_FIELDS, "segmentation_column")
    success_keys = ("mostly", "tolerance", "min_iou")
    args_keys = column_fields

    def sentence(self) -> Sentence:
        """Return what must hold."""
        words = "boxes must be the ones around their segmentations: sides within $tolerance px, or an IoU of at least $min_iou"
        return words, {"tolerance": self.tolerance, "min_iou": self.min_iou}


def _missing(frame: pd.DataFrame) -> np.ndarray:
    texts = frame.iloc[:, 4]
    none = texts.isna().to_numpy(copy=True)
    given = np.flatnonzero(~none)
    none[given] = texts.iloc[given].astype("str").str.fullmatch(_NO_POLYGONS).to_numpy(dtype=bool)
    return none | no_box(frame)


def _apart(frame: pd.DataFrame, tolerance: float, min_iou: float) -> np.ndarray:
    """Return which boxes are not those around their segmentations; a part of the rows at a time, which bounds memory."""
    faulty = np.zeros(len(frame), dtype=bool)
    rows = np.flatnonzero(~_missing(frame))
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        faulty[part] = _apart_in(frame.iloc[part], tolerance, min_iou)
    return faulty


def _apart_in(frame: pd.DataFrame, tolerance: float, min_iou: float) -> np.ndarray:
    """Return the same of rows that have both. Arrow parses ordinary polygons; only masks and what has a fault are read one by one."""
    texts = pa.chunked_array([pa.array(frame.iloc[:, 4].astype("str"), type=pa.string(), from_pandas=True)])
    unknown = np.full(len(frame), np.nan)
    left, top, right, bottom = read_segmentations(texts, unknown, unknown).extent.T
    x, y, width, height = (numbers(frame.iloc[:, at]) for at in range(4))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        across = np.minimum(x + width, right) - np.maximum(x, left)
        down = np.minimum(y + height, bottom) - np.maximum(y, top)
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        iou = shared / (width * height + (right - left) * (bottom - top) - shared)
        off = np.maximum.reduce([np.abs(x - left), np.abs(y - top), np.abs(x + width - right), np.abs(y + height - bottom)])
        return ~((off <= tolerance) | (iou >= min_iou))  # so that NaN is at fault


register_rows("image_rows.segmentation_matches_box", missing=_missing, faulty=_apart, arguments=("tolerance", "min_iou"))
