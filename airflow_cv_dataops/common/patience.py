"""A limit of time for what a task can do without."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class TooLate(BaseException):
    """The time is over. No ``Exception``: clients take a ``TimeoutError`` for one of their own, and try again."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Break off what takes longer; a timer that runs already goes on after it. Without a limit where no signal can be had.

    Not for what talks to Airflow's supervisor: an answer that comes late would be taken for that to the next question.

    :raises TooLate: it took longer.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def break_off(*_: Any) -> None:
        raise TooLate

    started, handler = time.monotonic(), signal.signal(signal.SIGALRM, break_off)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 0.001), interval)
