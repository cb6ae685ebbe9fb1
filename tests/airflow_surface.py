"""Which tests touch Airflow, and must therefore pass on every version of it; the others need one run only.

A test file touches Airflow if it, or a helper that it imports, names Airflow or a part of this package outside of ``core``: in an
import, in the source of a process that it starts, or as a command. Who is in doubt touches it. That the others really do without is
shown by running them with Airflow out of reach: ``make test-core``.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
WITHOUT_AIRFLOW = "CV_DATAOPS_TEST_WITHOUT_AIRFLOW"

_NAMES_AIRFLOW = re.compile(r"\b(?:from|import) +airflow\b|\bairflow_cv_dataops\.(?!core\b)[a-z]|\"-m\", \"airflow\"")
_AIRFLOW_ALONE = re.compile(r"airflow\b(?!.*\bor\b)")  # an expression for -m that no test without the marker fulfils
_IMPORTED = re.compile(r"^ *(?:from|import) +([a-z0-9_]+)", re.MULTILINE)


@cache
def touches_airflow(path: Path) -> bool:
    """Tell it for a test file or a helper below ``tests``."""
    if path.is_relative_to(TESTS / "e2e"):
        return True
    source = path.read_text()
    return bool(_NAMES_AIRFLOW.search(source)) or any(touches_airflow(helper) for helper in _helpers(path, source))


def _helpers(path: Path, source: str) -> list[Path]:
    places = (path.parent, TESTS, TESTS / "integration", TESTS / "e2e")
    found = (place / f"{name}.py" for name in _IMPORTED.findall(source) for place in places)
    return [helper for helper in found if helper.is_file() and helper != path]


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(WITHOUT_AIRFLOW):
        sys.modules["airflow"] = None  # type: ignore[assignment] # whoever imports it gets an ImportError


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what touches Airflow, where Airflow is out of reach; and what does not, unread, where that alone is asked for."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    if touches_airflow(collection_path):
        return True if os.environ.get(WITHOUT_AIRFLOW) else None
    return True if _AIRFLOW_ALONE.match(config.option.markexpr) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if touches_airflow(item.path):
            item.add_marker("airflow")
        for once in item.iter_markers("once"):
            if not once.kwargs.get("reason"):
                raise pytest.UsageError(f"{item.nodeid}: the marker once needs a reason: @pytest.mark.once(reason='...')")
