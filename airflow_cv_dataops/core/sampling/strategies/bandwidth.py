"""How wide a kernel is, from what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import squared_distances, unit_rows
from airflow_cv_dataops.core.sampling.strategies.keys import order_by_content

if TYPE_CHECKING:
    import numpy as np

MOST_COVERED = 8_192
NO_DISTANCE = 0.01
_ROWS_AT_ONCE = 1_024


def smallest_distance(covered: np.ndarray | None, seed: int) -> float | None:
    """Return the smallest distance between two embeddings scaled to length 1; ``None`` where there are no two.

    :param covered: (M, D) float32. Distances below 0.01 are of copies and do not count; of more than 8,192 rows as many are drawn.
    """
    import numpy as np

    if covered is None or len(covered) < 2:
        return None
    units = unit_rows(covered[order_by_content(covered, seed)[:MOST_COVERED]])
    smallest = np.inf
    for start in range(0, len(units), _ROWS_AT_ONCE):
        squared = squared_distances(units[start : start + _ROWS_AT_ONCE], units[start:])
        smallest = min(smallest, float(squared[squared >= NO_DISTANCE**2].min(initial=np.inf)))
    return float(smallest**0.5) if np.isfinite(smallest) else None
