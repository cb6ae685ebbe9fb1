"""What runs said of one partition of a dataset: who wrote it last, what readers saw, and what was asserted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from airflow_cv_dataops.core.lineage.page.graph_names import Name

SEVERITIES = ("error", "warn", "info")  # worst first; a word that is none of these counts as an error


@dataclass(frozen=True)
class FailedAssertion:
    """What did not hold. :param description: what was asserted. :param severity: one of ``SEVERITIES``, or the event's own word."""

    assertion: str
    column: str = ""
    severity: str = "error"
    description: str = ""
    expected: str = ""
    actual: str = ""

    @property
    def rank(self) -> int:
        """0 is the worst."""
        return SEVERITIES.index(self.severity) if self.severity in SEVERITIES else 0


@dataclass(frozen=True)
class Written:
    """The run that wrote a partition last. :param state: how it ended; a run may fail after it has written."""

    at: str
    job: Name
    state: str
    rows: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class Asserted:
    """What was last asserted of a partition. :param count: assertions, those that held included."""

    at: str
    count: int
    failed: tuple[FailedAssertion, ...] = ()


@dataclass(frozen=True)
class Read:
    """What readers say of a partition: the most rows, and the last version."""

    at: str
    rows: int | None = None
    version: str | None = None


_At = TypeVar("_At", Written, Asserted, Read)


@dataclass
class PartitionState:
    """What runs said of one partition of a dataset.

    :param writes: by whose rows of the partition they are (a label set, a model, an audit), the run that wrote them last; the empty text
        stands for all rows.
    :param assertions: by job, what it asserted last: one audit that finds nothing does not answer for another.
    """

    writes: dict[str, Written] = field(default_factory=dict)
    read: Read | None = None
    assertions: dict[Name, Asserted] = field(default_factory=dict)

    @property
    def written(self) -> Written | None:
        """The run that wrote last."""
        return max(self.writes.values(), key=lambda written: written.at, default=None)

    @property
    def asserted(self) -> tuple[Asserted, ...]:
        """What is asserted of the rows that are there now, by each job; not what was asserted before they were written."""
        written = self.written
        return tuple(said for said in self.assertions.values() if written is None or written.at <= said.at)

    @property
    def asserted_count(self) -> int:
        """How many assertions there are, those that hold included."""
        return sum(said.count for said in self.asserted)

    @property
    def failed(self) -> tuple[FailedAssertion, ...]:
        return tuple(one for said in self.asserted for one in said.failed)

    @property
    def worst(self) -> int | None:
        """The rank of the worst assertion that did not hold; ``None`` where all held."""
        return min((one.rank for one in self.failed), default=None)

    @property
    def at(self) -> str:
        return max((said.at for said in (self.written, self.read, *self.assertions.values()) if said), default="")

    @property
    def rows(self) -> int | None:
        """Rows (files) as the runs that wrote them counted, or else the most that a reader did."""
        if not self.writes:
            return self.read.rows if self.read else None
        counted = [written.rows for written in self.writes.values() if written.rows is not None]
        return sum(counted) if counted else None

    @property
    def version(self) -> str | None:
        """The version that wrote the partition, or else the last that was read."""
        if self.written and self.written.version is not None:
            return self.written.version
        return self.read.version if self.read else None

    def absorb(self, other: PartitionState) -> None:
        for owner, written in other.writes.items():
            self.writes[owner] = _later(self.writes.get(owner), written) or written
        for job, asserted in other.assertions.items():
            self.assertions[job] = _later(self.assertions.get(job), asserted) or asserted
        if self.read and other.read:
            first, last = sorted((self.read, other.read), key=lambda read: read.at)
            rows = max((read.rows for read in (first, last) if read.rows is not None), default=None)
            self.read = Read(last.at, rows, first.version if last.version is None else last.version)
        else:
            self.read = self.read or other.read


def _later(one: _At | None, other: _At | None) -> _At | None:
    if one is None or other is None:
        return one or other
    return other if other.at >= one.at else one
