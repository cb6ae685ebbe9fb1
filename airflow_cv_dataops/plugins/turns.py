"""Work that needs much memory, a little of it at a time, in threads of its own: those of the server are for the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, TypeVar

T = TypeVar("T")


class NoRoomError(Exception):
    """As many wait as may wait."""


class Turns:
    """:param at_once: how much is done at a time. :param waiting: how many may wait for their turn."""

    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, "cv-dataops-turn")
        self._room = BoundedSemaphore(at_once + waiting)

    def take(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Have work done when it is its turn. :raises NoRoomError: too many wait."""
        if not self._room.acquire(blocking=False):
            raise NoRoomError
        try:
            turn = self._pool.submit(work, *arguments)
        except BaseException:
            self._room.release()
            raise
        turn.add_done_callback(lambda _: self._room.release())
        return turn
