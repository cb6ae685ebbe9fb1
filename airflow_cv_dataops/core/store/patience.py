"""How long a task goes on when others commit to the same tables: one bound for all its commits together."""

from __future__ import annotations

import logging
import random
import time

from airflow_cv_dataops.core.errors import StoreError

log = logging.getLogger(__name__)

SECONDS = 600.0
_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 2.0
_LOG_SECONDS = 10.0


class Patience:
    """Waits after a lost race, and gives up when all waiting together has become too long.

    A task has one: what it loses in its first commit is not given to it again in its second.

    :param seconds: how long commits may be tried again, all together.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._spent = 0.0
        self._lost = 0
        self._said = 0.0

    def wait(self, what: str, attempt: int, since: float, error: Exception) -> None:
        """Wait a little, for longer with each attempt at one commit.

        :param what: the table, for people.
        :param attempt: how many attempts at this commit have failed.
        :param since: ``time.monotonic()`` when the failed attempt began.
        :raises StoreError: patience is at its end; the commit was not made.
        """
        pause = random.uniform(0, min(_SHORTEST_SECONDS * 2 ** min(attempt, 10), _LONGEST_SECONDS))  # noqa: S311 (jitter)
        self._spent += time.monotonic() - since + pause
        self._lost += 1
        if self._spent > self.seconds:
            raise StoreError(
                f"{what} could not be committed: others came first {self._lost:,} times, and a task waits for them for at most "
                f"{self.seconds:g} s in all. Nothing of this commit is visible. Run the task again, with fewer others beside it."
            ) from error
        if self._spent - self._said >= _LOG_SECONDS:
            self._said = self._spent
            left = self.seconds - self._spent
            log.info("%s: others came first %d times so far; trying again for at most %.0f s more", what, self._lost, left)
        else:
            log.debug("%s: someone else came first (%s); attempt %d", what, error, attempt + 1)
        time.sleep(pause)
