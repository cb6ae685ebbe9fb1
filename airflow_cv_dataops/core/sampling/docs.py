"""The tables of scores and strategies for ``docs/sampling.md``, made from the units themselves."""

from __future__ import annotations

from airflow_cv_dataops.core.sampling.scores.built_in import SCORES
from airflow_cv_dataops.core.sampling.strategies.built_in import STRATEGIES


def scores_markdown() -> str:
    """Return a Markdown table: name, what a high score says, what it needs."""
    lines = ["| score | a high one says | needs |", "|---|---|---|"]
    made = [f"| `{one.name}` | {_cell(one.meaning)} | {', '.join(one.needs) or '–'} |" for one in SCORES.values()]
    return "\n".join([*lines, *made]) + "\n"


def strategies_markdown() -> str:
    """Return a Markdown table: name, what it takes, what it needs."""
    lines = ["| strategy | takes | needs |", "|---|---|---|"]
    made = [f"| `{one.name}` | {_cell(one.meaning)} | {', '.join(one.needs) or '–'} |" for one in STRATEGIES.values()]
    return "\n".join([*lines, *made]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
