"""The annotations of a release, read at its snapshot: those of its images, wherever copies of these lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.copies import PLACE_COLUMNS, SUBJECT_COLUMNS, CopyMerge
from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS, Excluded
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, held_rows, statement_hashes
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import pyarrow as pa


def read_annotations(reader: SnapshotReader, items: pa.Table, wanted: Sequence[str], excluded: Excluded) -> pa.Table:
    """Return columns of the annotations of the items' images, with the ``split`` of the image; what copies say alike is there once.

    What labels say is read only where some image has labels at several places: without copies polygons stay where they are.

    :param items: image_id and split of each image, sorted by image id.
    :param excluded: what is left out.
    """
    import pyarrow as pa

    index = ImageIndex(items["image_id"])
    merge = CopyMerge() if _has_several_places(reader, index, excluded) else None
    read = dict.fromkeys([*wanted, "image_id", *(KEY_COLUMNS if excluded.labels else ()), *(LABEL_COLUMNS if merge else ())])
    splits = items["split"].combine_chunks()
    parts = [reader.dataset.read("annotations", columns=wanted, limit=0).append_column("split", splits.slice(0, 0))]
    for batch in excluded.without_all(reader.batches("annotations", list(read))):
        rows, at = held_rows(batch, index)
        if merge is not None:
            merge.add(rows, statement_hashes(rows))
        parts.append(rows.select(list(wanted)).append_column("split", splits.take(pa.array(at))))
    whole = pa.concat_tables(parts)
    return whole if merge is None else whole.filter(pa.array(merge.kept()[0]))


def _has_several_places(reader: SnapshotReader, index: ImageIndex, excluded: Excluded) -> bool:
    import numpy as np

    merge = CopyMerge()
    columns = dict.fromkeys((*SUBJECT_COLUMNS, *PLACE_COLUMNS, *(KEY_COLUMNS if excluded.labels else ())))
    for batch in excluded.without_all(reader.batches("annotations", list(columns))):
        rows, _ = held_rows(batch, index)
        merge.add(rows, np.zeros(rows.num_rows, np.uint64))
    return merge.has_several_places()
