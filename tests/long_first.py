"""In which order tests run where several workers share them: whole DAGs in a real Airflow first, and what they set up once each.

``--dist worksteal`` gives each worker one stretch of the list of tests, and one that has done its own takes tests off the end of
another's. So minutes-long tests stand at the start of the stretches, a file's tests side by side, and the short ones are left to take.
"""

from __future__ import annotations

import os
from itertools import groupby

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]):  # type: ignore[no-untyped-def]
    result = yield
    items[:] = in_stretches(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return result


def in_stretches(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the items for as many stretches of equal length as there are workers, each with its share of the files of long tests first."""
    long = [item for item in items if item.get_closest_marker("e2e")]
    short = [item for item in items if not item.get_closest_marker("e2e")]
    stretches: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for _, of_file in groupby(long, key=lambda item: item.path):
        min(stretches, key=len).extend(of_file)
    ordered: list[pytest.Item] = []
    for position, stretch in enumerate(stretches):
        length = (len(items) - len(ordered)) // (workers - position)
        filling = max(0, length - len(stretch))
        ordered += [*stretch, *short[:filling]]
        short = short[filling:]
    return ordered + short
