"""What a sensor waits for, in its log: a line at most every minute, however often it looks."""

from __future__ import annotations

import logging
import time
from typing import Any

_SECONDS = 60.0
_monotonic, _time = time.monotonic, time.time  # by names of their own, so that a test has its own clock and the event loop keeps its
_TOO_EARLY = 0.98  # a look each minute is a line each time, although clocks and sleeps are not exact


class WaitingLines:
    """Says what a sensor sees and wants, at most once a minute.

    :param is_first_due: whether the first look is said; else a minute has to pass from now on.
    """

    def __init__(self, log: logging.Logger | Any, *, is_first_due: bool) -> None:
        self._log = log
        self._last = None if is_first_due else _monotonic()

    def say(self, text: str) -> None:
        """:param text: what is there, and what is missing."""
        now = _monotonic()
        if self._last is None or now - self._last >= _SECONDS * _TOO_EARLY:
            self._last = now
            self._log.info("Not yet: %s", text)


def is_first_of_its_minute(poke_interval: float) -> bool:
    """Say whether the look before this one was in another minute, where no process remembers it: between reschedules."""
    now = _time()
    return poke_interval >= _SECONDS or now // _SECONDS != (now - poke_interval) // _SECONDS
