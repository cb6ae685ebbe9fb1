"""Airflow connections for tests, without a database, that notice who asks for them how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Connection
from airflow.sdk.execution_time import task_runner

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLEKEY", "hunter2-secret-key"

AddConnection = Callable[..., Connection]


class SynchronousCallInTheEventLoop(BaseException):
    """A blocking call in the triggerer's event loop; no ``except Exception`` may hide it."""


def _refuse_in_event_loop(what: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SynchronousCallInTheEventLoop(what)


class Supervisor:
    """Stands for the process that a task or a trigger reports secrets to: as the real one, it must not be called from the loop."""

    def __init__(self) -> None:
        self.masked: list[Any] = []

    def send(self, message: Any) -> None:
        _refuse_in_event_loop(f"message {message!r} to the supervisor")
        self.masked.append(message)

    async def asend(self, message: Any) -> None:
        self.masked.append(message)


@pytest.fixture
def add_connection(monkeypatch: pytest.MonkeyPatch) -> AddConnection:
    """Return a function that adds a connection; any other connection does not exist."""
    known: dict[str, Connection] = {}

    def found(conn_id: str) -> Connection:
        if conn_id not in known:
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        return known[conn_id]

    def get_connection(_: type, conn_id: str) -> Connection:
        _refuse_in_event_loop(f"get_connection({conn_id!r})")
        return found(conn_id)

    async def aget_connection(_: type, conn_id: str) -> Connection:
        return found(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", classmethod(get_connection))
    monkeypatch.setattr(BaseHook, "aget_connection", classmethod(aget_connection))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(), raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def add(conn_id: str, conn_type: str, *, extra: dict[str, Any] | None = None, **fields: Any) -> Connection:
        known[conn_id] = Connection(conn_id=conn_id, conn_type=conn_type, extra=json.dumps(extra or {}), **fields)
        return known[conn_id]

    return add


def add_aws(add_connection: AddConnection, conn_id: str, **extra: Any) -> Connection:
    return add_connection(conn_id, "aws", login=ACCESS_KEY, password=SECRET_KEY, extra={"region_name": "eu-central-1", **extra})
