"""What the tasks of a sharded ingest tell one another: small JSON values, fit for XCom."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypedDict


class IngestPlan(TypedDict):
    """What ``plan_shards`` leaves for the shards and the commit.

    ``id`` is a hash of all the rest, ``list_uri`` names the shard list, ``previous`` the snapshots whose rows unchanged files keep,
    ``recorded_at`` the time for the rows in ISO 8601; ``parameters`` is ``IngestParameters`` as JSON.
    """

    id: str
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


def plan_id(partition_key: str, plan: Mapping[str, Any]) -> str:
    """Return 32 hex digits that differ between plans of which a shard of one is none of the other.

    :param plan: all of it but its ``id``.
    """
    document = json.dumps([partition_key, plan], sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()[:32]
