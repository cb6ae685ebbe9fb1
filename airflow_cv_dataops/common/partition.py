"""One resolver for the partition key, so that every task of a run means the same slice of data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.partition_keys import check_partition_key

DEFAULT_PARTITION_FORMAT = "%Y-%m-%d"

_PLACEHOLDER = "{partition_key}"
_ENCODED = ("file://", "http://", "https://")


def resolve_partition_key(
    context: Mapping[str, Any], partition_key: str | None = None, partition_format: str = DEFAULT_PARTITION_FORMAT
) -> str:
    """Return the partition key of a run.

    In this order: the explicit key; the run's own partition key (Airflow 3.2 and later); the start of the data interval,
    when the interval has a length; the logical date; the time after which the run was due. The last three through
    ``partition_format`` (strftime). Asset-triggered runs have neither interval nor logical date.

    :raises ConfigurationError: nothing of this is there, or the key cannot be used.
    """
    if partition_key:
        return check_partition_key(partition_key)
    dag_run = context.get("dag_run")
    if own := context.get("partition_key") or getattr(dag_run, "partition_key", None):
        return check_partition_key(own)
    moment = _interval_start(context, dag_run) or context.get("logical_date") or getattr(dag_run, "run_after", None)
    if moment is None:
        raise ConfigurationError(
            "This run has no partition key, data interval, logical date or run_after to name a partition by: "
            "pass partition_key to the operator."
        )
    return check_partition_key(moment.strftime(partition_format))


def with_partition_key(text: str, partition_key: str) -> str:
    """Return a source with ``{partition_key}`` filled in; nothing else in it is touched.

    In a URI that is percent-encoded (``file://``, ``https://``) so is the key.

    :raises ConfigurationError: the key would add a path part ``..``, ``.`` or an empty one, and so lead to another place.
    """
    if text.startswith(_ENCODED):
        partition_key = quote(partition_key, safe="/")
    filled = text.replace(_PLACEHOLDER, partition_key)
    if _odd_parts(filled) > _odd_parts(text.replace(_PLACEHOLDER, "key")):
        raise ConfigurationError(
            f"Partition key {partition_key!r} cannot be filled into the source {text!r}: it adds an empty path part, '.' or '..'."
        )
    return filled


def _odd_parts(path: str) -> int:
    return sum(part in ("", ".", "..") for part in path.split("/"))


def _interval_start(context: Mapping[str, Any], dag_run: Any) -> datetime | None:
    start = context.get("data_interval_start") or getattr(dag_run, "data_interval_start", None)
    end = context.get("data_interval_end") or getattr(dag_run, "data_interval_end", None)
    return start if start is not None and end is not None and start != end else None
