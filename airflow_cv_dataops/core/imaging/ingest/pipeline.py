"""Files to data files: worker processes look at them, rows are streamed to Parquet. What a whole run and a shard of one share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.ingest.image_rows import image_rows, ingested_by, reject_rows, unread_uris
from airflow_cv_dataops.core.imaging.ingest.listing import for_worker, needs_reading
from airflow_cv_dataops.core.imaging.ingest.outcome import Tally, Whole
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.previous import PreviousRows
from airflow_cv_dataops.core.imaging.ingest.workers.cores import available_cores
from airflow_cv_dataops.core.imaging.ingest.workers.pool import Answer, Files, WorkerPool
from airflow_cv_dataops.core.imaging.sources import ImageSource
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.deleted_images import deletion_digests
from airflow_cv_dataops.core.store.files import DataFile

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_FILES_IN_A_STRETCH = 4096
_FILES_AT_ONCE = 32  # what a worker is asked for at a time
_FEWEST_FOR_A_WORKER = 16
_MOST_WORKERS = 32


@dataclass(frozen=True)
class Taken:
    """The data files that some files of a listing became, not yet part of a table, and their numbers.

    No row says yet that its size is odd among the partition's.
    """

    images: tuple[DataFile, ...]
    rejects: tuple[DataFile, ...]
    tally: Tally
    whole: Whole


def take_files(
    dataset: Dataset,
    partition_key: str,
    source: ImageSource,
    files: pa.Table,
    parameters: IngestParameters,
    *,
    recorded_at: datetime,
    previous: PreviousRows | None = None,
    workers: int | None = None,
) -> Taken:
    """Look at every file of a sorted listing and write its rows to data files; memory holds a few thousand rows.

    The same files, parameters, previous rows and ``recorded_at`` give the same bytes under the same names.

    :param previous: the partition's rows so far: those of unchanged files are taken over; ``None``: every file is read.
    :param workers: processes; default: one for each core.
    :raises OSError: a copy could not be written, or the source's store does not answer.
    """
    constants = ingested_by(recorded_at, parameters.id)
    tally, whole = Tally(), Whole()
    stretches = _stretches(files, previous)
    to_read = sum(stretch.changed.num_rows for stretch in stretches)
    if any(needs_reading(stretch.changed) for stretch in stretches):
        source.prepare()
    with ExitStack() as stack:
        progress = stack.enter_context(Progress("images", files.num_rows, log))
        pool = stack.enter_context(WorkerPool(_job(dataset, source, parameters), _processes(to_read, workers)))
        # Opening tables takes a while, as does the start of a worker: both at once.
        images, rejects = (dataset.partition_writer(table, partition_key) for table in ("images", "rejects"))
        stack.callback(images.discard)
        stack.callback(rejects.discard)
        for stretch, answers in _answered(pool, stretches, _files_at_once(to_read, workers), progress):
            kept = stretch.kept()
            image_table = _together(image_rows(stretch.changed, answers, constants), kept.get("images"))
            reject_table = _together(reject_rows(stretch.changed, answers, constants), kept.get("rejects"))
            images.write(image_table)
            rejects.write(reject_table)
            tally.add(image_table, reject_table, unchanged=stretch.unchanged, unread=unread_uris(stretch.changed, answers))
            whole.add(image_table)
        return Taken(images.finish(), rejects.finish(), tally, whole)


@dataclass(frozen=True)
class _Stretch:
    """Some files of the listing whose rows are one row group. :param changed: those of them that are read."""

    files: pa.Table
    changed: pa.Table
    previous: PreviousRows | None

    @property
    def unchanged(self) -> int:
        return self.files.num_rows - self.changed.num_rows

    def kept(self) -> Mapping[str, pa.Table]:
        """Return the rows of the unchanged files, by table."""
        return {} if self.previous is None or not self.unchanged else self.previous.kept(self.files, self.changed)


def _stretches(files: pa.Table, previous: PreviousRows | None) -> list[_Stretch]:
    parts = [files.slice(start, _FILES_IN_A_STRETCH) for start in range(0, files.num_rows, _FILES_IN_A_STRETCH)]
    if previous is None:
        return [_Stretch(part, part, None) for part in parts]
    stretches = []
    with Progress("files compared with the partition", files.num_rows, log) as progress:
        for part in parts:
            stretches.append(_Stretch(part, previous.changed(part), previous))
            progress.advance(part.num_rows)
    return stretches


def _processes(files: int, workers: int | None) -> int:
    """Return how many processes to start, by default one for each core; fewer where a start costs more than it is good for."""
    wanted = workers or min(available_cores(), _MOST_WORKERS)
    return min(wanted, -(-files // _FEWEST_FOR_A_WORKER))


def _files_at_once(files: int, workers: int | None) -> int:
    """Return how many files to ask a worker for at a time: few enough that all workers end at about the same time."""
    return max(1, min(_FILES_AT_ONCE, files // (max(1, _processes(files, workers)) * 4)))


def _job(dataset: Dataset, source: ImageSource, parameters: IngestParameters) -> dict[str, Any]:
    """Return what a worker has to know, credentials included: it gets them over a pipe."""
    objects = {"uri": dataset.root_uri, "options": dict(dataset.config.object_options)} if parameters.copy_images else None
    deleted = sorted(deletion_digests(dataset))
    return {"dataset": dataset.name, "source": source.spec, "objects": objects, "parameters": parameters.to_json(), "deleted": deleted}


def _answered(pool: WorkerPool, stretches: Sequence[_Stretch], size: int, progress: Progress) -> Iterator[tuple[_Stretch, list[Answer]]]:
    """Yield each stretch with the answers on its changed files; workers are ahead of what is yielded."""
    answers = pool.answers(question for stretch in stretches for question in _questions(stretch.changed, size))
    for stretch in stretches:
        progress.advance(stretch.unchanged)
        found: list[Answer] = []
        for some in islice(answers, -(-stretch.changed.num_rows // size)):
            found += some
            progress.advance(sum(len(answer["positions"]) + len(answer["rejects"]) for answer in some))
        yield stretch, found


def _questions(files: pa.Table, size: int) -> Iterator[tuple[int, Files]]:
    """Yield some files at a time with the position of the first."""
    for start in range(0, files.num_rows, size):
        yield start, for_worker(files.slice(start, size))


def _together(made: pa.Table, kept: pa.Table | None) -> pa.Table:
    import pyarrow as pa

    return made if kept is None or not kept.num_rows else pa.concat_tables([made, kept]).sort_by("source_uri")
