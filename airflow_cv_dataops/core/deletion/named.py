"""The images that are to go, and which rows name one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

# Tables of which a row is about an image, in the order in which they lose their rows: whoever is killed in between finds the images again.
TABLES_OF_IMAGES = (*(name for name, model in TABLES.items() if "image_id" in model.column_names and name != "images"), "images")
# Columns of theirs with words and JSON, in which an image may be named beside the one that the row is about.
_TEXTS = {"findings": ("message", "suggestion")}
_IDS_AT_ONCE = 200


@dataclass(frozen=True)
class NamedImages:
    """Images that are to go.

    :param ids: their image ids.
    :param sources: where they came from: rows that name no image id, but this source, are theirs, too.
    """

    ids: frozenset[str]
    sources: frozenset[str]

    @staticmethod
    def columns(table: str) -> list[str]:
        """Return the columns that :meth:`mask` looks at."""
        known = TABLES[table].column_names
        return ["image_id", *(name for name in ("source_uri",) if name in known), *_TEXTS.get(table, ())]

    def mask(self, table: str, rows: pa.Table) -> pa.ChunkedArray:
        """Say of each row whether it names one of the images. :param rows: of the table, with :meth:`columns` as far as they have them."""
        import pyarrow.compute as pc

        found = pc.is_in(rows["image_id"], value_set=self._ids)
        if "source_uri" in rows.column_names:
            is_theirs = pc.and_(pc.is_null(rows["image_id"]), pc.is_in(rows["source_uri"], value_set=self._sources))
            found = pc.or_(found, is_theirs)
        for name in _TEXTS.get(table, ()):
            if name in rows.column_names:
                for pattern in self._patterns:
                    found = pc.or_(found, pc.fill_null(pc.match_substring_regex(rows[name], pattern), False))
        return found

    @cached_property
    def _ids(self) -> pa.Array:
        import pyarrow as pa

        return pa.array(sorted(self.ids), pa.string())

    @cached_property
    def _sources(self) -> pa.Array:
        import pyarrow as pa

        return pa.array(sorted(self.sources), pa.string())

    @cached_property
    def _patterns(self) -> list[str]:
        ids = sorted(self.ids)
        return ["|".join(map(re.escape, ids[start : start + _IDS_AT_ONCE])) for start in range(0, len(ids), _IDS_AT_ONCE)]


def select_images(dataset: Dataset, ids: frozenset[str], sources: Sequence[str], where: str | None) -> NamedImages:
    """Return the images that are meant, wherever the table ``images`` has them, in every snapshot that there is.

    :param ids: these, whether or not a row names them.
    :param sources: those of a ``source_uri``, or of all that begin with one that ends with ``/``.
    :param where: those of rows that the Iceberg filter lets through.
    :raises ConfigurationError: the filter names a column that the table did not have at some snapshot.
    """
    found = set(ids)
    if sources:
        for rows in _every_row(dataset, None):
            found |= set(rows.filter(_comes_from(rows["source_uri"], sources))["image_id"].to_pylist())
    if where is not None:
        for rows in _every_row(dataset, where):
            found |= set(rows["image_id"].to_pylist())
    return NamedImages(frozenset(found), _sources_of(dataset, frozenset(found)))


def _sources_of(dataset: Dataset, ids: frozenset[str]) -> frozenset[str]:
    """Return where the images came from, without places at which another image is, or was."""
    import pyarrow.compute as pc

    named = NamedImages(ids, frozenset())
    uris: set[str] = set()
    for rows in _every_row(dataset, None) if ids else ():
        uris |= set(rows.filter(named.mask("images", rows.select(["image_id"])))["source_uri"].to_pylist())
    for rows in _every_row(dataset, None) if uris else ():
        others = rows.filter(pc.invert(named.mask("images", rows.select(["image_id"]))))
        uris -= set(others["source_uri"].to_pylist())
    return frozenset(uris)


def _every_row(dataset: Dataset, where: str | None) -> Iterator[pa.Table]:
    """Yield image_id and source_uri of the rows of every snapshot, those of a data file once."""
    from airflow_cv_dataops.core.errors import ConfigurationError

    found = dataset.load_table("images")
    seen: set[str] = set()
    for snapshot in reversed(found.metadata.snapshots) if found is not None else ():
        paths = {task.file.file_path for task in found.scan(snapshot_id=snapshot.snapshot_id).plan_files()} - seen  # type: ignore[union-attr]
        seen |= paths
        if not paths:
            continue
        columns = ["image_id", "source_uri"]
        try:
            yield from dataset.read_batches("images", snapshot_id=snapshot.snapshot_id, columns=columns, where=where, files=paths)
        except ValueError as error:
            raise ConfigurationError(
                f"where={where!r} cannot be asked of images as they were at snapshot {snapshot.snapshot_id}: {error}. Say which images by "
                "image_ids or sources, or let that snapshot expire first."
            ) from error


def _comes_from(uris: pa.ChunkedArray, sources: Sequence[str]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(uris, value_set=pa.array([source for source in sources if not source.endswith("/")], pa.string()))
    for source in sources:
        if source.endswith("/"):
            found = pc.or_(found, pc.starts_with(uris, source))
    return found
