"""The ``[cv_dataops]`` section of airflow.cfg."""

from __future__ import annotations

import logging

from airflow_cv_dataops.core.lineage.options import LineageOptions
from airflow_cv_dataops.core.store.schema import SEVERITIES

log = logging.getLogger(__name__)


def home() -> str | None:
    """Return the folder of the embedded catalog, ``[cv_dataops] home``; ``None`` where core's default will do."""
    return _get("home") or None


def marquez_url() -> str | None:
    """Return the address of Marquez's web page without a trailing slash, or ``None``."""
    return _leniently_get("marquez_url").strip().rstrip("/") or None


def lineage_options() -> LineageOptions:
    """Return how events are written. A value that cannot be used is told and left out: lineage is not what a task fails of."""
    names = _leniently_get("lineage_names").strip().lower() or "catalog"
    if names not in ("catalog", "location"):
        log.warning("[cv_dataops] lineage_names=%r cannot be used: expected catalog or location; catalog is taken.", names)
    severities = {name.strip().lower() for name in _leniently_get("lineage_failed_severities").split(",")} - {""}
    failed = severities & set(SEVERITIES) or set(SEVERITIES)
    if unknown := severities - set(SEVERITIES):
        taken = [severity for severity in SEVERITIES if severity in failed]
        message = "[cv_dataops] lineage_failed_severities: %s cannot be used: expected some of %s; taken: %s."
        log.warning(message, *(", ".join(some) for some in (sorted(unknown), SEVERITIES, taken)))
    return LineageOptions(location_first=names == "location", failed_severities=frozenset(failed))


def _leniently_get(option: str) -> str:
    """Return a setting; nothing where the file's text of it cannot be read (a bare ``%``), as DAGs are not to fail of it."""
    try:
        return _get(option)
    except Exception as error:  # noqa: BLE001 (of configparser, or of what Airflow asks for a secret)
        log.warning("[cv_dataops] %s cannot be used: %s", option, error)
        return ""


def _get(option: str) -> str:
    from airflow.providers.common.compat.sdk import conf

    return conf.get("cv_dataops", option, fallback="") or ""
