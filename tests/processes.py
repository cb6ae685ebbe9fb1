"""Processes for tests that need several: forked from one that has imported what the steps need, which else costs each of them seconds."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

PATIENCE_SECONDS = 600  # for what is sure to come, on a machine however busy: who waits longer waits for something that hangs

_IMPORTED = [
    "airflow_cv_dataops.core.audit.audit",
    "airflow_cv_dataops.core.export.export",
    "airflow_cv_dataops.core.imaging.ingest.shards.steps",
    "airflow_cv_dataops.core.predictions.importing",
    "airflow_cv_dataops.core.release.promote",
    "airflow_cv_dataops.core.sampling.sample",
    "obstore.store",
    "pyarrow.acero",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyiceberg.catalog.sql",
    "pyiceberg.io.pyarrow",
]


def forkserver() -> ForkServerContext:
    """Return the context in which to make processes, barriers and queues. A process has the environment of the first one's start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    return context


def wait_for(condition: Callable[[], Any]) -> Any:
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
