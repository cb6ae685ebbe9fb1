"""Vectors to rows of ``embeddings``, written a stretch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.embedder import Facts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# Images whose rows are in memory at once: 64 MB of vectors of 2,048 numbers.
BLOCK_ROWS = 8192


def embedding_rows(images: pa.Table, vectors: pa.Array, facts: Facts) -> pa.Table:
    """Return rows, without key columns. :param images: ``image_id`` and ``source_uri``. :param vectors: one list an image."""
    import pyarrow as pa

    texts = {"preprocessing": facts.preprocessing, "source": facts.source, "parameters_id": facts.parameters_id}
    constant = {name: pa.array([text] * images.num_rows, pa.string()) for name, text in texts.items()}
    return pa.table({"image_id": images["image_id"], "source_uri": images["source_uri"], "embedding": vectors, **constant})


def as_lists(vectors: np.ndarray) -> pa.ListArray:
    """Return the rows of a matrix as lists of float32."""
    import numpy as np
    import pyarrow as pa

    count, width = vectors.shape
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * np.int32(width))
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel()))
