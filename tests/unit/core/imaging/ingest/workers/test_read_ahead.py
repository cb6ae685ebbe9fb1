"""What is read ahead of the decoder is bounded by what stores state, whatever a list says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest

from airflow_cv_dataops.core.imaging.ingest.workers import read_ahead
from airflow_cv_dataops.core.imaging.ingest.workers.read_ahead import ReadAhead
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.store.objects import ObjectInfo

LIMIT = 100
MOST = 64


class Store(ImageSource):
    """Files named by their size in bytes; counts what has been read and not yet been taken."""

    def __init__(self) -> None:
        self.states_sizes = True
        self.most = 0
        self._held = 0
        self._lock = threading.Lock()

    def begin(self, info: ObjectInfo) -> tuple[int | None, Callable[[], bytes]]:
        if info.path == "gone":
            raise FileNotFoundError(info.path)
        size = int(info.path)
        return size if self.states_sizes else None, partial(self._read, size)

    def taken(self, data: bytes) -> None:
        with self._lock:
            self._held -= len(data)

    def _read(self, size: int) -> bytes:
        with self._lock:
            self._held += size
            self.most = max(self.most, self._held)
        return bytes(size)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(read_ahead, "MOST_BYTES_IN_FLIGHT", MOST)
    with ThreadPoolExecutor(8) as threads:
        yield threads


def files(*sizes: int | str, stated: int | None = None) -> list[ObjectInfo]:
    return [ObjectInfo(str(size), f"s3://bay/{size}", stated) for size in sizes]


def take(store: Store, ahead: ReadAhead) -> list[int]:
    """Read all files, each after what can be read ahead of it has been."""
    sizes: list[int] = []
    for _, read in ahead:
        wait([asking for _, asking in ahead._asked])
        wait([reading.bytes for reading in ahead._reading])
        data = read()
        sizes.append(len(data))
        store.taken(data)
    return sizes


@pytest.mark.parametrize("stated", [None, 1])
def test_files_larger_than_their_list_says_do_not_add_up(threads: ThreadPoolExecutor, stated: int | None) -> None:
    store, sizes = Store(), [1, 2, *[30] * 40, 3]
    assert take(store, ReadAhead(store, files(*sizes, stated=stated), threads, LIMIT)) == sizes
    assert 30 < store.most <= MOST + 30  # and the one in hand


def test_small_files_are_read_many_at_a_time(threads: ThreadPoolExecutor) -> None:
    store, sizes = Store(), [1] * 60
    assert take(store, ReadAhead(store, files(*sizes), threads, LIMIT)) == sizes
    assert store.most > 4


def test_where_nobody_states_a_size_a_few_are_read_at_a_time(threads: ThreadPoolExecutor) -> None:
    store = Store()
    store.states_sizes = False
    take(store, ReadAhead(store, files(*[1] * 40), threads, LIMIT))
    assert store.most <= MOST // (LIMIT // 8) + 1


def test_a_file_larger_than_all_that_may_be_in_flight_is_read_alone(threads: ThreadPoolExecutor) -> None:
    store = Store()
    assert take(store, ReadAhead(store, files(90, 90, 1, 90), threads, LIMIT)) == [90, 90, 1, 90]
    assert store.most <= 180


def test_what_is_dropped_is_read_again_in_its_order(threads: ThreadPoolExecutor) -> None:
    store, found = Store(), []
    ahead = ReadAhead(store, files(*range(1, 30)), threads, LIMIT)
    for info, read in ahead:
        found.append(len(read()))
        if info.path in ("3", "17"):
            ahead.drop()
    assert found == list(range(1, 30))


def test_a_request_that_fails_is_its_file_s_alone(threads: ThreadPoolExecutor) -> None:
    store, outcomes = Store(), []
    for _, read in ReadAhead(store, files(1, "gone", 2, stated=None), threads, LIMIT):
        try:
            outcomes.append(len(read()))
        except FileNotFoundError:
            outcomes.append(-1)
    assert outcomes == [1, -1, 2]
