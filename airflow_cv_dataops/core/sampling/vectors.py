"""Embeddings of a scope, looked up by image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.reading import NoEmbeddingsError, read_embeddings
from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.sampling.reading import Scope

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


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
        key = scope.keys[0] if scope.keys is not None and len(scope.keys) == 1 else None
        try:
            ids, matrix = read_embeddings(scope.dataset, key, embedding_model=embedding_model)
        except NoEmbeddingsError:
            if embedding_model is not None:
                raise
            return None
        return Embeddings(matrix, ImagePlaces(ids))

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
