"""A log line at least every few seconds while work goes on, also while it hangs: done, total, rate, time left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from airflow_cv_dataops.core.wording import duration

Unit = TypeVar("Unit")


class Progress:
    """Counts finished units and logs now and then; used in a ``with``, it also logs while nothing is finished.

    :param what: what is counted, e.g. ``"images"``.
    :param total: how many there are; ``None`` where it is not known beforehand.
    """

    def __init__(self, what: str, total: int | None, log: logging.Logger, *, interval_seconds: float = 10.0) -> None:
        self._what = what
        self._total = total
        self._log = log
        self._interval_seconds = interval_seconds
        self._started = self._last = time.monotonic()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._ticker: threading.Thread | None = None
        self.done = 0

    def __enter__(self) -> Progress:
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        if self._ticker is not None:
            self._ticker.join()

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more units as finished."""
        self.done += count
        self._log_if_due()

    def over(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield the units, each counted as finished when the next one is asked for."""
        for unit in units:
            yield unit
            self.advance()

    def _tick(self) -> None:
        """Look often enough that a line comes when it is due, whenever the last one was."""
        while not self._is_over.wait(self._interval_seconds / 10):
            self._log_if_due()

    def _log_if_due(self) -> None:
        now = time.monotonic()
        if now - self._last < self._interval_seconds:
            return
        with self._lock:  # the ticker and the worker may both find that a line is due
            if now - self._last < self._interval_seconds:
                return
            self._last = now
        self._log.info("%s", self._line(now - self._started))

    def _line(self, elapsed: float) -> str:
        rate = self.done / elapsed if elapsed else 0.0
        if not self._total:
            return f"{self.done:,} {self._what}, {rate:,.1f}/s"
        if not rate:
            return f"none of {self._total:,} {self._what} finished yet, {duration(elapsed)} so far"
        left = max(self._total - self.done, 0) / rate
        return f"{self.done:,} of {self._total:,} {self._what} ({self.done / self._total:.0%}), {rate:,.1f}/s, about {duration(left)} left"
