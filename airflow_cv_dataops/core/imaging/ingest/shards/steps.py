"""An ingest in shards: one task plans, many take a shard each, one commits them all at once.

    plan = plan_shards(dataset, partition_key, source)                                   # lists the source, once
    results = [ingest_shard(dataset, partition_key, source, plan, index) for index in range(plan["shards"])]
    result = commit_shards(dataset, partition_key, plan, results)                        # a StepResult, as of ingest_images

Plan and results are small JSON values, fit for XCom: no credentials, no lists of files. All that decides the rows is in the
plan; a shard needs beside it only what opens the source. Shards may run anywhere, in any order, more than once: the same shard
of the same plan writes the same files, and nobody sees them before the commit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, cast

from airflow_cv_dataops.core.arguments import as_place, check_flag, check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.ingest.commit import commit_partition
from airflow_cv_dataops.core.imaging.ingest.ingest import check_numbers
from airflow_cv_dataops.core.imaging.ingest.kept_listings import kept_listings
from airflow_cv_dataops.core.imaging.ingest.listing import list_files
from airflow_cv_dataops.core.imaging.ingest.nothing_found import check_listing, check_plan_of_nothing
from airflow_cv_dataops.core.imaging.ingest.outcome import Tally, Whole
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.pipeline import Taken, take_files
from airflow_cv_dataops.core.imaging.ingest.previous import PreviousRows
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.lineage import commit_lineage
from airflow_cv_dataops.core.imaging.ingest.shards.shard_list import cut, read_shard, write_shard_list
from airflow_cv_dataops.core.imaging.ingest.shards.shard_plan import IngestPlan, ShardResult, check_plan, plan_id
from airflow_cv_dataops.core.imaging.sources import open_image_source
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.files import DataFile
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.summary import StepResult
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

MOST_SHARDS = 1024
_GIBIBYTE = 1024**3
_NO_OPTIONS: Mapping[str, Any] = {}
_SETTINGS = IngestSettings()


def plan_shards(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    settings: IngestSettings = _SETTINGS,
    *,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    max_files_per_shard: int = 5_000,
    max_bytes_per_shard: int = _GIBIBYTE,
    max_shards: int = MOST_SHARDS,
    allow_empty: bool = False,
    recorded_at: datetime | None = None,
) -> IngestPlan:
    """List the source, cut the listing into shards, and write it below the dataset's ``shards/`` as one Parquet file.

    :param source: URI or local path of a prefix, a list file or an archive.
    :param settings: which files are taken, and how.
    :param source_options: obstore configuration of the source.
    :param max_files_per_shard: a shard with so many files is full.
    :param max_bytes_per_shard: a shard with so many bytes is full.
    :param max_shards: where the two above made more, shards are larger; at most 1,024, Airflow's limit for mapped tasks.
    :param allow_empty: as in :func:`ingest_images`.
    :param recorded_at: when the run started, for the rows; default: now.
    :return: the plan; ``shards`` says how many there are, 0 for a source without files.
    :raises ConfigurationError: an argument cannot be used.
    :raises SourceError: the source cannot be listed, or there is nothing at it, nothing that ``pattern`` and ``exclude`` let through or
        nothing behind a link (``allow_empty``).
    """
    check_partition_key(partition_key)
    check_flag("allow_empty", allow_empty)
    _check_sizes(max_files_per_shard, max_bytes_per_shard, max_shards)
    with settings.open(source, source_options) as opened:
        listing = list_files(opened, settings.pattern, settings.exclude, kept_listings(dataset))
        if not allow_empty:
            check_listing(dataset, partition_key, opened, listing, settings)
    starts = cut(listing.files["bytes"], max_files_per_shard, max_bytes_per_shard, max_shards)
    log.info(
        "Cut %s files of %s listed at %s into %d shards",
        f"{listing.files.num_rows:,}",
        f"{listing.listed:,}",
        readable(opened.uri),
        len(starts),
    )
    plan = {
        "dataset": dataset.name,
        "partition_key": partition_key,
        "list_uri": write_shard_list(dataset, listing.files, starts),
        "shards": len(starts),
        "source_uri": opened.uri,
        "list_column": settings.list_column,
        "archive_limits": asdict(settings.archive_limits),
        "listed": listing.listed,
        "skipped": listing.skipped,
        "source_bytes": listing.bytes,
        "parameters": settings.parameters.to_json(),
        "previous": {} if settings.force else dataset.snapshots(("images", "rejects")),
        "recorded_at": (recorded_at or datetime.now(UTC)).isoformat(),
    }
    return cast("IngestPlan", {"id": plan_id(plan), **plan})


def ingest_shard(
    dataset: Dataset,
    partition_key: str,
    source: str | PathLike[str],
    plan: IngestPlan,
    index: int,
    *,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    workers: int | None = None,
) -> ShardResult:
    """Take the files of one shard, and write their rows to data files that are not part of any table yet.

    :param source: the one that was planned.
    :param plan: of :func:`plan_shards`.
    :param source_options: obstore configuration of the source.
    :param index: 0 to ``plan["shards"]`` - 1.
    :param workers: processes that read, decode and write; default: one for each core.
    :return: names and numbers of the data files, for :func:`commit_shards`.
    :raises ConfigurationError: the plan has no such shard, or is one of another dataset or partition.
    :raises SourceError: the list of the plan is gone.
    :raises OSError: a copy could not be written, or the source's store does not answer.
    """
    started = time.monotonic()
    check_plan(plan, dataset.name, partition_key)
    if not 0 <= index < plan["shards"]:
        raise ConfigurationError(f"Shard {index!r} is not in the plan: expected 0 to {plan['shards'] - 1}.")
    parameters = IngestParameters.from_json(plan["parameters"])
    files = read_shard(dataset, plan["list_uri"], index)
    previous = PreviousRows(dataset, partition_key, plan["previous"], parameters) if plan["previous"] else None
    with open_image_source(
        as_place("source", source),
        options=source_options,
        list_column=plan["list_column"],
        max_bytes=parameters.limits.max_bytes,
        archive_limits=ArchiveLimits(**plan["archive_limits"]),
    ) as opened:
        if opened.uri != plan["source_uri"]:
            raise ConfigurationError(f"The plan is one of {readable(plan['source_uri'])}, not of {readable(opened.uri)}.")
        recorded_at = datetime.fromisoformat(plan["recorded_at"])
        taken = take_files(dataset, partition_key, opened, files, parameters, recorded_at=recorded_at, previous=previous, workers=workers)
    log.info("Shard %d of %d: %s files in %.1f s", index + 1, plan["shards"], f"{files.num_rows:,}", time.monotonic() - started)
    return {
        "plan_id": plan["id"],
        "shard": index,
        "images": _described(taken.images),
        "rejects": _described(taken.rejects),
        "tally": taken.tally.to_json(),
        "duration_seconds": round(time.monotonic() - started, 3),
    }


def commit_shards(
    dataset: Dataset,
    partition_key: str,
    plan: IngestPlan,
    results: Sequence[ShardResult],
    *,
    max_reject_ratio: float = 0.1,
    allow_empty: bool = False,
) -> StepResult:
    """Make the data files of all shards the partition, in one snapshot a table.

    Of the rows three columns are read, and data files are committed as the shards wrote them, save those with an image of a size
    that is odd among the partition's: these are copied with the issue ``odd_size``.

    :param plan: of :func:`plan_shards`.
    :param results: of :func:`ingest_shard`, one for each shard of the plan, in any order.
    :param max_reject_ratio: share of rejects, 0 to 1, above which the result carries a ``failure``; 1: never.
    :param allow_empty: whether a plan without files, or of which no file is an image, may empty a partition that holds images or rejects,
        perhaps only since the plan.
    :raises ConfigurationError: the plan is one of another dataset or partition, or ``max_reject_ratio`` is out of range.
    :raises SourceError: a shard is missing, one is of another plan, the plan found no file or the shards no image (``allow_empty``), or
        too many files could not be read for reasons that may pass; nothing was committed.
    """
    started = time.monotonic()
    check_numbers(max_reject_ratio, None)
    check_flag("allow_empty", allow_empty)
    check_plan(plan, dataset.name, partition_key)
    if not plan["shards"] and not allow_empty:
        check_plan_of_nothing(dataset, partition_key, plan["source_uri"], plan["listed"])
    results = _complete(plan, results)
    tally, whole = Tally(), Whole()
    images = [DataFile(**file) for result in results for file in result["images"]]
    for result in results:
        tally.merge(Tally.from_json(result["tally"]))
    with Progress("data files read", len(images), log) as progress:
        for rows in progress.over(_of_all_images(dataset, images)):
            whole.add(rows)
    rejects = [DataFile(**file) for result in results for file in result["rejects"]]
    recorded_at = datetime.fromisoformat(plan["recorded_at"])
    committed = commit_partition(
        dataset,
        partition_key,
        Taken(tuple(images), tuple(rejects), tally, whole),
        IngestParameters.from_json(plan["parameters"]).thresholds,
        listed=plan["listed"],
        skipped=plan["skipped"],
        elapsed_seconds=(datetime.now(UTC) - recorded_at).total_seconds(),
        source_uri=plan["source_uri"],
        source_bytes=plan["source_bytes"],
        recorded_at=recorded_at,
        max_reject_ratio=max_reject_ratio,
        allow_empty=allow_empty,
        started=started,
    )
    return replace(committed, lineage=commit_lineage(dataset, committed.lineage, [*images, *rejects]))


def _check_sizes(max_files: int, max_bytes: int, max_shards: int) -> None:
    check_whole_number("max_files_per_shard", max_files, 1)
    check_whole_number("max_bytes_per_shard", max_bytes, 1)
    check_whole_number("max_shards", max_shards, 1, MOST_SHARDS)


def _described(files: Sequence[DataFile]) -> list[dict[str, Any]]:
    return [{"uri": file.uri, "rows": file.rows, "bytes": file.bytes} for file in files]


def _complete(plan: IngestPlan, results: Sequence[ShardResult]) -> list[ShardResult]:
    """Return the results in the order of the shards."""
    if strangers := [result["shard"] for result in results if result["plan_id"] != plan["id"]]:
        raise SourceError(
            f"Shards {strangers[:10]} are of another plan than {plan['id']} of {plan['recorded_at']}; nothing was committed. "
            "Run all shards of this plan, then this."
        )
    by_shard = {result["shard"]: result for result in results}
    if missing := [index for index in range(plan["shards"]) if index not in by_shard]:
        raise SourceError(
            f"{len(missing):,} of {plan['shards']:,} shards are missing (the first: {missing[:10]}); nothing was committed. "
            "Run them again, then this."
        )
    return [by_shard[index] for index in range(plan["shards"])]


def _of_all_images(dataset: Dataset, files: Sequence[DataFile]) -> Iterator[pa.Table]:
    """Yield the few columns that tell of what all shards have in common; the rows themselves are not read."""
    import pyarrow.parquet as pq

    io = dataset.ensure_table("images").io
    for file in files:
        with io.new_input(file.uri).open() as opened:
            yield pq.ParquetFile(opened).read(columns=list(Whole.columns))
