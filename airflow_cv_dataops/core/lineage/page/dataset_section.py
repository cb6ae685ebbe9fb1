"""The section of a dataset: its names, what did not hold, its partitions, where its columns come from, its schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from airflow_cv_dataops.core.lineage.page.drawing_nodes import in_words, task_name
from airflow_cv_dataops.core.lineage.page.graph_columns import WHOLE_ROW
from airflow_cv_dataops.core.lineage.page.graph_names import Name
from airflow_cv_dataops.core.lineage.page.graph_nodes import DatasetNode, LineageGraph
from airflow_cv_dataops.core.lineage.page.graph_partitions import SEVERITIES, FailedAssertion, PartitionState
from airflow_cv_dataops.core.lineage.page.parts import definitions, link, name, paragraph, sentence, shown_of, table, time
from airflow_cv_dataops.core.report.plots import clean

PARTITIONS_SHOWN = 50
ASSERTIONS_SHOWN = 200
FIELDS_SHOWN = 200
NAMES_SHOWN = 20
_STYLES = ("unhealthy", "warned", "soft")  # by the rank of a severity
_WORDS = ("error", "warning", "info")


def about_dataset(node: DatasetNode, graph: LineageGraph, ids: Mapping[Name, str]) -> str:
    """Return the inside of the section. :param ids: the page's address of each dataset and job."""
    facts = [
        ("Namespace", name(node.namespace)),
        ("Name", name(node.name)),
        ("Stored at", _listed([_place(one) for one in node.locations])),
        ("Also known as", _listed([f"{name(one[1])} in {name(one[0])}" for one in node.other_names])),
        ("Written by", _jobs((job for job, dataset in graph.writes if dataset == (node.namespace, node.name)), graph, ids)),
        ("Read by", _jobs((job for dataset, job in graph.reads if dataset == (node.namespace, node.name)), graph, ids)),
        ("Last version", name(node.version or "")),
    ]
    return f"""<h2>{name(node.name or node.namespace)}</h2>
{paragraph(node.description)}
{definitions(facts)}
{_failed(node)}
{_partitions(node, graph, ids)}
{_columns(node, graph, ids)}
{_fields(node)}"""


def _listed(names: Sequence[str]) -> str:
    more = f"<br>and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return "<br>".join(names[:NAMES_SHOWN]) + more


def _place(location: Name) -> str:
    """Return a location as one would write it; of local files the namespace says nothing."""
    namespace, path = location
    return name(path if namespace == "file" else f"{namespace.rstrip('/')}/{path.lstrip('/')}")


def _jobs(jobs: Iterator[Name], graph: LineageGraph, ids: Mapping[Name, str]) -> str:
    return ", ".join(link(ids.get(job), task_name(graph.jobs[job])) for job in sorted(jobs))


def _failed(node: DatasetNode) -> str:
    """Return what does not hold, the worst first, and of what is equally bad the latest."""
    latest = sorted(node.partitions.items(), key=lambda item: item[1].at, reverse=True)
    failed = sorted(((one, key) for key, state in latest for one in state.failed), key=lambda item: item[0].rank)
    rows = [
        (
            _severity(one),
            name(key),
            f"<code>{clean(one.assertion)}</code>",
            name(one.column),
            sentence(one.description),
            name(one.expected),
            name(one.actual),
        )
        for one, key in failed[:ASSERTIONS_SHOWN]
    ]
    title = shown_of("What does not hold", len(rows), len(failed))
    return table(title, ("severity", "partition", "check", "column", "meaning", "expected", "found"), rows)


def _severity(one: FailedAssertion) -> str:
    words = _WORDS[one.rank] if one.severity in SEVERITIES else clean(one.severity)
    return f'<span class="{_STYLES[one.rank]}">{words}</span>'


def _partitions(node: DatasetNode, graph: LineageGraph, ids: Mapping[Name, str]) -> str:
    last = sorted(node.partitions.items(), key=lambda item: item[1].at, reverse=True)[:PARTITIONS_SHOWN]
    rows = [
        (
            name(key) if key else "<i>none named</i>",
            "" if state.rows is None else f"{state.rows:,}",
            name(state.version or ""),
            _quality(state),
            _writer(state, graph, ids),
            time(state.written.at) if state.written else "",
            time(state.at),
        )
        for key, state in last
    ]
    unit = "files" if node.kind == "FILE" else "rows"
    title = shown_of("Partitions", len(rows), len(node.partitions))
    return table(title, ("partition", unit, "version", "checks", "written by", "written (UTC)", "last run (UTC)"), rows)


def _quality(state: PartitionState) -> str:
    if not state.asserted:
        return '<span class="soft">none</span>'
    if state.worst is None:
        return f'<span class="healthy">healthy</span>, all {state.asserted_count:,} held'
    word = ("unhealthy", "warnings", "notes")[state.worst]
    return f'<span class="{_STYLES[state.worst]}">{word}</span>, {len(state.failed):,} of {state.asserted_count:,} did not hold'


def _writer(state: PartitionState, graph: LineageGraph, ids: Mapping[Name, str]) -> str:
    """Return which job wrote a partition; a run may have failed after that, and what it wrote stays."""
    if state.written is None:
        return ""
    after = "" if state.written.state == "complete" else f', <span class="failed">run {state.written.state}</span>'
    return link(ids.get(state.written.job), task_name(graph.jobs[state.written.job])) + after


def _columns(node: DatasetNode, graph: LineageGraph, ids: Mapping[Name, str]) -> str:
    """Return from which columns each column was made, each with its dataset; what decides about whole rows stands last."""
    order = {field: position for position, (field, _, _) in enumerate(node.fields)}
    made = [(one, job) for job, (_, sources) in sorted(node.columns.items()) for one in sources]
    made.sort(key=lambda item: (item[0].column == WHOLE_ROW, order.get(item[0].column, len(order)), item[0].column))
    rows = []
    for one, job in made[:FIELDS_SHOWN]:
        dataset = graph.names.get(one.dataset, one.dataset)
        column = "<i>whole rows</i>" if one.column == WHOLE_ROW else f"<code>{clean(one.column)}</code>"
        by = link(ids.get(job), task_name(graph.jobs[job]))
        rows.append((column, link(ids.get(dataset), dataset[1]), f"<code>{clean(one.source_column)}</code>", sentence(one.how), by))
    title = shown_of("Where its columns come from", len(rows), len(made))
    return table(title, ("column", "from", "its column", "how", "by"), rows)


def _fields(node: DatasetNode) -> str:
    rows = [
        (f"<code>{clean(field)}</code>", f"<code>{clean(kind)}</code>", sentence(said)) for field, kind, said in node.fields[:FIELDS_SHOWN]
    ]
    return table(f"Schema: {in_words(len(node.fields), 'column')}", ("column", "type", "meaning"), rows)
