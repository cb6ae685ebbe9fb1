"""Which groups the images of a pool are of: a category or several, a folder, a camera, a partition, a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.batch.groups import Groups
from airflow_cv_dataops.core.sampling.batch.quotas import GROUPINGS
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.scores.seen import seen_categories

if TYPE_CHECKING:
    import numpy as np


def groups_of(grouping: str, pool: Pool, categories: np.ndarray) -> Groups:
    """Return the groups that the images of a pool are of.

    ``source`` is the folder of its source URI, ``capture_day`` the day of EXIF's DateTimeOriginal: one an image, ``""`` where it is not
    known. ``category`` is what the model takes the image for. Where the model predicts nothing but boxes or masks, it is every category of
    which there is one with a confidence of at least 0.5 (:func:`.seen.seen_categories`), and where there is none, that of the most
    uncertain one, so that doubtful boxes of a rare category count; ``""`` where nothing was found.

    :param categories: (N,) the category of each image's most uncertain prediction, or ``None``.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    assert grouping in GROUPINGS
    images = pool.images
    if grouping == "category":
        return _several(pool, categories) if finds_boxes(pool) else Groups.of_values(pa.array(categories.tolist(), pa.string()))
    if grouping == "source":
        return Groups.of_values(pc.replace_substring_regex(images["source_uri"], "/[^/]*$", ""))
    if grouping == "capture_day":
        return Groups.of_values(pc.utf8_slice_codeunits(images["captured_at"], 0, 10))
    return Groups.of_values(images["camera" if grouping == "camera" else "partition_key"])


def _several(pool: Pool, categories: np.ndarray) -> Groups:
    import numpy as np
    import pyarrow as pa

    seen = seen_categories(pool)
    without = np.setdiff1d(np.arange(len(pool)), seen.image)
    hardest = Groups.of_values(pa.array(categories[without].tolist(), pa.string()))
    places = {name: at for at, name in enumerate(dict.fromkeys([*seen.names, *hardest.names]))}
    place = np.array([places[name] for name in hardest.names], dtype=np.int64)
    image, code = np.concatenate([seen.image, without]), np.concatenate([seen.category, place[hardest.codes]])
    return Groups.of_pairs(list(places), image, code, len(pool))
