"""The splits of a release's images: by hash, or by all that is asked for and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.splits.alike import turns_of
from airflow_cv_dataops.core.release.splits.by_hash import split_codes
from airflow_cv_dataops.core.release.splits.given import NAMES, is_table
from airflow_cv_dataops.core.release.splits.group_keys import Attributes, parse_key
from airflow_cv_dataops.core.release.splits.memory import Remembered
from airflow_cv_dataops.core.release.splits.options import SplitOptions, check_split_name
from airflow_cv_dataops.core.release.splits.placing import place
from airflow_cv_dataops.core.release.splits.shared import Places, Shared, groups_of, shared_by, splits_given

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_AT_ONCE = 65_536
NO_PAIRS: tuple[Any, Any] = ((), ())  # of images and categories, where nobody asks for them


@dataclass(frozen=True)
class Splitting:
    """What came out.

    :param names: of the splits.
    :param codes: by image the number of its split among the names, int64; -1 where it is left out.
    :param assignments: image_id, group_key and split of what is to be remembered beyond what is; ``None``: the hash says all of it.
    :param facts: what to tell of it: ``kept``, ``new``, ``left_out``, ``given_count``, ``group_count``, ``largest_group``.
    :param remarks: what could not be met, in sentences.
    """

    names: Sequence[str]
    codes: np.ndarray
    assignments: pa.Table | None = None
    facts: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Labelled:
    """What labels say of the images that is needed here.

    :param pairs: numbers of images and the code of a category that each has, every pair once.
    :param categories: how many categories there are.
    :param attributes: what they say in the attributes that are asked for.
    """

    pairs: tuple[np.ndarray, np.ndarray]
    categories: int
    attributes: Attributes


def image_columns(options: SplitOptions) -> tuple[str, ...]:
    """Return the columns of ``images`` that are needed. :raises ConfigurationError: an entry is nothing that there is."""
    keys = [*map(parse_key, options.group_by), *([] if options.given is None or is_table(options.given) else [parse_key(options.given)])]
    tables = NAMES if options.groups is not None or is_table(options.given) else ()
    return tuple(dict.fromkeys([*tables, *(column for key in keys for column in key.columns)]))


def attributes_of(options: SplitOptions) -> Attributes:
    """Return what collects the labels' attributes that are needed."""
    asked = [*options.group_by, *([] if options.given is None or is_table(options.given) else [options.given])]
    return Attributes([key.attribute for key in map(parse_key, asked) if key.attribute is not None])


def split_images(
    images: pa.Table, options: SplitOptions, remembered: Remembered | None, labelled: Labelled, rows: pa.Table | None = None
) -> Splitting:
    """Give each image its split.

    :param images: image_id, ordered and each once, and :func:`image_columns`.
    :param rows: of ``images``, with the same columns: of an image that lies at several places what is so at any of them counts; default:
        each lies at one.
    :param remembered: of earlier releases; ``None``: images are split by the hash of their ids alone.
    :raises ConfigurationError: an argument does not fit the images: what they have in common is nothing, or no row of a table names one.
    :raises SourceError: a table cannot be read.
    """
    if remembered is None:
        return _by_hash(images["image_id"], options)
    places = Places.of((images if rows is None else rows) if options.asks_rows else images.slice(0, 0), images["image_id"])
    return _Work(images, places, options, remembered, labelled).done()


def _by_hash(image_ids: pa.ChunkedArray, options: SplitOptions) -> Splitting:
    import numpy as np
    import pyarrow as pa

    binary = pa.large_binary() if pa.types.is_large_string(image_ids.type) else pa.binary()
    parts = (image_ids.slice(start, _AT_ONCE).cast(binary).to_pylist() for start in range(0, len(image_ids), _AT_ONCE))
    codes = [split_codes(ids, options.shares, salt=options.salt) for ids in parts]
    return Splitting(list(options.shares), np.concatenate([np.empty(0, np.int64), *codes]))


class _Work:
    """One splitting under way. Images are numbered as they stand in the table, splits as in ``names``."""

    def __init__(self, images: pa.Table, places: Places, options: SplitOptions, remembered: Remembered, labelled: Labelled) -> None:
        self._images = images
        self._places = places
        self._options = options
        self._remembered = remembered
        self._labelled = labelled
        self._names = list(options.shares)
        self._facts: dict[str, int] = {}
        self._remarks: list[str] = []

    def done(self) -> Splitting:
        kept = self._kept()
        fixed = self._with_given(kept)
        shared = self._shared()
        codes = self._by_hash_where_free(fixed) if self._options.is_plain else self._placed(fixed, shared)
        is_in = codes >= 0
        left_out = int((~is_in).sum())
        self._facts |= {"kept": int((is_in & (kept >= 0)).sum()), "new": int((is_in & (kept < 0)).sum()), "left_out": left_out}
        if left_out:
            self._remarks.append(f"{left_out:,} images are left out, as they would tie together images of different splits")
        return Splitting(self._names, codes, self._assignments(kept, codes, shared), self._facts, tuple(self._remarks))

    def _kept(self) -> np.ndarray:
        """Return the split that each image has had so far; -1: none."""
        import numpy as np

        known = self._remembered.images
        if not known.num_rows:
            return np.full(self._images.num_rows, -1)
        return np.append(self._numbers(known["split"]), -1)[ImageIndex(known["image_id"]).of(self._images["image_id"])]

    def _numbers(self, splits: pa.ChunkedArray) -> np.ndarray:
        import numpy as np

        encoded = splits.combine_chunks().dictionary_encode()
        numbers = np.array([self._number(name) for name in encoded.dictionary.to_pylist()], np.int64)
        return numbers[encoded.indices.to_numpy()] if len(encoded) else np.empty(0, np.int64)

    def _number(self, name: str) -> int:
        """Return the number of a split; a name that is not known yet is added."""
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def _with_given(self, kept: np.ndarray) -> np.ndarray:
        """Return the split of each image that has one, or is given one."""
        import numpy as np

        if self._options.given is None:
            return kept
        found = splits_given(self._places, self._options.given, self._labelled.attributes, self._options.storage_options)
        given = np.full(len(kept), -1)
        given[found.at] = np.array([self._number(check_split_name(name)) for name in found.values], np.int64)[found.codes]
        self._facts["given_count"] = int((given >= 0).sum())
        if others := int(((kept >= 0) & (given >= 0) & (given != kept)).sum()):
            self._remarks.append(f"{others:,} images stay in the split that earlier releases had them in, although they are given another")
        if without := int((given < 0).sum()):
            self._remarks.append(f"{without:,} images are given no split: those that had none before were split by the shares")
        return np.where(kept >= 0, kept, given)

    def _shared(self) -> list[Shared]:
        shared = []
        for asked in self._options.group_by:
            found = shared_by(self._places, asked, self._labelled.attributes)
            if without := found.without(self._images.num_rows):
                self._remarks.append(f"{without:,} images have no {asked}: it keeps them together with no other")
            shared.append(found)
        if self._options.groups is not None:
            shared.append(groups_of(self._places, self._options.groups, self._options.storage_options))
        return shared

    def _by_hash_where_free(self, fixed: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.where(fixed >= 0, fixed, _by_hash(self._images["image_id"], self._options).codes)

    def _placed(self, fixed: np.ndarray, shared: Sequence[Shared]) -> np.ndarray:
        import numpy as np

        nodes, links = self._with_groups(fixed, shared)
        frozen = [self._number(name) for name in self._options.frozen]
        nothing = (np.empty(0, np.int64), np.empty(0, np.int64))
        placed = place(
            nodes,
            links,
            self._labelled.pairs if self._options.stratify else nothing,
            turns_of(self._images["image_id"], self._options.salt),
            [self._options.shares.get(name, 0.0) for name in self._names],
            self._labelled.categories if self._options.stratify else 0,
            frozen=frozen,
            remembered=len(nodes) - len(fixed),
        )
        if shared:
            self._facts |= {"group_count": placed.groups, "largest_group": placed.largest}
        return placed.splits

    def _with_groups(self, fixed: np.ndarray, shared: Sequence[Shared]) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Return splits and links with a node more for each group that has a split from before: it is in that split."""
        import numpy as np

        links = []
        for kind in shared:
            known = [(code, self._remembered.groups[name]) for code, name in enumerate(kind.names()) if name in self._remembered.groups]
            nodes = np.arange(len(fixed), len(fixed) + len(known))
            fixed = np.append(fixed, np.array([self._number(split) for _, split in known], np.int64))
            links.append((np.append(kind.at, nodes), np.append(kind.codes, np.array([code for code, _ in known], np.int64))))
        return fixed, links

    def _assignments(self, kept: np.ndarray, codes: np.ndarray, shared: Sequence[Shared]) -> pa.Table:
        """Return what is to be remembered from now on: images and groups that nothing says of yet."""
        import numpy as np
        import pyarrow as pa

        names = pa.array(self._names, pa.string())
        new = np.flatnonzero((kept < 0) & (codes >= 0))
        late = self._remembered.images.slice(self._remembered.is_written)
        groups = self._new_groups(codes, shared)
        texts = pa.schema([("image_id", pa.large_string()), ("group_key", pa.string()), ("split", pa.string())])
        parts = [
            late.select(["image_id"]).append_column("group_key", pa.nulls(len(late), pa.string())).append_column("split", late["split"]),
            pa.table(
                {
                    "image_id": self._images["image_id"].cast(pa.large_string()).take(pa.array(new)),
                    "group_key": pa.nulls(len(new), pa.string()),
                    "split": names.take(pa.array(codes[new])),
                },
                schema=texts,
            ),
            pa.table({"image_id": [None] * len(groups), "group_key": list(groups), "split": list(groups.values())}, schema=texts),
        ]
        return pa.concat_tables([part.cast(texts) for part in parts])

    def _new_groups(self, codes: np.ndarray, shared: Sequence[Shared]) -> dict[str, str]:
        import numpy as np

        groups: dict[str, str] = {}
        for kind in shared:
            of_group = np.full(len(kind.values), -1)
            np.maximum.at(of_group, kind.codes, codes[kind.at])
            for name, split in zip(kind.names(), of_group.tolist(), strict=False):  # no names: nothing to remember
                if split >= 0 and name not in self._remembered.groups:
                    groups[name] = self._names[split]
        return groups
