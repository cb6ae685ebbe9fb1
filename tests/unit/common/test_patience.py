"""What takes too long is broken off, and a timer that ran before goes on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from airflow_cv_dataops.common.patience import TooLate, at_most


@pytest.fixture
def outer_timer() -> Iterator[list[int]]:
    """A timer of somebody else's, and when it rang."""
    rang: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _: rang.append(number))
    before = signal.setitimer(signal.ITIMER_REAL, 60)
    yield rang
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, *before)


def test_what_takes_too_long_is_broken_off_and_a_timer_that_ran_goes_on(outer_timer: list[int]) -> None:
    with pytest.raises(TooLate), at_most(0.05):
        time.sleep(30)
    assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    signal.raise_signal(signal.SIGALRM)
    assert outer_timer == [signal.SIGALRM]


def test_what_is_in_time_is_left_alone(outer_timer: list[int]) -> None:
    with at_most(5):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 50
    assert outer_timer == []


def test_a_thread_has_no_limit() -> None:
    done: list[bool] = []

    def work() -> None:
        with at_most(0.01):
            time.sleep(0.05)
        done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]
