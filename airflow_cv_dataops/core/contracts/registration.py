"""Makes the expectations of this package known to Great Expectations, which goes by what has been imported."""

from __future__ import annotations

import importlib
import pkgutil


def register() -> None:
    """Import every module of ``contracts.expectations``."""
    from airflow_cv_dataops.core.contracts import expectations

    for found in pkgutil.walk_packages(expectations.__path__, f"{expectations.__name__}."):
        importlib.import_module(found.name)
