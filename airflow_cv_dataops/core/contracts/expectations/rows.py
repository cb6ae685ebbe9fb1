"""Expectations of single rows that need several columns: what they share.

GX's own multicolumn expectations know rows without values by one rule for all (``ignore_row_if``). Here each says itself in which rows
it cannot look: no box, or an image of unknown size. Such rows are missing: neither met nor unexpected, and ``missing_count`` counts them.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    MulticolumnMapMetricProvider,
    multicolumn_condition_partial,
)
from great_expectations.expectations.registry import get_metric_kwargs
from great_expectations.render import LegacyDiagnosticRendererType, RenderedTableContent
from great_expectations.render.renderer.renderer import renderer
from great_expectations.validator.metric_configuration import MetricConfiguration

from airflow_cv_dataops.core.contracts.expectations.wording import InWords, escaped_text

# Of a frame that has the columns of an expectation in its order: a boolean for each row.
Missing = Callable[[pd.DataFrame], np.ndarray]
Faulty = Callable[..., np.ndarray]
_SHOWN, _LONGEST = 20, 200  # rows, and characters of a value: a polygon may be a megabyte


def register_rows(metric: str, *, missing: Missing, faulty: Faulty, arguments: tuple[str, ...] = ()) -> None:
    """Tell GX how to find the faulty rows, and those in which nothing can be looked at.

    :param metric: a name of its own. :param arguments: fields of the expectation that ``faulty`` takes by name.
    """

    class FaultyRows(MulticolumnMapMetricProvider):
        condition_metric_name = metric
        condition_value_keys = arguments

        @multicolumn_condition_partial(engine=PandasExecutionEngine)
        def _pandas(cls, column_list: pd.DataFrame, **values: Any) -> pd.Series:
            given = {name: values[name] for name in arguments}
            return pd.Series(~faulty(column_list, **given) | missing(column_list), index=column_list.index, dtype=bool)

    class LookedAtRows(MulticolumnMapMetricProvider):
        condition_metric_name = f"{metric}.looked_at"

        @multicolumn_condition_partial(engine=PandasExecutionEngine)
        def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> pd.Series:
            return pd.Series(~missing(column_list), index=column_list.index, dtype=bool)


class RowsExpectation(InWords, MulticolumnMapExpectation, ABC):
    """An expectation of each row of a few columns, which fields of their own name.

    ``column_list`` follows from these fields: leave it out.
    """

    column_list: list[str] = pydantic.Field(default_factory=list, description="Follows from the fields that name the columns.")
    ignore_row_if: Literal["never"] = "never"
    column_fields: ClassVar[tuple[str, ...]] = ()

    @pydantic.root_validator(pre=True)
    def _list_columns(cls, values: dict[str, Any]) -> dict[str, Any]:
        columns = [values.get(name, cls.__fields__[name].default) for name in cls.column_fields]
        given = values.get("column_list")
        if given is not None and list(given) != columns:
            raise ValueError(f"column_list follows from {', '.join(cls.column_fields)}: give these, not {list(given)!r}")
        return {**values, "column_list": columns}

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: dict | None = None) -> Any:
        """Return what GX must compute: beside what it needs of any such expectation, the number of rows that are missing."""
        found = super().get_validation_dependencies(execution_engine=execution_engine, runtime_configuration=runtime_configuration)
        name = self._missing_metric()
        kwargs = get_metric_kwargs(name, configuration=self.configuration, runtime_configuration=runtime_configuration)
        found.set_metric_configuration(
            name, MetricConfiguration(name, kwargs["metric_domain_kwargs"], metric_value_kwargs=kwargs["metric_value_kwargs"])
        )
        return found

    def _validate(self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None) -> Any:
        looked_at = f"{self.map_metric}.filtered_row_count"
        counted = {**metrics, looked_at: metrics[looked_at] - metrics[self._missing_metric()]}
        return super()._validate(counted, runtime_configuration=runtime_configuration, execution_engine=execution_engine)

    def _missing_metric(self) -> str:
        return f"{self.map_metric}.looked_at.unexpected_count"

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)
    def _diagnostic_unexpected_table_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: dict | None = None, **_: Any
    ) -> Any:
        """Render a sample of the unexpected rows, a column of the table for each column of the data."""
        found = (result.result if result else None) or {}
        placed = [row for row in found.get("partial_unexpected_index_list") or () if isinstance(row, dict)]
        rows = (placed or found.get("partial_unexpected_list") or [])[:_SHOWN]
        if not rows:
            return None
        names = list(rows[0])
        cells = [[escaped_text("$value", {"value": _shown(row.get(name))}) for name in names] for row in rows]
        styling = {"body": {"classes": ["table-bordered", "table-sm", "mt-3"]}}
        return [RenderedTableContent(content_block_type="table", table=cells, header_row=names, styling=styling)]


def _shown(value: Any) -> str:
    return "null" if value is None or value is pd.NA else str(value)[:_LONGEST]


def numbers(column: pd.Series) -> np.ndarray:
    """Return a column as float64, NaN where it has no value. :raises ValueError: it holds something else than numbers."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def nulls(frame: pd.DataFrame, *positions: int) -> np.ndarray:
    """Return (columns, rows): where each of these columns has no value."""
    return np.stack([frame.iloc[:, at].isna().to_numpy() for at in positions])
