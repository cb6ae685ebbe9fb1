"""What a lineage graph holds: datasets, jobs and their runs, and who reads and writes what.

Everything that several events say is kept with its time, and the latest counts: so two nodes can become one at any moment, and the order in
which events are read changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_cv_dataops.core.lineage.page.graph_names import Name
from airflow_cv_dataops.core.lineage.page.graph_partitions import PartitionState

RUNS_KEPT = 25
NEVER = ("\uffff", 0)  # later than any time


@dataclass(frozen=True)
class ColumnSource:
    """One column that another was made from. :param how: in words; empty where the event does not say."""

    column: str
    dataset: Name
    source_column: str
    how: str = ""


@dataclass
class DatasetNode:
    """A dataset of the graph.

    :param locations: where it is stored, as far as that is another name of it.
    :param other_names: what else events call it.
    :param partitions: by partition key; the empty key stands for runs that named none.
    :param columns: by the job that wrote them: when it did, and which columns they were made from.
    :param said: what events say of the whole dataset, each with its time.
    :param first: when it was first named; of what one event names, inputs come before its job, and outputs after it.
    """

    namespace: str
    name: str
    locations: tuple[Name, ...] = ()
    other_names: tuple[Name, ...] = ()
    partitions: dict[str, PartitionState] = field(default_factory=dict)
    columns: dict[Name, tuple[str, tuple[ColumnSource, ...]]] = field(default_factory=dict)
    said: dict[str, tuple[str, Any]] = field(default_factory=dict)
    first: tuple[str, int] = NEVER

    @property
    def kind(self) -> str:
        """``datasetType`` of the events, such as ``TABLE`` or ``FILE``; empty where nobody said."""
        return str(self._last("kind", ""))

    @property
    def description(self) -> str:
        return str(self._last("description", ""))

    @property
    def version(self) -> str | None:
        """The last version that any run read or wrote."""
        found: str | None = self._last("version", None)
        return found

    @property
    def fields(self) -> tuple[tuple[str, str, str], ...]:
        """``(name, type, description)`` of each column."""
        found: tuple[tuple[str, str, str], ...] = self._last("fields", ())
        return found

    @property
    def rows(self) -> int | None:
        """Rows (files) over all partitions; ``None`` where no run counted any."""
        counted = [state.rows for state in self.partitions.values() if state.rows is not None]
        return sum(counted) if counted else None

    @property
    def is_announced_alone(self) -> bool:
        """No run has ended that named it: it is what one meant to write, and perhaps never did."""
        return not self._last("ended", False)

    @property
    def unhealthy(self) -> list[str]:
        """The partitions with an error: an assertion of that severity, or of none that is known, did not hold."""
        return [key for key, state in self.partitions.items() if state.worst == 0]

    @property
    def warned(self) -> list[str]:
        """The partitions with a warning and nothing worse."""
        return [key for key, state in self.partitions.items() if state.worst == 1]

    @property
    def is_asserted(self) -> bool:
        return any(state.asserted for state in self.partitions.values())

    def say(self, what: str, value: Any, at: str) -> None:
        """Note what an event says of the dataset, unless a later one has said so already."""
        if what not in self.said or at >= self.said[what][0]:
            self.said[what] = (at, value)

    def say_columns(self, job: Name, columns: tuple[ColumnSource, ...], at: str) -> None:
        if job not in self.columns or at >= self.columns[job][0]:
            self.columns[job] = (at, columns)

    def absorb(self, other: DatasetNode) -> None:
        """Take in all that is known of a node that turned out to be the same dataset."""
        self.first = min(self.first, other.first)
        for what, (at, value) in other.said.items():
            self.say(what, value, at)
        for job, (at, columns) in other.columns.items():
            self.say_columns(job, columns, at)
        for key, state in other.partitions.items():
            self.partitions.setdefault(key, PartitionState()).absorb(state)

    def _last(self, what: str, default: Any) -> Any:
        return self.said[what][1] if what in self.said else default


@dataclass
class RunState:
    """One run of a job.

    :param state: ``running``, ``complete``, ``failed`` or ``aborted``.
    :param facts: numbers and words of this package's facets.
    :param lacks_start: its START has not been read (yet): ``started`` is the time of another of its events.
    """

    run_id: str
    state: str = "running"
    started: str = ""
    partition_key: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    lacks_start: bool = False


@dataclass
class JobNode:
    """A job of the graph.

    :param said: when the last sentence about it was said, and the sentence. :param first: as of a dataset.
    :param ended: runs by how they ended, of all events. :param runs: the last ones, oldest first.
    """

    namespace: str
    name: str
    said: tuple[str, str] = ("", "")
    first: tuple[str, int] = NEVER
    ended: Counter[str] = field(default_factory=Counter)
    runs: list[RunState] = field(default_factory=list)

    @property
    def description(self) -> str:
        return self.said[1]

    def keep_last_runs(self) -> None:
        self.runs = sorted(self.runs, key=lambda run: run.started)[-RUNS_KEPT:]


@dataclass
class LineageGraph:
    """Datasets, jobs, and who reads and writes what.

    :param datasets: by their first name, which is the catalog's where one is known.
    :param names: the first name for every name by which a dataset is known.
    :param reads: ``(dataset, job)``, each named as in ``datasets`` and ``jobs``. :param writes: ``(job, dataset)``.
    :param unreadable: lines that were no event.
    """

    datasets: dict[Name, DatasetNode] = field(default_factory=dict)
    jobs: dict[Name, JobNode] = field(default_factory=dict)
    names: dict[Name, Name] = field(default_factory=dict)
    reads: set[tuple[Name, Name]] = field(default_factory=set)
    writes: set[tuple[Name, Name]] = field(default_factory=set)
    events: int = 0
    unreadable: int = 0

    def upstream(self, dataset: Name) -> set[Name]:
        """Return every dataset that a dataset was made from, over any number of jobs, itself included.

        :param dataset: any name that is known of it; the answer has first names.
        """
        makers, read_by = _grouped((made, job) for job, made in self.writes), _grouped((job, read) for read, job in self.reads)
        start = self.names.get(dataset, dataset)
        seen, waiting = {start}, [start]
        while waiting:
            found = {read for job in makers.get(waiting.pop(), ()) for read in read_by.get(job, ())} - seen
            seen |= found
            waiting.extend(found)
        return seen


def _grouped(pairs: Iterable[tuple[Name, Name]]) -> dict[Name, list[Name]]:
    found: dict[Name, list[Name]] = {}
    for one, other in pairs:
        found.setdefault(one, []).append(other)
    return found
