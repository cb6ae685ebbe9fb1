"""The directory of a zip (PKWARE APPNOTE 6.3), read without trusting its numbers."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits, Member
from airflow_cv_dataops.core.wording import readable

STORED, DEFLATED = 0, 8
LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 0x1
_ENTRY = b"PK\x01\x02"
_END, _END64_LOCATOR, _END64 = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
_END_BYTES, _END64_LOCATOR_BYTES = 22, 20
_LONGEST_COMMENT = 65_535
_LONGEST_ENTRY = 1024
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 99: "AES encryption"}


def zip_members(file: IO[bytes], uri: str, limits: ArchiveLimits) -> Iterator[Member]:
    """Yield the members of a zip in the order of its directory.

    :raises SourceError: it is no zip, it is cut short, or its directory is larger than ``max_members`` could fill.
    """
    try:
        _check_directory(file, uri, limits)
        directory = zipfile.ZipFile(file).infolist()
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"Cannot read the archive {readable(uri)}: {error or type(error).__name__}") from error
    return (_member(entry) for entry in directory if not entry.filename.endswith("/"))


def data_offset(header: bytes, offset: int) -> int:
    """Return where a member's data begins, from its local header. :raises OSError: there is no header."""
    if len(header) < LOCAL_HEADER_BYTES or not header.startswith(b"PK\x03\x04"):
        raise OSError("the archive is damaged where the member should begin")
    name_bytes, extra_bytes = struct.unpack_from("<HH", header, 26)
    return offset + LOCAL_HEADER_BYTES + name_bytes + extra_bytes


def _check_directory(file: IO[bytes], uri: str, limits: ArchiveLimits) -> None:
    """Count the entries before ``zipfile`` makes objects of them: the number that the archive states may be a lie."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
    tail_offset, tail = file.tell(), file.read()
    place = tail.rfind(_END)
    if place < 0:
        raise SourceError(f"Cannot read the archive {readable(uri)}: it is no zip, or it is cut short (no directory at its end).")
    (directory_bytes,) = struct.unpack_from("<L", tail, place + 12)
    end = tail_offset + place
    locator = tail[max(0, place - _END64_LOCATOR_BYTES) : place]
    if locator.startswith(_END64_LOCATOR):
        file.seek(struct.unpack_from("<Q", locator, 8)[0])
        end64 = file.read(56)
        if end64.startswith(_END64):
            (directory_bytes,) = struct.unpack_from("<Q", end64, 40)
            end -= _END64_LOCATOR_BYTES + 56
    if directory_bytes > limits.max_members * _LONGEST_ENTRY:
        raise SourceError(
            f"The archive {readable(uri)} has a directory of {directory_bytes:,} bytes: too large for {limits.max_members:,} members."
        )
    file.seek(max(0, end - directory_bytes))
    if file.read(directory_bytes).count(_ENTRY) > limits.max_members:
        raise SourceError(f"The archive {readable(uri)} has more than {limits.max_members:,} members (max_members).")


def _member(entry: zipfile.ZipInfo) -> Member:
    return Member(
        name=entry.orig_filename,
        offset=entry.header_offset,
        stored=entry.compress_size,
        size=entry.file_size,
        modified_at=_modified_at(entry),
        method=entry.compress_type,
        checksum=entry.CRC,
        refused=_refusal(entry),
        header=LOCAL_HEADER_BYTES,
    )


def _refusal(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link, and links are not followed"
    if kind and not stat.S_ISREG(kind):
        return "it is neither a file nor a folder"
    if entry.flag_bits & _ENCRYPTED or entry.compress_type == 99:
        return "it is encrypted"
    if entry.compress_type not in (STORED, DEFLATED):
        named = _METHODS.get(entry.compress_type, f"number {entry.compress_type}")
        return f"it is compressed by a method that is not supported ({named})"
    return None


def _modified_at(entry: zipfile.ZipInfo) -> datetime | None:
    """Zip has local time without a zone; it is taken as UTC, so that it is the same on every machine."""
    try:
        return datetime(*entry.date_time, tzinfo=UTC)
    except ValueError:
        return None
