"""Which tests are no part of ``make test``: those that need a server, a browser, a running Airflow, luck, or an idle machine,
or that take long for what they add.

``make test`` runs what comes out the same on every machine, however busy. Any other test carries the one marker that says why it does
not, and runs in the target of that name (``make test-servers``, …); ``make test-real`` runs them all. So every test runs in one of the two.
"""

from __future__ import annotations

import pytest

REAL = {
    "servers": "needs servers beside the tests: S3, PostgreSQL, Redis, Marquez, an AWS",
    "browser": "drives chromium",
    "deployment": "needs a running Airflow: scheduler, API server, workers",
    "races": "lets many processes race, or kills them at arbitrary moments",
    "installation": "makes environments of its own, from the package index",
    "long": "takes long, and says on a larger scale what shorter tests of `make test` say",
    "timing": "measures time or memory, or waits for time to pass",
}


def pytest_configure(config: pytest.Config) -> None:
    for kind, meaning in REAL.items():
        config.addinivalue_line("markers", f"{kind}: {meaning}; runs in `make test-{kind}`, not in `make test`")
    config.addinivalue_line("markers", "real: carries one of these; set by tests/targets.py")


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kinds = [kind for kind in REAL if item.get_closest_marker(kind)]
        if len(kinds) > 1:
            raise pytest.UsageError(f"{item.nodeid} is marked {' and '.join(kinds)}: one target is to run it, so give it one")
        if kinds:
            item.add_marker("real")
