"""A log line at least every few seconds while work goes on: done, total, rate, time left."""

from __future__ import annotations

import logging
import time


class Progress:
    """Counts finished units and logs now and then.

    :param what: what is counted, e.g. ``"images"``.
    :param total: how many there are; ``None`` where it is not known beforehand.
    """

    def __init__(self, what: str, total: int | None, log: logging.Logger, *, interval_seconds: float = 10.0) -> None:
        self._what = what
        self._total = total
        self._log = log
        self._interval_seconds = interval_seconds
        self._started = self._last = time.monotonic()
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more units as finished."""
        self.done += count
        now = time.monotonic()
        if now - self._last >= self._interval_seconds:
            self._last = now
            self._log.info("%s", self._line(now - self._started))

    def _line(self, elapsed: float) -> str:
        rate = self.done / elapsed if elapsed else 0.0
        if not self._total:
            return f"{self.done:,} {self._what}, {rate:,.1f}/s"
        left = (self._total - self.done) / rate if rate else float("inf")
        return f"{self.done:,} of {self._total:,} {self._what} ({self.done / self._total:.0%}), {rate:,.1f}/s, about {left:,.0f} s left"
