"""Files of a source that are listed and cannot be read: counted, so that an import stops before it commits what is left of them."""

from __future__ import annotations

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile
from airflow_cv_dataops.core.wording import readable


class UnreadFiles:
    """Counts them.

    What no try will ever read (an object whose key nobody can ask for, a named pipe) does not count: nothing of it was ever taken, so
    nothing is lost, and no retry would help.

    :param files: how many files the import reads.
    :param max_ratio: share of them, 0 to 1, that may be unread.
    """

    def __init__(self, source: Source, files: int, max_ratio: float) -> None:
        self._source = source
        self._files = files
        self._max_ratio = max_ratio
        self._unread = 0
        self._first = ""

    def add(self, file: SourceFile, error: OSError) -> None:
        """Count a file, unless it could never be read."""
        if self._source.is_never_readable(file):
            return
        self._unread += 1
        self._first = self._first or f"{readable(file.uri)}: {error}"

    def check(self) -> None:
        """:raises SourceError: more were unread than ``max_ratio`` allows."""
        if self._unread <= self._max_ratio * self._files:
            return
        raise SourceError(
            f"{self._unread:,} of {self._files:,} files could not be read, more than max_unreadable_ratio={self._max_ratio} allows; the "
            f"first: {self._first}. That may pass, so nothing was committed. Run the import again when the files can be read; those that "
            "never will be, remove, or let them become findings: max_unreadable_ratio=1 takes any number of them."
        )
