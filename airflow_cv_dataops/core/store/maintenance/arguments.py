"""What maintenance can be told, checked without anything heavy."""

from __future__ import annotations

import math

from airflow_cv_dataops.core.errors import ConfigurationError

KEEP_HISTORY_DAYS = 30.0
GRACE_DAYS = 3.0
_MOST_DAYS = 36_500


def check_days(name: str, value: float) -> float:
    """Return a number of days. :raises ConfigurationError: it is below 0, above a hundred years, or no number."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 <= value <= _MOST_DAYS:
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected a number of days, 0 to {_MOST_DAYS:,}.")
    return float(value)
