"""Whether enough images lie below a prefix, and nothing new is still coming. What counts is what an ingest would take."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.arguments import as_place, check_list, check_not_negative, check_pattern, check_whole_number
from airflow_cv_dataops.core.imaging.sources.selection import image_selector
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.objects import ObjectInfo, open_store
from airflow_cv_dataops.core.summary import Summary
from airflow_cv_dataops.core.wording import duration, readable

_LISTED_AT_ONCE = 1000


@dataclass(frozen=True)
class Arrival:
    """What lies below a prefix at one moment.

    :param satisfied: at least ``min_images`` images, the newest at least ``settle_seconds`` old.
    :param settled_seconds: how long nothing new has come; ``None`` where there is no image.
    """

    images: int
    bytes: int
    settled_seconds: float | None
    satisfied: bool

    def summary(self, partition_key: str | None, dataset: str | None = None) -> Summary:
        return Summary(
            dataset=dataset,
            partition_key=partition_key,
            counts={"images": self.images, "bytes": self.bytes},
            metrics={"settled_seconds": self.settled_seconds},
        )

    def not_yet(self, source: str, min_images: int, settle_seconds: float) -> str:
        """Say what is there and what is wanted. :param source: where, without credentials."""
        newest = "" if self.settled_seconds is None else f", newest {duration(max(self.settled_seconds, 0.0))} ago"
        wanted = f"{self.images:,} of at least {max(min_images, 1):,} images below {readable(source)}{newest}"
        return f"{wanted}; settles after {duration(settle_seconds)} without a new one" if settle_seconds else wanted

    def lineage(self, source: DatasetUse, condition: str) -> StepLineage:
        facts = {"condition": condition, "satisfied": self.satisfied, "details": {"images": self.images, "bytes": self.bytes}}
        return StepLineage("sensor", inputs=(source,), facts=facts)


def observe_arrival(
    source: str | PathLike[str],
    *,
    options: Mapping[str, Any] | None = None,
    min_images: int = 1,
    settle_seconds: float = 60.0,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Arrival:
    """List the prefix and say whether the images have arrived.

    :param source: URI or local path of the prefix.
    :param options: obstore configuration of the source; default: none.
    :param min_images: how many images there must be.
    :param settle_seconds: how old the newest must be.
    :param pattern: glob that a path below the prefix has to match, as in an ingest; default: every path does.
    :param exclude: globs of paths that do not count, as in an ingest; default: label files, which globs of your own replace. Hidden and
        house-keeping files never do.
    :param now: the moment that ages are counted from; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises SourceError: the prefix cannot be listed; an absent prefix is just empty.
    """
    now = now or datetime.now(UTC)  # before listing: what arrives meanwhile may be missed, and must not count as quiet
    check_whole_number("min_images", min_images, 0)
    check_not_negative("settle_seconds", settle_seconds)
    tally = _Tally(pattern, exclude)
    for found in open_store(as_place("source", source), options or {}).list():
        tally.add(found)
    return tally.arrival(min_images, settle_seconds, now)


async def aobserve_arrival(
    source: str | PathLike[str],
    *,
    options: Mapping[str, Any] | None = None,
    min_images: int = 1,
    settle_seconds: float = 60.0,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    now: datetime | None = None,
) -> Arrival:
    """Return the same as :func:`observe_arrival`, without blocking the event loop.

    Threads of Python's list it, so many keys at a time that other prefixes get their turn. Not obstore's own coroutines: its threads
    still touch Python after the last page, which aborts a process that ends just then (4 % of processes that list and end; measured
    with obstore 0.12.1, see https://github.com/PyO3/pyo3-async-runtimes/issues/40).
    """
    now = now or datetime.now(UTC)
    # Making a store takes 5 to 8 ms (it reads certificates from disk): not in the loop's own thread either.
    listing = iter((await asyncio.to_thread(open_store, as_place("source", source), options or {})).list())
    check_whole_number("min_images", min_images, 0)
    check_not_negative("settle_seconds", settle_seconds)
    tally = _Tally(pattern, exclude)
    while found := await asyncio.to_thread(lambda: list(islice(listing, _LISTED_AT_ONCE))):
        for one in found:
            tally.add(one)
    return tally.arrival(min_images, settle_seconds, now)


class _Tally:
    """What a listing comes to; memory does not grow with it."""

    def __init__(self, pattern: str | None, exclude: Sequence[str] | None) -> None:
        check_pattern(pattern)
        check_list("exclude", exclude)
        self._is_wanted = image_selector(pattern, exclude)
        self._images = self._bytes = 0
        self._newest: datetime | None = None

    def add(self, found: ObjectInfo) -> None:
        if found.is_folder or not self._is_wanted(found.path):
            return
        self._images += 1
        self._bytes += found.size or 0
        if found.changed_at is not None and (self._newest is None or found.changed_at > self._newest):
            self._newest = found.changed_at

    def arrival(self, min_images: int, settle_seconds: float, now: datetime) -> Arrival:
        settled = None if self._newest is None else (now - self._newest).total_seconds()
        satisfied = self._images >= max(min_images, 1) and (settled is None or settled >= settle_seconds)
        return Arrival(self._images, self._bytes, settled, satisfied)
