"""What a sensor waits for, at most once a minute."""

from __future__ import annotations

import logging

import pytest

from airflow_cv_dataops.common import waiting
from airflow_cv_dataops.common.waiting import WaitingLines, is_first_of_its_minute


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        monkeypatch.setattr(waiting, "_monotonic", lambda: self.now)
        monkeypatch.setattr(waiting, "_time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def said(clock: Clock, caplog: pytest.LogCaptureFixture, *, is_first_due: bool, seconds: float, looks: int) -> list[str]:
    caplog.set_level(logging.INFO)
    lines = WaitingLines(logging.getLogger("t"), is_first_due=is_first_due)
    for look in range(looks):
        lines.say(f"look {look}")
        clock.now += seconds
    return caplog.messages


def test_however_often_it_looks_it_says_so_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert said(clock, caplog, is_first_due=True, seconds=5, looks=26) == ["Not yet: look 0", "Not yet: look 12", "Not yet: look 24"]


def test_what_looks_each_minute_says_so_each_time_although_clocks_are_not_exact(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert len(said(clock, caplog, is_first_due=True, seconds=59.5, looks=4)) == 4


def test_a_trigger_whose_sensor_has_just_spoken_waits_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    assert said(clock, caplog, is_first_due=False, seconds=20, looks=5) == ["Not yet: look 3"]


def test_of_looks_that_remember_nothing_the_first_of_each_minute_speaks(clock: Clock) -> None:
    spoken = []
    for _ in range(24):
        spoken.append(is_first_of_its_minute(10))
        clock.now += 10
    assert sum(spoken) == 4
    assert is_first_of_its_minute(90)
