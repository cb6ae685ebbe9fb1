"""Great Expectations says at INFO and WARNING, and while it is imported, what only its own authors want to know."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing below ERROR through from it meanwhile."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def no_fingerprint() -> Iterator[None]:
    """Let Great Expectations take no hash of each value of a frame meanwhile, which nothing asks for.

    It takes one of frames below a size, and text becomes Python objects for it.
    """
    from great_expectations.execution_engine import pandas_execution_engine as engine

    threshold = engine.HASH_THRESHOLD
    engine.HASH_THRESHOLD = 0
    try:
        yield
    finally:
        engine.HASH_THRESHOLD = threshold
