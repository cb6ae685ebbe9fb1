"""Changed labels, slice by slice, to counts and to a table of bounded length."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.changes import LABEL_CHANGES, changes_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_NOT_KEPT = ("segmentation_before", "segmentation_after", "keypoints_before", "keypoints_after")


class Tally:
    """:param max_rows: of each change the table holds at most so many rows: the first that come, as slices come by image id.

    :ivar labels: labels by change, and ``changed``, which are in both releases.
    :ivar backgrounds: statements that nothing is there.
    :ivar images: how many images have any of them.
    """

    def __init__(self, max_rows: int) -> None:
        self._left = dict.fromkeys(LABEL_CHANGES, max_rows)
        self._parts: list[pa.Table] = []
        self.labels: Counter[str] = Counter()
        self.backgrounds: Counter[str] = Counter()
        self.images = 0

    def add(self, rows: pa.Table) -> None:
        """Take a slice's changed labels."""
        import numpy as np
        import pyarrow as pa

        self.images += len(rows["image_id"].unique())  # a slice has all of an image
        is_label = rows["is_label"].to_numpy()
        flags = flags_of(rows)
        wanted = np.zeros(rows.num_rows, bool)
        for number, change in enumerate(LABEL_CHANGES):
            self.labels[change] += int((flags[:, number] & is_label).sum())
            self.backgrounds[change] += int((flags[:, number] & ~is_label).sum())
            at = np.flatnonzero(flags[:, number])[: self._left[change]]
            self._left[change] -= len(at)
            wanted[at] = True
        self.labels["changed"] += int((flags[:, 2:].any(axis=1) & is_label).sum())
        if wanted.any():
            self._parts.append(rows.drop_columns(list(_NOT_KEPT)).filter(pa.array(wanted)))

    def table(self) -> pa.Table:
        """Return the rows."""
        import pyarrow as pa

        empty = changes_schema().empty_table().drop_columns(list(_NOT_KEPT))
        return pa.concat_tables([empty, *self._parts])


def flags_of(rows: pa.Table) -> np.ndarray:
    """Return which changes each row has, bool (rows, changes)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    changes = rows["changes"].combine_chunks()
    found = np.zeros((rows.num_rows, len(LABEL_CHANGES)), bool)
    numbers = pc.index_in(changes.flatten(), value_set=pa.array(LABEL_CHANGES)).to_numpy()
    found[np.repeat(np.arange(rows.num_rows), pc.list_value_length(changes).to_numpy()), numbers] = True
    return found
