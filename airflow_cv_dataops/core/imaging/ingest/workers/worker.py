"""A worker process of the ingest: files in over stdin; facts, or reasons why not, out over stdout (``wire``).

Everything that touches a file's bytes happens here, so that a decoder that crashes or hangs takes nothing else with it. Imports
neither Airflow nor pandas, pyarrow or PyIceberg: what a worker imports, every run waits for. Credentials come over stdin.
"""

from __future__ import annotations

import errno
import faulthandler
import gc
import mmap
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.imaging.decoding.decode import OUT_OF_MEMORY, Reject, describe, too_many_bytes
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.imaging.ingest.workers.read_ahead import MOST_BYTES_IN_FLIGHT, REMOTE_THREADS, ReadAhead
from airflow_cv_dataops.core.imaging.ingest.workers.wire import receive, send
from airflow_cv_dataops.core.imaging.sources import ImageSource, image_source_from
from airflow_cv_dataops.core.store.deleted_images import deletion_digest
from airflow_cv_dataops.core.store.objects import ObjectInfo, open_store

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

IDLE, BETWEEN_FILES = -1, -2  # in place of a file's position: nothing asked; a list in hand, of which no file is being decoded
POSITION_BYTES = 8
_ENDINGS = (signal.SIGALRM, signal.SIGPROF)
_MOST_PROCESSOR_TIME = 2  # times `timeout_seconds`
_WEB = ("http://", "https://")  # a list may name many hosts: that one of them does not answer says nothing of the others
_DELETED = "this image was deleted from the dataset on purpose"
_FACTS = tuple(field.name for field in fields(ImageFacts))


def main() -> None:
    """Answer one list of files after the other until stdin ends."""
    requests, answers = _own_pipes()
    _import_what_images_need()
    job = receive(requests)
    _limit_memory(job["parameters"]["worker_memory_bytes"])
    with image_source_from(job["source"]) as source:
        try:
            worker = Worker(job, source)
            while True:
                request = receive(requests)
                send(answers, worker.take(request["files"], request["wall_seconds"]))
        except EOFError:
            pass
        except OSError as error:  # a copy could not be written, or the source does not answer: the step's failure, no file's fault
            send(answers, {"failure": {"errno": error.errno, "message": str(error.strerror or error), "file": error.filename}})
    os._exit(0)  # the interpreter's own end takes 50 ms, for which the run would wait


class Worker:
    """Takes files: reads, decodes, measures and copies them.

    :param job: the dataset's name, source, store for copies, :class:`IngestParameters`, and digests of images that were deleted on
        purpose, as JSON values.
    """

    def __init__(self, job: Mapping[str, Any], source: ImageSource) -> None:
        parameters = IngestParameters.from_json(job["parameters"])
        self._limits = parameters.limits
        self._source = source
        self._objects = open_store(job["objects"]["uri"], job["objects"]["options"]) if job["objects"] else None
        self._facts_of = partial(image_facts, formats=parameters.formats, limits=parameters.limits, thresholds=parameters.thresholds)
        self._dataset_name, self._deleted = job["dataset"], frozenset(job["deleted"])
        self._watch = _Watch(job["position_descriptor"], parameters.timeout_seconds)
        is_local = source.is_local and (self._objects is None or self._objects.uri.startswith("file://"))
        is_local = is_local and job["source"]["kind"] != "list"  # a local list may name remote files
        self._threads = None if is_local else _remote_threads()
        self._copying: deque[tuple[int, Future[str]]] = deque()

    def take(self, files: Sequence[Sequence[Any]], wall_seconds: float) -> dict[str, Any]:
        """Return the facts of those that were taken, column by column, and why the others were not.

        :param files: path, URI, size, ETag and version of each.
        :param wall_seconds: how long the work on one may take by the clock on the wall.
        :raises OSError: a copy cannot be written, or the source's store does not answer.
        """
        infos = [ObjectInfo(*file) for file in files]
        positions: list[int] = []
        columns: dict[str, list[Any]] = {name: [] for name in _FACTS}
        storage: list[Callable[[], str | None]] = []
        rejects: list[tuple[int, str, str, bool]] = []
        self._watch.begins(wall_seconds)
        ahead = ReadAhead(self._source, infos, self._threads, self._limits.max_bytes)
        for position, (info, read) in enumerate(ahead):
            data, found = self._looked_at(position, info, read)
            if isinstance(found, Reject) and found.may_pass:
                del read  # with the memory that its error holds
                self._make_room(ahead)
                data, found = self._looked_at(position, info, partial(self._source.fetch, info))
            if isinstance(found, Reject):
                rejects.append((position, found.reason, found.detail, found.may_pass))
                continue
            if self._deleted and deletion_digest(self._dataset_name, found.image_id) in self._deleted:
                rejects.append((position, "deleted", _DELETED, False))
                continue
            positions.append(position)
            storage.append(self._copied(found.object_path, data))
            for name in _FACTS:
                columns[name].append(getattr(found, name))
        storage_uris = [uri() for uri in storage]
        self._copying.clear()
        self._watch.ends()
        return {"positions": positions, "columns": columns, "storage_uris": storage_uris, "rejects": rejects}

    def _looked_at(self, position: int, info: ObjectInfo, read: Callable[[], bytes]) -> tuple[bytes, ImageFacts | Reject]:
        if self._threads is not None:
            read = _waited_for(read)
        with self._watch.over(position):
            return self._look_at(info, read)

    def _make_room(self, ahead: ReadAhead) -> None:
        """Give back the memory of all other files: what was in their way may have been theirs."""
        from concurrent.futures import wait

        ahead.drop()
        wait([copying for _, copying in self._copying])
        self._copying.clear()
        gc.collect()

    def _look_at(self, info: ObjectInfo, read: Callable[[], bytes]) -> tuple[bytes, ImageFacts | Reject]:
        if info.size is not None and info.size > self._limits.max_bytes:
            return b"", too_many_bytes(info.size, self._limits)
        try:
            data = read()
            return data, self._facts_of(data, info.path)
        except OSError as error:
            if isinstance(error, StoreError) and not info.uri.startswith(_WEB):
                raise
            return b"", _unread(error)
        except MemoryError:
            return b"", Reject("unreadable", OUT_OF_MEMORY, may_pass=True)

    def _copied(self, path: str, data: bytes) -> Callable[[], str | None]:
        """Begin to copy an image, and return a function that waits for the end of it."""
        if self._objects is None:
            return lambda: None
        if self._threads is None:
            uri = self._copy(path, data)
            return lambda: uri
        while self._copying and sum(size for size, _ in self._copying) + len(data) > MOST_BYTES_IN_FLIGHT:
            self._copying.popleft()[1].result()
        copying = self._threads.submit(self._copy, path, data)
        self._copying.append((len(data), copying))
        return copying.result

    def _copy(self, path: str, data: bytes) -> str:
        assert self._objects is not None
        return self._objects.uri_of(path) if self._objects.renew(path, len(data)) else self._objects.write(path, data)


class _Watch:
    """Tells the parent, in memory that both see, which file is in hand; and ends the process if that takes too long.

    The kernel's timers and their signals' default action need neither Python nor a parent that is alive: a decoder that holds the
    interpreter's lock for ever cannot keep them off. SIGPROF ends what has used up its time of the processor: on a machine however
    busy, that is the file's fault. SIGALRM ends what has used up its time by the clock on the wall, which may be the machine's.

    :param timeout_seconds: how long the work on one file may take. Of processors it may have twice that: a decoder may have threads.
    """

    def __init__(self, descriptor: int, timeout_seconds: float) -> None:
        self._position = mmap.mmap(descriptor, POSITION_BYTES)
        self._timeout_seconds = self._wall_seconds = timeout_seconds
        self._parent = os.getppid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)

    def begins(self, wall_seconds: float) -> None:
        """Tell that there is a list of files in hand: whatever happens now is over one of them, e.g. while it is read."""
        self._wall_seconds = wall_seconds
        self._tell(BETWEEN_FILES)

    def ends(self) -> None:
        """Tell that there is none any more."""
        self._tell(IDLE)

    @contextmanager
    def over(self, position: int) -> Iterator[None]:
        """Watch the work on one file."""
        if os.getppid() != self._parent:
            sys.exit("The ingest is gone.")
        self._tell(position)
        for ending in _ENDINGS:  # each time: a decoder may have changed it
            signal.signal(ending, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, _MOST_PROCESSOR_TIME * self._timeout_seconds)
        signal.setitimer(signal.ITIMER_REAL, self._wall_seconds)
        yield
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._tell(BETWEEN_FILES)

    def _tell(self, position: int) -> None:
        self._position[:] = position.to_bytes(POSITION_BYTES, "little", signed=True)


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return stdin and stdout for ourselves alone: what a library prints goes to stderr, which the parent logs."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    faulthandler.enable()
    warnings.simplefilter("ignore")  # Pillow's, once for each odd tag: noise
    return requests, answers


def _import_what_images_need() -> None:
    """Import now what the first image would: the parent opens its tables meanwhile. Of formats only the most frequent one."""
    import numpy as np
    from PIL import JpegImagePlugin

    assert np
    assert JpegImagePlugin
    # Whatever lives now lives as long as the process: the collector of cycles need not look at it again and again.
    gc.collect()
    gc.freeze()


def _limit_memory(most_bytes: int | None) -> None:
    """Limit what is allocated; address space that is merely reserved (thread arenas) does not count."""
    import resource

    if most_bytes is None or sys.platform != "linux":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _remote_threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # not needed for local files, of which there are many small partitions

    return ThreadPoolExecutor(REMOTE_THREADS)


def _waited_for(read: Callable[[], bytes]) -> Callable[[], bytes]:
    """Wait before the clock of the file starts: a slow network is not a decoder that hangs, and has limits of its own."""
    try:
        data = read()
    except (OSError, MemoryError) as error:
        return partial(_raise, error)
    return lambda: data


def _unread(error: OSError) -> Reject:
    """Return why a file could not be read. What the machine says has a number; what a source says of an entry has none."""
    if error.errno == errno.EFBIG:
        return Reject("too_large", describe(error))
    return Reject("unreadable", describe(error), may_pass=isinstance(error, StoreError) or bool(error.errno))


def _raise(error: BaseException) -> bytes:
    raise error
