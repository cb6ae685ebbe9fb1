"""Labels of a release counted as they are read: by image, by category, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.sorted_parts import SortedParts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_CATEGORY_BITS = 32


@dataclass(frozen=True)
class Said:
    """Some labels, and statements that nothing is there.

    :param at: numbers of their images. :param statements: uint64, a hash of what each says. :param codes: of their categories; -1: none.
    :param wrong: which are at fault. :param are_labels: which are no statement that nothing is there.
    """

    at: np.ndarray
    statements: np.ndarray
    codes: np.ndarray
    wrong: np.ndarray
    are_labels: np.ndarray

    def where(self, mask: np.ndarray) -> Self:
        return type(self)(*(getattr(self, column.name)[mask] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """:param parts: at least one."""
        import numpy as np

        return cls(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)))


@dataclass(frozen=True)
class LabelFacts:
    """What is said of images and categories; statements that nothing is there are no labels.

    :param labels: by image how many it has, int32. :param wrong: how many of them are at fault.
    :param of_category: by category how many labels it has. :param wrong_of_category: how many of them are at fault.
    :param names: of the categories.
    :param held: images and their categories, packed, 8 bytes a pair.
    """

    labels: np.ndarray
    wrong: np.ndarray
    of_category: np.ndarray
    wrong_of_category: np.ndarray
    names: Sequence[str]
    held: SortedParts

    def pairs_in_parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield images and the categories that each has, every pair once, both int64, some at a time, by image and category."""
        import numpy as np

        for packed in self.held.in_order(distinct=True):
            yield (packed >> np.uint64(_CATEGORY_BITS)).astype(np.int64), (packed & np.uint64(2**_CATEGORY_BITS - 1)).astype(np.int64)

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The same at once."""
        import numpy as np

        nothing = np.empty(0, np.int64)
        at, categories = (np.concatenate([nothing, *column]) for column in zip((nothing, nothing), *self.pairs_in_parts(), strict=True))
        return at, categories


class LabelCounts:
    """Counts of labels: 8 bytes an image, and 8 each of what labels say and of pairs of image and category.

    :param images: how many there are.
    :ivar count: labels. :ivar wrong: those of them that are at fault. :ivar statements: hashes of what is said.
    """

    def __init__(self, images: int) -> None:
        import numpy as np

        self.count = self.wrong = 0
        self.statements = SortedParts()
        self._pairs = SortedParts()
        self._labels, self._wrong = np.zeros(images, np.int32), np.zeros(images, np.int32)
        self._numbers: dict[str, int] = {}
        # By category: all that is said of it, labels, and those at fault.
        self._said, self._of_category, self._wrong_of_category = (np.zeros(0, np.int64) for _ in range(3))

    def codes_of(self, categories: pa.ChunkedArray) -> np.ndarray:
        """Return the number of each label's category; -1: it has none."""
        import numpy as np
        import pyarrow.compute as pc

        encoded = categories.combine_chunks().dictionary_encode()
        numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in encoded.dictionary.to_pylist()]
        codes = np.array([*numbers, -1], np.int64)
        found: np.ndarray = codes[pc.fill_null(encoded.indices, len(numbers)).to_numpy(zero_copy_only=False)]
        return found

    def add(self, said: Said) -> None:
        import numpy as np

        self.statements.add(said.statements)
        has_category = said.are_labels & (said.codes >= 0)
        self._pairs.add(_distinct(said.at[has_category] << _CATEGORY_BITS | said.codes[has_category]).astype(np.uint64))
        self._count(said, 1)

    def remove(self, said: Said) -> None:
        """Take back what is said elsewhere, too: of no image and category are they all."""
        self.statements.remove(said.statements)
        self._count(said, -1)

    def condemn(self, said: Said) -> None:
        """Count labels as at fault that were not."""
        self.wrong += len(said.at)
        _add_at(self._wrong, said.at, 1)
        self._wrong_of_category = self._with(self._wrong_of_category, said.codes, 1)

    def by_category(self) -> dict[str, int]:
        said = self._said.tolist()
        return {name: said[number] for name, number in self._numbers.items() if number < len(said) and said[number]}

    def facts(self) -> LabelFacts:
        import numpy as np

        nothing = np.empty(0, np.int64)
        of_category, wrong = (self._with(counts, nothing, 1) for counts in (self._of_category, self._wrong_of_category))
        return LabelFacts(self._labels, self._wrong, of_category, wrong, list(self._numbers), self._pairs)

    def _count(self, said: Said, sign: int) -> None:
        self.count += sign * int(said.are_labels.sum())
        self.wrong += sign * int(said.wrong.sum())
        _add_at(self._labels, said.at[said.are_labels], sign)
        _add_at(self._wrong, said.at[said.wrong], sign)
        self._said = self._with(self._said, said.codes, sign)
        self._of_category = self._with(self._of_category, said.codes[said.are_labels], sign)
        self._wrong_of_category = self._with(self._wrong_of_category, said.codes[said.wrong], sign)

    def _with(self, counts: np.ndarray, codes: np.ndarray, sign: int) -> np.ndarray:
        """Return the counts with some more, or less, for every category that is known by now."""
        import numpy as np

        more = sign * np.bincount(codes[codes >= 0], minlength=len(self._numbers))
        more[: len(counts)] += counts
        return more


def _add_at(counts: np.ndarray, at: np.ndarray, sign: int) -> None:
    import numpy as np

    np.add.at(counts, at, np.int32(sign))


def _distinct(values: np.ndarray) -> np.ndarray:
    import numpy as np

    values.sort()
    return values[np.append(True, values[1:] != values[:-1])] if len(values) else values
