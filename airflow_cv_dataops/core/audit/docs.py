"""The table of checks for ``docs/checks.md``, made from the checks themselves."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS


def checks_markdown(checks: Sequence[Check] = BUILT_IN_CHECKS) -> str:
    """Return a Markdown table: id, severity, meaning, fix and thresholds of each check."""
    lines = ["| check | severity | a finding means | what to do | thresholds |", "|---|---|---|---|---|"]
    for check in checks:
        cells = (_cell(check.meaning), _cell(check.fix), _thresholds(check))
        lines.append(f"| `{check.id}` | {check.default_severity} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _thresholds(check: Check) -> str:
    return ", ".join(f"`{name}` {value}" for name, value in check.thresholds.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
