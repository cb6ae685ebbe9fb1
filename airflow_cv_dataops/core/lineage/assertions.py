"""The facet of what was asserted on a dataset."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.lineage.options import ALL_SEVERITIES
from airflow_cv_dataops.core.lineage.values import MAX_ENTRIES, json_value, text
from airflow_cv_dataops.core.step_lineage import Assertion
from airflow_cv_dataops.core.store.schema import SEVERITIES

if TYPE_CHECKING:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset

# Where OpenLineage has another word for one of ours.
_WORDS = {"warning": "warn"}


def assertions_facet(
    assertions: Sequence[Assertion], *, producer: str, failed_severities: frozenset[str] = ALL_SEVERITIES
) -> data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet | None:
    """Return the facet, with one assertion for each assertion and column, as Marquez wants it; ``None`` where nothing was asserted.

    At most 200 are sent, those that failed first.

    :param failed_severities: some of ``error``, ``warning`` and ``info``. What did not hold and is of another severity is sent as a
        success, for consumers that know no severities; its ``severity``, ``expected`` and ``actual`` still say what there is. An assertion
        without severity always counts.
    """
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    found = _unique(assertions)
    if not found:
        return None
    sent = sorted(found, key=lambda item: (not _fails(item, failed_severities), item.success)) if len(found) > MAX_ENTRIES else found
    known = inspect.signature(quality.Assertion).parameters
    return quality.DataQualityAssertionsDatasetFacet(
        assertions=[quality.Assertion(**_fields(item, failed_severities, known)) for item in sent[:MAX_ENTRIES]], producer=producer
    )


def _unique(assertions: Iterable[Assertion]) -> list[Assertion]:
    """Return one for each assertion and column: the most severe of those that failed, or of all where none did."""
    chosen: dict[tuple[str, str | None], Assertion] = {}
    for item in assertions:
        key = (json_value(str(item.assertion)), json_value(item.column))
        chosen[key] = min(chosen.get(key, item), item, key=_rank)
    return list(chosen.values())


def _rank(item: Assertion) -> tuple[bool, int]:
    """Failed ones first, then by severity; one without, or of an unknown one, always counts, and so comes first."""
    return bool(item.success), SEVERITIES.index(item.severity) if item.severity in SEVERITIES else -1


def _fails(item: Assertion, failed_severities: frozenset[str]) -> bool:
    return not item.success and (item.severity not in SEVERITIES or item.severity in failed_severities)


def _fields(item: Assertion, failed_severities: frozenset[str], known: Collection[str]) -> dict[str, Any]:
    """Return what the client knows of it: ``severity`` from 1.43 on, ``description``, ``expected`` and ``actual`` from 1.47 on."""
    fields = {
        "assertion": json_value(str(item.assertion)),
        "success": not _fails(item, failed_severities),
        "column": json_value(item.column),
        "severity": text(_WORDS.get(item.severity or "", item.severity)),
        "description": text(item.description),
        "expected": text(item.expected),
        "actual": text(item.actual),
    }
    return {name: value for name, value in fields.items() if name in known}
