"""Expectations of single labels: their category, and that they joined an image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

from airflow_cv_dataops.core.contracts.expectations.arguments import Names
from airflow_cv_dataops.core.contracts.expectations.wording import InWords, Sentence

_SHOWN = 50
_NULLS = "column_values.nonnull.unexpected_count"


class ExpectKnownCategory(InWords, ColumnMapExpectation):  # type: ignore[misc]
    """Expect categories to be among given names, spelled like these.

    Missing: rows without a category, such as the statement that an image shows nothing; unexpected if ``null_is_unexpected``.

    :param categories: the names, at least one.
    :param null_is_unexpected: a row without a category is at fault.
    """

    column: pydantic.StrictStr = pydantic.Field(default="category", description="The category's name.")
    categories: Names = pydantic.Field(description="The names that a category may have.")
    null_is_unexpected: pydantic.StrictBool = pydantic.Field(default=False, description="A row without a category is at fault.")

    map_metric = "column_values.known_category"
    success_keys = ("mostly", "categories", "null_is_unexpected")
    args_keys = ("column", "categories")

    @pydantic.validator("categories", pre=True)
    def _are_names(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value  # a suite parameter
        if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
            raise ValueError(f"expected a list of names, at least one, not {value!r}")
        return list(dict.fromkeys(value))

    def sentence(self) -> Sentence:
        """Return what must hold."""
        shown = self.categories
        if isinstance(shown, list) and len(shown) > _SHOWN:
            shown = [*shown[:_SHOWN], f"… ({len(shown)} in all)"]
        words = "categories must be known: $categories" + ("; none may be absent" if self.null_is_unexpected else "")
        return words, {"categories": shown}

    def _validate(self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None) -> Any:
        if self.null_is_unexpected:
            metrics = {**metrics, _NULLS: 0}
        return super()._validate(metrics, runtime_configuration=runtime_configuration, execution_engine=execution_engine)


class ExpectLabelJoinedImage(InWords, ColumnMapExpectation):  # type: ignore[misc]
    """Expect labels and predictions to belong to an image of the data. Missing: rows where it is not known whether they do."""

    column: pydantic.StrictStr = pydantic.Field(default="image_matched", description="Whether the row's image is in the data, boolean.")

    map_metric = "column_values.label_joined_image"
    args_keys = ("column",)

    def sentence(self) -> Sentence:
        """Return what must hold."""
        return "labels must belong to an image of the data", {}


class _Known(ColumnMapMetricProvider):
    condition_metric_name = "column_values.known_category"
    condition_value_keys = ("categories", "null_is_unexpected")
    filter_column_isnull = False  # whether rows without a category count is the expectation's to say

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, categories: list[str], null_is_unexpected: bool, **_: Any) -> pd.Series:
        met = np.full(len(column), not null_is_unexpected)
        given = np.flatnonzero(column.notna())
        if len(given):
            met[given] = column.iloc[given].isin(categories)
        return pd.Series(met, index=column.index)


class _Joined(ColumnMapMetricProvider):
    condition_metric_name = "column_values.label_joined_image"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:
        return column == True  # noqa: E712 - column-wise; the text "False" is not true
