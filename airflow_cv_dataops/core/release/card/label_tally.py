"""Labels of a release, counted some rows at a time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.sources import LabelSources
from airflow_cv_dataops.core.release.held_labels import is_background

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

TALLY_COLUMNS = ("image_id", "partition_key", "label_set", "task", "category", "bbox", "annotator", "source", "attributes")
_MENTIONS_LICENCE = "licen"  # license, licence, licenses
_MOST_LICENCES = 50
_LONGEST_LICENCE = 200
_EXAMPLES = 12  # images of a category that are kept, as examples for pictures
_PAIRS_AT_ONCE = 100_000


@dataclass(frozen=True)
class CategoryFacts:
    """:param by_split: labels in each split, in the order of the splits' names."""

    name: str
    by_split: tuple[int, ...]
    examples: tuple[int, ...]

    @property
    def labels(self) -> int:
        return sum(self.by_split)


class LabelTally:
    """Counts labels and statements that nothing is there; nothing depends on the order in which they come."""

    def __init__(self, items: CardItems) -> None:
        import numpy as np

        self._items = items
        self._splits = max(1, len(items.splits))
        self._names: dict[str, int] = {}
        self._counts = np.zeros(0, np.int64)  # of (category, split), the splits of a category side by side
        self._pairs: list[np.ndarray] = []  # (category, image) as one number
        self._limits = np.zeros(0, np.int64)  # of each category: an image from here on is not among its first
        self._is_empty = np.zeros(len(items), bool)
        self.labels = 0
        self.uncategorised = 0
        self.by_split = np.zeros(self._splits, np.int64)
        self.of_image = np.zeros(len(items), np.int32)
        self.by_task: Counter[str] = Counter()
        self.by_label_set: Counter[str] = Counter()
        self.by_annotator: Counter[str | None] = Counter()
        self.licences: Counter[str] = Counter()
        self.sources = LabelSources()
        self.sides: list[np.ndarray] = []  # square root of each box's area in px, float32

    def add(self, rows: pa.Table) -> None:
        """Take rows of ``annotations`` of the release's images. :param rows: ``TALLY_COLUMNS``."""
        import numpy as np
        import pyarrow as pa

        at, background = self._items.at(rows["image_id"]), is_background(rows)
        self._is_empty[at[background & (at >= 0)]] = True
        held = ~background & (at >= 0)
        labels, at = rows.filter(pa.array(held)), at[held]
        self.labels += len(at)
        np.add.at(self.of_image, at, 1)
        splits = self._items.split[at]
        self.by_split += np.bincount(splits, minlength=self._splits)
        self._add_categories(labels["category"], at, splits)
        for counter, name in ((self.by_task, "task"), (self.by_label_set, "label_set"), (self.by_annotator, "annotator")):
            counter.update(_counted(labels[name]))
        self._add_licences(labels["attributes"])
        self.sources.add(labels)
        self.sides.append(_sides(labels["bbox"]))

    def _add_categories(self, names: pa.ChunkedArray, at: np.ndarray, splits: np.ndarray) -> None:
        import numpy as np
        import pyarrow.compute as pc

        encoded = names.combine_chunks().dictionary_encode()
        codes = np.array([self._names.setdefault(name, len(self._names)) for name in encoded.dictionary.to_pylist()] + [-1], np.int64)
        code = codes[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)]
        known = code >= 0
        self.uncategorised += int((~known).sum())
        self._counts = np.append(self._counts, np.zeros(len(self._names) * self._splits - len(self._counts), np.int64))
        np.add.at(self._counts, code[known] * self._splits + splits[known], 1)
        self._add_pairs(code[known], at[known])

    def _add_pairs(self, code: np.ndarray, at: np.ndarray) -> None:
        """Keep which images of a category may be among its first; as most are not, and soon known to be not, few are kept."""
        import numpy as np

        self._limits = np.append(self._limits, np.full(len(self._names) - len(self._limits), len(self._items)))
        near = at < self._limits[code]
        self._pairs.append(code[near] * len(self._items) + at[near])
        if sum(map(len, self._pairs)) > _PAIRS_AT_ONCE:
            first = self._first_images()
            self._pairs = [first]
            category, at = np.divmod(first, len(self._items))
            is_last = np.bincount(category, minlength=len(self._names)) == _EXAMPLES
            last = np.searchsorted(category, np.flatnonzero(is_last), side="right") - 1
            self._limits[is_last] = at[last]

    def _first_images(self) -> np.ndarray:
        """Return (category, image) as one number: of each category the first images, by their ids."""
        import numpy as np

        pairs = np.sort(np.concatenate([np.empty(0, np.int64), *self._pairs]))
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        category = pairs // max(1, len(self._items))
        starts = np.searchsorted(category, category)
        return pairs[np.arange(len(pairs)) - starts < _EXAMPLES]

    def _add_licences(self, attributes: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        if attributes.null_count == len(attributes):
            return
        texts = attributes.filter(pc.match_substring(attributes, _MENTIONS_LICENCE, ignore_case=True))
        for text, count in _counted(texts).items():
            for licence in _licences(text or ""):
                if licence in self.licences or len(self.licences) < _MOST_LICENCES:
                    self.licences[licence] += count

    @property
    def labelled_images(self) -> int:
        """Images with a label, or of which it is said that nothing is there."""
        return int(((self.of_image > 0) | self._is_empty).sum())

    @property
    def backgrounds(self) -> int:
        return int(self._is_empty.sum())

    def labelled_by_split(self) -> tuple[int, ...]:
        import numpy as np

        has = (self.of_image > 0) | self._is_empty
        return tuple(np.bincount(self._items.split[has], minlength=self._splits).tolist())

    def categories(self) -> tuple[CategoryFacts, ...]:
        """Return all categories, that with the most labels first."""
        import numpy as np

        pairs, images = self._first_images(), max(1, len(self._items))
        bounds = np.searchsorted(pairs // images, np.arange(len(self._names) + 1))
        counts = self._counts.reshape(-1, self._splits)
        found = [
            CategoryFacts(name, tuple(counts[code].tolist()), tuple((pairs[bounds[code] : bounds[code + 1]] % images).tolist()))
            for name, code in self._names.items()
        ]
        return tuple(sorted((facts for facts in found if facts.labels), key=lambda facts: (-facts.labels, facts.name)))


def _sides(boxes: pa.ChunkedArray) -> np.ndarray:
    import numpy as np
    import pyarrow.compute as pc

    width, height = (pc.fill_null(pc.struct_field(boxes, side), np.nan).to_numpy(zero_copy_only=False) for side in ("width", "height"))
    with np.errstate(invalid="ignore", over="ignore"):
        area = np.where((width > 0) & (height > 0), width * height, np.nan)
        found: np.ndarray = np.sqrt(area[np.isfinite(area)]).astype(np.float32)
    return found


def _licences(attributes: str) -> list[str]:
    """Return what the attributes of a label say of its licence."""
    try:
        given = json.loads(attributes)
    except (ValueError, RecursionError):
        return []
    if not isinstance(given, dict):
        return []
    return [
        str(value)[:_LONGEST_LICENCE]
        for name, value in given.items()
        if _MENTIONS_LICENCE in name.lower() and isinstance(value, str | int) and str(value).strip()
    ]


def _counted(column: pa.ChunkedArray) -> dict[Any, int]:
    import pyarrow.compute as pc

    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}
