"""PyIceberg's transactions, less dear: with thousands of snapshots, a commit was little but copies of the table's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyiceberg.table import Transaction  # noqa: TID253 (only functions that commit import this module)

if TYPE_CHECKING:
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate


class QuickTransaction(Transaction):
    """Works out the table's metadata once for each change; PyIceberg's own copies all of it, every snapshot's, some 20 times in a commit.

    What was worked out holds as long as the table's metadata and the tuple of changes are the very same objects: PyIceberg changes neither
    in place, but puts others there when a change is staged, when the table is read anew, and when a commit has come through.
    """

    _worked_out: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The table's metadata with the changes so far; to be read only."""
        base, changes, known = self._table.metadata, self._updates, self._worked_out
        if known is None or known[0] is not base or known[1] is not changes:
            known = self._worked_out = (base, changes, super().table_metadata)  # at once: PyIceberg's threads ask too
        return known[2]
