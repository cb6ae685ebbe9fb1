"""Sums and means of images' numbers in a scratch file: disk holds images x classes, memory a few rows of it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.predictions.batches import rows_in_batch

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums of rows of K numbers of some images, to be gone through several times.

    :param sums: (images, K), a file mapped into memory.
    :param terms: (images,) how many terms each sum has; images with none are left out.
    """

    sums: np.memmap[Any, Any]
    terms: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, int], path: str, kind: type) -> Sums:
        """Return sums of nothing yet, in a new file.

        :raises OSError: the disk is full.
        """
        import numpy as np

        _reserve(path, max(1, shape[0] * shape[1]) * np.dtype(kind).itemsize)
        return cls(np.memmap(path, dtype=kind, mode="r+", shape=shape), np.zeros(shape[0], dtype=np.int64))

    def add(self, images: np.ndarray, values: np.ndarray) -> None:
        """Add a term to some images, which may repeat."""
        import numpy as np

        np.add.at(self.sums, images, values)
        np.add.at(self.terms, images, 1)
        _let_go(self.sums)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places and (b, K) sums."""
        import numpy as np

        size = rows_in_batch(self.sums.shape[1])
        for start in range(0, len(self.terms), size):
            images = start + np.flatnonzero(self.terms[start : start + size])
            values = np.array(self.sums[images])
            _let_go(self.sums)
            if len(images):
                yield images, values


@dataclass(frozen=True, eq=False)
class Means:
    """Sums divided by their terms."""

    sums: Sums

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places and (b, K) float32 means."""
        import numpy as np

        for images, values in self.sums:
            yield images, (values / self.sums.terms[images][:, None]).astype(np.float32)


def _reserve(path: str, size: int) -> None:
    """Make a file of so many zero bytes that are really there: writing to a page that a full disk cannot back would kill the process."""
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            folder = os.path.dirname(path)
            raise OSError(
                error.errno, f"no room for {size:,} bytes of models' probabilities in {folder} (set TMPDIR): {error.strerror}"
            ) from error


def _let_go(array: np.memmap[Any, Any]) -> None:
    """Take the pages out of this process's memory; they stay in the file."""
    mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined]
    mapped.madvise(mmap.MADV_DONTNEED)
