"""Which groups each image is of, and which images each group has, in columns: an image may be of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of one grouping, over N images.

    :param names: (G,) each once; a group may be without an image.
    :param starts: (N + 1,) int64: the groups of image ``i`` are ``codes[starts[i]:starts[i + 1]]``, each once, and at least one.
    :param codes: (M,) int64, which group each membership is of: a place in ``names``.
    """

    names: Sequence[str]
    starts: np.ndarray
    codes: np.ndarray

    @staticmethod
    def of_values(values: pa.Array | pa.ChunkedArray) -> Groups:
        """Return the groups of images that are of one each. :param values: (N,) text; null is a group of its own, named ``""``."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        encoded = pc.fill_null(values.cast(pa.string()), "").dictionary_encode()
        names = [str(name) for name in encoded.dictionary.to_pylist()]
        return Groups(names, np.arange(len(values) + 1), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))

    @staticmethod
    def of_pairs(names: Sequence[str], image: np.ndarray, code: np.ndarray, images: int) -> Groups:
        """Return the groups of images that may be of several.

        :param image: (M,) from 0, in any order, every image at least once. :param code: (M,) a group of each; a pair stands there once.
        :param images: how many there are.
        """
        import numpy as np

        starts = np.concatenate([[0], np.bincount(image, minlength=images).cumsum()])
        return Groups(names, starts, np.asarray(code, dtype=np.int64)[np.lexsort((code, image))])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def image(self) -> np.ndarray:
        """(M,) which image each membership is of, ascending."""
        import numpy as np

        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @property
    def overlap(self) -> bool:
        """Whether an image is of several groups."""
        return len(self.codes) > len(self)

    def of(self, row: int) -> np.ndarray:
        """Return the groups of an image."""
        return self.codes[self.starts[row] : self.starts[row + 1]]

    def rows_of(self, groups: np.ndarray) -> np.ndarray:
        """Return the images of some groups, one group after the other: an image of several of them as often.

        :param groups: (K,) int64, each once.
        """
        order, starts = self._by_group
        return self.image[order[_places(starts, groups)]]

    def take(self, rows: np.ndarray) -> Groups:
        """Return the groups of some images, which keep the numbers of their groups."""
        import numpy as np

        starts = np.concatenate([[0], np.diff(self.starts)[rows].cumsum()])
        return Groups(self.names, starts, self.codes[_places(self.starts, rows)])

    def sizes(self) -> np.ndarray:
        """Return how many images each group has, (G,) int64; an image of several counts for each."""
        import numpy as np

        return np.bincount(self.codes, minlength=len(self.names))

    def only_named(self, names: Sequence[str]) -> Groups:
        """Return the same with the groups that have an image, and further ones by their names, which have none."""
        import numpy as np

        there = np.flatnonzero(self.sizes())
        place = np.zeros(len(self.names), dtype=np.int64)
        place[there] = np.arange(len(there))
        held = [self.names[code] for code in there.tolist()]
        known = set(held)
        return replace(self, names=[*held, *(name for name in dict.fromkeys(names) if name not in known)], codes=place[self.codes])

    @cached_property
    def _by_group(self) -> tuple[np.ndarray, np.ndarray]:
        """The memberships in the order of their groups, and where each group starts among them; made once a group fills up."""
        import numpy as np

        return np.argsort(self.codes, kind="stable"), np.concatenate([[0], self.sizes().cumsum()])


def _places(starts: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Return the places from ``starts[i]`` up to ``starts[i + 1]`` of some ``i``, in their order."""
    import numpy as np

    many = starts[some + 1] - starts[some]
    before = many.cumsum() - many
    return np.repeat(starts[some] - before, many) + np.arange(many.sum())
