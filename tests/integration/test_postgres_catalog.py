"""A catalog in PostgreSQL that many tasks use at once, the first of them when it is still empty."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from integration.churning import check_churn
from integration.race_workers import at_once, churn, open_place
from services import Service

from airflow_cv_dataops.core.store.catalog import CatalogConfig, load

pytestmark = [pytest.mark.integration, pytest.mark.servers]


def test_a_first_user_who_finds_another_making_the_tables_of_the_catalog_goes_on_with_those(service: Callable[[str], Service]) -> None:
    database, scratch = service("postgres").create_database("iceberg"), service("postgres").create_database("iceberg")
    load(_config(scratch))
    other = psycopg2.connect(database)  # has made the tables, and not committed yet
    for statement in _tables_of(scratch):
        other.cursor().execute(statement)
    namespaces: list[object] = []
    late = threading.Thread(target=lambda: namespaces.append(load(_config(database)).list_namespaces()))
    late.start()
    _wait_until_a_session_waits_for_another(database)
    other.commit()
    late.join(timeout=60)
    other.close()
    assert namespaces == [[]]


def test_widening_commits_and_promotions_at_once_with_kills_lose_nothing_and_leave_nothing_half(
    service: Callable[[str], Service], tmp_path: Path
) -> None:
    uri = service("postgres").create_database("iceberg").replace("postgresql://", "postgresql+psycopg2://")
    place = {"type": "sql", "uri": uri, "warehouse": str(tmp_path / "warehouse")}
    check_churn(place, processes=6, rounds=5, deaths=(0, 1, 2, 3, 5, 8, 13, 20))


def test_the_first_tasks_of_a_new_catalog_all_leave_their_rows(service: Callable[[str], Service], tmp_path: Path) -> None:
    uri = service("postgres").create_database("iceberg").replace("postgresql://", "postgresql+psycopg2://")
    place = {"type": "sql", "uri": uri, "warehouse": str(tmp_path / "warehouse")}
    left = at_once(churn, [(place, number, 1) for number in range(6)])
    images = open_place(place).images(["file_name"])["file_name"].to_pylist()
    assert sorted(images) == sorted(f"{name}.png" for names in left for name in names)


def _config(database: str) -> CatalogConfig:
    uri = database.replace("postgresql://", "postgresql+psycopg2://")
    return CatalogConfig("cv_catalog", {"type": "sql", "uri": uri, "warehouse": "/nowhere"})


def _tables_of(database: str) -> list[str]:
    """Return statements that make tables with the columns of those in a database."""
    with psycopg2.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT format('CREATE TABLE %I (%s)', table_name, string_agg(format('%I varchar', column_name), ', '"
            " ORDER BY ordinal_position)) FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name"
        )
        return [statement for (statement,) in cursor.fetchall()]


def _wait_until_a_session_waits_for_another(database: str) -> None:
    connection = psycopg2.connect(database)
    connection.autocommit = True
    cursor = connection.cursor()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        if cursor.fetchone() != (0,):
            connection.close()
            return
        time.sleep(0.05)
    raise AssertionError("no session waits for a lock")
