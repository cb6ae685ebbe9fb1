"""Images to vectors: bytes are read and decoded by several threads, a batch at a time goes through the maker."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_cv_dataops.core.ahead import ahead
from airflow_cv_dataops.core.embeddings.embedder import Embedder
from airflow_cv_dataops.core.errors import ConfigurationError, StoreError
from airflow_cv_dataops.core.imaging.decoding.decode import Limits, Reject
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing
from airflow_cv_dataops.core.imaging.ingest.workers.cores import available_cores
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.image_files import ImageFiles

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

UNREAD = "unread"
"""Why an image has no vector: its bytes are not there, or are others by now. That may pass, as no other reason does."""

NOT_FINITE = "not_finite"
"""Why an image has no vector: the model gave something that is no number."""

# Reading waits for the store, decoding for a processor: of both there should be some under way.
_READERS_PER_CORE = 2
_MOST_READERS = 16  # each may hold a picture of up to 100 MB
_LARGE_PIXELS = 25_000_000  # of larger pictures one is decoded at a time: at 4 bytes a pixel, four of the largest would take 2 GB


class Image(NamedTuple):
    """What is needed to read one image."""

    image_id: str
    source_uri: str
    storage_uri: str
    width: int
    height: int


@dataclass
class Unreadable:
    """Images that have no vector, by reason, and the first of them with what was said."""

    by_reason: Counter[str] = field(default_factory=Counter)
    first: str | None = None
    first_unread: str | None = None

    @property
    def total(self) -> int:
        return self.by_reason.total()

    def add(self, image: Image, reason: str, detail: str) -> None:
        self.by_reason[reason] += 1
        told = f"{image.source_uri}: {detail}"
        self.first = self.first or told
        if reason == UNREAD:
            self.first_unread = self.first_unread or told


class VectorMaker:
    """Makes vectors of stored images; in a ``with``, as it holds threads.

    :param batch_size: images that are prepared before the maker is asked.
    """

    def __init__(self, dataset: Dataset, embedder: Embedder, batch_size: int, progress: Progress) -> None:
        self.unreadable = Unreadable()
        self.dimensions: int | None = None
        self._files = ImageFiles(dataset)
        self._embedder = embedder
        self._batch_size = batch_size
        self._progress = progress
        self._alone = threading.Lock()
        self._workers = min(_READERS_PER_CORE * available_cores(), _MOST_READERS)

    def __enter__(self) -> VectorMaker:
        self._pool = ThreadPoolExecutor(self._workers)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def vectors(self, images: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Return the places in ``images`` of those that have a vector, ascending, and their vectors ``(N, D)`` float32.

        Memory holds these and what is under way. :raises StoreError: the store does not answer.
        """
        import numpy as np

        places: list[int] = []
        matrices: list[np.ndarray] = []
        for batch in self._batches(images):
            found = self._embedder.embed(np.stack([prepared for _, _, prepared in batch]))
            self._check_dimensions(found.shape[1])
            is_finite = np.isfinite(found).all(axis=1)
            for (_, image, _), finite in zip(batch, is_finite.tolist(), strict=True):
                if not finite:
                    self.unreadable.add(image, NOT_FINITE, "the model gives something that is no finite number")
            places += [place for (place, _, _), finite in zip(batch, is_finite.tolist(), strict=True) if finite]
            matrices.append(found[is_finite])
        empty = np.zeros((0, self.dimensions or 0), np.float32)
        return np.array(places, dtype=np.int64), np.concatenate(matrices) if matrices else empty

    def _batches(self, images: pa.Table) -> Iterator[list[tuple[int, Image, np.ndarray]]]:
        """Yield images that could be decoded, so many at a time, with their place and what the maker takes."""
        batch: list[tuple[int, Image, np.ndarray]] = []
        # File by file, as each is opened and decoded by itself.
        listed = [Image(*row.values()) for row in images.select(list(Image._fields)).to_pylist()]
        answers = ahead(self._pool, self._prepare, listed, 2 * self._workers)
        for place, (image, answer) in enumerate(answers):
            self._progress.advance()
            if isinstance(answer, Reject):
                self.unreadable.add(image, answer.reason, answer.detail)
                continue
            batch.append((place, image, answer))
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _prepare(self, image: Image) -> np.ndarray | Reject:
        try:
            # Ingest decoded exactly these bytes, in a process that could be spared. Others are not decoded here.
            data = self._files.read_ingested(image.storage_uri, image.image_id, max_bytes=Limits().max_bytes)
        except StoreError:
            raise
        except OSError as error:
            return Reject(UNREAD, str(error) or type(error).__name__)
        with self._room_for(image.width * image.height):
            picture = decode_for_viewing(data, scale=self._embedder.needed(image.width, image.height))
            return picture if isinstance(picture, Reject) else self._embedder.prepare(picture)

    def _room_for(self, pixels: int) -> AbstractContextManager[Any]:
        return self._alone if pixels > _LARGE_PIXELS else nullcontext()

    def _check_dimensions(self, dimensions: int) -> None:
        if self.dimensions not in (None, dimensions):
            raise ConfigurationError(
                f"{self._embedder.facts.source} gives vectors of {dimensions} numbers after some of {self.dimensions}: expected one length."
            )
        self.dimensions = dimensions
