"""Work on several things at once, answers in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def ahead(pool: ThreadPoolExecutor, work: Callable[[Item], Answer], items: Iterable[Item], most: int) -> Iterator[tuple[Item, Answer]]:
    """Yield each item with what came of it, in order; ``most`` are under way at once, so that memory holds few.

    Whatever the work raises is raised here, when it is the item's turn.
    """
    under_way: deque[tuple[Item, Future[Answer]]] = deque()
    for item in items:
        under_way.append((item, pool.submit(work, item)))
        if len(under_way) >= most:
            first, answer = under_way.popleft()
            yield first, answer.result()
    for first, answer in under_way:
        yield first, answer.result()


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same, each made in a thread of its own while the one before it is worked on."""
    done = object()
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Item | object] = pool.submit(next, items, done)
        while (item := coming.result()) is not done:
            coming = pool.submit(next, items, done)
            yield item  # type: ignore[misc]  # it is not the mark of the end
