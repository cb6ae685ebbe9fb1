"""The tags and branches that follow from the ``releases`` table."""

from __future__ import annotations

from airflow_cv_dataops.core.release.reader import releases_at
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.refs import write_refs


def write_release_refs(dataset: Dataset) -> None:
    """Give every release its tag ``release-<name>`` and every stage its branch, on each table; what a crash lost is repaired.

    The tag keeps a release's snapshots from expiry; the branch lets SQL engines say ``VERSION AS OF 'production'``.
    """
    tags: dict[str, dict[str, int]] = {}
    branches: dict[str, dict[str, int]] = {}
    for row in releases_at(dataset, dataset.snapshot_id("releases")):
        for table, snapshot_id in row["snapshots"].items():
            tags.setdefault(table, {})[f"release-{row['release']}"] = int(snapshot_id)
            branches.setdefault(table, {})[row["stage"]] = int(snapshot_id)
    for table in tags:
        write_refs(dataset, table, tags=tags[table], branches=branches[table])
