"""Worker processes, and what happens when one of them dies: the file that it had in hand is to blame, and no other.

Processes are started with ``subprocess``: a Celery worker is daemonic and may have no ``multiprocessing`` children, and a fork
would carry over the dead threads of obstore and PyArrow.
"""

from __future__ import annotations

import logging
import mmap
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from airflow_cv_dataops.core.errors import CvDataOpsError, StoreError
from airflow_cv_dataops.core.imaging.ingest.workers.environment import worker_environment
from airflow_cv_dataops.core.imaging.ingest.workers.starvation import Starvation
from airflow_cv_dataops.core.imaging.ingest.workers.wire import receive, send
from airflow_cv_dataops.core.imaging.ingest.workers.worker import BETWEEN_FILES, IDLE, POSITION_BYTES
from airflow_cv_dataops.core.store.objects import told_uri

log = logging.getLogger(__name__)

_MODULE = "airflow_cv_dataops.core.imaging.ingest.workers.worker"
_COMMAND = ("-P", "-c", f"from {_MODULE} import main; main()")  # what runs a module by its name (runpy) would be imported first
_AHEAD = 6  # lists of files that wait for each worker; what waits are listings and facts, never bytes of images
_MOST_DEATHS = 3
_MORE_TIME = (2, 4, 8, 16, 32)  # times `timeout_seconds`, one after the other, for a file that is tried alone
_LAST_WORDS = 20
_PATIENCE_SECONDS = 60.0

Files = Sequence[Sequence[Any]]
Answer = dict[str, Any]


class WorkerPool:
    """As many worker processes as asked for; a context manager.

    :param job: what every worker is told when it starts (``worker.Worker``).
    """

    def __init__(self, job: Mapping[str, Any], workers: int) -> None:
        self._job = job
        self._workers = workers
        self._threads = ThreadPoolExecutor(max(workers, 1), thread_name_prefix="ingest")
        self._processes: SimpleQueue[_Process | None] = SimpleQueue()
        self._started: set[_Process] = set()
        self._lock = threading.Lock()  # over the two below: who starts a process when all are being dismissed?
        self._is_closed = False

    def __enter__(self) -> WorkerPool:
        for _ in range(self._workers):
            self._processes.put(self._start())
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._lock:
            self._is_closed = True
        for process in list(self._started):
            process.dismiss(at_once=kind is not None)
        for process in list(self._started):
            process.wait()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def answers(self, questions: Iterable[tuple[int, Files]]) -> Iterator[list[Answer]]:
        """Yield what became of each list of files, in order: one answer, or several where a worker died over a file.

        :param questions: lists of files, each with the position of its first file, from which the positions in its answers count.

        :raises OSError: a copy could not be written, or the source's store does not answer (``StoreError``).
        """
        waiting: deque[Future[list[Answer]]] = deque()
        for offset, files in questions:
            waiting.append(self._threads.submit(self._take, files, offset))
            if len(waiting) > self._workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _take(self, files: Files, offset: int) -> list[Answer]:
        """Return the answers on the files; where the work on one ends its worker, those before and after it are done without it."""
        if not files:
            return []
        try:
            return [_shifted(self._ask(files), offset)]
        except _WorkerDiedError as death:
            if death.position == BETWEEN_FILES and len(files) > 1:
                # It is not known which one: fewer at a time need less memory, and in the end it is the one that is left.
                half = len(files) // 2
                return [*self._take(files[:half], offset), *self._take(files[half:], offset + half)]
            position = max(death.position, 0)
            reject = self._verdict(files[position], death)
        middle = [_shifted(reject, offset + position)]
        return [*self._take(files[:position], offset), *middle, *self._take(files[position + 1 :], offset + position + 1)]

    def _verdict(self, file: Sequence[Any], death: _WorkerDiedError) -> Answer:
        """Return what becomes of a file over which a worker died, by trying it alone.

        It takes two to be sure: a worker may have been killed from outside, or starved on a busy machine.

        :raises CvDataOpsError: the machine is so busy that nothing can be said of the file.
        """
        timeout_seconds = self._job["parameters"]["timeout_seconds"]
        crashes, more_time = int(not death.was_timeout), iter(_MORE_TIME)
        times = next(more_time)
        while True:
            try:
                return self._ask([file], times * timeout_seconds)
            except _WorkerDiedError as again:
                death = again
            crashes += not death.was_timeout
            if death.was_starved:
                log.info("Workers had no processor for it most of %g s: %s is given more time", death.wall_seconds, _name(file))
                last, times = times, next(more_time, 0)
                if not times:
                    raise CvDataOpsError(
                        f"Of {last * timeout_seconds:g} s, a worker had a processor for less than {timeout_seconds:g}: this machine is too "
                        f"busy to tell whether {_name(file)} can be decoded. Give it less to do, and try again."
                    )
            elif death.was_timeout or crashes > 1:
                return _rejected(file, death)

    def _ask(self, files: Files, wall_seconds: float | None = None) -> Answer:
        """Return a worker's answer.

        :param wall_seconds: how long the only file may take; ``None``: each may take ``timeout_seconds``.
        :raises _WorkerDiedError: it died with one of the files in hand.
        :raises CvDataOpsError: workers die without one, again and again; or nobody waits for an answer any more.
        """
        death = None
        timeout_seconds = self._job["parameters"]["timeout_seconds"]
        for _ in range(_MOST_DEATHS):
            self._check_is_open()
            process = self._processes.get()
            try:
                if process is None:
                    process = self._start()
                answer = process.ask(files, timeout_seconds) if wall_seconds is None else process.ask_alone(files[0], wall_seconds)
            except (EOFError, ValueError, BrokenPipeError) as error:
                assert process is not None
                self._started.discard(process)
                death = process.bury(timeout_seconds, at_once=isinstance(error, ValueError))
                process = None
                self._check_is_open()
                log.info("A worker process ended (%s); another one takes over", death.cause)
                if death.position != IDLE:
                    # A decoder that writes where it should not may have left any number there: then the first file is to blame.
                    death.position = death.position if BETWEEN_FILES <= death.position < len(files) else 0
                    raise death from None
            else:
                if "failure" in answer:  # its last word: what is asked of it next must not be blamed for its end
                    self._started.discard(process)
                    process.bury(0, at_once=False)
                    process = None
                return _checked(answer)
            finally:
                self._processes.put(process)
        assert death is not None
        raise CvDataOpsError(f"{_MOST_DEATHS} worker processes ended one after the other ({death.cause}); the last one said: {death.words}")

    def _start(self) -> _Process:
        with self._lock:
            self._check_is_open()
            process = _Process(self._job)
            self._started.add(process)
            return process

    def _check_is_open(self) -> None:
        """:raises CvDataOpsError: all processes are being dismissed; a new one would be dismissed by nobody."""
        if self._is_closed:
            raise CvDataOpsError("The ingest was given up.")


class _WorkerDiedError(Exception):
    """A worker's end.

    :param position: the file in hand, or ``IDLE``.
    :param cause: for people.
    :param words: the last that it wrote to stderr.
    :param wall_seconds: how long the file might take.
    :param was_starved: it took longer, and had less than ``timeout_seconds`` of a processor's time for it.
    """

    def __init__(
        self, position: int, returncode: int, timeout_seconds: float, words: str, wall_seconds: float = 0.0, waited_seconds: float = 0.0
    ) -> None:
        self.position = position
        self.was_timeout = -returncode in (signal.SIGALRM, signal.SIGPROF)
        self.was_starved = returncode == -signal.SIGALRM and wall_seconds - waited_seconds < timeout_seconds
        self.wall_seconds = wall_seconds
        self.words = words
        if self.was_timeout:
            self.cause = f"not done after {timeout_seconds:g} s"
        else:
            self.cause = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
        super().__init__(self.cause)


class _Process:
    """One worker process."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        with tempfile.TemporaryFile() as shared:
            shared.truncate(POSITION_BYTES)
            self._position = mmap.mmap(shared.fileno(), POSITION_BYTES)
            self._position[:] = IDLE.to_bytes(POSITION_BYTES, "little", signed=True)
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, *_COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=worker_environment(job),
                pass_fds=(shared.fileno(),),
            )
            descriptor = shared.fileno()
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._wall_seconds = self._waited_seconds = 0.0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        with suppress(BrokenPipeError):  # the first question to it finds out
            send(self._requests, {**job, "position_descriptor": descriptor})

    def ask(self, files: Files, wall_seconds: float) -> Answer:
        """Return the worker's answer. :raises EOFError, BrokenPipeError: it has died. :raises ValueError: it speaks in tongues."""
        send(self._requests, {"files": files, "wall_seconds": wall_seconds})
        return receive(self._answers)

    def ask_alone(self, file: Sequence[Any], wall_seconds: float) -> Answer:
        """Return the worker's answer on one file, and have an eye on how long it waits for a processor. Raises what ``ask`` does."""
        self._wall_seconds = wall_seconds
        with Starvation(self._process.pid, wall_seconds, lambda: self._in_hand >= 0) as starvation:
            try:
                return self.ask([file], wall_seconds)
            finally:
                self._waited_seconds = starvation.seconds

    def bury(self, timeout_seconds: float, *, at_once: bool) -> _WorkerDiedError:
        """Return how the worker ended. :param at_once: it speaks in tongues: any of its files may be to blame, so the first is."""
        self.dismiss(at_once=at_once)
        self.wait()
        position = self._in_hand
        position = 0 if at_once and position < 0 else position
        return _WorkerDiedError(
            position, self._process.returncode, timeout_seconds, " | ".join(self._words), self._wall_seconds, self._waited_seconds
        )

    @property
    def _in_hand(self) -> int:
        return int.from_bytes(self._position[:], "little", signed=True)

    def dismiss(self, *, at_once: bool) -> None:
        """Let the worker end, which it does by itself when nobody asks any more; or end it."""
        if at_once:
            self._process.kill()
        with suppress(BrokenPipeError):  # a question that it left unread
            self._requests.close()

    def wait(self) -> None:
        """Wait for the worker's end, and bring it about if it does not come."""
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(_PATIENCE_SECONDS)

    def _listen(self) -> None:
        """Pass on what decoders print: libtiff's and libjpeg's chatter must neither fill a pipe nor a task's log."""
        assert self._process.stderr
        with self._process.stderr as stderr:
            while line := stderr.readline(1024):
                self._words.append(line.decode(errors="replace").rstrip())
                log.debug("Worker %d: %s", self._process.pid, self._words[-1])


def _rejected(file: Sequence[Any], death: _WorkerDiedError) -> Answer:
    reason, detail = ("timeout", death.cause) if death.was_timeout else ("unreadable", f"decoder crashed ({death.cause})")
    log.warning("Rejected %s: %s, %s", _name(file), reason, detail)
    return {"positions": [], "columns": {}, "storage_uris": [], "rejects": [(0, reason, detail, True)]}


def _name(file: Sequence[Any]) -> str:
    return told_uri(file[1])


def _checked(answer: Answer) -> Answer:
    if failure := answer.get("failure"):
        if failure["errno"] is None:
            raise StoreError(failure["message"])
        raise OSError(failure["errno"], failure["message"], failure["file"])
    return answer


def _shifted(answer: Answer, offset: int) -> Answer:
    if not offset:
        return answer
    rejects = [(position + offset, *why) for position, *why in answer["rejects"]]
    return {**answer, "positions": [position + offset for position in answer["positions"]], "rejects": rejects}
