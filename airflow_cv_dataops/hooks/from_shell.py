"""The catalog that DAGs use, asked from a shell: nothing is made on the way, no home of Airflow and no database."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.catalog import CatalogConfig, embedded_catalog

if TYPE_CHECKING:
    from airflow_cv_dataops.hooks.dataset import DatasetHook

DEFAULT = "cv_catalog_default"


def catalog_from_shell(conn_id: str | None) -> tuple[CatalogConfig, str]:
    """Return a catalog, and how it was found, in words.

    :param conn_id: an Airflow connection; ``None``: as DAGs do it, the default one if Airflow knows it, else the embedded catalog.
    :raises ConfigurationError: the connection cannot be used, or Airflow is not installed.
    :raises DatasetNotFoundError: there is no such connection.
    """
    if conn_id is None and not _is_airflow_set_up():
        return embedded_catalog(), "embedded"
    # Airflow's log goes to standard output, where the answer is to be alone, and it warns of its own parts.
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hook = _hook(conn_id or DEFAULT)
        if hook is None:
            return embedded_catalog(), "embedded"
        try:
            config = hook.catalog_config()
        except Exception as error:
            if type(error).__name__ == "AirflowNotFoundException":
                raise DatasetNotFoundError(
                    f"Airflow knows no connection {conn_id!r}: `airflow connections list` has those it knows."
                ) from None
            raise
        return config, f"connection {hook.cv_catalog_conn_id}" if hook.has_connection() else "embedded"


def _is_airflow_set_up() -> bool:
    """Say whether there is anything that Airflow could know a connection from. Importing it would make its home and its database."""
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    told = any(name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_CONFIG")) for name in os.environ)
    return told or any((home / name).exists() for name in ("airflow.cfg", "airflow.db"))


def _hook(conn_id: str) -> DatasetHook | None:
    """Return the hook; ``None`` where the default connection is meant and Airflow is not installed.

    :raises ConfigurationError: another connection is meant, and Airflow is not installed.
    """
    # Else the import makes a database, and a folder for logs, of which there are none here.
    os.environ |= {"_AIRFLOW__AS_LIBRARY": "1", "AIRFLOW__LOGGING__BASE_LOG_FOLDER": tempfile.gettempdir()}
    try:
        from airflow_cv_dataops.hooks.dataset import DatasetHook
    except ImportError as error:
        if conn_id == DEFAULT:
            return None
        raise ConfigurationError(f"Connection {conn_id!r} cannot be looked up: Airflow is not installed here ({error}).") from None
    _open_database()
    return DatasetHook(conn_id)


def _open_database() -> None:
    """Let Airflow's database be asked where there is one; else environment variables and secrets backends are asked alone."""
    try:
        from airflow import models
        from airflow.configuration import conf
    except ImportError:  # a worker's machine may have the task SDK alone
        return
    # A connection may be a row of Airflow's database (in 3.1 also one of an environment variable), whose class names those of others.
    models.import_all_models()
    address = conf.get("database", "sql_alchemy_conn", fallback="")
    file = address.removeprefix("sqlite:///").partition("?")[0]
    if address.startswith("sqlite") and not Path(file).exists():
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
        return
    from airflow import settings

    settings.configure_vars()
    settings.configure_orm()
