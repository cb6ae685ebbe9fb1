"""The catalog that DAGs use, asked from a shell: found as DAGs find it, and Airflow makes nothing meanwhile."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.hooks import from_shell
from airflow_cv_dataops.hooks.from_shell import catalog_from_shell

__all__ = ["add_connection"]


def in_a_shell(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CV_DATAOPS"))}
    given = {**kept, "AIRFLOW_HOME": str(tmp_path / "airflow"), **environment}
    command = [sys.executable, "-m", "airflow_cv_dataops", "list", "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given)


def last_line(text: str) -> str:
    """Airflow 3.1 warns of its own use of SQLAlchemy before."""
    return text.splitlines()[-1]


@pytest.mark.parametrize("arguments", [(), ("--conn-id", "cv_catalog_default")], ids=["default", "named"])
def test_a_connection_of_the_environment_is_taken_without_a_database(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    connection = {"conn_type": "cv_catalog", "host": f"sqlite:///{tmp_path}/lake.db", "extra": {"warehouse": str(tmp_path / "lake")}}
    done = in_a_shell(tmp_path, *arguments, AIRFLOW_CONN_CV_CATALOG_DEFAULT=json.dumps(connection))
    assert (done.returncode, json.loads(done.stdout)["datasets"]) == (0, []), done.stderr
    assert last_line(done.stderr) == f"Catalog: sqlite:///{tmp_path}/lake.db (connection cv_catalog_default)"
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_airflow_does_not_know_is_told(tmp_path: Path) -> None:
    done = in_a_shell(tmp_path, "--conn-id", "lake")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Airflow knows no connection 'lake'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_no_airflow_s_leaves_the_embedded_catalog(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    sqlite3.connect(tmp_path / "airflow" / "airflow.db").close()
    done = in_a_shell(tmp_path, CV_DATAOPS_HOME=str(tmp_path / "home"))
    assert (done.returncode, json.loads(done.stdout)["datasets"]) == (0, []), done.stderr
    assert last_line(done.stderr) == f"Catalog: sqlite:///{tmp_path}/home/catalog.db (embedded)"
    assert not (tmp_path / "home").exists()


def test_without_anything_of_airflow_s_nobody_asks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_CONFIG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setattr(from_shell, "_hook", lambda _: pytest.fail("Airflow was asked"))
    config, found = catalog_from_shell(None)
    assert (config.properties["uri"], found) == (f"sqlite:///{tmp_path}/cv_dataops/catalog.db?timeout=60", "embedded")


def test_a_missing_connection_is_not_there_and_not_an_error_of_airflow_s(
    add_connection: AddConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_AIRFLOW__AS_LIBRARY", "AIRFLOW__LOGGING__BASE_LOG_FOLDER"):  # which it sets, and which must not stay
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setattr(from_shell, "_open_database", lambda: None)
    with pytest.raises(DatasetNotFoundError, match="Airflow knows no connection 'lake'"):
        catalog_from_shell("lake")
