"""Commits to one table on S3 that race: what the first attempt wrote goes, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from services import Service

from airflow_cv_dataops.core.dataset import Dataset, open_dataset

pytestmark = [pytest.mark.integration, pytest.mark.servers]

NOW = datetime(2026, 11, 6, tzinfo=UTC)
CHECKSUMS = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")


@pytest.fixture
def warehouse(service: Callable[[str], Service], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a warehouse that the S3 server has."""
    for name in CHECKSUMS:
        monkeypatch.setenv(name, "when_required")
    s3 = service("s3")
    return Path(s3.facts["data"]) / s3.create_bucket("lake") / "warehouse"


@pytest.fixture
def open_on_s3(service: Callable[[str], Service], warehouse: Path, tmp_path: Path) -> Callable[[], Dataset]:
    s3 = service("s3")
    properties = {
        "type": "sql",
        "uri": f"sqlite:///{tmp_path}/catalog.db",
        "warehouse": f"s3://{warehouse.parent.name}/warehouse",
        "s3.endpoint": s3.url,
        "s3.access-key-id": s3.facts["access_key"],
        "s3.secret-access-key": s3.facts["secret_key"],
        "s3.region": "us-east-1",
        "s3.force-virtual-addressing": "false",
    }
    return lambda: open_dataset("digits", properties)


def rejects(*names: str) -> pa.Table:
    rows = [{"source_uri": f"s3://landing/{name}", "file_name": name, "reason": "empty", "ingested_at": NOW} for name in names]
    return pa.Table.from_pylist(rows)


def test_a_commit_that_lost_a_race_leaves_both_commits_and_no_file_of_its_first_attempt(
    open_on_s3, warehouse, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_on_s3(), open_on_s3()
    first.ensure_table("rejects")
    whole, early = SqlCatalog.commit_table, [lambda: second.replace_partition("rejects", "2026-11-05", rejects("a.png", "b.png"))]

    def commit_table(*arguments: Any) -> Any:
        if early:
            early.pop()()
        return whole(*arguments)

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    caplog.set_level(logging.DEBUG)
    first.replace_partition("rejects", "2026-11-06", rejects("c.png"))
    assert "digits.rejects: someone else came first" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert sorted(second.read("rejects")["file_name"].to_pylist()) == ["a.png", "b.png", "c.png"]
    table = second.load_table("rejects")
    lists = [snapshot.manifest_list for snapshot in table.snapshots()]
    manifests = [manifest.manifest_path for snapshot in table.snapshots() for manifest in snapshot.manifests(table.io)]
    written = {file.name for file in (warehouse / "digits" / "rejects" / "metadata").glob("*.avro")}
    assert written == {Path(uri).name for uri in lists + manifests}
