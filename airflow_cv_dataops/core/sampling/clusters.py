"""A table of near-duplicate clusters, from a file: which images show the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.objects import read_uri
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGE = ("image_id", "source_uri", "file_name", "image", "file", "filename", "path")
_CLUSTER = ("cluster", "cluster_id", "group", "component")
_MOST_BYTES = 1 << 30
_NO_OPTIONS: Mapping[str, Any] = {}


def read_clusters(uri: str, options: Mapping[str, Any] = _NO_OPTIONS) -> Mapping[str, str]:
    """Return the cluster of each image that a file names: a Parquet or CSV with a column for the image and one for its cluster.

    :param uri: the file. :param options: of its object store.
    :returns: by image id, source URI or file name, whichever the file has.
    :raises ConfigurationError: there is no such file, or it has no such columns, or puts an image into two clusters.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = _table(uri, read_uri(uri, options))
    names = {name.strip().lower(): name for name in table.column_names}
    image, cluster = (next((names[name] for name in wanted if name in names), None) for wanted in (_IMAGE, _CLUSTER))
    if image is None or cluster is None:
        raise ConfigurationError(
            f"clusters={uri!r} has the columns {few(table.column_names, 20)}: expected one of {', '.join(_IMAGE)} and one of "
            f"{', '.join(_CLUSTER)}."
        )
    try:
        table = table.select([image, cluster]).rename_columns(["image", "cluster"]).cast(_texts())
    except pa.ArrowException as error:
        raise ConfigurationError(f"clusters={uri!r}: the columns {image} and {cluster} are no texts or numbers: {error}") from error
    # What a clustering leaves by itself: nothing, or DBSCAN's -1.
    is_in_one = pc.invert(pc.is_in(pc.utf8_trim_whitespace(table["cluster"]), value_set=pa.array(["", "-1", "-1.0"])))
    table = table.filter(pc.and_(pc.and_(table["image"].is_valid(), table["cluster"].is_valid()), is_in_one))
    distinct = table.group_by(["image", "cluster"]).aggregate([])
    found = dict(zip(distinct["image"].to_pylist(), distinct["cluster"].to_pylist(), strict=True))
    if len(found) < distinct.num_rows:
        twice = next(row["values"] for row in pc.value_counts(distinct["image"]).to_pylist() if row["counts"] > 1)
        raise ConfigurationError(f"clusters={uri!r} puts {twice!r} into two clusters: give each image one.")
    return found


def clusters_of(files: pa.Table, clusters: Mapping[str, str]) -> dict[str, str]:
    """Return the cluster of each image by its id, whichever of its files is named.

    :param files: image_id, source_uri and file_name. :param clusters: as of :func:`read_clusters`.
    :raises ConfigurationError: a file name in it is that of several images, or no image is in any cluster.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not all(isinstance(part, str) for pair in clusters.items() for part in pair):
        raise ConfigurationError("clusters: expected texts, the cluster of each image by its id, source URI or file name.")
    names, values = pa.array(clusters, pa.string()), pa.array(clusters.values(), pa.string())
    found: dict[str, str] = {}
    for column in ("file_name", "source_uri", "image_id"):  # what says it most exactly comes last, and stands
        named = pa.table({"name": files[column], "image": files["image_id"]})
        named = named.filter(pc.is_in(named["name"], value_set=names)).group_by(["name", "image"]).aggregate([])
        if column == "file_name" and named.num_rows > len(pc.unique(named["name"])):
            twice = next(row["values"] for row in pc.value_counts(named["name"]).to_pylist() if row["counts"] > 1)
            raise ConfigurationError(f"clusters: several images are called {twice!r}: name them by source_uri or image_id.")
        of_image = values.take(pc.index_in(named["name"], value_set=names).combine_chunks())
        found.update(zip(named["image"].to_pylist(), of_image.to_pylist(), strict=True))
    if not found and files.num_rows:
        raise ConfigurationError("clusters: no image is in any cluster of the file, by id, source_uri or file_name: is it of this dataset?")
    return found


def _table(uri: str, data: bytes) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    if len(data) > _MOST_BYTES:
        raise ConfigurationError(f"clusters={uri!r} has {len(data):,} bytes, more than the {_MOST_BYTES:,} that are read.")
    try:
        return parquet.read_table(pa.BufferReader(data)) if data[:4] == b"PAR1" else csv.read_csv(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ConfigurationError(f"clusters={uri!r} is neither Parquet nor CSV: {error}") from error


def _texts() -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("image", pa.string()), ("cluster", pa.string())])
