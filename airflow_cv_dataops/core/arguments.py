"""What every step asks of its arguments before any work."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError


def check_list(name: str, value: Any) -> None:
    """:raises ConfigurationError: it is a string where a list of strings is meant, which would be taken letter by letter."""
    if isinstance(value, (str, bytes)):
        raise ConfigurationError(f"{name}={value!r} is a string: expected a list, e.g. [{value!r}].")
