"""The headers of a tar (POSIX.1-2001 pax, GNU), read without trusting their numbers."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.sources.archive_members import MEBIBYTE, ArchiveLimits, Member
from airflow_cv_dataops.core.wording import readable

_LONGEST_HEADER = MEBIBYTE
_BLOCK = 512


def tar_members(file: IO[bytes], uri: str, limits: ArchiveLimits) -> Iterator[Member]:
    """Return the members of an uncompressed tar in their order.

    :raises SourceError: it is no tar, it is damaged, or it ends in the middle: what would be missing, nobody could tell.
    """
    found = []
    size = file.seek(0, 2)
    file.seek(0)
    try:
        with tarfile.open(fileobj=_SmallReads(file), mode="r:", encoding="utf-8", errors="surrogateescape") as tar:  # type: ignore[call-overload]
            position = -1
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep every entry
                if tar.offset <= position or entry.size < 0:  # type: ignore[attr-defined]
                    raise tarfile.ReadError("a header points backwards")
                position = tar.offset  # type: ignore[attr-defined]
                if not entry.isdir():
                    found.append(_member(entry))
                if len(found) > limits.max_members:
                    break
            end = tar.offset  # type: ignore[attr-defined]
    except Exception as error:
        raise SourceError(f"Cannot read the archive {readable(uri)} behind member {len(found)}: {error or type(error).__name__}") from error
    if end > size:
        raise SourceError(f"The archive {readable(uri)} is cut short: it ends in the middle of member {len(found)}.")
    file.seek(end)
    if len(found) <= limits.max_members and file.read(_BLOCK).strip(b"\0"):
        raise SourceError(f"The archive {readable(uri)} is damaged behind member {len(found)}: no header where one should be.")
    return iter(found)


class _SmallReads:
    """A file that gives out what a header may need: tarfile would read one of any size that is stated into memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _member(entry: tarfile.TarInfo) -> Member:
    is_file = entry.isreg() and not entry.issparse()
    return Member(
        name=entry.name,
        offset=entry.offset_data,
        stored=entry.size if is_file else 0,
        size=entry.size if is_file else None,
        modified_at=_modified_at(entry),
        refused=None if is_file else _refusal(entry),
    )


def _refusal(entry: tarfile.TarInfo) -> str:
    if entry.issym() or entry.islnk():
        return "it is a link, and links are not followed"
    if entry.issparse():
        return "it is a sparse file, which may be of any size"
    return "it is neither a file nor a folder"


def _modified_at(entry: tarfile.TarInfo) -> datetime | None:
    try:
        return datetime.fromtimestamp(entry.mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
