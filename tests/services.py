"""The servers of scripts/services, as tests see them."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from project import PROJECT_ROOT

STATE = Path(os.environ.get("CV_DATAOPS_SERVICES", PROJECT_ROOT / ".services")) / "services.json"


@dataclass(frozen=True)
class Service:
    """A server that answers.

    :param facts: ``url``, ``host``, ``port``; ``user`` and ``password`` of PostgreSQL, ``access_key`` and ``secret_key`` of S3.
    """

    name: str
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        url: str = self.facts["url"]
        return url

    def create_database(self, prefix: str) -> str:
        """Make a database of the test's own in PostgreSQL, and return its address, as ``postgresql://…``."""
        import psycopg2

        name = f"{prefix}_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(self.url)
        connection.autocommit = True  # PostgreSQL makes no database inside a transaction
        try:
            connection.cursor().execute(f"CREATE DATABASE {name}")
        finally:
            connection.close()
        return f"{self.url.rpartition('/')[0]}/{name}"

    def create_bucket(self, prefix: str) -> str:
        """Make a bucket of the test's own on the S3 server, and return its name."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        (Path(self.facts["data"]) / name).mkdir()
        return name


@pytest.fixture(scope="session")
def service() -> Callable[[str], Service]:
    """Return one server of scripts/services; skip the test, saying why, where it is not there."""

    def find(name: str) -> Service:
        known = json.loads(STATE.read_text())["services"] if STATE.exists() else {}
        facts = known.get(name, {"missing": f"{name} was not started: use `make test-servers`, or `scripts/services run -- COMMAND`"})
        if "missing" in facts:
            pytest.skip(facts["missing"])
        return Service(name, facts)

    return find
