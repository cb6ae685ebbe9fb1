"""Which of the scored images to label: the hardest, within a budget, not too many of one category."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def select(
    image_ids: Sequence[str],
    scores: np.ndarray,
    categories: Sequence[str | None],
    *,
    budget: int,
    seed: int,
    max_per_class: int | float | None = None,
) -> np.ndarray:
    """Return the row numbers of the chosen images, the hardest first.

    :param image_ids: (N,), each once.
    :param scores: (N,) 0 to 1; rows with NaN are never chosen.
    :param categories: (N,) what the model takes the image for; ``None`` counts as a category of its own.
    :param budget: how many images at most.
    :param seed: orders images of equal score, by a hash of seed and image id: the same whatever the order of the rows.
    :param max_per_class: how many images of one category at most: a count, or a share of the budget (rounded down, at least 1).
    :raises ConfigurationError: budget or cap are out of range.
    """
    import numpy as np

    cap = check_limits(budget, max_per_class)
    rows = np.flatnonzero(~np.isnan(scores))
    order = rows[np.lexsort((_tie_breaks(image_ids, rows, seed), -scores[rows]))]
    if cap is not None:
        order = order[_place_in_category(categories, order) < cap]
    return order[:budget]


def unique_images(images: pa.Table) -> pa.Table:
    """Return each image once, ordered by ``source_uri``; of byte-identical files the smallest ``source_uri`` stands."""
    import numpy as np

    ordered = images.sort_by([("source_uri", "ascending")])
    codes = ordered["image_id"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    return ordered.take(np.sort(np.unique(codes, return_index=True)[1]))


def check_limits(budget: int, max_per_class: int | float | None) -> int | None:
    """Return the cap as a number of images; ``None`` for no cap. :raises ConfigurationError: budget or cap are out of range."""
    if not _is_int(budget) or budget < 1:
        raise ConfigurationError(f"budget={budget!r} cannot be used: expected a whole number of at least 1.")
    if max_per_class is None:
        return None
    if _is_int(max_per_class) and max_per_class >= 1:
        return int(max_per_class)
    if isinstance(max_per_class, float) and 0 < max_per_class <= 1:
        return max(1, int(max_per_class * budget))
    raise ConfigurationError(
        f"max_per_class={max_per_class!r} cannot be used: expected a number of images (int, at least 1) "
        "or a share of the budget (float, above 0, at most 1)."
    )


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _tie_breaks(image_ids: Sequence[str], rows: np.ndarray, seed: int) -> np.ndarray:
    """Hash seed and image id; a loop, because there is no vectorised sha256 (1,000,000 ids take about a second)."""
    import numpy as np

    start = hashlib.sha256(f"{seed}\0".encode())
    digests = bytearray()
    for row in rows:
        digest = start.copy()
        digest.update(image_ids[row].encode())
        digests += digest.digest()[:8]
    return np.frombuffer(bytes(digests), dtype=">u8")


def _place_in_category(categories: Sequence[str | None], order: np.ndarray) -> np.ndarray:
    """Return, for each row of ``order``, how many rows of its category stand before it."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(pa.array(categories, pa.string()).take(pa.array(order)), null_encoding="encode")
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    by_category = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[by_category], codes[by_category])
    places = np.empty(len(order), dtype=np.int64)
    places[by_category] = np.arange(len(order)) - starts
    return places
