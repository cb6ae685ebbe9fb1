"""Profiles that earlier runs have worked out and kept in the table ``profiles``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from airflow_cv_dataops.core.health.partitions import Partitions
from airflow_cv_dataops.core.health.profile import Profile
from airflow_cv_dataops.core.health.profiling import profile_partition
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset

log = logging.getLogger(__name__)


def trailing_profiles(dataset: Dataset, keys: Sequence[str], partitions: Partitions) -> list[Profile]:
    """Return the profiles of partitions, in their order; those that are not kept, or no longer of what is there, are worked out anew.

    Nothing is written of these: each partition's own run does.
    """
    kept = dict(_kept(dataset, keys, partitions))
    missing = [key for key in keys if key not in kept]
    if missing:
        log.info(
            "%d of %d partitions have no profile of what is there now: they are read. A run of health on each keeps one.",
            *(len(missing), len(keys)),
        )
    with Progress("trailing partitions", len(missing), log) as progress:
        for key in missing:
            kept[key] = profile_partition(dataset, key, partitions.snapshots)
            progress.advance()
    return [kept[key] for key in keys]


def keep_profile(dataset: Dataset, key: str, profile: Profile, version: str, recorded_at: datetime) -> DatasetUse:
    """Replace the profile of a partition; of one without rows there is none. Return what was written, for lineage."""
    import pyarrow as pa

    from airflow_cv_dataops.core.store.schema import arrow_schema

    schema = arrow_schema("profiles")
    row = {"partition_key": key, "profile": profile.to_json(), "recorded_at": recorded_at, "input_version": version}
    rows = pa.Table.from_pylist([row] if profile.images or profile.labels else [], schema=schema)
    snapshot_id = dataset.replace_partition("profiles", key, rows.drop_columns(["partition_key"]))
    return dataset.table_use("profiles", partition_key=key, snapshot_id=snapshot_id, rows=rows.num_rows)


def _kept(dataset: Dataset, keys: Sequence[str], partitions: Partitions) -> Iterator[tuple[str, Profile]]:
    from pyiceberg.expressions import In

    if not keys:
        return
    columns = ["partition_key", "profile", "input_version"]
    rows = dataset.read("profiles", columns=columns, where=In("partition_key", set(keys)))  # one a partition
    for key, text, version in zip(*(rows[name].to_pylist() for name in columns), strict=True):
        profile = Profile.from_json(text) if version == partitions.version(key) else None
        if profile is not None:
            yield key, profile
