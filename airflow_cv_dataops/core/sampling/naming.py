"""Images that a person names: by id, by source URI or by file name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.reading import read_embeddings_of
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.reading import Scope
from airflow_cv_dataops.core.sampling.vectors import Embeddings
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST_NAMED = 5
_NAMES = ("image_id", "source_uri", "file_name")


def ids_named(argument: str, names: Sequence[str], files: pa.Table, among: str = "among those that are looked at") -> pa.ChunkedArray:
    """Return the ids of images that a person named by id, by source URI or by file name (of any file that has the image), each once.

    The name of a file in a folder may stand without its folders.

    :raises ConfigurationError: there is no such image, or several have the name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ids: dict[str, None] = {}
    for name in names:  # a person names few
        rows = _called(name, files)
        found = pc.unique(rows["image_id"]).to_pylist()
        if len(found) > 1:
            where = few(rows["source_uri"].to_pylist(), _MOST_NAMED)
            raise ConfigurationError(f"{argument}: {len(found)} images are called {name!r} ({where}): name it by its source_uri.")
        if not found:
            raise ConfigurationError(f"{argument}: there is no image {name!r} {among}, by id, source_uri or file_name with its extension.")
        ids[found[0]] = None
    return pa.chunked_array([pa.array(ids, pa.string())])


def _called(name: str, files: pa.Table) -> pa.Table:
    """Return the files that have a name, by the first of the ways in which any has it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in _NAMES:
        rows = files.filter(pc.equal(files[column], pa.scalar(name, pa.string())))
        if rows.num_rows:
            return rows
    # The file alone, wherever it lies: as cards of reports name it.
    return files.filter(pc.ends_with(files["file_name"], f"/{name}")) if "/" not in name else files.slice(0, 0)


def similar_to(scope: Scope, embeddings: Embeddings, files: pa.Table, options: SampleOptions) -> np.ndarray:
    """Return the embeddings of the images that a person named as examples, (S, D).

    One that is not among the files of the scope is looked up in all of the dataset: last month's failure, say.

    :raises ConfigurationError: there is no such image, several have the name, or one has no embedding by the model of the others.
    """
    import numpy as np

    here = [name for name in options.similar_to if _called(name, files).num_rows]
    near, elsewhere = ids_named("similar_to", here, files), [name for name in options.similar_to if name not in here]
    far = ids_named("similar_to", elsewhere, _named_in_dataset(scope, elsewhere), "in the dataset") if elsewhere else near.slice(0, 0)
    found = [embeddings.some_of(near)]
    if len(far):
        _, vectors = read_embeddings_of(far.to_pylist(), scope.dataset, scope.keys, embedding_model=options.embedding_model)
        vectors = vectors[vectors.any(axis=1)]
        if len(vectors) and vectors.shape[1] != embeddings.matrix.shape[1]:
            raise ConfigurationError(
                f"similar_to: the embeddings of {few(elsewhere, _MOST_NAMED)} have {vectors.shape[1]:,} numbers, those of the pool "
                f"{embeddings.matrix.shape[1]:,}: embed them again by one model."
            )
        found.append(vectors.reshape(-1, embeddings.matrix.shape[1]))
    if missing := len(near) + len(far) - sum(map(len, found)):
        total = len(near) + len(far)
        raise ConfigurationError(f"similar_to: {missing:,} of the {total:,} images have no embedding: embed them first.")
    return np.concatenate(found)


def _named_in_dataset(scope: Scope, names: Sequence[str]) -> pa.Table:
    from pyiceberg.expressions import In, Or

    return scope.whole().rows("images", Or(*(In(column, names) for column in _NAMES))).read(_NAMES)
