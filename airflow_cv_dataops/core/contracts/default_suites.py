"""The suite with which each table is validated where no other is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.schema import model_of

if TYPE_CHECKING:
    import great_expectations as gx


def default_suite(table: str, *, categories: Sequence[str] | None = None) -> gx.ExpectationSuite:
    """Return the default suite of a table.

    :param categories: the names that labels may have; ``None``: any.
    :raises ConfigurationError: there is no such table.
    """
    import great_expectations as gx
    import great_expectations.expectations as gxe

    required = [column.name for column in model_of(table).columns if column.required]
    expectations = [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in required]
    if categories is not None and table in ("annotations", "predictions"):
        expectations.append(gxe.ExpectColumnValuesToBeInSet(column="category", value_set=list(categories)))
    return gx.ExpectationSuite(name=table, expectations=expectations)
