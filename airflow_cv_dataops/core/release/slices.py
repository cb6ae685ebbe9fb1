"""A release a few images at a time, in the order of image ids: with memory for those few, however large it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.release.copies import CopyMerge
from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, is_background, statement_hashes
from airflow_cv_dataops.core.release.reader import Release, place_of
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.spill import Spill
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.temporary_file import TemporaryFolder

if TYPE_CHECKING:
    import pyarrow as pa

_IMAGES_IN_SLICE = 2_000
_MOST_SLICES = 4_096
_PLACE = ("partition_key", "source_uri")
_LABEL_ORDER = [(name, "ascending") for name in ("image_id", "label_set", "source", "annotation_id", *_PLACE)]


@dataclass(frozen=True)
class Slice:
    """Some images of a release and what is said of them.

    :param images: rows of ``images`` with ``split``, each image once, sorted by image id.
    :param annotations: rows of ``annotations`` of these images, sorted by image id, label set and label file; statements that nothing is
        in an image (task ``background``) among them.
    """

    images: pa.Table
    annotations: pa.Table


class SlicedRelease:
    """A release's rows on local disk below ``TMPDIR``, to be read slice by slice, as often as one likes. Close it.

    :param image_columns: of ``images``, beside ``image_id``, ``partition_key`` and ``source_uri``.
    :param annotation_columns: of ``annotations``, beside what tells what copies of an image say alike.
    :ivar of_other_images: labels that are in the release, and were drawn on other bytes than their image's file had by then: those of
        releases as they were made at first. No slice has them.
    :raises StoreError: the tables do not hold what was released.
    """

    def __init__(self, release: Release, image_columns: Sequence[str], annotation_columns: Sequence[str]) -> None:
        self._release = release
        self._slices = min(_MOST_SLICES, max(1, -(-release.images_count // _IMAGES_IN_SLICE)))
        self._folder = TemporaryFolder()
        self._reader = SnapshotReader(release.dataset, release.snapshots, release.partition_keys)
        try:
            self._items = self._spilled("items", release.item_batches(), ("image_id", *_PLACE, "split"), "release_items")
            columns = tuple(dict.fromkeys(["image_id", *_PLACE, *image_columns]))
            self._images = self._spilled("images", self._reader.batches("images", columns), columns, "images")
            columns = tuple(dict.fromkeys([*annotation_columns, "source", *LABEL_COLUMNS]))
            self.of_other_images = 0
            self._annotations = self._spilled("annotations", self._label_batches(columns), columns, "annotations")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> SlicedRelease:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def images(self) -> int:
        """How many images there are in all slices."""
        return self._release.images_count

    def close(self) -> None:
        """Remove what lies on disk."""
        self._folder.remove()

    def slices(self) -> Iterator[Slice]:
        """Yield all slices. :raises StoreError: after the last, where there were not as many images and labels as were released."""
        images, labels = 0, self.of_other_images
        for number in range(self._slices):
            found = self._slice(number)
            images += found.images.num_rows
            labels += found.annotations.num_rows - int(is_background(found.annotations).sum())
            yield found
        self._release.check_count("images", images, self._release.images_count)
        self._release.check_count("annotations", labels, self._release.annotations_count)

    def _slice(self, number: int) -> Slice:
        import pyarrow.compute as pc

        items = self._items.read(number).sort_by("image_id")
        images = self._images.read(number)
        at = pc.index_in(place_of(items), value_set=place_of(images).combine_chunks())
        if at.null_count:
            raise StoreError(f"Release {self._release.name} of {self._release.dataset.name!r} holds images that its tables do not.")
        rows = images.take(at)
        if rows["image_id"] != items["image_id"]:
            raise StoreError(f"Release {self._release.name} of {self._release.dataset.name!r} holds other images than its tables.")
        labels = self._annotations.read(number)
        labels = labels.filter(pc.is_in(labels["image_id"], value_set=items["image_id"].combine_chunks()))
        if self._release.labels_by is not None and labels.num_rows:
            merge = CopyMerge()
            merge.add(labels, statement_hashes(labels))
            labels = labels.filter(merge.kept()[0])
        return Slice(rows.append_column("split", items["split"]), labels.sort_by(_LABEL_ORDER))

    def _spilled(self, name: str, batches: Iterator[pa.Table], columns: Sequence[str], table: str) -> Spill:
        import pyarrow as pa

        whole = arrow_schema(table)
        spill = Spill(Path(self._folder.path, name), self._slices, pa.schema([whole.field(column) for column in columns]))
        spill.fill(batch.select(list(columns)) for batch in batches)
        return spill

    def _label_batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        if self._release.labels_by is not None:
            read = list(dict.fromkeys([*columns, *KEY_COLUMNS]))
            return self._release.excluded().without_all(self._reader.batches("annotations", read))
        return iter([self._labels_by_place(columns)])

    def _labels_by_place(self, columns: Sequence[str]) -> pa.Table:
        """Return the labels of a release as they were made at first: those of the rows that stand for its images.

        A label that was drawn on other bytes than the file has in the release is counted, and not of its image.
        """
        import pyarrow.compute as pc

        rows, items = self._release.annotations(columns), self._release.items()
        at = pc.index_in(place_of(rows), value_set=place_of(items).combine_chunks())
        is_of_it = pc.fill_null(pc.equal(rows["image_id"], items["image_id"].take(at)), False)
        others = rows.filter(pc.invert(is_of_it))
        self.of_other_images = others.num_rows - int(is_background(others).sum())
        return rows.filter(is_of_it)
