"""Files below a prefix that nothing refers to: looked for, counted, deleted."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.base import ObjectInfo, ObjectStore
from airflow_cv_dataops.core.store.maintenance.referenced import name_of

if TYPE_CHECKING:
    from airflow_cv_dataops.core.progress import Progress

log = logging.getLogger(__name__)

_THREADS = 16
_FILES_AT_ONCE = 4_096
# What a writer that was killed leaves behind on a local disk (LocalStore).
_STAGED = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.tmp")
_ASIDE = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.aside")
_MOST_TOLD = 10


@dataclass
class Swept:
    """What was found, by kind: ``data``, ``metadata``, ``objects``, ``lists`` or ``temporary``.

    :param deleted: files that are gone now, or would be.
    :param waiting: files that nothing refers to either, but which are too young to be told from those of a task that has not committed yet.
    :param kept: files that something refers to.
    :param failed: files that could not be deleted.
    """

    deleted: Counter[str] = field(default_factory=Counter)
    deleted_bytes: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    kept_bytes: Counter[str] = field(default_factory=Counter)
    failed: int = 0


@dataclass(frozen=True)
class Sweep:
    """One way through the files of a dataset.

    :param before: a file that was written since is never deleted.
    :param dry_run: delete nothing, and say what would be.
    """

    before: datetime
    dry_run: bool
    swept: Swept
    progress: Progress

    def over(
        self,
        store: ObjectStore,
        infos: Iterable[ObjectInfo],
        kind: str,
        are_unwanted: Callable[[Sequence[ObjectInfo]], Sequence[bool]],
        before: datetime | None = None,
    ) -> list[str]:
        """Delete the unwanted and old ones of the files below a prefix, and return the paths of the data files among the others.

        What lies behind a link is somebody else's, and left alone, as is what cannot be addressed.

        :param infos: the files, as the store lists them.
        :param are_unwanted: says of each of some files whether nothing refers to it.
        :param before: where it is not the sweep's own.
        """
        limit = before or self.before
        left: list[str] = []
        listed = self.progress.over(infos)
        while some := list(islice(listed, _FILES_AT_ONCE)):
            old = []
            for info, is_unwanted in zip(some, are_unwanted(some), strict=True):
                if _ASIDE.fullmatch(name_of(info.path)):
                    self._put_back(store, info)
                    continue
                of = "temporary" if _STAGED.fullmatch(name_of(info.path)) else kind
                if not is_unwanted and of == kind:
                    self.swept.kept[of] += 1
                    self.swept.kept_bytes[of] += info.size or 0
                elif info.modified_at is not None and info.modified_at < limit and _is_ours(store, info):
                    old.append((of, info))
                    continue
                else:
                    self.swept.waiting[of] += 1
                if kind == "data" and of == kind and not store.is_never_readable(info.path):
                    left.append(info.path)
            left += self._deleted(store, old, limit)
        return left

    def _put_back(self, store: ObjectStore, info: ObjectInfo) -> None:
        """A deletion was killed between its look at the file and the end: the next run decides anew."""
        self.swept.waiting["temporary"] += 1
        if not self.dry_run and not store.is_behind_link(info.path):
            store.put_back(info.path)

    def _deleted(self, store: ObjectStore, old: Sequence[tuple[str, ObjectInfo]], limit: datetime) -> Iterator[str]:
        """Delete files, count them, and yield the paths of those that are there still: written anew meanwhile, or not to be deleted."""
        for (of, info), error in zip(old, self._delete(store, [info.path for _, info in old], limit), strict=True):
            if error is None:
                self.swept.deleted[of] += 1
                self.swept.deleted_bytes[of] += info.size or 0
                continue
            if error:
                self.swept.failed += 1
                log.log(logging.ERROR if self.swept.failed <= _MOST_TOLD else logging.DEBUG, "Not deleted: %s", error)
            else:
                self.swept.waiting[of] += 1
            yield info.path

    def _delete(self, store: ObjectStore, paths: Sequence[str], limit: datetime) -> Iterable[str | None]:
        """Yield for each file ``None`` where it is gone, what is in the way, and an empty text where it was written anew."""
        if self.dry_run or not paths:
            return [None] * len(paths)

        def delete(path: str) -> str | None:
            try:
                return None if store.delete_if_older(path, limit) else ""
            except OSError as error:
                return f"{path}: {error}"

        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(delete, paths))


def _is_ours(store: ObjectStore, info: ObjectInfo) -> bool:
    return not store.is_behind_link(info.path) and not store.is_never_readable(info.path)
