"""The tags and branches that follow from the ``releases`` table, and those that hold a release's snapshots until it is in there."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.release.lookup import releases_at
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.refs import Refs, write_refs

log = logging.getLogger(__name__)

_HOLD = re.compile(r"candidate-v(\d+)-.*")


def hold_snapshots(dataset: Dataset, name: str, snapshots: Mapping[str, str]) -> bool:
    """Keep the snapshots of a release to be from expiry, before the row that makes it a release; ``False``: one is gone already.

    The tag ``candidate-<name>-…`` is this promotion's own. It goes when the release of that number has its tags, whoever made it.
    """
    tag = f"candidate-{name}-{uuid.uuid4().hex[:12]}"
    return all(write_refs(dataset, table, partial(_one_tag, tag, int(snapshot))) for table, snapshot in snapshots.items())


def write_release_refs(dataset: Dataset) -> None:
    """Give every release its tag ``release-<name>`` and every stage its branch, on each table; what a crash lost is repaired.

    The tag keeps a release's snapshots from expiry; the branch lets SQL engines say ``VERSION AS OF 'production'``. Where other tasks
    commit all the time, so that a table cannot be had, the snapshots stay held, and whoever promotes next makes up for it.
    """
    releases = _Releases(dataset)
    for table in sorted({table for row in releases.now() for table in row["snapshots"]}):
        try:
            if not write_refs(dataset, table, partial(_refs_now, releases, table)):
                log.warning("Some snapshots of %s that releases hold are gone: they were expired by force.", dataset.identifier(table))
        except StoreError as error:
            log.warning("Tags and branches of %s could not be written now; the next promotion makes up for it: %s", table, error)


class _Releases:
    """The rows of ``releases`` as they are whenever one asks; read again only where there are others."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._head: str | None = None
        self._rows: list[dict[str, Any]] = []

    def now(self) -> list[dict[str, Any]]:
        head = self._dataset.snapshot_id("releases")
        if head != self._head:
            self._head, self._rows = head, releases_at(self._dataset, head)
        return self._rows


def _one_tag(tag: str, snapshot_id: int, at: Collection[str]) -> Refs:
    return Refs(tags={tag: snapshot_id})


def _refs_now(releases: _Releases, table: str, at: Collection[str]) -> Refs:
    return _refs_of(table, releases.now(), at)


def _refs_of(table: str, rows: Sequence[Mapping[str, Any]], at: Collection[str]) -> Refs:
    """:param rows: of ``releases``, in their order: the last one of a stage says where it is."""
    held = [row for row in rows if table in row["snapshots"]]
    decided = max((int(row["release"][1:]) for row in rows), default=0)
    return Refs(
        tags={f"release-{row['release']}": int(row["snapshots"][table]) for row in held},
        branches={row["stage"]: int(row["snapshots"][table]) for row in held},
        gone=[name for name in at if (match := _HOLD.fullmatch(name)) and int(match[1]) <= decided],
    )
