"""Labels of byte-identical copies of an image: all of them are the image's, and what several copies say alike is said once.

An image may lie at several places, in one partition or in many, and have labels at each. A release holds the image once. It then holds what
is said of any copy: of an equal statement (the same label in every respect) as often as at the place that has it most often. Copies of
which a label set says different things at different places are counted: at least one of them is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.digest import row_hashes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

SUBJECT_COLUMNS = ("image_id", "label_set")
PLACE_COLUMNS = ("partition_key", "source_uri")


class CopyMerge:
    """Collects labels a few at a time, 24 bytes each, and says which of them stay.

    A label's subject is its image and label set, its place the file that it was drawn on, its statement all that it says of the image.
    """

    def __init__(self) -> None:
        self._subjects: list[np.ndarray] = []
        self._places: list[np.ndarray] = []
        self._statements: list[np.ndarray] = []

    def add(self, labels: pa.Table, statements: np.ndarray) -> None:
        """Take labels. :param statements: a hash of what each says; any number, where only places matter (:meth:`has_several_places`)."""
        self.add_hashed(row_hashes(labels.select(list(SUBJECT_COLUMNS))), row_hashes(labels.select(list(PLACE_COLUMNS))), statements)

    def add_hashed(self, subjects: np.ndarray, places: np.ndarray, statements: np.ndarray) -> None:
        """Take labels of which subject and place have been hashed, too."""
        self._subjects.append(subjects)
        self._places.append(places)
        self._statements.append(statements)

    def has_several_places(self) -> bool:
        """Say whether anything is said of one subject at more than one place."""
        return len(self.at_several_places()) > 0

    def kept(self) -> tuple[np.ndarray, int]:
        """Return a mask of the labels that stay, in the order in which they came, and how many subjects are in conflict."""
        import numpy as np

        at = self.at_several_places()
        mask = np.ones(sum(map(len, self._subjects)), bool)
        if not len(at):
            return mask, 0
        subjects, places, statements = (_whole(column)[at] for column in (self._subjects, self._places, self._statements))
        mask[at] = _said_once(statements, places)
        return mask, _conflicts(subjects, places, statements)

    def at_several_places(self) -> np.ndarray:
        """Return the numbers of the labels whose subject has labels at several places."""
        import numpy as np

        subjects, places = _whole(self._subjects), _whole(self._places)
        if not len(subjects):
            return np.empty(0, np.int64)
        order = np.argsort(subjects, kind="stable")
        starts = _starts(subjects[order])
        sizes = np.diff(np.append(starts, len(order)))
        ordered = places[order]
        differ = np.minimum.reduceat(ordered, starts) != np.maximum.reduceat(ordered, starts)
        return np.sort(order[np.repeat(differ, sizes)])


def _said_once(statements: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a mask: of each statement those labels that stand at the place that has it most often; of several such, one."""
    import numpy as np

    order = np.lexsort((places, statements))
    ordered_statements, ordered_places = statements[order], places[order]
    groups = _starts(ordered_statements, ordered_places)
    counts = np.diff(np.append(groups, len(order)))
    by_count = np.lexsort((ordered_places[groups], -counts, ordered_statements[groups]))
    wins = np.zeros(len(groups), bool)
    wins[by_count[_starts(ordered_statements[groups][by_count])]] = True
    mask = np.empty(len(order), bool)
    mask[order] = np.repeat(wins, counts)
    return mask


def _conflicts(subjects: np.ndarray, places: np.ndarray, statements: np.ndarray) -> int:
    """Return of how many subjects different places say different things."""
    import numpy as np

    order = np.lexsort((places, subjects))
    ordered = subjects[order]
    groups = _starts(ordered, places[order])
    counts = np.diff(np.append(groups, len(order)))
    with np.errstate(over="ignore"):
        said = np.add.reduceat(statements[order], groups)  # whatever their order
    of_group = ordered[groups]
    starts = _starts(of_group)
    differ = [np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts) for values in (said, counts)]
    return int(np.logical_or(*differ).sum())


def _starts(*columns: np.ndarray) -> np.ndarray:
    """Return where runs of rows that agree in all columns begin."""
    import numpy as np

    begins = np.ones(len(columns[0]), bool)
    begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(begins)


def _whole(parts: list[np.ndarray]) -> np.ndarray:
    import numpy as np

    return np.concatenate([np.empty(0, np.uint64), *parts])
