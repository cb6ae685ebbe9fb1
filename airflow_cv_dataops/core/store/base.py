"""What every place with files below it offers, local or in an object store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from os import PathLike
from typing import Any


@dataclass(frozen=True)
class ObjectInfo:
    """One file of a listing.

    :param path: path below the listed store's root, with ``/``; undecodable bytes of a local name stand as ``\\xNN``.
        One of an object store may be such that nobody can ask for it (``a//b``): it is listed, and ``read`` says why not.
    :param uri: full URI; a local one is percent-encoded, an object store's key is not.
    :param size: bytes; ``None`` where the store cannot tell (a broken link).
    :param is_folder: it only stands for a folder (:mod:`~airflow_cv_dataops.core.store.folder_markers`).
    :param changed_at: when the file came to be as it is; unlike ``modified_at``, a copy that keeps the old time does not hide it.
    """

    path: str
    uri: str
    size: int | None
    etag: str | None = None
    version: str | None = None
    modified_at: datetime | None = None
    changed_at: datetime | None = None
    is_folder: bool = False


@dataclass(frozen=True)
class Place:
    """A URI together with what opens it: a step may read several, each with credentials of its own.

    :param uri: of a file or prefix.
    :param options: obstore's configuration of the URI's store.
    """

    uri: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold credentials

    @classmethod
    def of(cls, given: str | PathLike[str] | Place, options: Mapping[str, Any]) -> Place:
        """Return a place as it is, and a bare URI or path as a place with these options."""
        return given if isinstance(given, Place) else cls(os.fspath(given), options)


class ObjectStore:
    """A prefix with files below it. Use :func:`open_store`."""

    uri: str

    dead_links: Sequence[str] = ()
    """URIs of the links, met by the last listing, behind which nothing is: what once lay there was listed below them. Local ones only."""

    def list(self) -> Iterator[ObjectInfo]:
        """Yield every file below the prefix, in no particular order.

        :raises SourceError: the prefix cannot be listed (no permission, no such bucket); an absent prefix is just empty.
        """
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """Return the bytes of one file. :raises OSError: it cannot be read. :raises StoreError: nothing can, for now."""
        raise NotImplementedError

    def read_start(self, path: str, length: int) -> bytes:
        """Return the first bytes of one file, up to ``length``. :raises OSError: as :meth:`read`."""
        raise NotImplementedError

    def fetch(self, info: ObjectInfo) -> bytes:
        """Return the bytes of a file that was listed. :raises OSError: it cannot be read."""
        return self.read(info.path)

    def write(self, path: str, data: bytes) -> str:
        """Write one file whole or not at all, replacing what is there, and return its URI."""
        raise NotImplementedError

    def write_file(self, path: str, local_file: str) -> str:
        """Copy a local file to the path, whole or not at all, without holding it in memory, and return its URI."""
        raise NotImplementedError

    def size(self, path: str) -> int | None:
        """Return the size in bytes of the file at the path, ``None`` where there is none. :raises OSError: the store does not say."""
        raise NotImplementedError

    def renew(self, path: str, size: int) -> bool:
        """Say whether a file of this size is there, so that it need not be written again, and see to it that no clean-up takes it for old.

        Where the time of a file cannot be set, one that is older than some hours is said not to be there.

        :raises OSError: as :meth:`size`.
        """
        raise NotImplementedError

    def delete_if_older(self, path: str, than: datetime) -> bool:
        """Delete the file at the path unless it was written or renewed since; return whether it is gone. :raises OSError: it cannot be."""
        raise NotImplementedError

    def put_back(self, path: str) -> None:
        """Undo what :meth:`delete_if_older` had begun when it was killed, of a file that is called ``.<name>.….aside``."""
        raise NotImplementedError

    def is_behind_link(self, path: str) -> bool:
        """Say whether a listed file is a link, or lies behind one below the prefix: it is somebody else's. Object stores have none."""
        return False

    def uri_of(self, path: str) -> str:
        """Return the full URI of a path below the prefix."""
        raise NotImplementedError

    def is_never_readable(self, path: str) -> bool:
        """Say whether a listed file is such that no try will ever read it: a key that nobody can ask for, a named pipe."""
        raise NotImplementedError

    def repeated_links(self, paths: Sequence[str], *, by_name: bool) -> Set[str]:
        """Return those of some listed paths that are links to a file that another of them is already; object stores have none.

        :param by_name: only where both have the same file name, as the name says something of its own.
        """
        return frozenset()

    def why_nothing(self) -> str:
        """Say, of a prefix at which nothing was listed, what is there: the end of a sentence."""
        raise NotImplementedError
