"""What every step asks of its arguments before any work."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError


def check_list(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is a string where a list of strings is meant, which would be taken letter by letter."""
    if isinstance(value, (str, bytes)):
        raise ConfigurationError(f"{name}={value!r} is a string: expected a list, e.g. [{value!r}].")


def check_ratio(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is no number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number from 0 to 1.")


def check_flag(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is something else than ``True`` or ``False``: the text ``"false"`` would count as true."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected True or False.")
