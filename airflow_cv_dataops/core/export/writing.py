"""The second look: shard by shard, whatever is not there yet is written, and each shard's list of files after its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from airflow_cv_dataops.core.ahead import ahead
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.export.exporter import Exporter, WholeFiles
from airflow_cv_dataops.core.export.manifest import File, Part, files_of, listing_of, part_path
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.picture import Picture
from airflow_cv_dataops.core.export.survey import Shard
from airflow_cv_dataops.core.export.targets.target import Target
from airflow_cv_dataops.core.export.transform.pixels import exported_bytes
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.image_files import ImageFiles
from airflow_cv_dataops.core.wording import readable

_WORKERS = 16
_AHEAD = 32
# Pictures in one job: of small files each, jobs cost as much as what they do.
_AT_ONCE = 8

# Path and bytes.
LabelFiles = Sequence[tuple[str, bytes]]


class ExportWriter:
    """Writes the files of an export below its target. Close it.

    :param folder: for what is needed meanwhile.
    :param is_begun: an earlier run has written here: what is there is looked at first, and kept where it is right.
    """

    def __init__(
        self, target: Target, exporter: Exporter, options: ExportOptions, images: ImageFiles, folder: Path, *, is_begun: bool
    ) -> None:
        self._target = target
        self._exporter = exporter
        self._options = options
        self._images = images
        self._folder = folder
        self._is_begun = is_begun
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="export")
        (folder / "whole").mkdir()
        self._whole = WholeFiles(folder / "whole")
        self._lock = Lock()
        self.written = 0
        self.parts: list[Part] = []

    def close(self) -> None:
        """Wait for what is being written."""
        self._pool.shutdown(cancel_futures=True)

    def write(self, shards: Iterable[Shard], progress: Progress) -> Iterator[File]:
        """Write all files, and yield them."""
        for shard in shards:
            path = part_path(shard.name)
            before = self._listed(path)
            known = _known(before or b"")
            files = [self._shard_file(shard, known)] if self._exporter.packs_images else self._picture_files(shard.pictures, known)
            self._exporter.add(shard.pictures, self._whole)
            yield from self._note(path, files, before)
            progress.advance(len(shard.pictures))
        self._exporter.finish(self._whole)
        path = part_path("whole")
        whole = [self._put_whole(name, place) for name, place in sorted(self._whole.close().items())]
        yield from self._note(path, whole, self._listed(path))

    def _listed(self, path: str) -> bytes | None:
        """Return the list of a part that an earlier run has written; ``None`` where there is none."""
        return self._target.read(path) if self._is_begun and self._target.size(path) is not None else None

    def _note(self, path: str, files: Sequence[File], before: bytes | None) -> Sequence[File]:
        """Write down what a part holds, now that it is there."""
        listing = listing_of(files)
        if listing != before:
            self._target.put(path, listing)
        self.parts.append(Part(path, hashlib.sha256(listing).hexdigest(), len(files), sum(file.size for file in files)))
        return files

    def _picture_files(self, pictures: Sequence[Picture], known: dict[str, File]) -> list[File]:
        jobs: list[Future[list[File]]] = []
        for start in range(0, len(pictures), _AT_ONCE):
            some = pictures[start : start + _AT_ONCE]
            labels = [list(self._exporter.label_files(picture)) for picture in some]  # here, as exporters count
            jobs.append(self._pool.submit(self._put_some, some, labels, known))
        return [file for files in _results(jobs) for file in files]

    def _put_some(self, pictures: Sequence[Picture], labels: Sequence[LabelFiles], known: dict[str, File]) -> list[File]:
        files = []
        for picture, label_files in zip(pictures, labels, strict=True):
            if self._options.images != "reference":
                files.append(self._put_image(picture, known))
            files += [self._put(File.of(path, data), data) for path, data in label_files]
        return files

    def _put_image(self, picture: Picture, known: dict[str, File]) -> File:
        path = self._exporter.image_path(picture)
        image = {"image_id": picture.image_id, "partition_key": picture.partition_key, "source_uri": picture.source_uri}
        expected = known.get(path) if picture.is_rewritten else File(path, picture.bytes, picture.image_id, image)
        if expected and self._is_there(expected):
            return expected
        if self._options.images == "link" and not picture.is_rewritten:
            return self._link(picture, File(path, picture.bytes, picture.image_id, image))
        data = self._bytes(picture)
        sha256 = hashlib.sha256(data).hexdigest() if picture.is_rewritten else picture.image_id
        return self._put(File(path, len(data), sha256, image), data)

    def _link(self, picture: Picture, file: File) -> File:
        try:
            self._target.link(file.path, picture.storage_uri)
        except FileNotFoundError as error:
            raise _gone(picture, str(error)) from error
        if not self._target.holds(file.path, file.size, file.sha256):
            raise _gone(picture, "the file has changed since it was ingested")
        self._count()
        return file

    def _put(self, file: File, data: bytes) -> File:
        if not self._is_there(file):
            self._target.put(file.path, data)
            self._count()
        return file

    def _put_whole(self, name: str, place: Path) -> File:
        with place.open("rb") as content:
            file = File(name, place.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest())
        if not self._is_there(file):
            self._target.put_file(name, place)
            self._count()
        return file

    def _count(self) -> None:
        with self._lock:
            self.written += 1

    def _shard_file(self, shard: Shard, known: dict[str, File]) -> File:
        name = self._exporter.shard_path(shard.split, shard.number)
        if name in known and self._is_there(known[name]):
            return known[name]
        place = self._folder / "shard"
        self._exporter.write_shard(place, ahead(self._pool, self._bytes, shard.pictures, _AHEAD))
        return self._put_whole(name, place)

    def _is_there(self, file: File) -> bool:
        return self._is_begun and self._target.holds(file.path, file.size, file.sha256)

    def _bytes(self, picture: Picture) -> bytes:
        """Return the picture's file as it is exported."""
        try:
            data = self._images.read_ingested(picture.storage_uri, picture.image_id)
            return exported_bytes(data, orientation=picture.orientation, placement=picture.placement)[0] if picture.is_rewritten else data
        except StoreError:
            raise  # the store does not answer: no fault of the image
        except OSError as error:
            raise _gone(picture, str(error)) from error


def _known(listing: bytes) -> dict[str, File]:
    """Return the files of a list by their paths; none where a power cut has left less than a list: then they are looked at anew."""
    try:
        return {file.path: file for file in files_of(listing)}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def _gone(picture: Picture, why: str) -> OSError:
    return OSError(
        f"Image {readable(picture.source_uri)} of partition {picture.partition_key} cannot be exported from "
        f"{readable(picture.storage_uri)}: {why}. Nothing stands in for it: bring the file back, or promote a release without it."
    )


def _results(jobs: Sequence[Future[Any]]) -> list[Any]:
    """Return what came of all jobs; the first that failed takes the rest with it."""
    try:
        return [job.result() for job in jobs]
    except BaseException:
        for job in jobs:
            job.cancel()
        raise
