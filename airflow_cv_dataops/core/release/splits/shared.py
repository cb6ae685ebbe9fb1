"""Images and what they have in common, wherever that is said: in their rows, in their labels, in a table that people hand in."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.splits.given import GROUPS, SPLITS, is_table, joined, read_given
from airflow_cv_dataops.core.release.splits.group_keys import Attributes, GroupKey, parse_key

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shared:
    """One kind of thing that images have in common.

    :param kind: what it is called where it is remembered; ``None``: its values mean nothing in another release.
    :param at: numbers of images. :param codes: of each the code of its value.
    :param values: in the order of the codes.
    """

    kind: str | None
    at: np.ndarray
    codes: np.ndarray
    values: list[str]

    def names(self) -> list[str]:
        """Return what each value is called where it is remembered; none where nothing is."""
        return [] if self.kind is None else [f"{self.kind}={value}" for value in self.values]

    def without(self, images: int) -> int:
        """Return how many of the images have no value."""
        import numpy as np

        return images - len(np.unique(self.at))


@dataclass(frozen=True)
class Places:
    """Where images lie: each at one place or at several, as byte-identical files.

    :param rows: of ``images``, with whatever columns are asked for. :param at: the number of each one's image.
    """

    rows: pa.Table
    at: np.ndarray

    @classmethod
    def of(cls, rows: pa.Table, image_ids: pa.ChunkedArray) -> Self:
        """:param image_ids: of the images, in the order of their numbers; rows of others are left out."""
        import numpy as np
        import pyarrow as pa

        if not rows.num_rows:
            return cls(rows, np.empty(0, np.int64))
        at = ImageIndex(image_ids).of(rows["image_id"])
        return cls(rows.filter(pa.array(at >= 0)), at[at >= 0])


def shared_by(places: Places, asked: str, attributes: Attributes) -> Shared:
    """Return what an entry of ``group_by`` says of the images. :raises ConfigurationError: it says nothing of any of them."""
    key = parse_key(asked)
    at, codes, values = attributes.of(key.attribute) if key.attribute is not None else _by_columns(places, key)
    if not len(at) and places.rows.num_rows:
        raise ConfigurationError(f"No image of the release has {asked!r}: nothing would be kept together by it.")
    return Shared(asked if key.is_stable else None, at, codes, values)


def groups_of(places: Places, groups: Any, options: Mapping[str, Any]) -> Shared:
    """Return what a table of groups says. :raises ConfigurationError: it is none, or names none of the images."""
    table, by, says = read_given("groups", groups, GROUPS, options)
    at, codes, values = _of_table("groups", places, table, by, says)
    return Shared("group" if says == "group" else None, at, codes, values)  # clusters have other numbers whenever they are made


def splits_given(places: Places, given: Any, attributes: Attributes, options: Mapping[str, Any]) -> Shared:
    """Return the splits that images are given. :raises ConfigurationError: an image is given several, or none is given any."""
    import numpy as np

    if is_table(given):
        table, by, says = read_given("given_splits", given, SPLITS, options)
        at, codes, values = _of_table("given_splits", places, table, by, says)
    else:
        found = shared_by(places, given, attributes)
        at, codes, values = found.at, found.codes, found.values
    pairs = np.unique(np.column_stack([at, codes]), axis=0)
    if twice := len(pairs) - len(np.unique(at)):
        raise ConfigurationError(f"given_splits gives {twice:,} images more than one split.")
    return Shared(None, pairs[:, 0], pairs[:, 1], values)


def _of_table(argument: str, places: Places, table: pa.Table, by: str, says: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rows, codes, values, unknown = joined(places.rows, table, by, says)
    at = places.at[rows]
    if not len(at) and places.rows.num_rows:
        raise ConfigurationError(f"{argument}: none of its {table.num_rows:,} rows names an image of the release by {by}.")
    if unknown:
        log.info("%s: %d of %d rows name no image of the release", argument, unknown, table.num_rows)
    return at, codes, values


def _by_columns(places: Places, key: GroupKey) -> tuple[np.ndarray, np.ndarray, list[str]]:
    import numpy as np
    import pyarrow.compute as pc

    assert key.values is not None
    values = key.values(places.rows)
    encoded = _encoded(values)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    known = codes >= 0
    return places.at[known], codes[known], encoded.dictionary.to_pylist()


def _encoded(values: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    """Return texts by their dictionary, which may have more than 2 GB in all."""
    import pyarrow as pa

    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return column.cast(pa.large_string()).dictionary_encode().combine_chunks()
