"""The ``[cv_dataops]`` section of airflow.cfg."""

from __future__ import annotations


def home() -> str | None:
    """Return the folder of the embedded catalog, ``[cv_dataops] home``; ``None`` where core's default will do."""
    return _get("home") or None


def marquez_url() -> str | None:
    """Return the address of Marquez's web page without a trailing slash, or ``None``."""
    return _get("marquez_url").rstrip("/") or None


def _get(option: str) -> str:
    from airflow.providers.common.compat.sdk import conf

    return conf.get("cv_dataops", option, fallback="") or ""
