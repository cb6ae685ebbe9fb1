"""The lineage of an events file as a page and as a picture, without a lineage server.

From the command line::

    python -m airflow_cv_dataops.core.lineage.page events.jsonl --out lineage.html --svg lineage.svg
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_cv_dataops.core.lineage.drawing import Drawing, draw, in_words, standalone_svg, task_name
from airflow_cv_dataops.core.lineage.graph import DatasetNode, JobNode, LineageGraph, RunState, read_graph
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.plots import clean

_CAPITAL = re.compile("[A-Z]")
_NOT_SHOWN = ("partitionKey", "contentId")
PARTITIONS_SHOWN = 50
FIELDS_SHOWN = 200


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the lineage of OpenLineage events, as the file transport writes them.")
    parser.add_argument("events", type=Path, nargs="+", help="files with one event a line")
    parser.add_argument("--out", type=Path, required=True, help="the page to write (.html)")
    parser.add_argument("--svg", type=Path, help="the picture alone (.svg)")
    given = parser.parse_args(arguments)
    missing = [str(file) for file in given.events if not file.is_file()]
    if missing:
        print(f"no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    graph = read_graph(_lines(given.events))
    drawing = draw(graph)
    given.out.write_bytes(lineage_page(graph, drawing))
    if given.svg:
        given.svg.write_bytes(standalone_svg(drawing))
    skipped = f"; {in_words(graph.unreadable, 'line')} skipped that were no event" if graph.unreadable else ""
    print(f"{given.out}: {in_words(len(drawing.dataset_ids), 'dataset')}, {in_words(len(drawing.job_ids), 'job')}{skipped}")
    return 0


def lineage_page(graph: LineageGraph, drawing: Drawing) -> bytes:
    """Return the HTML file: the graph, and about each node what its runs said."""
    dags = _dags(graph, drawing)
    about = [_about_dataset(node_id, graph.datasets[key]) for key, node_id in drawing.dataset_ids.items()]
    about += [_about_job(node_id, graph.jobs[key]) for key, node_id in drawing.job_ids.items()]
    counts = f"{in_words(len(drawing.dataset_ids), 'dataset')}, {in_words(len(drawing.job_ids), 'job')}, {in_words(graph.events, 'event')}"
    body = f"""<header>
<h1>Lineage</h1>
<p class="where">{counts}</p>
{_chooser(list(dags))}
</header>
<main>
<div class="graph" tabindex="0" role="region" aria-label="Graph; scrolls sideways where it is wider than the page">{drawing.svg}</div>
<p class="legend"><span class="dataset">dataset</span><span class="job">job</span><span class="bad">failing checks, or a failed run</span>
<b class="hint soft">Click a box: what it came from and went into</b></p>
{_overview(graph, drawing)}
{"".join(about)}
</main>"""
    data = {"edges": list(drawing.edges), "dags": dags}
    style = [resource(__package__, name) for name in ("lineage.css", "lineage_page.css")]
    return html_document("Lineage", body, style=style, script=resource(__package__, "lineage.js"), data=data)


def _overview(graph: LineageGraph, drawing: Drawing) -> str:
    """Return the last run of every job, the latest first."""
    jobs = [(graph.jobs[key].runs[-1], graph.jobs[key].name, node_id) for key, node_id in drawing.job_ids.items()]
    rows = [
        (f'<a href="#{node_id}"><bdi>{clean(name)}</bdi></a>', clean(run.partition_key), _state(run), _time(run.started), _found(run))
        for run, name, node_id in sorted(jobs, key=lambda job: job[0].started, reverse=True)
    ]
    table = _table("Last runs", ("job", "partition", "state", "started", "what it found"), rows)
    return f'<section class="about" id="overview" aria-label="Last runs">{table}</section>'


def _dags(graph: LineageGraph, drawing: Drawing) -> dict[str, list[str]]:
    """Return what belongs to each DAG: its tasks, and the datasets that they read and write."""
    members: dict[str, set[str]] = {}
    for key, node_id in drawing.job_ids.items():
        members.setdefault(key[1].partition(".")[0], set()).add(node_id)
    for ids in members.values():
        jobs = set(ids)
        ids |= {end for start, end in drawing.edges if start in jobs} | {start for start, end in drawing.edges if end in jobs}
    return {dag: sorted(ids) for dag, ids in sorted(members.items())}


def _chooser(dags: Sequence[str]) -> str:
    if len(dags) < 2:
        return ""
    options = "".join(f'<option value="{clean(dag)}">{clean(dag)}</option>' for dag in dags)
    return f'<label hidden>DAG <select id="dag"><option value="">all</option>{options}</select></label>'


def _about_dataset(node_id: str, node: DatasetNode) -> str:
    facts = [("Namespace", node.namespace), ("Name", node.name)]
    facts += [("In its catalog", node.alias)] if node.alias else []
    facts += [("Last version", node.version)] if node.version else []
    return f"""<section class="about" id="{node_id}" aria-label="{clean(node.alias or node.name)}">
<h2><bdi>{clean(node.alias or node.name)}</bdi></h2>
<p class="soft">{clean(node.description)}</p>
{_definitions(facts)}
{_partitions(node)}
{_fields(node)}
</section>"""


def _partitions(node: DatasetNode) -> str:
    last = sorted(node.partitions.items(), key=lambda item: item[1].at, reverse=True)[:PARTITIONS_SHOWN]
    if not last:
        return ""
    rows = []
    for key, state in last:
        count = "" if state.rows is None else f"{state.rows:,}"
        rows.append(
            (
                f"<bdi>{clean(key) or '<i>none named</i>'}</bdi>",
                count,
                clean(state.version or ""),
                _quality(state.asserted, state.failed),
                _time(state.at),
            )
        )
    title = "Partitions" if len(last) == len(node.partitions) else f"The last {len(last)} of {len(node.partitions):,} partitions"
    return _table(title, ("partition", "files" if node.kind == "FILE" else "rows", "version", "checks", "last run"), rows)


def _quality(asserted: int, failed: Sequence[tuple[str, str]]) -> str:
    if not asserted:
        return '<span class="soft">none</span>'
    if not failed:
        return f'<span class="healthy">healthy</span>, all {asserted} held'
    names = ", ".join(dict.fromkeys(clean(assertion) for assertion, _ in failed))
    return f'<span class="unhealthy">unhealthy</span>, {len(failed)} of {asserted} did not hold: {names}'


def _fields(node: DatasetNode) -> str:
    rows = [(clean(name), f"<code>{clean(kind)}</code>", clean(meaning)) for name, kind, meaning in node.fields[:FIELDS_SHOWN]]
    return _table(f"Schema: {in_words(len(node.fields), 'column')}", ("column", "type", "meaning"), rows) if rows else ""


def _about_job(node_id: str, node: JobNode) -> str:
    dag = node.name.partition(".")[0]
    facts = [("DAG", dag), ("Task", task_name(node)), ("Namespace", node.namespace)]
    facts += [("Runs", ", ".join(f"{count:,} {state}" for state, count in sorted(node.ended.items())) or "none has ended")]
    rows = [
        (f"<bdi>{clean(run.partition_key)}</bdi>", f'<span class="{run.state}">{run.state}</span>', _time(run.started), _found(run))
        for run in reversed(node.runs)
    ]
    title = "Runs" if sum(node.ended.values()) <= len(rows) else f"The last {len(rows)} runs"
    return f"""<section class="about" id="{node_id}" aria-label="{clean(node.name)}">
<h2><bdi>{clean(task_name(node))}</bdi></h2>
{_definitions(facts)}
{_table(title, ("partition", "state", "started", "what it found"), rows)}
</section>"""


def _state(run: RunState) -> str:
    return f'<span class="{run.state}">{run.state}</span>'


def _found(run: RunState) -> str:
    """Return the run's error and facts as HTML, the words of the facets' camelCase names apart."""
    error = f'<span class="failed">{clean(run.error)}</span>' if run.error else ""
    facts = ", ".join(_fact(name, value) for name, value in run.facts.items() if name not in _NOT_SHOWN and value is not False)
    return "<br>".join(part for part in (error, facts) if part)


def _fact(name: str, value: Any) -> str:
    shown = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else "yes" if value is True else str(value)
    words = name if name.startswith("gate ") else _CAPITAL.sub(lambda capital: f" {capital[0].lower()}", name)
    return f"{clean(words)} <b>{clean(shown)}</b>"


def _definitions(facts: Sequence[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}</dt><dd><bdi>{clean(value)}</bdi></dd>" for name, value in facts) + "</dl>"


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table. :param rows: HTML; the first cell of each is its heading."""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    lines = "".join(f'<tr><th scope="row">{row[0]}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return f'<h3>{title}</h3><div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cell(content: str) -> str:
    return f'<td class="long">{content}</td>' if len(content) > 60 else f"<td>{content}</td>"


def _time(at: str) -> str:
    """Return a time to the second, as the event wrote it."""
    return clean(at[:19].replace("T", " "))


def _lines(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from lines


if __name__ == "__main__":
    sys.exit(main())
