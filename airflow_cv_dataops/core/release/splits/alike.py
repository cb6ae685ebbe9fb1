"""Groups of images, counted by category, and those that are alike put together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.digest import mixed
from airflow_cv_dataops.core.release.splits.balance import Alike

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_DIGITS = 16
_AT_ONCE = 65_536


def groups_alike(groups: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], turns: np.ndarray) -> Iterator[Alike]:
    """Yield the groups, those together that hold as many images of each category.

    :param groups: group of each image, from 0 without gaps; -1 for an image that needs no place.
    :param pairs: images and the category of each, every pair once.
    :param turns: by group a number, by which those that are alike are ordered.
    """
    import numpy as np

    count = int(groups.max(initial=-1)) + 1
    if not count:
        return
    sizes = np.bincount(groups[groups >= 0], minlength=count)
    at, categories = pairs
    held = groups[at] >= 0
    loads, images = np.unique(np.column_stack([groups[at[held]], categories[held]]).astype(np.int64), axis=0, return_counts=True)
    signatures = mixed(sizes.astype(np.uint64))
    with np.errstate(over="ignore"):
        entries = mixed(mixed(loads[:, 1].astype(np.uint64) + np.uint64(1)) ^ images.astype(np.uint64))
        np.add.at(signatures, loads[:, 0], entries)
    order = np.lexsort((turns, signatures))
    starts = np.flatnonzero(np.append(True, np.diff(signatures[order]) != 0))
    first, last = np.searchsorted(loads[:, 0], [np.arange(count), np.arange(count) + 1])
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), count], strict=True):
        members = order[start:end]
        one = int(members[0])
        of_categories = zip((loads[first[one] : last[one], 1] + 1).tolist(), images[first[one] : last[one]].tolist(), strict=True)
        yield Alike(((0, int(sizes[one])), *of_categories), members)


def turns_of(image_ids: pa.ChunkedArray, salt: str) -> np.ndarray:
    """Return a number for each image, uint64, that follows from its id and the salt alone."""
    import numpy as np
    import pyarrow.compute as pc

    parts = (pc.utf8_slice_codeunits(image_ids.slice(start, _AT_ONCE), 0, _DIGITS) for start in range(0, len(image_ids), _AT_ONCE))
    numbers = np.fromiter((int(prefix, 16) for part in parts for prefix in part.to_pylist()), np.uint64, len(image_ids))
    drawn = np.uint64(int(hashlib.sha256(salt.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS], 16))
    return mixed(numbers ^ drawn)
