"""What maintenance can be told, checked without anything heavy."""

from __future__ import annotations

import math

from airflow_cv_dataops.core.errors import ConfigurationError

KEEP_HISTORY_DAYS = 30.0
GRACE_DAYS = 3.0


def check_days(name: str, value: float) -> float:
    """Return a number of days. :raises ConfigurationError: it is below 0 or no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number of days, 0 or more.")
    return float(value)
