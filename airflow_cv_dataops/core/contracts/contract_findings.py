"""A contract's outcomes as findings: one for each expectation that does not hold, and some for the rows by which it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.outcomes import Outcome
from airflow_cv_dataops.core.findings import Findings

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("image_id", "source_uri", "annotation_id", "category", "message")


def outcome_findings(outcomes: Sequence[Outcome], places: Mapping[int, Mapping[str, Any]], partition_key: str) -> list[Findings]:
    """Return the findings of what does not hold, or could not be evaluated.

    The first row of each is of the table and names no image: it stands whatever a release leaves out. An annotation of another partition is
    named in the message alone, as ids repeat from partition to partition.

    :param places: by position in the frame, what is known of a row.
    :param partition_key: of the run, in which the findings are written.
    """
    return [Findings(outcome.check, outcome.severity, _rows(outcome, places, partition_key)) for outcome in outcomes if outcome.is_bad]


def table_finding(check: str, message: str) -> Findings:
    """Return one error about the table as a whole."""
    return Findings(check, "error", _table([{"message": message}]))


def _rows(outcome: Outcome, places: Mapping[int, Mapping[str, Any]], partition_key: str) -> pa.Table:
    rows = [(places[position], values) for position, values in outcome.rows if position in places]
    told = outcome.message
    if outcome.unexpected and rows:
        told += f"; the first {len(rows):,} rows are findings of their own" if len(rows) < outcome.unexpected else ""
    return _table([{"message": told}, *(_row(outcome, place, values, partition_key) for place, values in rows)])


def _row(outcome: Outcome, place: Mapping[str, Any], values: str, partition_key: str) -> dict[str, Any]:
    row = {name: place.get(name) for name in _COLUMNS}
    where = ""
    if place.get("partition_key") not in (None, partition_key):
        where = f" (partition {place['partition_key']}{', annotation ' + row['annotation_id'] if row['annotation_id'] else ''})"
        row["annotation_id"] = None
    return {**row, "message": f"{outcome.title}: {values or 'not so'} here{where}"}


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in _COLUMNS})
