"""What a deployment decides about its events."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_cv_dataops.core.store.schema import SEVERITIES

ALL_SEVERITIES = frozenset(SEVERITIES)


@dataclass(frozen=True)
class LineageOptions:
    """How events are written.

    :param location_first: whether a table is named by where it is stored, with its name in the catalog as symlink; else the other way
        round. It has to be the same for all that report to one lineage server.
    :param failed_severities: a check that found something counts as failed at these severities.
    """

    location_first: bool = False
    failed_severities: frozenset[str] = ALL_SEVERITIES


DEFAULT_OPTIONS = LineageOptions()
