"""Files below an export that are no part of it: who reads the folder would take them for it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_AT_ONCE = 65_536


class UnexpectedFiles:
    """Knows the files of an export by 8 bytes each.

    :ivar missing: how many of them were not among the paths that :meth:`among` was given.
    """

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._keys: list[int] = []
        self.missing = 0

    def expect(self, path: str) -> None:
        """Take a file of the export."""
        self._keys.append(_key(path))
        if len(self._keys) >= _AT_ONCE:
            self._close_part()

    def among(self, paths: Iterable[str]) -> list[str]:
        """Return those of the paths that are no files of the export."""
        import numpy as np

        self._close_part()
        known = np.unique(np.concatenate(self._parts))
        is_seen = np.zeros(len(known), bool)
        foreign = []
        for path in paths:
            at = _place_in(known, _key(path))
            if at is None:
                foreign.append(path)
            else:
                is_seen[at] = True
        self.missing = int((~is_seen).sum())
        return foreign

    def _close_part(self) -> None:
        import numpy as np

        self._parts.append(np.array(self._keys, np.uint64))
        self._keys = []


def _place_in(known: np.ndarray, key: int) -> int | None:
    import numpy as np

    at = int(np.searchsorted(known, np.uint64(key)))
    return at if at < len(known) and int(known[at]) == key else None


def _key(path: str) -> int:
    return int.from_bytes(blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
