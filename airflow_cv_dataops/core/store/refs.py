"""Tags and branches of a table: names for snapshots, for expiry and for SQL engines."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping

from airflow_cv_dataops.core.store.dataset import Dataset

log = logging.getLogger(__name__)

_ATTEMPTS = 50


def write_refs(dataset: Dataset, table: str, *, tags: Mapping[str, int], branches: Mapping[str, int]) -> None:
    """Give snapshots of a table their tags, which never move, and their branches, which do.

    A snapshot that is gone is left out. Other writers may commit meanwhile: it is tried again, and logged where it was in vain.
    """
    from pyiceberg.exceptions import CommitFailedException

    for attempt in range(_ATTEMPTS):
        found = dataset.ensure_table(table)
        at = {name: ref.snapshot_id for name, ref in found.metadata.refs.items()}
        kept = {snapshot.snapshot_id for snapshot in found.metadata.snapshots}
        new_tags = {name: snapshot_id for name, snapshot_id in tags.items() if name not in at and snapshot_id in kept}
        new_branches = {name: snapshot_id for name, snapshot_id in branches.items() if at.get(name) != snapshot_id and snapshot_id in kept}
        if not new_tags and not new_branches:
            return
        try:
            with found.manage_snapshots() as change:
                for name, snapshot_id in new_tags.items():
                    change.create_tag(snapshot_id, name)
                for name, snapshot_id in new_branches.items():
                    change.create_branch(snapshot_id, name)
            return
        except CommitFailedException:
            time.sleep(random.uniform(0, min(0.05 * 2**attempt, 2.0)))  # noqa: S311 (jitter)
    log.warning("Tags and branches of %s could not be written now; whoever writes them next makes up for it.", dataset.identifier(table))
