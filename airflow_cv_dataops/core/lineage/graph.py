"""From OpenLineage events to the graph of datasets and jobs that they describe.

In: events as JSON lines, as the client's file transport writes them, of this package or of any other producer. Out: plain values, whose
size grows with datasets, jobs and partitions, and not with the number of runs.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

RUNS_KEPT = 25
_ENDED = {"COMPLETE": "complete", "FAIL": "failed", "ABORT": "aborted"}


@dataclass
class PartitionState:
    """What the last run said of one partition of a dataset.

    :param rows: as the run that wrote it counted, or else the most that a reader did.
    :param failed: ``(assertion, column)`` of what did not hold.
    """

    at: str = ""
    written: bool = False
    rows: int | None = None
    version: str | None = None
    asserted: int = 0
    failed: tuple[tuple[str, str], ...] = ()


@dataclass
class DatasetNode:
    """A dataset of the graph.

    :param alias: its name in a catalog (the symlink), empty where it has none.
    :param kind: ``datasetType`` of the events, such as ``TABLE`` or ``FILE``; empty where nobody said.
    :param fields: ``(name, type, description)`` of each column.
    :param partitions: by partition key; the empty key stands for runs that named none.
    """

    namespace: str
    name: str
    alias: str = ""
    kind: str = ""
    description: str = ""
    version: str | None = None
    fields: tuple[tuple[str, str, str], ...] = ()
    partitions: dict[str, PartitionState] = field(default_factory=dict)

    @property
    def rows(self) -> int | None:
        """Rows (files) over all partitions; ``None`` where no run counted any."""
        counted = [state.rows for state in self.partitions.values() if state.rows is not None]
        return sum(counted) if counted else None

    @property
    def unhealthy(self) -> list[str]:
        """The partitions with an assertion that did not hold."""
        return [key for key, state in self.partitions.items() if state.failed]

    @property
    def is_asserted(self) -> bool:
        return any(state.asserted for state in self.partitions.values())


@dataclass
class RunState:
    """One run of a job.

    :param state: ``running``, ``complete``, ``failed`` or ``aborted``.
    :param facts: numbers and words of this package's facets.
    """

    run_id: str
    state: str = "running"
    started: str = ""
    ended: str = ""
    partition_key: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class JobNode:
    """A job of the graph. :param ended: runs by how they ended, of all events. :param runs: the last ones, oldest first."""

    namespace: str
    name: str
    description: str = ""
    ended: Counter[str] = field(default_factory=Counter)
    runs: deque[RunState] = field(default_factory=lambda: deque(maxlen=RUNS_KEPT))


@dataclass
class LineageGraph:
    """Datasets, jobs, and who reads and writes what.

    :param edges: ``(from, to)``; one of them is a dataset, the other a job, each named as in ``datasets`` and ``jobs``.
    :param unreadable: lines that were no event.
    """

    datasets: dict[tuple[str, str], DatasetNode] = field(default_factory=dict)
    jobs: dict[tuple[str, str], JobNode] = field(default_factory=dict)
    reads: set[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=set)
    writes: set[tuple[tuple[str, str], tuple[str, str]]] = field(default_factory=set)
    events: int = 0
    unreadable: int = 0

    def upstream(self, dataset: tuple[str, str]) -> set[tuple[str, str]]:
        """Return every dataset that a dataset was made from, over any number of jobs, itself included."""
        seen, waiting = {dataset}, [dataset]
        while waiting:
            at = waiting.pop()
            makers = {job for job, written in self.writes if written == at}
            found = {read for read, job in self.reads if job in makers} - seen
            seen |= found
            waiting.extend(found)
        return seen


def read_graph(lines: Iterable[str]) -> LineageGraph:
    """Build the graph of all events. A line that is no event (the last one of a file that is being written, say) is counted and skipped."""
    graph = LineageGraph()
    for line in lines:
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and isinstance(event.get("job"), dict) and isinstance(event.get("run"), dict):
            _add(graph, event)
        else:
            graph.unreadable += 1
    return graph


def _add(graph: LineageGraph, event: Mapping[str, Any]) -> None:
    graph.events += 1
    key = (_text(event["job"].get("namespace")), _text(event["job"].get("name")))
    job = graph.jobs.setdefault(key, JobNode(*key))
    facets = _mapping(event["job"].get("facets"))
    job.description = _text(_mapping(facets.get("documentation")).get("description")) or job.description
    _add_run(job, event)
    for dataset in _listed(event.get("inputs")):
        graph.reads.add((_add_dataset(graph, dataset, event, "input"), key))
    for dataset in _listed(event.get("outputs")):
        graph.writes.add((key, _add_dataset(graph, dataset, event, "output")))


def _add_run(job: JobNode, event: Mapping[str, Any]) -> None:
    run_id, at = _text(event["run"].get("runId")), _text(event.get("eventTime"))
    facets = _mapping(event["run"].get("facets"))
    run = next((run for run in reversed(job.runs) if run.run_id == run_id and run.state == "running"), None)
    if run is None:
        run = RunState(run_id, started=at)
        job.runs.append(run)
    run.partition_key = _partition_of_run(facets) or run.partition_key
    if (state := _ENDED.get(_text(event.get("eventType")))) is None:
        return
    run.state, run.ended = state, at
    run.error = _text(_mapping(facets.get("errorMessage")).get("message"))
    run.facts = dict(_facts(facets))
    job.ended[state] += 1


def _add_dataset(graph: LineageGraph, dataset: Mapping[str, Any], event: Mapping[str, Any], side: str) -> tuple[str, str]:
    key = (_text(dataset.get("namespace")), _text(dataset.get("name")))
    node = graph.datasets.setdefault(key, DatasetNode(*key))
    facets, own = _mapping(dataset.get("facets")), _mapping(dataset.get(f"{side}Facets"))
    node.kind = _text(_mapping(facets.get("datasetType")).get("datasetType")) or node.kind
    node.description = _text(_mapping(facets.get("documentation")).get("description")) or node.description
    node.alias = next((_text(link.get("name")) for link in _listed(_mapping(facets.get("symlinks")).get("identifiers"))), node.alias)
    if fields := tuple(_fields(facets)):
        node.fields = fields
    if _text(event.get("eventType")) in _ENDED:
        _add_facts(node, {**facets, **own}, _text(event.get("eventTime")), side, _partition_of_run(_mapping(event["run"].get("facets"))))
    return key


def _add_facts(node: DatasetNode, facets: Mapping[str, Any], at: str, side: str, partition_of_run: str) -> None:
    """Note what a run found out about a dataset, unless a later one, or the run that wrote it, has said so already."""
    version = _text(_mapping(facets.get("version")).get("datasetVersion")) or None
    rows = _count(_mapping(facets.get(f"{side}Statistics")))
    assertions = _listed(_mapping(facets.get("dataQualityAssertions")).get("assertions"))
    if version is None and rows is None and not assertions:
        return
    state = node.partitions.setdefault(_partition(facets, side) or partition_of_run, PartitionState())
    if at >= state.at:
        state.at = at
        if version is not None:
            state.version = node.version = version
        if side == "output":
            # New rows, of which nothing was asserted yet.
            state.written, state.rows, state.asserted, state.failed = True, rows, 0, ()
        elif rows is not None and not state.written:
            state.rows = max(rows, state.rows or 0)
        if assertions:
            state.asserted = len(assertions)
            state.failed = tuple(
                (_text(one.get("assertion")), _text(one.get("column"))) for one in assertions if one.get("success") is False
            )


def _partition(facets: Mapping[str, Any], side: str) -> str:
    condition = _mapping(_mapping(facets.get("subset")).get(f"{side}Condition"))
    return ", ".join(_text(part.get("identifier")) for part in _listed(condition.get("partitions")))


def _partition_of_run(facets: Mapping[str, Any]) -> str:
    return _text(_mapping(facets.get("cvDataops_run")).get("partitionKey"))


def _facts(facets: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the plain values of this package's facets that say what a run found, and its gates."""
    for name, facet in facets.items():
        if name.startswith("cvDataops_") and name != "cvDataops_run":
            yield from ((key, value) for key, value in _mapping(facet).items() if key[0] != "_" and isinstance(value, str | int | float))
    for test in _listed(_mapping(facets.get("test")).get("tests")):
        yield f"gate {_text(test.get('name'))}", _text(test.get("status"))


def _fields(facets: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in _listed(_mapping(facets.get("schema")).get("fields")):
        yield _text(one.get("name")), _text(one.get("type")), _text(one.get("description"))


def _count(statistics: Mapping[str, Any]) -> int | None:
    """Return rows of a table, or files of a place."""
    for name in ("rowCount", "fileCount"):
        if isinstance(value := statistics.get(name), int):
            return value
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
