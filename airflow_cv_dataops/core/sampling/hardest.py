"""What a model is least certain of in each image, gathered batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores import DIGITS, check_aggregate

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class HardestPredictions:
    """Of each image the most uncertain prediction, of equal ones that with the smallest id; whatever the order and the batches.

    :param images: how many images there are.
    """

    def __init__(self, images: int) -> None:
        import numpy as np

        self.is_predicted = np.zeros(images, dtype=bool)
        self.ids = np.full(images, None, dtype=object)
        self.categories = np.full(images, None, dtype=object)
        self._highest = np.full(images, np.nan)
        self._totals = np.zeros(images)
        self._counts = np.zeros(images, dtype=np.int64)

    def add(self, image: np.ndarray, uncertainty: np.ndarray, ids: pa.ChunkedArray, categories: pa.ChunkedArray) -> None:
        """Take predictions in.

        :param image: (N,) which image each is of, from 0. :param uncertainty: (N,) NaN for one that is not to count.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self.is_predicted[image] = True
        by_id = pc.sort_indices(ids).to_numpy()
        rows = by_id[~np.isnan(uncertainty[by_id])]
        np.add.at(self._totals, image[rows], uncertainty[rows])
        np.add.at(self._counts, image[rows], 1)
        rows = rows[np.lexsort((-uncertainty[rows], image[rows]))]  # stable: of equal ones the smallest id stays first
        images, first = np.unique(image[rows], return_index=True)
        rows = rows[first]
        new_ids = ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
        is_harder = self._is_harder(images, uncertainty[rows], new_ids)
        images, rows = images[is_harder], rows[is_harder]
        self._highest[images] = uncertainty[rows]
        self.ids[images] = new_ids[is_harder]
        self.categories[images] = categories.take(pa.array(rows)).to_numpy(zero_copy_only=False)

    def scores(self, aggregate: str) -> np.ndarray:
        """Return each image's score, (images,): ``max`` (the most uncertain prediction decides) or ``mean``; NaN for an image without one.

        :raises ConfigurationError: the aggregate is unknown.
        """
        import numpy as np

        check_aggregate(aggregate)
        if aggregate == "max":
            return self._highest.copy()
        with np.errstate(invalid="ignore"):
            return np.round(self._totals / self._counts, DIGITS)

    def _is_harder(self, images: np.ndarray, uncertainty: np.ndarray, ids: np.ndarray) -> np.ndarray:
        import numpy as np

        before = self._highest[images]
        harder = np.isnan(before) | (uncertainty > before)
        ties = np.flatnonzero(uncertainty == before)
        harder[ties] = ids[ties] < self.ids[images[ties]]
        return harder
