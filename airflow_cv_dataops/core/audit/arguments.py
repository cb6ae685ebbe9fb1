"""What an audit may be asked for; without what audits, so that a DAG's file may ask."""

from __future__ import annotations

from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError


def check_audit_name(audit: Any) -> None:
    """:raises ConfigurationError: it is no name."""
    if not audit or not isinstance(audit, str):
        raise ConfigurationError(f"audit={audit!r} cannot be used: expected a name such as 'label_audit'.")


def check_some_names(name: str, values: Any) -> None:
    """:raises ConfigurationError: it is no list of at least one text, and not ``None``."""
    if values is not None and (isinstance(values, str) or not values or not all(isinstance(value, str) for value in values)):
        raise ConfigurationError(f"{name}={values!r} cannot be used: expected at least one string in a list, or None for all.")


def check_error_rate(max_error_rate: Any) -> None:
    """:raises ConfigurationError: it is no share, and not ``None``."""
    if max_error_rate is not None and not 0 <= max_error_rate <= 1:
        raise ConfigurationError(f"max_error_rate={max_error_rate!r} is out of range: expected 0 to 1.")
