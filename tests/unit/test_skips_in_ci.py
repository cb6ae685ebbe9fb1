"""The hook that makes a skip in CI a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from project import PROJECT_ROOT

TESTS = {
    "test_lacks.py": "import pytest\ndef test_it():\n    pytest.skip('this machine lacks the shared data set x')\n",
    "test_tool.py": "import pytest\ndef test_it():\n    pytest.skip('rclone is not installed')\n",
    "test_import.py": "import pytest\ndef test_it():\n    pytest.importorskip('no_such_module')\n",
    "test_mark.py": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_it():\n    pass\n",
    "test_module.py": "import pytest\npytest.importorskip('no_such_module')\ndef test_it():\n    pass\n",
    "test_xfail.py": "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n",
    "test_passes.py": "def test_it():\n    pass\n",
}


@pytest.mark.parametrize(
    ("ci", "expected"), [("true", ["test_import.py", "test_mark.py", "test_module.py", "test_tool.py"]), ("false", [])]
)
def test_a_skip_in_ci_fails_unless_it_says_what_the_machine_lacks(tmp_path: Path, ci: str, expected: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(
        "from skips_in_ci import pytest_make_collect_report, pytest_runtest_makereport\n"
        "__all__ = ['pytest_make_collect_report', 'pytest_runtest_makereport']\n"
    )
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    environment |= {"PYTHONPATH": str(PROJECT_ROOT / "tests"), "CI": ci}
    command = [sys.executable, "-m", "pytest", "-q", "-rfEs", "--continue-on-collection-errors", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    bad = [line.split()[1].partition("::")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert sorted(bad) == expected, done.stdout
    assert ("A skip in CI is a failure" in done.stdout) == bool(expected)
    assert done.returncode == (1 if expected else 0)
