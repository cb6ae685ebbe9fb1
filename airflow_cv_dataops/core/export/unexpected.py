"""Files below an export that are no part of it: who reads the folder would take them for it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_AT_ONCE = 65_536


class UnexpectedFiles:
    """Knows the files of an export by 8 bytes each."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._keys: list[int] = []

    def expect(self, path: str) -> None:
        """Take a file of the export."""
        self._keys.append(_key(path))
        if len(self._keys) >= _AT_ONCE:
            self._close_part()

    def among(self, paths: Iterable[str]) -> list[str]:
        """Return those of the paths that are no files of the export."""
        import numpy as np

        self._close_part()
        known = np.sort(np.concatenate(self._parts))
        return [path for path in paths if not _is_in(known, _key(path))]

    def _close_part(self) -> None:
        import numpy as np

        self._parts.append(np.array(self._keys, np.uint64))
        self._keys = []


def _is_in(known: np.ndarray, key: int) -> bool:
    import numpy as np

    at = int(np.searchsorted(known, np.uint64(key)))
    return at < len(known) and int(known[at]) == key


def _key(path: str) -> int:
    return int.from_bytes(blake2b(path.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
