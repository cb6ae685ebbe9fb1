"""Names that are the very path of one image, without anything unusual about them: nearly all of a large file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# A path that stands for itself, however paths are read (`file_names.spellings`), and is no address.
_PLAIN = r"^[A-Za-z0-9_-]+(?:[/. ][A-Za-z0-9_-]+)*$"
_FOLDER, _FILE = r"[^/]*$", "^.*/"


class PlainNames:
    """Distinct names, and those of them that need no looking for.

    :ivar rows: of each name the image whose path it is, -1 where it must be looked for.
    """

    def __init__(self, names: pa.ChunkedArray, alternatives: pa.ChunkedArray, kinds: np.ndarray, images: pa.Table) -> None:
        """:param kinds: names of one kind are of files in one place, and are looked for in the same way."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        paths = images.column("file_name")
        rows = np.asarray(pc.fill_null(pc.index_in(names, value_set=paths.combine_chunks()).cast("int64"), -1)).copy()
        is_plain = pc.and_(pc.match_substring_regex(names, _PLAIN), pc.equal(alternatives, ""))
        # A bare name of several images may be that of the one beside the label file.
        several = pa.concat_arrays([_repeated(paths), _repeated(pc.replace_substring_regex(paths, _FILE, ""))])
        rows[~np.asarray(pc.and_not(is_plain, pc.is_in(names, value_set=several)))] = -1
        twice = np.bincount(rows[rows >= 0], minlength=images.num_rows + 1) > 1
        rows[(rows >= 0) & twice[rows]] = -1
        self.rows = rows
        # What an image's place says of a name is the same for all names and images of the same folders.
        mine = np.flatnonzero(rows >= 0)
        named = codes_of(pc.replace_substring_regex(names.take(pa.array(mine)), _FOLDER, ""))
        lying = codes_of(pc.replace_substring_regex(images.column("source_uri").take(pa.array(rows[mine])), _FOLDER, ""))
        self._group = np.full(len(rows), -1)
        self._group[mine] = codes_of(
            pa.chunked_array([pa.array((named * (lying.max(initial=0) + 1) + lying) * (kinds.max(initial=0) + 1) + kinds[mine])])
        )

    def others(self) -> np.ndarray:
        """Return the names that must be looked for."""
        import numpy as np

        return np.flatnonzero(self.rows < 0)

    def representatives(self) -> dict[int, int]:
        """Return the first name of each group that need not be looked for, with its image."""
        import numpy as np

        mine = np.flatnonzero(self.rows >= 0)
        first = mine[np.unique(self._group[mine], return_index=True)[1]]
        return dict(zip(first.tolist(), self.rows[first].tolist(), strict=True))

    def leave(self, representatives: set[int], claimed: set[int]) -> bool:
        """Leave the groups of some names, and names whose images others claim, to be looked for; say whether there are any."""
        import numpy as np

        is_left = np.isin(self._group, self._group[list(representatives)]) if representatives else np.zeros(len(self.rows), dtype=bool)
        is_left |= np.isin(self.rows, list(claimed))
        is_left &= self.rows >= 0
        self.rows[is_left] = -1
        return bool(is_left.any())


def codes_of(values: pa.ChunkedArray) -> np.ndarray:
    """Return a number for each value, from 0 on, in the order in which they first occur."""
    import numpy as np

    chunks = values.dictionary_encode().unify_dictionaries().chunks
    return np.concatenate([np.empty(0, dtype=np.int64), *(np.asarray(chunk.indices, dtype=np.int64) for chunk in chunks)])


def _repeated(values: pa.ChunkedArray) -> pa.Array:
    import pyarrow.compute as pc

    counted = pc.value_counts(values)
    return counted.filter(pc.greater(counted.field("counts"), 1)).field("values")
