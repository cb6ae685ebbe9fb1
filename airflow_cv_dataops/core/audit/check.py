"""What a check is, and which checks run how severely."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import SEVERITIES, TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.data import AuditInput

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_READABLE_TABLES = ("images", "annotations", "predictions")


@dataclass(frozen=True)
class Check:
    """One question that is asked of a partition's labels.

    :param id: stable name in findings, metrics and lineage: lower-case letters, digits and ``_``.
    :param default_severity: ``error``, ``warning`` or ``info``; users override it by id.
    :param meaning: what a finding says, one sentence for people.
    :param fix: what to do about it, one sentence for people.
    :param run: a pure function of the input; returns findings rows (see ``rows.annotation_rows``) or ``None`` for none.
    :param column: the annotations column that the check is about, for lineage's data-quality assertions.
    :param reads: columns beyond ``data.BASE_COLUMNS`` that ``run`` needs, as ``table.column``; nothing else is read from storage.
    :raises ConfigurationError: id, severity or a column does not exist or cannot be used.
    """

    id: str
    default_severity: str
    meaning: str
    fix: str
    run: Callable[[AuditInput], pa.Table | None]
    column: str | None = None
    reads: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ConfigurationError(f"Check id {self.id!r} cannot be used: expected lower-case letters, digits and _, first a letter.")
        if self.default_severity not in SEVERITIES:
            raise ConfigurationError(f"Check {self.id!r} has severity {self.default_severity!r}: expected one of {', '.join(SEVERITIES)}.")
        for name in self.reads:
            table, _, column = name.partition(".")
            if table not in _READABLE_TABLES or column not in TABLES[table].column_names:
                raise ConfigurationError(
                    f"Check {self.id!r} reads {name!r}: expected <table>.<column> of a column of {', '.join(_READABLE_TABLES)}."
                )


def enabled_checks(checks: Sequence[Check], disabled: Collection[str], severities: Mapping[str, str]) -> list[tuple[Check, str]]:
    """Return each check that is to run with its severity, in the given order.

    :raises ConfigurationError: an id is there twice, or ``disabled`` or ``severities`` name an unknown check or severity.
    """
    known = [check.id for check in checks]
    if repeated := sorted({name for name in known if known.count(name) > 1}):
        raise ConfigurationError(f"Checks {repeated} are given twice: each id must be unique.")
    if isinstance(disabled, str):
        raise ConfigurationError(f"disabled={disabled!r} is a string: expected a list of check ids, e.g. [{disabled!r}].")
    if unknown := sorted((set(disabled) | set(severities)) - set(known)):
        raise ConfigurationError(f"Checks {unknown} do not exist: expected some of {', '.join(sorted(known))}.")
    if wrong := {name: severity for name, severity in severities.items() if severity not in SEVERITIES}:
        raise ConfigurationError(f"Severities {wrong} are unknown: expected one of {', '.join(SEVERITIES)} for each.")
    return [(check, severities.get(check.id, check.default_severity)) for check in checks if check.id not in disabled]
