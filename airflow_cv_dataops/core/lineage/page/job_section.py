"""The section of a job: what it does, its last runs, and what they found or why they failed."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from airflow_cv_dataops.core.lineage.page.drawing_nodes import task_name
from airflow_cv_dataops.core.lineage.page.graph_nodes import JobNode, RunState
from airflow_cv_dataops.core.lineage.page.parts import definitions, name, paragraph, shown_of, table, time

_CAPITAL = re.compile("[A-Z]")
_NOT_SHOWN = ("partitionKey", "contentId")
NOT_IN_SHORT = (*_NOT_SHOWN, "snapshots")


def about_job(node: JobNode) -> str:
    """Return the inside of the section."""
    ended = ", ".join(f"{count:,} {state}" for state, count in sorted(node.ended.items())) or "none has ended"
    facts = [
        ("DAG", name(node.name.partition(".")[0])),
        ("Task", name(task_name(node))),
        ("Namespace", name(node.namespace)),
        ("Runs", ended),
    ]
    rows = [(name(run.partition_key), run_state(run), time(run.started), found(run, _NOT_SHOWN)) for run in reversed(node.runs)]
    title = shown_of("Runs", len(rows), sum(node.ended.values()))
    return f"""<h2>{name(task_name(node))}</h2>
{paragraph(node.description)}
{definitions(facts)}
{table(title, ("partition", "state", "started (UTC)", "what it found"), rows)}"""


def run_state(run: RunState) -> str:
    return f'<span class="{run.state}">{run.state}</span>'


def found(run: RunState, left_out: Collection[str]) -> str:
    """Return the run's error and facts as HTML, the words of the facets' camelCase names apart. :param left_out: names of facts."""
    error = f'<span class="failed">{name(run.error)}</span>' if run.error else ""
    facts = ", ".join(_fact(what, value) for what, value in run.facts.items() if what not in left_out and value is not False)
    return "<br>".join(part for part in (error, facts) if part)


def _fact(what: str, value: Any) -> str:
    shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else "yes" if value is True else str(value)
    words = what if what.startswith("gate ") else _CAPITAL.sub(lambda capital: f" {capital[0].lower()}", what)
    return f"{name(words)} <b>{name(shown)}</b>"
