"""How long a task goes on when others commit to the same tables: one bound for all its commits together."""

from __future__ import annotations

import logging
import random
import time
from collections import deque

from airflow_cv_dataops.core.errors import StoreError

log = logging.getLogger(__name__)

SECONDS = 600.0
_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 2.0
_LOG_SECONDS = 10.0
_WINDOW_SECONDS = 3600.0


class Patience:
    """Waits after a lost race, and gives up when all waiting together has become too long.

    A task has one: what it loses in its first commit is not given to it again in its second. A notebook may keep one for days: what was
    lost more than an hour ago no longer counts, and who tries again after an error begins anew.

    :param seconds: how long commits may be tried again, all together, within an hour.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._losses: deque[tuple[float, float]] = deque()  # when, and how many seconds
        self._said = 0.0

    def wait(self, what: str, attempt: int, since: float, error: Exception) -> None:
        """Wait a little, for longer with each attempt at one commit.

        :param what: the table, for people.
        :param attempt: how many attempts at this commit have failed.
        :param since: ``time.monotonic()`` when the failed attempt began.
        :raises StoreError: patience is at its end; the commit was not made.
        """
        pause = random.uniform(0, min(_SHORTEST_SECONDS * 2 ** min(attempt, 10), _LONGEST_SECONDS))  # noqa: S311 (jitter)
        now = time.monotonic()
        self._losses.append((now, now - since + pause))
        while self._losses[0][0] < now - _WINDOW_SECONDS:
            self._losses.popleft()
        spent, lost = sum(seconds for _, seconds in self._losses), len(self._losses)
        if spent > self.seconds:
            self._losses.clear()
            raise StoreError(
                f"{what} could not be committed: others came first {lost:,} times, and a task waits for them for at most "
                f"{self.seconds:g} s in all. Nothing of this commit is visible. Run the task again, with fewer others beside it."
            ) from error
        if now - self._said >= _LOG_SECONDS and spent >= _LOG_SECONDS:
            self._said = now
            log.info("%s: others came first %d times so far; trying again for at most %.0f s more", what, lost, self.seconds - spent)
        else:
            log.debug("%s: someone else came first (%s); attempt %d", what, error, attempt + 1)
        time.sleep(pause)
