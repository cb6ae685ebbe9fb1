"""How benchmarks measure: work in a process of its own, with its seconds and the memory that it takes."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil

MEGABYTE = 1e6


class PeakMemory:
    """Watches the resident memory of this process, and says how far it went above where it began."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._start = self._peak = self._process.memory_info().rss
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> float:
        """Return MB."""
        self._is_over.set()
        self._thread.join()
        return (self._peak - self._start) / MEGABYTE

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self._peak = max(self._peak, self._process.memory_info().rss)


def measured(work: Callable[[], Any]) -> dict[str, Any]:
    """Return seconds, CPU seconds and memory (MB above what was in use before) of work, and what it returned as ``result``."""
    memory, started, cpu = PeakMemory(), time.perf_counter(), time.process_time()
    result = work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "extra_mb": round(memory.stop(), 1), "result": result}


def in_a_process(work: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Run work in a fresh process, so that it does not hide in memory that other work has left, and return its numbers."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print numbers, one a line or as one JSON object."""
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value}")
