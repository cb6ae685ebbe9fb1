"""Verdicts on rows that were measured before: their issues by other thresholds, from the measures that the rows hold.

Measures follow from pixels, verdicts from measures: another threshold costs no look at any picture.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.imaging.measures.colour import GRAYSCALE_SPREAD
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds, issues_by_measure

if TYPE_CHECKING:
    import pyarrow as pa

_MEASURES = ("brightness", "contrast", "sharpness", "entropy", "width", "height")
_NO_SPREAD, _ANY_SPREAD = -1, 255
_TOLD_BY_ROWS = (_NO_SPREAD, GRAYSCALE_SPREAD, _ANY_SPREAD)


def beyond_the_rows(thresholds: QualityThresholds) -> dict[str, int]:
    """Return what decides verdicts that rows cannot be asked for: mostly nothing.

    The one is ``grayscale``. Of the spread of an image's channels a row holds whether it is more than 2 (``is_grayscale``), which answers
    for the default of ``grayscale_below``, and for any between 2 and 3; and no row is needed for 0, or above 255.
    """
    spread = _grayscale_spread(thresholds)
    return {} if spread in _TOLD_BY_ROWS else {"grayscale_spread": spread}


def judged(images: pa.Table, thresholds: QualityThresholds) -> pa.Table:
    """Return rows of ``images`` with the issues that an ingest by these thresholds finds; those that no threshold decides stay.

    :param images: of which a verdict that is :func:`beyond_the_rows` was reached by the same thresholds.
    """
    import numpy as np
    import pyarrow as pa

    before = images["issues"].combine_chunks()
    numbers = {name: images[name].to_numpy() for name in _MEASURES}  # null, of a column that may be, is not a number, and below nothing
    found = issues_by_measure(numbers, thresholds)
    found["grayscale"] = _grayscale(images, before, thresholds)
    others = sorted(name for name in set(before.flatten().to_pylist()) if name not in found)
    found |= {name: _has(before, name) for name in others}

    flags = np.column_stack(list(found.values()))  # a row for each image, its issues in order
    names = np.array(list(found), object)[np.nonzero(flags)[1]]
    offsets = [0, *accumulate(flags.sum(axis=1).tolist())]
    issues = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(names, pa.string()), type=before.type)
    if issues.equals(before):
        return images
    position = images.schema.get_field_index("issues")
    return images.set_column(position, images.schema.field(position), issues)


def _grayscale_spread(thresholds: QualityThresholds) -> int:
    """Return the largest spread, of 0 to 255, that is below the threshold; -1 where none is."""
    return _ANY_SPREAD if thresholds.grayscale_below > _ANY_SPREAD else math.ceil(thresholds.grayscale_below) - 1


def _grayscale(images: pa.Table, before: pa.ListArray, thresholds: QualityThresholds) -> Any:
    import numpy as np

    if beyond_the_rows(thresholds):
        return _has(before, "grayscale")
    spread = _grayscale_spread(thresholds)
    if spread == GRAYSCALE_SPREAD:
        return images["is_grayscale"].fill_null(False).to_numpy()
    return np.full(images.num_rows, spread == _ANY_SPREAD)


def _has(issues: pa.ListArray, name: str) -> Any:
    """Return the mask of the rows that have the issue."""
    import numpy as np
    import pyarrow.compute as pc

    mask = np.zeros(len(issues), bool)
    mask[pc.list_parent_indices(issues).filter(pc.equal(issues.flatten(), name)).to_numpy()] = True
    return mask
