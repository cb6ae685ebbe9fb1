"""What every kind of source offers."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.objects import ObjectInfo

if TYPE_CHECKING:
    import pyarrow as pa

MAX_BYTES = 256 * 1024 * 1024
_REFUSED = "refused: "


class ImageSource:
    """Files to take images from. Use :func:`open_image_source`; close it, or use it in a ``with``, to give back temporary files.

    Listing and reading work in threads and in forked processes.
    """

    uri: str
    """Without credentials: for rows, logs and lineage. The URI of every entry of a prefix or an archive begins with it."""

    is_local: bool = False
    """Whether ``fetch`` reads from this machine's disk, where more threads than cores only cost time."""

    is_list: bool = False
    """Whether somebody has named each entry, wherever it lies."""

    @property
    def dead_links(self) -> Sequence[str]:
        """URIs of the links that the listing met and behind which nothing is; what once lay there was listed below them."""
        return ()

    @property
    def spec(self) -> dict[str, Any]:
        """What :func:`image_source_from` opens the same source from, in another process of this machine: plain JSON values.

        It holds the options, and so credentials: hand it to a process, never write it to a file, a log or an XCom.
        """
        raise NotImplementedError

    @property
    def identity(self) -> dict[str, Any] | None:
        """What a listing of the source is a function of, where that is cheaper to learn than the listing; plain JSON values.

        Two sources with the same identity have the same entries. ``None``: list it.
        """
        return None

    def prepare(self) -> None:
        """Make what reading needs, before other processes open :attr:`spec`. :raises SourceError: the source cannot be read."""

    def list(self) -> Iterator[ObjectInfo]:
        """Yield every entry once; URIs are free of credentials. An entry that cannot be read is listed all the same.

        :raises SourceError: the source as a whole cannot be listed.
        """
        raise NotImplementedError

    def why_nothing(self) -> str:
        """Say, of a source that listed nothing, what is there: the end of a sentence."""
        raise NotImplementedError

    def fetch(self, info: ObjectInfo) -> bytes:
        """Return the bytes of an entry that was listed, here or by an equal source elsewhere.

        :raises OSError: it cannot be read; its message says why. ``errno.EFBIG``: it is larger than the limit; another number: the
            machine says so, and it may read the entry another time.
        :raises StoreError: the object store does not answer, or refuses; nothing can be said of the entry.
        """
        raise NotImplementedError

    def begin(self, info: ObjectInfo) -> tuple[int | None, Callable[[], bytes]]:
        """Ask for an entry; return its size as its store states it, if it does, and what reads its bytes. Raises as :meth:`fetch`."""
        return info.size, partial(self.fetch, info)

    def close(self) -> None:
        """Remove temporary files. Entries cannot be read afterwards."""

    def __enter__(self) -> ImageSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refusal(why: str) -> str:
    """Return the ``version`` of an entry that is listed but must not be read: every process that gets the entry knows why."""
    return _REFUSED + why


def is_refused(versions: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which entries are listed but must not be read, by their ``version``."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.starts_with(versions, _REFUSED), False)


def check_not_refused(info: ObjectInfo) -> None:
    """:raises OSError: the entry was listed as one that must not be read."""
    if info.version is not None and info.version.startswith(_REFUSED):
        raise OSError(info.version[len(_REFUSED) :])


def joined(chunks: Iterable[bytes], max_bytes: int) -> bytes:
    """Return a stream's bytes. :raises OSError: there are more than the limit, whatever was stated before."""
    parts, size = [], 0
    for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise too_large(size, max_bytes)
    return b"".join(parts)


def too_large(size: int, max_bytes: int) -> OSError:
    """Return the error of an entry beyond the limit."""
    return OSError(errno.EFBIG, f"{size:,} bytes; at most {max_bytes:,} are read")
