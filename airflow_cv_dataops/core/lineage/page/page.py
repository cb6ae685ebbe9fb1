"""The lineage of an events file as a page and as a picture, without a lineage server.

From the command line::

    python -m airflow_cv_dataops.core.lineage.page events.jsonl --out lineage.html --svg lineage.svg
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow_cv_dataops.core.lineage.page.dataset_section import about_dataset
from airflow_cv_dataops.core.lineage.page.drawing import Drawing, draw, standalone_svg
from airflow_cv_dataops.core.lineage.page.drawing_nodes import ROLES, in_words
from airflow_cv_dataops.core.lineage.page.graph import read_graph
from airflow_cv_dataops.core.lineage.page.graph_nodes import LineageGraph
from airflow_cv_dataops.core.lineage.page.job_section import NOT_IN_SHORT, about_job, found, run_state
from airflow_cv_dataops.core.lineage.page.parts import link, name, table, time
from airflow_cv_dataops.core.report.document import html_document, resource
from airflow_cv_dataops.core.report.plots import clean

_LEAST_SCALE = 0.7  # of the picture: at less its smallest letters could not be read, so it scrolls


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
    counts = f"{in_words(len(drawing.dataset_ids), 'dataset')}, {in_words(len(drawing.job_ids), 'job')}, {in_words(graph.events, 'event')}"
    body = f"""<header>
<h1>Lineage</h1>
<p class="where">{counts}</p>
{_chooser(list(dags))}
</header>
<main>
{_pictures(drawing)}
{_legend(drawing)}
{_overview(graph, drawing)}
{"".join(_sections(graph, drawing))}
</main>"""
    style = [resource(__package__, sheet) for sheet in ("lineage.css", "lineage_page.css")]
    script = resource(__package__, "lineage.js")
    return html_document("Lineage", body, style=[*style, _least_widths(drawing)], script=script, data={"dags": dags})


def _pictures(drawing: Drawing) -> str:
    """Return the graph, with and without its bookkeeping tables. Which is seen is decided by a box to tick, and no script."""
    label = "Graph; scrolls sideways where it is wider than the page"
    frame = f'tabindex="0" role="region" aria-label="{label}"'
    full = f'<div class="graph full" {frame}>{drawing.full.svg}</div>'
    if drawing.brief is None:
        return full
    tick = f'<input type="checkbox" id="bookkeeping" checked><label for="bookkeeping">show {ROLES["bookkeeping"]}</label>'
    return f'{tick}\n{full}\n<div class="graph brief" {frame}>{drawing.brief.svg}</div>'


def _least_widths(drawing: Drawing) -> str:
    """Return the rule below which width a picture scrolls."""
    pictures = {"full": drawing.full, "brief": drawing.brief}
    rules = (f".{which} svg {{ min-width: {picture.width * _LEAST_SCALE:.0f}px; }}" for which, picture in pictures.items() if picture)
    return f"@media screen {{ {' '.join(rules)} }}\n"


def _legend(drawing: Drawing) -> str:
    """Return what the colours mean, of those in the picture."""
    roles, states = {node.role for node in drawing.nodes.values()}, {node.state for node in drawing.nodes.values()}
    shown = [(role, words) for role, words in (*ROLES.items(), ("job", "job")) if role in roles]
    shown += [("warned", "warnings")] if "warned" in states else []
    shown += [("bad", "errors found, or a failed run")] if "bad" in states else []
    keys = "".join(f'<span class="{role}">{words}</span>' for role, words in shown)
    return f'<p class="legend">{keys}<b class="hint soft">Choose a box: what it came from and went into</b></p>'


def _sections(graph: LineageGraph, drawing: Drawing) -> Iterator[str]:
    ids = {**drawing.dataset_ids, **drawing.job_ids}
    for key, node_id in drawing.dataset_ids.items():
        yield _section(node_id, graph.datasets[key].name or key[0], about_dataset(graph.datasets[key], graph, ids))
    for key, node_id in drawing.job_ids.items():
        yield _section(node_id, graph.jobs[key].name, about_job(graph.jobs[key]))


def _section(node_id: str, label: str, inside: str) -> str:
    return f'<section class="about" id="{node_id}" aria-label="{clean(label)}">\n{inside}\n</section>\n'


def _overview(graph: LineageGraph, drawing: Drawing) -> str:
    """Return the last run of every job, the latest first."""
    jobs = [(graph.jobs[key].runs[-1], graph.jobs[key].name, node_id) for key, node_id in drawing.job_ids.items()]
    rows = [
        (link(node_id, job), name(run.partition_key), run_state(run), time(run.started), found(run, NOT_IN_SHORT))
        for run, job, node_id in sorted(jobs, key=lambda job: job[0].started, reverse=True)
    ]
    last = table("Last runs", ("job", "partition", "state", "started (UTC)", "what it found"), rows)
    return f'<section class="about" id="overview" aria-label="Last runs">{last}</section>'


def _dags(graph: LineageGraph, drawing: Drawing) -> dict[str, list[str]]:
    """Return what belongs to each DAG: its tasks, and the datasets that they read and write."""
    members: dict[str, set[str]] = {}
    dag_of = {node_id: key[1].partition(".")[0] for key, node_id in drawing.job_ids.items()}
    for node_id, dag in dag_of.items():
        members.setdefault(dag, set()).add(node_id)
    for edge in drawing.edges:
        for node_id in edge:
            if node_id in dag_of:
                members[dag_of[node_id]].update(edge)
    return {dag: sorted(ids) for dag, ids in sorted(members.items())}


def _chooser(dags: Sequence[str]) -> str:
    if len(dags) < 2:
        return ""
    options = "".join(f'<option value="{clean(dag)}">{clean(dag)}</option>' for dag in dags)
    return f'<label class="chooser" hidden>DAG <select id="dag"><option value="">all</option>{options}</select></label>'


def _lines(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from lines
