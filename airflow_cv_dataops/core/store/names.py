"""What a dataset may be called; without the tables, so that a DAG's file may ask."""

from __future__ import annotations

import re

from airflow_cv_dataops.core.errors import ConfigurationError

_DATASET_NAME = re.compile(r"[a-z][a-z0-9_]{0,126}")


def check_dataset_name(name: str) -> str:
    """Return the name. :raises ConfigurationError: not every catalog would take it (Glue included)."""
    if not isinstance(name, str) or not _DATASET_NAME.fullmatch(name):
        raise ConfigurationError(f"Dataset name {name!r} cannot be used: expected lower-case letters, digits and _, first a letter.")
    return name
