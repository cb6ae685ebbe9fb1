"""Whether images have arrived, seen at once or from an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources.arrival import Arrival, aobserve_arrival, observe_arrival

Observe = Callable[..., Arrival]


def ten_minutes_later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=10)


def in_an_event_loop(*arguments: Any, **named: Any) -> Arrival:
    return asyncio.run(aobserve_arrival(*arguments, **named))


both = pytest.mark.parametrize("observe", [observe_arrival, in_an_event_loop], ids=["in a task", "in a trigger"])


@both
def test_what_an_ingest_would_take_is_counted(observe: Observe, tmp_path: Path) -> None:
    for name in ("a.png", "B.JPG", "deep/no_suffix", "labels.csv", "_SUCCESS", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    found = observe(str(tmp_path), min_images=3, settle_seconds=60, now=ten_minutes_later())
    assert (found.images, found.bytes, found.satisfied) == (3, 15, True)
    assert found.settled_seconds is not None
    assert found.settled_seconds >= 600
    assert observe(str(tmp_path), pattern="DEEP/*", now=ten_minutes_later()).images == 1
    assert observe(str(tmp_path), pattern="*.csv", now=ten_minutes_later()).images == 1
    assert observe(str(tmp_path), pattern="_SUCCESS", now=ten_minutes_later()).images == 1
    assert observe(str(tmp_path), exclude=["deep/*"], now=ten_minutes_later()).images == 3
    assert not observe(str(tmp_path), min_images=4, now=ten_minutes_later()).satisfied


@both
def test_what_is_new_has_not_settled_even_if_its_time_is_old(observe: Observe, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    os.utime(tmp_path / "a.png", (1_000_000_000, 1_000_000_000))
    assert not observe(str(tmp_path), settle_seconds=3600).satisfied
    assert observe(str(tmp_path), settle_seconds=60, now=ten_minutes_later()).satisfied


@both
def test_an_absent_prefix_is_waited_for(observe: Observe, tmp_path: Path) -> None:
    assert observe(str(tmp_path / "absent")) == Arrival(0, 0, None, False)
    assert observe("memory:///absent") == Arrival(0, 0, None, False)


@both
def test_what_cannot_be_listed_is_an_error(observe: Observe, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(SourceError, match="expected a folder"):
        observe(str(tmp_path / "a.png"))
    with pytest.raises(ConfigurationError, match="Cannot open nonsense://host"):
        observe("nonsense://host/prefix")
