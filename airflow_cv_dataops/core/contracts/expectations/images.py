"""Expectations of images: their sizes, and that each has labels, occurs once and lies in one split."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

from airflow_cv_dataops.core.contracts.expectations.arguments import Count, GivenCount
from airflow_cv_dataops.core.contracts.expectations.rows import RowsExpectation, nulls, numbers, register_rows
from airflow_cv_dataops.core.contracts.expectations.wording import InWords, Sentence

_BOUNDS = ("min_width", "max_width", "min_height", "max_height", "max_pixels")


class ExpectImageSizeBetween(RowsExpectation):
    """Expect images to be within given sizes, bounds included. Give at least one bound. Missing: rows without width or height.

    :param min_width: pixels, as ``max_width``, ``min_height`` and ``max_height``. :param max_pixels: width by height.
    """

    width_column: pydantic.StrictStr = pydantic.Field(default="width", description="Width of the upright image in pixels.")
    height_column: pydantic.StrictStr = pydantic.Field(default="height", description="Height of the upright image in pixels.")
    min_width: Count | None = pydantic.Field(default=None, description="Narrowest image, pixels.")
    max_width: Count | None = pydantic.Field(default=None, description="Widest image, pixels.")
    min_height: Count | None = pydantic.Field(default=None, description="Lowest image, pixels.")
    max_height: Count | None = pydantic.Field(default=None, description="Highest image, pixels.")
    max_pixels: Count | None = pydantic.Field(default=None, description="Largest image, width by height.")

    map_metric = "image_rows.image_size_between"
    column_fields = ("width_column", "height_column")
    success_keys = ("mostly", *_BOUNDS)
    args_keys = column_fields

    @pydantic.root_validator(skip_on_failure=True)
    def _some_bound(cls, values: dict[str, Any]) -> dict[str, Any]:
        if all(values.get(name) is None for name in _BOUNDS):
            raise ValueError(f"give at least one of {', '.join(_BOUNDS)}")
        for side in ("width", "height"):
            least, most = values.get(f"min_{side}"), values.get(f"max_{side}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{side} {least} is above max_{side} {most}: no image can be both")
        return values

    def sentence(self) -> Sentence:
        """Return what must hold."""
        given = {name: getattr(self, name) for name in _BOUNDS if getattr(self, name) is not None}
        words = {"min": "at least", "max": "at most"}
        parts = (f"{name.partition('_')[2]} {words[name[:3]]} ${name}{'' if name == 'max_pixels' else ' px'}" for name in given)
        return f"images must have: {', '.join(parts)}", given


class ExpectImageHasLabel(InWords, ColumnMapExpectation):  # type: ignore[misc]
    """Expect images to have labels; that an image shows nothing (a background label) is one. Missing: rows without a count.

    :param min_labels: how many labels at least.
    """

    column: pydantic.StrictStr = pydantic.Field(default="labels", description="How many labels the image has.")
    min_labels: GivenCount = pydantic.Field(default=1, description="How many labels at least.")

    map_metric = "column_values.image_has_label"
    success_keys = ("mostly", "min_labels")
    args_keys = ("column", "min_labels")

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "images must have at least $min_labels label(s)", {"min_labels": self.min_labels}


class ExpectUniqueImage(InWords, ColumnMapExpectation):  # type: ignore[misc]
    """Expect no image to occur twice, by the hash of its bytes. All rows of an image that does are unexpected.

    Images that only look alike have different hashes; the audit's checks on near duplicates look for those. Missing: rows without a hash.
    """

    column: pydantic.StrictStr = pydantic.Field(default="image_id", description="The image: the hash of its bytes.")

    map_metric = "column_values.unique_image"
    args_keys = ("column",)

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "an image must occur once, by the hash of its bytes", {}


class ExpectOneSplitPerImage(RowsExpectation):
    """Expect no image to lie in two splits: what a model has trained on tells nothing in a test. All rows of an image that does are
    unexpected. Missing: rows without an image or a split.
    """

    image_column: pydantic.StrictStr = pydantic.Field(default="image_id", description="The image: the hash of its bytes.")
    split_column: pydantic.StrictStr = pydantic.Field(default="split", description="The split that the row lies in.")

    map_metric = "image_rows.one_split_per_image"
    column_fields = ("image_column", "split_column")
    args_keys = column_fields

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "an image must lie in one split only", {}


class _HasLabel(ColumnMapMetricProvider):
    condition_metric_name = "column_values.image_has_label"
    condition_value_keys = ("min_labels",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, min_labels: int, **_: Any) -> pd.Series:
        return pd.Series(numbers(column) >= min_labels, index=column.index)


class _Unique(ColumnMapMetricProvider):
    condition_metric_name = "column_values.unique_image"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:
        return ~column.duplicated(keep=False)


def _any_null(frame: pd.DataFrame) -> np.ndarray:
    return np.any(nulls(frame, 0, 1), axis=0)


def _of_other_size(frame: pd.DataFrame, **bounds: int | None) -> np.ndarray:
    width, height = numbers(frame.iloc[:, 0]), numbers(frame.iloc[:, 1])
    values = {"width": width, "height": height, "pixels": width * height}
    fits = np.isfinite(width) & np.isfinite(height)
    for name, bound in bounds.items():
        if bound is not None:
            value = values[name.partition("_")[2]]
            fits &= value >= bound if name.startswith("min") else value <= bound
    return ~fits


def _in_two_splits(frame: pd.DataFrame) -> np.ndarray:
    """Return which rows are of an image that another row puts into another split."""
    leaks = np.zeros(len(frame), dtype=bool)
    rows = np.flatnonzero(~_any_null(frame))
    image, images = pd.factorize(frame.iloc[rows, 0])
    split, _ = pd.factorize(frame.iloc[rows, 1])
    one_of = np.zeros(len(images), dtype=np.int64)
    one_of[image] = split
    torn = np.zeros(len(images), dtype=bool)
    torn[image[split != one_of[image]]] = True
    leaks[rows] = torn[image]
    return leaks


register_rows("image_rows.image_size_between", missing=_any_null, faulty=_of_other_size, arguments=_BOUNDS)
register_rows("image_rows.one_split_per_image", missing=_any_null, faulty=_in_two_splits)
