"""What findings, metrics and lineage call an expectation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

DOMAIN = ("column", "column_A", "column_B", "column_list")
NAMED_COLUMNS = 3  # more are told by the type alone
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 120
_RESERVED = (*SEVERITIES, "critical")


def check_names(expectations: Iterable[Expectation]) -> list[str]:
    """Return a name for each expectation: the ``name`` of its ``meta``, an ``id`` that is no UUID, or its type and columns.

    ``column_values_to_not_be_null.category``. A second one of the same name has ``_2`` behind it.
    """
    names: dict[str, None] = {}
    for expectation in expectations:
        name = _name(expectation)
        if name in _RESERVED:
            raise ConfigurationError(f"An expectation cannot be called {name!r}: gates would take it for the severity. Give another name.")
        tries = (f"{name}_{number}" for number in count(2))
        names[name if name not in names else next(one for one in tries if one not in names)] = None
    return list(names)


def columns_of(expectation: Expectation) -> tuple[str, ...]:
    """Return the columns that it is about; none: the table."""
    values = [getattr(expectation, name, None) for name in DOMAIN]
    flat = [one for value in values for one in (value if isinstance(value, (list, tuple, set)) else [value])]
    return tuple(one for one in flat if isinstance(one, str))


def given_name(expectation: Expectation) -> str | None:
    """Return the name that its author gave it: ``name`` of its ``meta``, or an ``id`` that is no UUID."""
    meta = expectation.meta or {}
    given = meta.get("name") if isinstance(meta, Mapping) else None
    if not given and expectation.id and not _is_uuid(expectation.id):
        given = expectation.id
    return str(given) if given else None


def _name(expectation: Expectation) -> str:
    given = given_name(expectation)
    columns = columns_of(expectation)
    parts = [expectation.expectation_type.removeprefix("expect_"), *(columns if len(columns) <= NAMED_COLUMNS else ())]
    text = given or ".".join(parts)
    return _UNSAFE.sub("_", text)[:_LONGEST_NAME].strip("_") or "expectation"


def _is_uuid(text: str) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
