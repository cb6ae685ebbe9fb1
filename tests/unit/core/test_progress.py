"""Progress lines: now and then, with done, total, rate and time left."""

from __future__ import annotations

import logging
import time

import pytest
from processes import PATIENCE_SECONDS

from airflow_cv_dataops.core import progress
from airflow_cv_dataops.core.progress import Progress


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_line_every_ten_seconds_says_how_far_how_fast_and_how_long(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counted = Progress("images", 4_000, logging.getLogger("t"))
    for _ in range(25):
        clock.now += 1
        counted.advance(40)
    assert caplog.messages == [
        "400 of 4,000 images (10%), 40.0/s, about 90 s left",
        "800 of 4,000 images (20%), 40.0/s, about 80 s left",
    ]
    assert counted.done == 1_000


def test_what_is_left_is_told_in_minutes_and_hours(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counted = Progress("images", 1_000, logging.getLogger("t"), interval_seconds=60)
    for seconds, done in ((60, 0), (60, 10), (60, 390), (60, 590)):
        clock.now += seconds
        counted.advance(done)
    assert caplog.messages == [
        "none of 1,000 images finished yet, 60 s so far",
        "10 of 1,000 images (1%), 0.1/s, about 3 h 18 min left",
        "400 of 1,000 images (40%), 2.2/s, about 4 min left",
        "990 of 1,000 images (99%), 4.1/s, about 2.4 s left",
    ]


def test_without_a_total_the_line_says_what_is_known(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counted = Progress("labels", None, logging.getLogger("t"), interval_seconds=1)
    clock.now += 2
    counted.advance(1_000)
    assert caplog.messages == ["1,000 labels, 500.0/s"]


def test_nothing_done_yet_and_nothing_to_do_are_no_divisions_by_zero(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Progress("images", 10, logging.getLogger("t"), interval_seconds=0).advance(0)
    Progress("images", 0, logging.getLogger("t"), interval_seconds=0).advance(0)
    assert caplog.messages == ["none of 10 images finished yet, 0 s so far", "0 images, 0.0/s"]


def test_work_that_hangs_logs_all_the_same_and_no_more_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Progress("images", 10, logging.getLogger("t"), interval_seconds=0.01) as counted:
        counted.advance(5)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while sum(line.startswith("5 of 10 images (50%), ") for line in caplog.messages) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert counted._ticker is not None
    assert not counted._ticker.is_alive()


def test_units_count_when_they_are_done() -> None:
    counted = Progress("files", None, logging.getLogger("t"))
    assert [(unit, counted.done) for unit in counted.over("ab")] == [("a", 0), ("b", 1)]
    assert counted.done == 2
