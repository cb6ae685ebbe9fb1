"""Expectations of what share of the rows each value of a column has: categories, splits."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any

import pandas as pd
from great_expectations.compatibility import pydantic
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.metrics import ColumnAggregateMetricProvider, column_aggregate_value
from great_expectations.render import LegacyDiagnosticRendererType
from great_expectations.render.renderer.renderer import renderer

from airflow_cv_dataops.core.contracts.expectations.arguments import Share
from airflow_cv_dataops.core.contracts.expectations.wording import InWords, Sentence, escaped_text

_COUNTS = "column.value_shares"
_SHOWN = 50  # values in a result: a column may have as many as it has rows
_LONGEST = 100
_ROUNDING = 1e-9


class SharesExpectation(InWords, ColumnAggregateExpectation, ABC):
    """An expectation of the shares of a column's values among the rows that have one.

    Missing: rows without a value. Where none has one, the expectation fails, with no observed value.
    """

    metric_dependencies = (_COUNTS,)

    def problems(self, shares: Mapping[str, float]) -> dict[str, str]:
        """Return what is wrong by value. :param shares: of every value that occurs, 0 to 1."""
        raise NotImplementedError

    def _validate(self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None) -> dict[str, Any]:
        counts, missing = metrics[_COUNTS]["counts"], metrics[_COUNTS]["missing"]
        total = sum(counts.values())
        found: dict[str, Any] = {"element_count": total + missing, "missing_count": missing, "observed_value": None}
        if not total:
            return {"success": False, "result": found}
        shares = {value: count / total for value, count in counts.items()}
        problems = self.problems(shares)
        shown = dict.fromkeys([*problems, *shares])
        found["observed_value"] = {_short(value): round(shares.get(value, 0.0), 6) for value in list(shown)[:_SHOWN]}
        found["details"] = {
            "problems": {_short(value): said for value, said in list(problems.items())[:_SHOWN]},
            "problem_count": len(problems),
            "value_count": len(shares),
        }
        return {"success": not problems, "result": found}

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: dict | None = None, **_: Any
    ) -> Any:
        found = (result.result if result else None) or {}
        shares = found.get("observed_value")
        if not isinstance(shares, dict):
            return "--"
        problems = (found.get("details") or {}).get("problems") or {}
        told = ", ".join(f"{value} {share:.2%}" for value, share in list(shares.items())[:20])
        wrong = "; ".join(f"{value}: {said}" for value, said in list(problems.items())[:20])
        return escaped_text("$shares\n\n$wrong" if wrong else "$shares", {"shares": told, "wrong": wrong})


class ExpectCategoryShares(SharesExpectation):
    """Expect each category's share of the labels to be within bounds, bounds included.

    :param bounds: by category the least and the most share, 0 to 1; a category that does not occur has the share 0.
    :param min_share: least share of every category that occurs and is not in ``bounds``.
    :param max_share: most share of the same.
    """

    column: pydantic.StrictStr = pydantic.Field(default="category", description="The category's name.")
    bounds: dict[pydantic.StrictStr, tuple[Share, Share]] = pydantic.Field(
        default_factory=dict, description="By category the least and the most share."
    )
    min_share: Share | None = pydantic.Field(default=None, description="Least share of every other category.")
    max_share: Share | None = pydantic.Field(default=None, description="Most share of every other category.")

    success_keys = ("bounds", "min_share", "max_share")
    args_keys = ("column", "bounds")

    @pydantic.root_validator(skip_on_failure=True)
    def _some_bound(cls, values: dict[str, Any]) -> dict[str, Any]:
        bounds, least, most = values["bounds"], values["min_share"], values["max_share"]
        if not bounds and least is None and most is None:
            raise ValueError("give bounds, min_share or max_share")
        for name, (low, high) in {**bounds, "every category": (least or 0, 1 if most is None else most)}.items():
            if low > high:
                raise ValueError(f"the least share of {name}, {low}, is above the most, {high}")
        values["bounds"] = {name: [low, high] for name, (low, high) in bounds.items()}  # as JSON gives it back
        return values

    def sentence(self) -> Sentence:
        """Return what must hold."""
        parts = [f"{_short(name)} {low:.4g} to {high:.4g}" for name, (low, high) in list(self.bounds.items())[:_SHOWN]]
        least, most = self.min_share, self.max_share
        if least is not None or most is not None:
            parts.append(f"any other {least or 0:.4g} to {1 if most is None else most:.4g}")
        return "shares of the categories must be within bounds: $shares", {"shares": parts}

    def problems(self, shares: Mapping[str, float]) -> dict[str, str]:
        """Return each category whose share is out of bounds."""
        least, most = self.min_share or 0.0, 1.0 if self.max_share is None else self.max_share
        found = {}
        for name in dict.fromkeys([*self.bounds, *shares]):
            low, high = self.bounds.get(name, (least, most))
            share = shares.get(name, 0.0)
            if not low - _ROUNDING <= share <= high + _ROUNDING:
                found[name] = f"{share:.4g} is not within {low:.4g} to {high:.4g}"
        return found


class ExpectSplitShares(SharesExpectation):
    """Expect each split to have its share of the images, give or take a tolerance, and no other split to occur.

    :param shares: by split its share; they add up to 1. :param tolerance: how far a share may be off, 0 to 1.
    """

    column: pydantic.StrictStr = pydantic.Field(default="split", description="The split that the row lies in.")
    shares: dict[pydantic.StrictStr, Share] = pydantic.Field(description="By split its share; they add up to 1.")
    tolerance: Share = pydantic.Field(default=0.02, description="How far a share may be off.")

    success_keys = ("shares", "tolerance")
    args_keys = ("column", "shares")

    @pydantic.validator("shares")
    def _add_up(cls, value: dict[str, float]) -> dict[str, float]:
        if abs(sum(value.values()) - 1) > 1e-6:
            raise ValueError(f"the shares add up to {sum(value.values()):g}, not to 1")
        return value

    def sentence(self) -> Sentence:
        """Return what must hold."""
        parts = [f"{_short(name)} {share:.4g}" for name, share in list(self.shares.items())[:_SHOWN]]
        return "splits must have their shares: $shares, give or take $tolerance", {"shares": parts, "tolerance": self.tolerance}

    def problems(self, shares: Mapping[str, float]) -> dict[str, str]:
        """Return each split whose share is off."""
        found = {}
        for name in dict.fromkeys([*self.shares, *shares]):
            wanted, share = self.shares.get(name), shares.get(name, 0.0)
            if wanted is None:
                found[name] = f"{share:.4g}, and there should be no such split"
            elif abs(share - wanted) > self.tolerance + _ROUNDING:
                found[name] = f"{share:.4g} is not {wanted:.4g} give or take {self.tolerance:.4g}"
        return found


class _ValueShares(ColumnAggregateMetricProvider):
    metric_name = _COUNTS

    @column_aggregate_value(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> dict[str, Any]:
        counts = column.value_counts(dropna=True)
        order = sorted(zip(map(str, counts.index), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
        return {"counts": dict(order), "missing": int(column.isna().sum())}


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
