"""The keys of a partition: what may be one, and the columns that hold them."""

from __future__ import annotations

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY, TableModel
from airflow_cv_dataops.core.store.schema import MAX_PARTITION_KEY_LENGTH


def partition_keys_of(model: TableModel, partition_key: str, owner: str | None) -> dict[str, str]:
    """Return the values of the table's identity-partition columns. :raises ConfigurationError: key or owner do not fit."""
    check_partition_key(partition_key)
    if model.owner is None:
        return {PARTITION_KEY: partition_key}
    if not owner:
        raise ConfigurationError(f"Rows of table {model.name} belong to a {model.owner}; give one as owner.")
    return {PARTITION_KEY: partition_key, model.owner: owner}


def check_partition_key(partition_key: str) -> str:
    """Return the key. :raises ConfigurationError: it is empty, too long, or holds control characters."""
    if not isinstance(partition_key, str) or not partition_key:
        raise ConfigurationError(f"Partition key {partition_key!r} cannot be used: expected a string such as 2026-11-05.")
    if len(partition_key) > MAX_PARTITION_KEY_LENGTH:
        raise ConfigurationError(f"Partition key of {len(partition_key)} characters is too long: at most {MAX_PARTITION_KEY_LENGTH}.")
    if not partition_key.isprintable():
        raise ConfigurationError(f"Partition key {partition_key!r} holds control characters.")
    return partition_key
