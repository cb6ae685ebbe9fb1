"""The table ``metrics`` as a release sees it: numbers by partition, and which audits are of what is released."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.audit.inputs import METRIC, AuditInputVersion
from airflow_cv_dataops.core.audit.looked_at import NOTHING_TO_CHECK
from airflow_cv_dataops.core.metrics import AUDIT, CONTRACT
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.partition_files import LOOKING_ON, written_by

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("partition_key", "step", "metric", "value", "dimensions", "recorded_at", "input_version")
_LOOKED_AT = ("images", "annotations", "predictions")


@dataclass
class _Audit:
    """One audit of one partition. :param checks: that ran. :param idle: those that had nothing to look at."""

    recorded_at: datetime
    inputs: list[AuditInputVersion] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    checks: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)

    @property
    def label_sets(self) -> tuple[str, ...] | None:
        """The label sets that it was restricted to; ``None``: all."""
        return next((seen.owners for seen in self.inputs if seen.table == "annotations"), None)


@dataclass(frozen=True)
class Recorded:
    """What steps have measured.

    :param audited: partitions that an audit has looked at as they are: at every label set that they have.
    :param outdated: partitions that are not, and of which an audit has looked at other images, labels or predictions than there are now.
    :param outdated_audits: (partition, audit) of each such audit, also where another one is up to date.
    :param looked_for: by check, or expectation of a contract, the partitions in which it ran, on every label set.
    :param looked_at: by check, and by contract or for all audits, the partitions in which it had something to look at, as far as anybody
        recorded that there was nothing.
    :param expectations: those of ``looked_for`` that contracts have evaluated.
    :param values: ``<step>/<metric>`` to value by partition, of numbers without dimensions.
    :param partitions: those that any step has measured.
    :param once: by metric that gates can ask for, the partitions that have it only from an audit or contract that is outdated, or
        looked at some of the label sets.
    """

    audited: set[str]
    outdated: set[str]
    outdated_audits: set[tuple[str, str]]
    looked_for: Mapping[str, set[str]]
    looked_at: Mapping[str, Mapping[str, set[str]]]
    expectations: set[str]
    values: Mapping[str, Mapping[str, float]]
    partitions: set[str]
    once: Mapping[str, set[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, reader: SnapshotReader, *, accept_outdated_audits: bool = False) -> Self:
        """:param accept_outdated_audits: whether an audit counts whatever was written since."""
        values: dict[str, dict[str, float]] = {}
        audits: dict[tuple[str, str], _Audit] = {}
        partitions: set[str] = set()
        for batch in reader.batches("metrics", _COLUMNS):
            for key, step, metric, value, text, recorded_at, version in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
                if step not in LOOKING_ON:
                    partitions.add(key)
                if not step.startswith((AUDIT, CONTRACT)):
                    if text is None:
                        values.setdefault(f"{step}/{metric}", {})[key] = value
                    continue
                audit = audits.setdefault((key, step.removeprefix(AUDIT)), _Audit(recorded_at))
                if text is None:
                    audit.values[metric] = value
                elif metric == METRIC:
                    audit.inputs.append(AuditInputVersion.of(json.loads(text), version))
                elif metric in ("findings", NOTHING_TO_CHECK) and (check := json.loads(text).get("check")):
                    (audit.checks if metric == "findings" else audit.idle).add(check)
        outdated = set() if accept_outdated_audits else _outdated(reader, audits)
        current = {place: audit for place, audit in audits.items() if place not in outdated}
        for (key, name), audit in current.items():
            for metric, value in audit.values.items():
                values.setdefault(f"{name if _is_contract(name) else AUDIT + name}/{metric}", {})[key] = value
        by_check: dict[str, dict[str, list[_Audit]]] = {}
        by_key: dict[str, list[_Audit]] = {}
        looked_at: dict[str, dict[str, set[str]]] = {}
        for (key, name), audit in current.items():
            if not _is_contract(name):
                by_key.setdefault(key, []).append(audit)
            for check in audit.checks:
                by_check.setdefault(check, {}).setdefault(key, []).append(audit)
            for check in audit.checks:
                # What one audit has nothing to look at, another may; contracts are of tables of their own.
                owner = name if _is_contract(name) else AUDIT
                seen = looked_at.setdefault(check, {}).setdefault(owner, set())
                if check not in audit.idle:
                    seen.add(key)
        expectations = {check for (_, name), audit in current.items() if _is_contract(name) for check in audit.checks}
        looked_for = {check: _covered(reader, found) for check, found in by_check.items()}
        audited = _covered(reader, by_key)
        once = _once_known({place: audits[place] for place in outdated})
        for check, where in by_check.items():
            if partly := where.keys() - looked_for[check]:
                once.setdefault(f"findings.{check}", set()).update(partly)
        outdated = {place for place in outdated if not _is_contract(place[1])}
        return cls(audited, {key for key, _ in outdated} - audited, outdated, looked_for, looked_at, expectations, values, partitions, once)

    def ran_in(self, partitions: Set[str]) -> tuple[set[str], set[str]]:
        """Return the checks that ran in every one of the partitions: those with something to look at in one, and those with nothing."""
        ran = {check for check, where in self.looked_for.items() if partitions <= where}
        busy = {check for check in ran if not any(partitions.isdisjoint(seen) for seen in self.looked_at[check].values())}
        return busy, ran - busy

    def not_everywhere(self, partitions: Set[str], of_images: Set[str]) -> dict[str, list[str]]:
        """Return, by metric that gates can ask for, the partitions that lack it, where others have it or had it before they were written.

        :param of_images: those of them that have images: of no other does a gate ask for a step's numbers.
        """
        checks = {f"findings.{check}": where for check, where in self.looked_for.items()}
        known: dict[str, tuple[Set[str], Set[str]]] = {name: (where, partitions) for name, where in checks.items()}
        known |= {name: (values.keys(), of_images) for name, values in self.values.items()}
        for name in self.once.keys() - known.keys():
            known[name] = set(), partitions if name.startswith("findings.") else of_images
        lacking = {name: wanted - where for name, (where, wanted) in known.items() if not wanted <= where}
        return {
            name: sorted(missing)
            for name, missing in lacking.items()
            if len(missing) < len(known[name][1]) or not missing.isdisjoint(self.once.get(name, ()))
        }

    def up_to_date(self, findings: pa.Table) -> pa.Table:
        """Return the findings but those of audits that looked at what is no more. :param findings: partition_key, audit and any others."""
        import pyarrow as pa

        audits = self.outdated_audits
        pairs = findings.select(["partition_key", "audit"]).group_by(["partition_key", "audit"]).aggregate([]).to_pylist() if audits else []
        if not any((row["partition_key"], row["audit"]) in audits for row in pairs):
            return findings
        keys, names = findings["partition_key"].to_pylist(), findings["audit"].to_pylist()
        return findings.filter(pa.array([(key, name) not in audits for key, name in zip(keys, names, strict=True)]))

    def of_all(self, partitions: set[str]) -> dict[str, list[float]]:
        """Return the numbers that each of the partitions has, one value a partition."""
        keys = sorted(partitions)
        return {name: [values[key] for key in keys] for name, values in self.values.items() if partitions <= values.keys()}


def _is_contract(name: str) -> bool:
    """Say whether it is a contract, which looks at rows, too, and is outdated with them.

    It does not stand for an audit, and what it has found counts until it has run again.
    """
    return name.startswith(CONTRACT)


def _covered(reader: SnapshotReader, audits: Mapping[str, Sequence[_Audit]]) -> set[str]:
    """Return the partitions of which the audits, by partition, have looked at every label set that there is."""
    covered = set()
    for key, found in audits.items():
        label_sets = {file.owner for file in reader.files("annotations").get(key, [])}
        looked_at = [audit.label_sets for audit in found]
        if None in looked_at or label_sets <= {name for names in looked_at for name in names or ()}:
            covered.add(key)
    return covered


def _outdated(reader: SnapshotReader, audits: Mapping[tuple[str, str], _Audit]) -> set[tuple[str, str]]:
    """Return the audits that looked at other rows than the reader's snapshots hold, or whose findings others have written over."""
    known = {place: audit for place, audit in audits.items() if audit.inputs}
    former = {place: audit for place, audit in audits.items() if not audit.inputs and not _is_contract(place[1])}
    # A contract on a release, an older snapshot or the whole dataset says nothing of the partition as it is.
    elsewhere = {place for place, audit in audits.items() if not audit.inputs and _is_contract(place[1])}
    outdated = {(key, name) for (key, name), audit in known.items() if not _is_current(reader, audit, key)}
    return outdated | elsewhere | (_outdated_by_time(reader, former) if former else set())


def _once_known(audits: Mapping[tuple[str, str], _Audit]) -> dict[str, set[str]]:
    """Return the partitions by each metric that these outdated audits and contracts have measured there."""
    known: dict[str, set[str]] = {}
    for (key, name), audit in audits.items():
        if _is_contract(name) and not audit.inputs:  # it looked elsewhere, and always will
            continue
        numbers = (f"{name if _is_contract(name) else AUDIT + name}/{metric}" for metric in audit.values)
        for metric in (*numbers, *(f"findings.{check}" for check in audit.checks)):
            known.setdefault(metric, set()).add(key)
    return known


def _is_current(reader: SnapshotReader, audit: _Audit, key: str) -> bool:
    return all(seen.is_current(reader.files(seen.table).get(key, [])) for seen in audit.inputs)


def _outdated_by_time(reader: SnapshotReader, audits: Mapping[tuple[str, str], _Audit]) -> set[tuple[str, str]]:
    """Return those that were made before their partition changed: former versions did not record what their audits looked at."""
    written = [written_by(reader.dataset, table, reader.snapshots[table]) for table in _LOOKED_AT if table in reader.snapshots]
    return {(key, name) for (key, name), audit in audits.items() if any(key in at and at[key] > audit.recorded_at for at in written)}
