"""Who wrote a partition: so that copies of one task, each with a source of its own, do not replace one another's rows in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import SharedPartitionError

if TYPE_CHECKING:
    from pyiceberg.table import Table

# Properties of the snapshots that such a task makes: a few hundred bytes each, however many rows.
_KEYS, _TASK, _COPY, _TOLD = (f"cv-dataops.writer.{name}" for name in ("keys", "task", "copy", "told"))


@dataclass(frozen=True)
class Writer:
    """One of several copies of a task in one run.

    :param task: the task in its run: the same for all its copies, another in every other run.
    :param copy: which of the copies.
    :param told: a digest of its arguments. Where a run is begun anew, another copy may get what this one had; that is no other work.
    :param source: what it reads, for people.
    """

    task: str
    copy: int
    told: str
    source: str

    def properties(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Return what a snapshot that replaces the rows of these keys says of its writer."""
        copy = json.dumps([self.copy, self.source])
        return {_KEYS: _text(keys), _TASK: self.task, _COPY: copy, _TOLD: self.told}

    def check(self, table: Table, keys: Mapping[str, str]) -> bool:
        """Return whether the rows of these keys are this writer's, of this run.

        :raises SharedPartitionError: they are those of another copy of the task.
        """
        wanted = _text(keys)
        for snapshot in reversed(table.metadata.snapshots):
            known = snapshot.summary.additional_properties if snapshot.summary is not None else {}
            if known.get(_KEYS) != wanted:
                continue
            copy, source = json.loads(known[_COPY])
            if known[_TASK] != self.task or copy == self.copy or known[_TOLD] == self.told:
                return bool(known[_TASK] == self.task)
            where = ", ".join(f"{name} {value}" for name, value in keys.items())
            raise SharedPartitionError(
                f"Copy {self.copy} of task {self.task} (source {self.source}) would replace the rows of {'.'.join(table.name())} that "
                f"its copy {copy} (source {source}) has written in the same run: {where}. Nothing of copy {self.copy} was committed there. "
                "Give each copy a partition_key, label_set or model of its own, or let one task read them all: below a prefix that they "
                "share, or, where an ingest does it, from a list of the images."
            )
        return False


def _text(keys: Mapping[str, str]) -> str:
    return json.dumps(dict(keys), sort_keys=True)
