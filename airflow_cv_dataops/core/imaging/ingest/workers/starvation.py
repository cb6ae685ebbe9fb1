"""How long a process could have run and was not let, because the machine is busy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from airflow_cv_dataops.core.imaging.ingest.workers.cores import available_cores

_LOOKS = 20  # for each time limit: waiting is known to a twentieth of it
_LONGEST_BETWEEN_LOOKS = 1.0
_LONGEST_BEFORE_WORK = 0.01


class Starvation:
    """Looks at a process while it is at work; a context manager.

    Linux tells how long each thread has waited for a processor (``/proc/<pid>/task/<thread>/schedstat``, as long as the thread lives; a
    decoder may have several). Elsewhere, or where that cannot be read, all the time counts in which the machine has more to do
    than it has processors.

    :param wall_seconds: the time limit of the work.
    :param is_at_work: whether the work has begun; what was waited before does not count.
    """

    def __init__(self, process: int, wall_seconds: float, is_at_work: Callable[[], bool]) -> None:
        self._process = process
        self._between_looks = min(wall_seconds / _LOOKS, _LONGEST_BETWEEN_LOOKS)
        self._is_at_work = is_at_work
        self._before: dict[int, float] = {}
        self._waited: dict[int, float] = {}
        self._overloaded_seconds = 0.0
        self._last = time.monotonic()
        self._is_over = threading.Event()
        self._looker = threading.Thread(target=self._look_again, name="starvation", daemon=True)

    def __enter__(self) -> Starvation:
        self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._looker.join()

    @property
    def seconds(self) -> float:
        """Seconds waited so far, over all threads."""
        if not self._waited:
            return self._overloaded_seconds
        return sum(waited - self._before.get(thread, 0.0) for thread, waited in self._waited.items())

    def _look_again(self) -> None:
        pause = min(self._between_looks, _LONGEST_BEFORE_WORK)
        while not self._is_over.wait(pause):
            waited, now = waiting_seconds(self._process), time.monotonic()
            if not self._is_at_work():
                self._before = waited
            else:
                pause = self._between_looks
                self._waited = self._waited | waited  # a new one: others may be reading the old one
                self._overloaded_seconds += now - self._last if os.getloadavg()[0] > available_cores() else 0.0
            self._last = now


def waiting_seconds(process: int) -> dict[int, float]:
    """Return how long each thread of a process has waited for a processor, by thread id; nothing where the machine does not tell."""
    found: dict[int, float] = {}
    with suppress(OSError, IndexError, ValueError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):  # it has ended meanwhile
                found[int(thread.name)] = int((thread / "schedstat").read_text().split()[1]) / 1e9
    return found
