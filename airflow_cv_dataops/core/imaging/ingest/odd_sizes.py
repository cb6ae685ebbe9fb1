"""Sizes that are odd among their partition's own: what no image can say of itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ISSUE = "odd_size"

_FEWEST_IMAGES = 10
_MAD_OF_NORMAL = 1.4826  # standard deviation by median absolute deviation, of a normal distribution


def odd_sizes(width: Any, height: Any, *, deviations_above: float = 3.5, area_ratio_above: float = 4.0) -> Any:
    """Return the mask of images whose area lies far from the partition's: issue ``odd_size``.

    Where ``x = ln(width height)``, ``m`` its median and ``s`` 1.4826 times the median of ``|x - m|``: odd is ``|x - m| > 3.5 s``
    (Iglewicz and Hoaglin 1993), but nothing within a factor of 4 of the median area, since in most partitions ``s`` is almost 0.
    Depends on the set of sizes alone, not on their order. Of fewer than 10 images none is odd.

    :param width: pixels, one for each image: an array of numpy or Arrow, or a list.
    :param height: pixels, likewise.
    :param deviations_above: robust standard deviations.
    :param area_ratio_above: factor from the median area, at least 1; ``inf``: none is odd.
    :returns: numpy array of booleans.
    """
    import numpy as np

    area = np.log(np.asarray(width, np.float64)) + np.log(np.asarray(height, np.float64))
    if area.size < _FEWEST_IMAGES:
        return np.zeros(area.size, bool)
    distance = np.abs(area - np.median(area))
    spread = _MAD_OF_NORMAL * float(np.median(distance))
    return distance > max(deviations_above * spread, math.log(area_ratio_above))


def with_odd_sizes(images: pa.Table, odd: Any) -> pa.Table:
    """Return rows of ``images`` of which those and only those under the mask carry the issue, as their last.

    :param odd: numpy array of booleans, or one for all.
    """
    import numpy as np
    import pyarrow as pa

    issues = images["issues"].to_pylist()
    wanted = np.broadcast_to(odd, images.num_rows).tolist()
    # Row by row, as lists are of different lengths; only of batches that a writer has in hand.
    own = ([issue for issue in some or () if issue != ISSUE] for some in issues)
    marked = [[*some, ISSUE] if is_odd else some for some, is_odd in zip(own, wanted, strict=True)]
    if marked == issues:
        return images
    position = images.schema.get_field_index("issues")
    return images.set_column(position, images.schema.field(position), pa.array(marked, images.schema.field(position).type))
