"""When files were written whose snapshots are gone: a table's property remembers it for those that are there still."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata

PROPERTY = "cv-dataops.written"
"""JSON object: sequence number to milliseconds since 1970, of commits that some file is of."""


def times_of(metadata: TableMetadata) -> dict[int, int]:
    """Return when each commit was, by its sequence number: of the snapshots that there are, and of those that are remembered."""
    kept = {one.sequence_number or 0: one.timestamp_ms for one in metadata.snapshots}
    return {**kept, **remembered(metadata)}


def remembered(metadata: TableMetadata) -> dict[int, int]:
    """Return what the property says. What it says of a commit whose snapshot is there goes before the snapshot's own time."""
    return {int(sequence): int(time) for sequence, time in json.loads(metadata.properties.get(PROPERTY, "{}")).items()}


def as_property(times: Mapping[int, int]) -> dict[str, str]:
    """Return the property that remembers these times."""
    return {PROPERTY: json.dumps({str(sequence): time for sequence, time in sorted(times.items())}, separators=(",", ":"))}
