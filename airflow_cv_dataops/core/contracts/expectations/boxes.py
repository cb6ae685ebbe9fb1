"""Expectations of boxes: top-left corner, width and height in pixels of the upright image (COCO convention)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from great_expectations.compatibility import pydantic

from airflow_cv_dataops.core.contracts.expectations.arguments import Distance
from airflow_cv_dataops.core.contracts.expectations.rows import RowsExpectation, nulls, numbers, register_rows
from airflow_cv_dataops.core.contracts.expectations.wording import Sentence

BOX_FIELDS = ("x_column", "y_column", "width_column", "height_column")


class BoxExpectation(RowsExpectation):
    """An expectation of boxes in four columns."""

    x_column: pydantic.StrictStr = pydantic.Field(default="bbox_x", description="Left side of the box in pixels.")
    y_column: pydantic.StrictStr = pydantic.Field(default="bbox_y", description="Upper side of the box in pixels.")
    width_column: pydantic.StrictStr = pydantic.Field(default="bbox_width", description="Width of the box in pixels.")
    height_column: pydantic.StrictStr = pydantic.Field(default="bbox_height", description="Height of the box in pixels.")


class ExpectBoxInsideImage(BoxExpectation):
    """Expect boxes to lie inside their image.

    Missing: rows without a box (none of its four numbers), and rows whose image has no known size. A box with a number that is absent or
    not finite is unexpected, and so is one of negative size of which a corner lies outside.

    :param tolerance: how far beyond the image a box may reach, in pixels; 1 forgives rounding and the conventions that count from 1.
    """

    image_width_column: pydantic.StrictStr = pydantic.Field(default="image_width", description="Width of the upright image in pixels.")
    image_height_column: pydantic.StrictStr = pydantic.Field(default="image_height", description="Height of the upright image in pixels.")
    tolerance: Distance = pydantic.Field(default=1.0, description="Pixels beyond the image.")

    map_metric = "image_rows.box_inside_image"
    column_fields = (*BOX_FIELDS, "image_width_column", "image_height_column")
    success_keys = ("mostly", "tolerance")
    args_keys = column_fields

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "boxes must lie inside their image, give or take $tolerance px", {"tolerance": self.tolerance}


class ExpectBoxHasExtent(BoxExpectation):
    """Expect boxes to be finite, and wider and higher than nothing.

    Missing: rows without a box (none of its four numbers). A box with a number that is absent or not finite is unexpected.

    :param min_side: a side of at most so many pixels is none; 0.01 is the rounding noise of normalised coordinates.
    """

    min_side: Distance = pydantic.Field(default=0.01, description="A side must be longer, pixels.")

    map_metric = "image_rows.box_has_extent"
    column_fields = BOX_FIELDS
    success_keys = ("mostly", "min_side")
    args_keys = column_fields

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "boxes must be finite, and wider and higher than $min_side px", {"min_side": self.min_side}


def no_box(frame: pd.DataFrame) -> np.ndarray:
    """Return which rows have none of the four numbers of a box, which are the first columns."""
    return np.all(nulls(frame, 0, 1, 2, 3), axis=0)


def _no_box_or_image(frame: pd.DataFrame) -> np.ndarray:
    return no_box(frame) | np.any(nulls(frame, 4, 5), axis=0)


def _outside(frame: pd.DataFrame, tolerance: float) -> np.ndarray:
    x, y, width, height, image_width, image_height = (numbers(frame.iloc[:, at]) for at in range(6))
    with np.errstate(invalid="ignore", over="ignore"):
        across = (np.minimum(x, x + width) >= -tolerance) & (np.maximum(x, x + width) <= image_width + tolerance)
        down = (np.minimum(y, y + height) >= -tolerance) & (np.maximum(y, y + height) <= image_height + tolerance)
    # Said the other way round, as no comparison with NaN holds.
    return np.logical_not(across & down & np.isfinite(width) & np.isfinite(height))


def _without_extent(frame: pd.DataFrame, min_side: float) -> np.ndarray:
    x, y, width, height = (numbers(frame.iloc[:, at]) for at in range(4))
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(width) & np.isfinite(height)
    return ~(finite & (width > min_side) & (height > min_side))


register_rows("image_rows.box_inside_image", missing=_no_box_or_image, faulty=_outside, arguments=("tolerance",))
register_rows("image_rows.box_has_extent", missing=no_box, faulty=_without_extent, arguments=("min_side",))
