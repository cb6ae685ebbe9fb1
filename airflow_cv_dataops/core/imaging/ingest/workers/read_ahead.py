"""Remote files are being read while others are decoded: as many at once as a few bytes in flight allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.store.objects import ObjectInfo

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

REMOTE_THREADS = 8
MOST_BYTES_IN_FLIGHT = 64 * 1024 * 1024
_UNKNOWN_SHARE = 8  # a file whose size nobody states counts as this part of the largest that is read

Read = Callable[[], bytes]


class ReadAhead:
    """Iterate over files, in their order, each with a function that returns its bytes.

    A remote file is asked for first; what its store then states as its size, not what a listing or a list said, decides whether its
    bytes fit beside those that wait to be decoded. One file is read whatever its size.

    :param threads: that ask and read; ``None``: the files are local and each is read when it is wanted.
    :param max_bytes: a larger file is not read.
    """

    def __init__(self, source: ImageSource, files: Sequence[ObjectInfo], threads: ThreadPoolExecutor | None, max_bytes: int) -> None:
        self._source = source
        self._threads = threads
        self._max_bytes = max_bytes
        self._left = deque(files)
        self._asked: deque[tuple[ObjectInfo, Future[tuple[int | None, Read]]]] = deque()
        self._reading: deque[_Reading] = deque()

    def __iter__(self) -> Iterator[tuple[ObjectInfo, Read]]:
        if self._threads is None:
            while self._left:
                info = self._left.popleft()
                yield info, partial(self._source.fetch, info)
            return
        while self._left or self._asked or self._reading:
            self._advance(self._threads)
            oldest = self._reading.popleft()
            yield oldest.info, oldest.bytes.result
            del oldest

    def drop(self) -> None:
        """Forget what has been read ahead, so that its memory is free; it is read again when its turn comes."""
        from concurrent.futures import wait

        ahead = [*((reading.info, reading.bytes) for reading in self._reading), *self._asked]
        self._reading.clear()
        self._asked.clear()
        for _, future in ahead:
            future.cancel()
        wait([future for _, future in ahead])
        self._left.extendleft(info for info, _ in reversed(ahead))

    def _advance(self, threads: ThreadPoolExecutor) -> None:
        """Read what fits; in order, so that the file that is wanted next never waits for one behind it."""
        self._ask(threads)
        in_flight = sum(reading.weight for reading in self._reading)
        while self._asked and (not self._reading or self._asked[0][1].done()):
            info, asking = self._asked[0]
            weight = self._weight(asking)
            if self._reading and in_flight + weight > MOST_BYTES_IN_FLIGHT:
                return
            self._asked.popleft()
            self._reading.append(_Reading(info, asking if asking.exception() else threads.submit(asking.result()[1]), weight))
            in_flight += weight
            self._ask(threads)

    def _ask(self, threads: ThreadPoolExecutor) -> None:
        while self._left and len(self._asked) < REMOTE_THREADS:
            info = self._left.popleft()
            self._asked.append((info, threads.submit(self._begin, info)))

    def _begin(self, info: ObjectInfo) -> tuple[int | None, Read]:
        is_wanted = info.size is None or info.size <= self._max_bytes
        return self._source.begin(info) if is_wanted else (0, bytes)

    def _weight(self, asking: Future[tuple[int | None, Read]]) -> int:
        if asking.exception() is not None:
            return 0
        stated = asking.result()[0]
        return self._max_bytes // _UNKNOWN_SHARE if stated is None else min(stated, self._max_bytes)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that is being read, or whose request has failed. :param weight: bytes that it is to hold."""

    info: ObjectInfo
    bytes: Future[Any]
    weight: int
