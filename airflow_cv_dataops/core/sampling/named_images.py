"""Images that a person named, by id, source URI or file name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.embeddings.reading import embedding_model_of
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.reading import Scope
from airflow_cv_dataops.core.sampling.vectors import Embeddings
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST_NAMED = 5
_NAMES = ("image_id", "source_uri", "file_name")


def similar_to(scope: Scope, embeddings: Embeddings, files: pa.Table, options: SampleOptions) -> np.ndarray:
    """Return the embeddings of the images that ``similar_to`` names, (S, D) float32.

    One that is not among those that are looked at is looked for in the whole dataset: what went wrong last month is the example.

    :param files: image_id, source_uri and file_name of the scope.
    :raises ConfigurationError: there is no such image, several have the name, or one has no embedding by the same model.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array(options.similar_to, pa.string())
    here = pa.concat_arrays([pc.unique(files[column].filter(pc.is_in(files[column], value_set=names))) for column in _NAMES])
    elsewhere = _images_called(scope.whole(), names.filter(pc.invert(pc.is_in(names, value_set=here))).to_pylist())
    files = pa.concat_tables([files.select(_NAMES), elsewhere.select(_NAMES)])
    ids = ids_named("similar_to", options.similar_to, files, "in the dataset")
    found = embeddings.some_of(ids)
    if len(found) < len(ids) and elsewhere.num_rows:
        keys = tuple(pc.unique(elsewhere["partition_key"]).to_pylist())
        model = embedding_model_of(scope.dataset, scope.keys, options.embedding_model)
        others = Embeddings.of_scope(replace(scope, keys=keys), model)
        found = np.concatenate([found, others.some_of(ids.filter(pa.array(embeddings.places.of(ids) < 0)))]) if others else found
    if len(found) < len(ids):
        raise ConfigurationError(f"similar_to: {len(ids) - len(found):,} of the {len(ids):,} images have no embedding: embed them first.")
    return found


def ids_named(argument: str, names: Sequence[str], files: pa.Table, among: str = "among those that are looked at") -> pa.ChunkedArray:
    """Return the ids of images that a person named by id, by source URI or by file name (of any file that has the image), each once.

    :raises ConfigurationError: there is no such image, or several have the name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ids: dict[str, None] = {}
    for name in names:  # a person names few
        found: list[str] = []
        for column in ("image_id", "source_uri", "file_name"):
            rows = files.filter(pc.equal(files[column], pa.scalar(name, pa.string())))
            found = pc.unique(rows["image_id"]).to_pylist()
            if len(found) > 1:
                where = few(rows["source_uri"].to_pylist(), _MOST_NAMED)
                raise ConfigurationError(f"{argument}: {len(found)} images are called {name!r} ({where}): name it by its source_uri.")
            if found:
                break
        if not found:
            raise ConfigurationError(f"{argument}: there is no image {name!r} {among}, by id, source_uri or file_name with its extension.")
        ids[found[0]] = None
    return pa.chunked_array([pa.array(ids, pa.string())])


def _images_called(scope: Scope, names: Sequence[str]) -> pa.Table:
    """Return the images that have one of the names, which the scan looks for."""
    from pyiceberg.expressions import In, Or

    columns = (*_NAMES, "partition_key")
    if not names:
        return arrow_schema("images").empty_table().select(columns)
    return scope.rows("images", Or(In("image_id", names), Or(In("source_uri", names), In("file_name", names)))).read(columns)
