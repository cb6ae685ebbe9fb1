"""Kinds of arguments. Pydantic reads bounds from types that are made by calls, which type checkers do not take for types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

if TYPE_CHECKING:
    Distance = float | SuiteParameterDict
    Share = float
    GivenShare = float | SuiteParameterDict
    Count = int
    GivenCount = int | SuiteParameterDict
    Names = list[str] | SuiteParameterDict
else:
    Distance = pydantic.confloat(ge=0, allow_inf_nan=False) | SuiteParameterDict
    Share = pydantic.confloat(ge=0, le=1)
    GivenShare = Share | SuiteParameterDict
    Count = pydantic.conint(ge=1)
    GivenCount = Count | SuiteParameterDict
    Names = pydantic.conlist(pydantic.StrictStr, min_items=1) | SuiteParameterDict
