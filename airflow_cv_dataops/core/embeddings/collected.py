"""Files of vectors of one source, read one after the other and held together until their images are known."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.embeddings.files import EXTENSIONS, FileOfVectors, read_vectors
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.labels.annotation_files import SourceFile, open_source
from airflow_cv_dataops.core.labels.other_files import advice_instead
from airflow_cv_dataops.core.labels.records import MALFORMED_RECORD, UNPARSABLE_EMBEDDING, Problem, clean_text, excerpt
from airflow_cv_dataops.core.labels.unread_files import UnreadFiles
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)


class Collected:
    """Vectors of several files, as far as they can be used.

    :ivar problems: what was wrong with files and rows. :ivar files: how many were read, unusable ones included.
    :ivar records: rows found in them, malformed ones included.
    :ivar uris: of the files that hold ``rows``.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.files = self.bytes = self.records = 0
        self.uris: list[str] = []
        self.dimensions = 0
        self._vectors: list[np.ndarray] = []
        self._rows: list[pa.Table] = []

    def rows(self) -> pa.Table:
        """Return a row for each vector that can be used: ``file_name``, ``source``, and its ``file`` (place in ``uris``) and ``row``."""
        import pyarrow as pa

        kinds = [("file_name", pa.string()), ("source", pa.string()), ("file", pa.int32()), ("row", pa.int64())]
        return pa.concat_tables(self._rows) if self._rows else pa.schema(kinds).empty_table()

    def vectors(self, files: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return some of the vectors, ``(N, D)`` float32, by file and row."""
        import numpy as np

        found = np.empty((len(rows), self.dimensions), np.float32)
        for file in np.unique(files).tolist():
            found[files == file] = self._vectors[file][rows[files == file]]
        return found

    def take(self, file: SourceFile, found: FileOfVectors) -> None:
        """Take the rows of one file that can be used. :raises ValueError: its vectors have another length than those before."""
        import numpy as np
        import pyarrow as pa

        width = found.vectors.shape[1]
        if self.dimensions not in (0, width):
            raise ValueError(f"its vectors have {width:,} numbers, those of {excerpt(self.uris[0])} {self.dimensions:,}")
        self.dimensions = width
        self.files += 1
        self.records += len(found.ids)
        for row, problem in sorted(found.problems.items()):
            self._note(file, MALFORMED_RECORD, f"Row {row} ({found.ids[row]}) {problem}.")
        is_good = np.ones(len(found.ids), dtype=bool)
        is_good[list(found.problems)] = False
        usable = np.flatnonzero(is_good)
        columns = {
            "file_name": pa.array(found.ids, pa.string()).take(pa.array(usable)),
            "source": pa.repeat(file.uri, len(usable)),
            "file": pa.repeat(pa.scalar(len(self.uris), pa.int32()), len(usable)),
            "row": pa.array(usable),
        }
        self.uris.append(file.uri)
        self._vectors.append(found.vectors)
        self._rows.append(pa.table(columns))

    def leave_out(self, file: SourceFile, why: Exception) -> None:
        """Take nothing of a file: that is a problem."""
        self.files += 1
        self._note(file, UNPARSABLE_EMBEDDING, f"Cannot read the file of embeddings: {why}")

    def _note(self, file: SourceFile, check: str, message: str) -> None:
        self.problems.append(Problem(check, file.uri, clean_text(message)))


def collect(
    source: str,
    *,
    id_column: str | None,
    ids: Sequence[str] | None,
    ids_uri: str | None,
    source_options: Mapping[str, Any],
    max_unreadable_ratio: float,
) -> Collected:
    """Read one file, or every one below a prefix.

    :param ids_uri: the file that ``ids`` are from, which holds no vectors itself.
    :raises EmptySourceError: there is no such source, or no such file in it.
    :raises SourceError: none can be used, or more than ``max_unreadable_ratio`` allows cannot be read.
    """
    opened = open_source(source, source_options)
    files = [file for file in opened.select(EXTENSIONS) if file.uri != ids_uri]
    if not files:
        expected = f"expected {', '.join(EXTENSIONS)}"
        raise EmptySourceError(f"No file of embeddings in {told_uri(source)}: {expected}.{advice_instead(opened.wanted)}")
    if ids is not None and len(files) > 1:
        raise ConfigurationError(
            f"`ids` names the images of one file, and there are {len(files):,} at {told_uri(source)}: give the URI of one `.npy`."
        )
    collected, unread = Collected(), UnreadFiles(opened, len(files), max_unreadable_ratio)
    progress = Progress("files of embeddings", len(files), log)
    for file, found in opened.read(files):
        progress.advance()
        if isinstance(found, OSError):
            unread.add(file, found)
            collected.leave_out(file, found)
            continue
        collected.bytes += len(found)
        try:
            collected.take(file, read_vectors(found, file.path, id_column=id_column, ids=ids))
        except ConfigurationError:
            raise
        except ValueError as error:
            collected.leave_out(file, error)
    unread.check()
    if not collected.uris:
        raise SourceError(f"No file of embeddings at {told_uri(source)} can be used. {collected.problems[0].told}.")
    return collected
