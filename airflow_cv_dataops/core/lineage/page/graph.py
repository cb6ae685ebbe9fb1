"""From OpenLineage events to the graph of datasets and jobs that they describe.

In: events as JSON lines, as the client's file transport writes them, of this package or of any other producer. Out: plain values, whose
size grows with datasets, jobs and partitions, and not with the number of runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.lineage.page.graph_columns import column_sources
from airflow_cv_dataops.core.lineage.page.graph_names import Name, Names, first_names
from airflow_cv_dataops.core.lineage.page.graph_nodes import RUNS_KEPT, DatasetNode, JobNode, LineageGraph, RunState
from airflow_cv_dataops.core.lineage.page.graph_partitions import Asserted, FailedAssertion, PartitionState, Read, Written
from airflow_cv_dataops.core.lineage.page.json_shapes import listed, mapping, text

_ENDED = {"COMPLETE": "complete", "FAIL": "failed", "ABORT": "aborted"}
_SAME_SEVERITY = {"": "error", "warning": "warn", "information": "info"}


def read_graph(lines: Iterable[str]) -> LineageGraph:
    """Build the graph of all events. A line that is no event (the last one of a file that is being written, say) is counted and skipped."""
    graph, names = LineageGraph(), Names()
    for line in lines:
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict) and isinstance(event.get("job"), dict) and isinstance(event.get("run"), dict):
            _add(graph, names, event)
        else:
            graph.unreadable += 1
    return _joined(graph, names)


def _joined(graph: LineageGraph, names: Names) -> LineageGraph:
    """Return the graph in which every dataset is one node, under its first name."""
    known = names.known()
    first = dict(first_names(known))
    datasets = {one.first: DatasetNode(*one.first, one.locations, one.others) for one in known}
    for name, node in graph.datasets.items():
        datasets[first[name]].absorb(node)
    for job in graph.jobs.values():
        job.keep_last_runs()
    return LineageGraph(
        datasets,
        dict(sorted(graph.jobs.items())),
        first,
        {(first[dataset], job) for dataset, job in graph.reads},
        {(job, first[dataset]) for job, dataset in graph.writes},
        graph.events,
        graph.unreadable,
    )


def _add(graph: LineageGraph, names: Names, event: Mapping[str, Any]) -> None:
    graph.events += 1
    at = _time(event.get("eventTime"))
    key = (text(event["job"].get("namespace")), text(event["job"].get("name")))
    job = graph.jobs.setdefault(key, JobNode(*key))
    job.first = min(job.first, (at, 1))
    documentation = mapping(mapping(event["job"].get("facets")).get("documentation"))
    if description := text(documentation.get("description")):
        job.said = max(job.said, (at, description))
    _add_run(job, event, at)
    for dataset in listed(event.get("inputs")):
        graph.reads.add((_add_dataset(graph, names, dataset, event, "input", key, at), key))
    for dataset in listed(event.get("outputs")):
        graph.writes.add((key, _add_dataset(graph, names, dataset, event, "output", key, at)))


def _add_run(job: JobNode, event: Mapping[str, Any], at: str) -> None:
    run_id, facets = text(event["run"].get("runId")), mapping(event["run"].get("facets"))
    starts = text(event.get("eventType")) == "START"
    # A START may be read after the end that it belongs to. Runs of one date share an id: an end has one START.
    run = next((run for run in reversed(job.runs) if run.run_id == run_id and run.lacks_start and starts and at <= run.started), None)
    if run is not None:
        run.started, run.lacks_start = at, False
        run.partition_key = run.partition_key or _partition_of_run(facets)
        return
    run = next((run for run in reversed(job.runs) if run.run_id == run_id and run.state == "running"), None)
    if run is None:
        run = RunState(run_id, started=at, lacks_start=not starts)
        job.runs.append(run)
        if len(job.runs) > 4 * RUNS_KEPT:
            job.keep_last_runs()
    run.partition_key = _partition_of_run(facets) or run.partition_key
    if (state := _ENDED.get(text(event.get("eventType")))) is None:
        return
    run.state = state
    run.error = text(mapping(facets.get("errorMessage")).get("message"))
    run.facts = dict(_facts(facets))
    job.ended[state] += 1


def _add_dataset(
    graph: LineageGraph, names: Names, dataset: Mapping[str, Any], event: Mapping[str, Any], side: str, job: Name, at: str
) -> Name:
    key = (text(dataset.get("namespace")), text(dataset.get("name")))
    node = graph.datasets.setdefault(key, DatasetNode(*key))
    node.first = min(node.first, (at, 0 if side == "input" else 2))
    facets, own = mapping(dataset.get("facets")), mapping(dataset.get(f"{side}Facets"))
    links = listed(mapping(facets.get("symlinks")).get("identifiers"))
    names.tell(key, [((text(link.get("namespace")), text(link.get("name"))), text(link.get("type"))) for link in links])
    said = {
        "kind": text(mapping(facets.get("datasetType")).get("datasetType")),
        "description": text(mapping(facets.get("documentation")).get("description")),
        "fields": tuple(_fields(facets)),
    }
    for what, value in said.items():
        if value:
            node.say(what, value, at)
    if columns := tuple(column_sources(mapping(facets.get("columnLineage")))):
        node.say_columns(job, columns, at)
    if state := _ENDED.get(text(event.get("eventType"))):
        node.say("ended", True, at)
        partition_of_run = _partition_of_run(mapping(event["run"].get("facets")))
        _add_facts(node, {**facets, **own}, side, partition_of_run, Written(at, job, state))
    return key


def _add_facts(node: DatasetNode, facets: Mapping[str, Any], side: str, partition_of_run: str, by: Written) -> None:
    """Note what a run found out about a dataset; of a failed run, too: it names as outputs what it wrote before it failed."""
    version = text(mapping(facets.get("version")).get("datasetVersion")) or None
    rows = _count(mapping(facets.get(f"{side}Statistics")))
    assertions = listed(mapping(facets.get("dataQualityAssertions")).get("assertions"))
    if version is None and rows is None and not assertions:
        return
    if version is not None:
        node.say("version", version, by.at)
    said = PartitionState()
    if side == "output":
        said.writes[_owner(facets)] = Written(by.at, by.job, by.state, rows, version)
    else:
        said.read = Read(by.at, rows, version)
    if assertions:
        failed = tuple(_failed_assertion(one) for one in assertions if one.get("success") is False)
        said.assertions[by.job] = Asserted(by.at, len(assertions), failed)
    node.partitions.setdefault(_partition(facets, side) or partition_of_run, PartitionState()).absorb(said)


def _failed_assertion(one: Mapping[str, Any]) -> FailedAssertion:
    severity = text(one.get("severity")).lower()
    told = (text(one.get(name)) for name in ("description", "expected", "actual"))
    return FailedAssertion(text(one.get("assertion")), text(one.get("column")), _SAME_SEVERITY.get(severity, severity), *told)


def _partition(facets: Mapping[str, Any], side: str) -> str:
    condition = mapping(mapping(facets.get("subset")).get(f"{side}Condition"))
    return ", ".join(text(part.get("identifier")) for part in listed(condition.get("partitions")))


def _owner(facets: Mapping[str, Any]) -> str:
    """Return whose rows of the partition were written, where the run says so: what the subset names beside the partition."""
    condition = mapping(mapping(facets.get("subset")).get("outputCondition"))
    parts = [(part.get("identifier"), mapping(part.get("dimensions"))) for part in listed(condition.get("partitions"))]
    return ", ".join(text(value) for identifier, dimensions in parts for value in dimensions.values() if value != identifier)


def _partition_of_run(facets: Mapping[str, Any]) -> str:
    return text(mapping(facets.get("cvDataops_run")).get("partitionKey"))


def _facts(facets: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the plain values of this package's facets that say what a run found, and its gates."""
    for name, facet in facets.items():
        if name.startswith("cvDataops_") and name != "cvDataops_run":
            plain = mapping(facet).items()
            yield from ((key, value) for key, value in plain if not key.startswith("_") and isinstance(value, str | int | float))
            if held := mapping(mapping(facet).get("snapshots")):  # of a release: which version of each table it holds
                yield "snapshots", ", ".join(f"{table} {text(version)}" for table, version in held.items())
    for test in listed(mapping(facets.get("test")).get("tests")):
        yield f"gate {text(test.get('name'))}", text(test.get("status"))


def _fields(facets: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in listed(mapping(facets.get("schema")).get("fields")):
        yield text(one.get("name")), text(one.get("type")), text(one.get("description"))


def _count(statistics: Mapping[str, Any]) -> int | None:
    """Return rows of a table, or files of a place."""
    for name in ("rowCount", "fileCount"):
        if isinstance(value := statistics.get(name), int):
            return value
    return None


def _time(value: Any) -> str:
    """Return a time in UTC, so that times of producers with other time zones can be compared; empty where it is none."""
    try:
        at = datetime.fromisoformat(text(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return ""
