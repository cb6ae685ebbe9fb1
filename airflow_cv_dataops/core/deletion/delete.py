"""The step: images that must go, out of the tables, on demand out of older releases, and off the disk."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from airflow_cv_dataops.core.deletion.arguments import (
    check_image_ids,
    check_reason,
    check_releases,
    check_selection,
    check_sources,
    check_where,
)
from airflow_cv_dataops.core.deletion.begun import Note, notes_of
from airflow_cv_dataops.core.deletion.named import TABLES_OF_IMAGES, NamedImages, select_images
from airflow_cv_dataops.core.deletion.work import Deletion, by_number
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.deleted_images import TABLE, deletion_digest
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema
from airflow_cv_dataops.core.summary import StepResult, Summary

log = logging.getLogger(__name__)

_MOST_NAMED = 50


def delete_images(
    dataset: Dataset,
    *,
    image_ids: Sequence[str] = (),
    sources: Sequence[str] = (),
    where: str | None = None,
    reason: str,
    releases: str = "keep",
    dry_run: bool = False,
    partition_key: str | None = None,
    dag_id: str | None = None,
    run_id: str | None = None,
    deleted_at: datetime | None = None,
) -> StepResult:
    """Delete images for good: their rows in every table, their bytes, every identical copy, and keep ingests from taking them again.

    Snapshots that no release, tag or branch holds are forgotten where they name one. Releases that were made before are told, and hold the
    images still (``keep``), or lose them, too (``erase``): then no file below the dataset has their bytes or names them any more, but those
    that other tools have put there. Killed at any line, the next run with the same or with other images finishes what was begun.

    :param image_ids: sha256 of the files' bytes, in hex.
    :param sources: every image of such a ``source_uri``, or of one that begins with a URI that ends with ``/``.
    :param where: every image with a row in ``images``, now or in a snapshot that there still is, that this Iceberg filter lets through.
    :param reason: why, for people; kept with the digests of the images.
    :param releases: ``keep``: releases, tags and branches stay as they are; ``erase``: the images are taken out of them, too.
    :param dry_run: change nothing, and say what is there.
    :param partition_key: only recorded in the summary.
    :param dag_id: whose run this is; only recorded.
    :param run_id: as ``dag_id``.
    :param deleted_at: when, for the record; default: now.
    :raises ConfigurationError: an argument cannot be used, or nothing is found of what is asked for, and nothing of it was ever deleted.
    :raises DatasetNotFoundError: there is no such dataset.
    :raises StoreError: others commit so often that it cannot come through.
    """
    started = time.monotonic()
    wanted = check_image_ids(image_ids)
    check_selection(image_ids, sources, where)
    check_where(where)
    check_releases(releases)
    check_reason(reason)
    check_sources(sources)
    dataset.check_there()
    notes = notes_of(dataset)
    erases = releases == "erase"
    if not dry_run and any(note.erases != erases for note in notes):
        how = "keep" if erases else "erase"
        raise ConfigurationError(
            f"A deletion of images of {dataset.name!r} was begun with releases={how!r} and not finished: run one like that first; it "
            "finishes it."
        )
    _check_alone(dataset)
    found = select_images(dataset, wanted.union(*(note.ids for note in notes)), sources, where)
    if not found.ids:
        raise ConfigurationError(
            f"No image of {dataset.name!r} is what is asked for (sources={list(sources)}, where={where!r}): nothing was deleted."
        )
    note = Note(_request(dataset, found), found.ids, found.sources, erases).with_all_of(notes)
    work = Deletion(dataset, note)
    if dry_run:
        work.look()
    else:
        note.write(dataset)
        _keep_out(dataset, note, reason, dag_id, run_id, deleted_at or datetime.now(UTC))
        work.run()
        for each in (note, *notes):
            each.drop(dataset)
    return _result(work, dry_run, partition_key, time.monotonic() - started)


def _check_alone(dataset: Dataset) -> None:
    """:raises ConfigurationError: a table of somebody else's reads the same files, and would lose rows of others with them."""
    others = dataset.other_locations()
    for table in dataset.table_names() & TABLES.keys():
        found = dataset.load_table(table)
        if found is not None and found.location().rstrip("/") in others:
            raise ConfigurationError(
                f"Another table of {dataset.name!r} lies at the place of {dataset.identifier(table)} and reads its files, such as a clone: "
                "drop it first, or copy what it holds to a place of its own."
            )


def _request(dataset: Dataset, named: NamedImages) -> str:
    digests = sorted(deletion_digest(dataset.name, image_id) for image_id in named.ids)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _keep_out(dataset: Dataset, note: Note, reason: str, dag_id: str | None, run_id: str | None, deleted_at: datetime) -> None:
    """Let no ingest take the images again from now on."""
    import pyarrow as pa

    releases = "erase" if note.erases else "keep"
    told = {"reason": reason, "releases": releases, "dag_id": dag_id, "run_id": run_id, "deleted_at": deleted_at}
    digests = sorted(deletion_digest(dataset.name, image_id) for image_id in note.ids)
    rows = [{"request": note.request, "digest": digest, **told} for digest in digests]
    dataset.replace_rows(TABLE, {"request": note.request}, pa.Table.from_pylist(rows, schema=arrow_schema(TABLE)))


def _result(work: Deletion, dry_run: bool, partition_key: str | None, duration_seconds: float) -> StepResult:
    dataset, note = work.dataset, work.note
    naming = [] if note.erases and not dry_run else by_number(note.releases)
    if naming and not dry_run:
        log.warning("Releases that still hold one of the images: %s", ", ".join(naming[:_MOST_NAMED]))
    erased = by_number(work.erased_from)
    counts = {
        "dry_run": int(dry_run),
        "images": len(note.ids),
        "rows": sum(work.rows.values()),
        "rows_by_table": dict(work.rows),
        "releases_naming": len(naming),
        "erased_releases": len(erased),
        "expired_snapshots": work.gone["snapshots"],
        **{f"deleted_{name}": work.gone[name] for name in ("data_files", "objects", "pages", "exported_files")},
    }
    details = {
        "releases_naming": naming[:_MOST_NAMED],
        "erased_from": erased[:_MOST_NAMED],
        "partitions": sorted(note.partitions)[:_MOST_NAMED],
    }
    summary = Summary(dataset.name, partition_key, None, counts, {}, duration_seconds=duration_seconds, details=details)
    tables = [table for table in TABLES_OF_IMAGES if table in work.naming]
    reads = tuple(dataset.table_use(table) for table in tables)
    outputs = [table for table in ("images", "annotations") if table in tables and not dry_run]
    writes = tuple(dataset.table_use(table, snapshot_id=dataset.snapshot_id(table)) for table in outputs)
    return StepResult(summary, StepLineage("deletion", inputs=reads, outputs=writes))
