"""Embeddings of a scope, looked up by image."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.reading import NoEmbeddingsError, read_embeddings
from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.sampling.reading import Scope

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """:param matrix: (M, D) float32. :param places: where each image stands in it."""

    matrix: np.ndarray
    places: ImagePlaces

    @staticmethod
    def of_scope(scope: Scope, embedding_model: str | None) -> Embeddings | None:
        """Read the embeddings; ``None``: there are none, and none was named.

        :raises ConfigurationError: several models have some and none is named, or the named one has none.
        """
        try:
            ids, matrix = read_embeddings(scope.dataset, scope.keys, embedding_model=embedding_model)
        except NoEmbeddingsError:
            if embedding_model is not None:
                raise
            return None
        import pyarrow as pa

        # A vector of zeros points nowhere: it would stand at the same distance from all others, and so for the most of them.
        is_zero = ~matrix.any(axis=1)
        if is_zero.any():
            log.warning("%s embeddings are zero throughout, and count as none", f"{int(is_zero.sum()):,}")
            ids, matrix = ids.filter(pa.array(~is_zero)), matrix[~is_zero]
        return Embeddings(matrix, ImagePlaces(ids)) if len(matrix) else None

    def of(self, image_ids: pa.ChunkedArray) -> np.ndarray | None:
        """Return (N, D) float32, a row of NaN for an image that has none; ``None``: no image has one."""
        import numpy as np

        at = self.places.of(image_ids)
        if len(at) and not (at >= 0).any():
            return None
        found = np.full((len(at), self.matrix.shape[1]), np.nan, dtype=np.float32)
        found[at >= 0] = self.matrix[at[at >= 0]]
        return found

    def some_of(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the embeddings of those of some images that have one, in their order."""
        at = self.places.of(image_ids)
        return self.matrix[at[at >= 0]]
