"""What a stage and a release may be called; without releases, so that a DAG's file may ask."""

from __future__ import annotations

import re

from airflow_cv_dataops.core.errors import ConfigurationError

_RELEASE = re.compile(r"v(\d+)")
_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


def check_stage(stage: str) -> str:
    """Return the stage. :raises ConfigurationError: it is not a name, is ``main`` (Iceberg's), or looks like a release."""
    if not isinstance(stage, str) or not _STAGE.fullmatch(stage) or stage == "main" or re.fullmatch(r"v\d+|(release|candidate)-.*", stage):
        raise ConfigurationError(
            f"Stage {stage!r} cannot be used: expected a name such as staging or production, not main and not the name of a release."
        )
    return stage


def release_number(name: str) -> int:
    """Return 3 for ``v3``. :raises ConfigurationError: it is not the name of a release."""
    match = _RELEASE.fullmatch(name) if isinstance(name, str) else None
    if not match:
        raise ConfigurationError(f"{name!r} is not the name of a release: expected v1, v2, …")
    return int(match[1])
