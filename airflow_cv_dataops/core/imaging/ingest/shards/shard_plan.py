"""What the tasks of a sharded ingest tell one another: small JSON values, fit for XCom."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypedDict

from airflow_cv_dataops.core.errors import ConfigurationError

_WHOSE = ("dataset", "partition_key")


class IngestPlan(TypedDict):
    """What ``plan_shards`` leaves for the shards and the commit.

    ``id`` is a hash of all the rest, ``dataset`` and ``partition_key`` say whose plan it is, ``list_uri`` names the shard list,
    ``previous`` the snapshots whose rows unchanged files keep, ``recorded_at`` the time for the rows in ISO 8601; ``parameters`` is
    ``IngestParameters`` as JSON.
    """

    id: str
    dataset: str
    partition_key: str
    list_uri: str
    shards: int
    source_uri: str
    list_column: str | None
    archive_limits: dict[str, Any]
    listed: int
    skipped: int
    source_bytes: int
    parameters: dict[str, Any]
    previous: dict[str, str]
    recorded_at: str


class ShardResult(TypedDict):
    """What ``ingest_shard`` leaves for the commit: data files (``uri``, ``rows``, ``bytes``), their numbers, and its plan's id."""

    plan_id: str
    shard: int
    images: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    tally: dict[str, Any]
    duration_seconds: float


def plan_id(plan: Mapping[str, Any]) -> str:
    """Return 32 hex digits that differ between plans of which a shard of one is none of the other.

    :param plan: all of it but its ``id``.
    """
    document = json.dumps(plan, sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:32]


def check_plan(plan: IngestPlan, dataset: str, partition_key: str) -> None:
    """:raises ConfigurationError: it is no plan, or one of another dataset or partition, whose files would land in this one."""
    if not isinstance(plan, Mapping) or (missing := sorted(IngestPlan.__required_keys__ - set(plan) - set(_WHOSE))):
        what = f"keys {', '.join(missing)} are absent" if isinstance(plan, Mapping) else f"it is a {type(plan).__name__}"
        raise ConfigurationError(f"This is no plan of plan_shards: {what}.")
    # A plan that an earlier version made does not say whose it is.
    whose = tuple(plan.get(name, mine) for name, mine in zip(_WHOSE, (dataset, partition_key), strict=True))
    if whose != (dataset, partition_key):
        raise ConfigurationError(
            f"The plan is one of dataset {whose[0]!r}, partition {whose[1]!r}, not of {dataset!r}, {partition_key!r}; nothing was written."
        )
