"""A source that is an archive: the members of a ``.zip`` or a ``.tar``, compressed or not, local or in an object store."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.sources.archive_file import REPLACED, ArchiveFile
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits, Member, checked
from airflow_cv_dataops.core.imaging.sources.base import ImageSource, check_not_refused, refusal, too_large
from airflow_cv_dataops.core.imaging.sources.tar_members import tar_members
from airflow_cv_dataops.core.imaging.sources.zip_members import DEFLATED, LOCAL_HEADER_BYTES, data_offset, zip_members
from airflow_cv_dataops.core.store.objects import ObjectInfo, without_credentials
from airflow_cv_dataops.core.store.uris import without_query
from airflow_cv_dataops.core.wording import readable

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVE_SUFFIXES = (".zip", *TAR_SUFFIXES)


class ArchiveSource(ImageSource):
    """The regular files in an archive. Nothing is unpacked by its name: bytes go from the archive to memory.

    A local ``.zip`` or ``.tar`` is read where it is. A remote archive is copied to a temporary file once, and a compressed tar is
    decompressed into one, because only then can its members be read in any order and by several processes; both are removed by
    :meth:`close`, or when this process ends; what a killed process left, by the next one. Space: the archive's size, for a compressed
    tar its uncompressed size, below ``TMPDIR``.

    The URI of a member is ``<archive>!/<path>``, the path percent-encoded; ``version`` says where in the archive it lies, and its
    entity tag is the archive's. What must not be followed (a path that is absolute or climbs out, a link, a device, an encrypted
    member, members that overlap, a bomb) is listed under a percent-encoded path and cannot be fetched.

    :param local_copy: a temporary file that another process of this machine has made and owns.
    """

    is_local = True

    def __init__(
        self, uri: str, options: Mapping[str, Any], max_bytes: int, limits: ArchiveLimits, local_copy: Mapping[str, Any] | None = None
    ) -> None:
        self.uri = without_credentials(uri)
        self._uri = uri
        self._options = dict(options)
        self._max_bytes = max_bytes
        self._limits = limits
        self._is_zip = without_query(uri).lower().endswith(".zip")
        self._file = ArchiveFile(uri, self._options, limits, is_tar=not self._is_zip, local_copy=local_copy)

    @property
    def spec(self) -> dict[str, Any]:
        """As for every source; all processes share the copy that :meth:`prepare` has made."""
        return {
            "kind": "archive",
            "uri": self._uri,
            "options": self._options,
            "max_bytes": self._max_bytes,
            "limits": asdict(self._limits),
            "local_copy": self._file.prepared(),
        }

    @property
    def identity(self) -> dict[str, Any] | None:
        found = self._file.identity()
        return None if found is None else {**found, "limits": asdict(self._limits)}

    def prepare(self) -> None:
        self._file.prepare()

    def list(self) -> Iterator[ObjectInfo]:
        with self._file.open() as file:
            found = zip_members(file, self.uri, self._limits) if self._is_zip else tar_members(file, self.uri, self._limits)
        members = checked(found, self.uri, self._limits, os.path.getsize(self._file.path))
        archive = self._file.info
        for member in members:
            place = refusal(member.refused) if member.refused else member.place
            yield replace(
                archive,
                path=member.path,
                uri=f"{self.uri}!/{member.quoted}",
                size=member.stated_size,
                version=place,
                modified_at=member.modified_at,
            )

    def why_nothing(self) -> str:
        return "the archive is there, and no file is in it"

    def fetch(self, info: ObjectInfo) -> bytes:
        check_not_refused(info)
        if info.version is None:
            raise OSError(f"{readable(info.uri)} was not listed by its archive")
        if info.etag != self._etag():
            raise OSError(errno.ESTALE, REPLACED)  # by another task, perhaps hours ago: the place would be somewhere in other data
        member = Member.at(info.version)
        if max(member.size or 0, member.stored) > self._max_bytes:
            raise too_large(max(member.size or 0, member.stored), self._max_bytes)
        return self._unzipped(member) if self._is_zip else self._file.read(member.offset, member.stored)

    def close(self) -> None:
        self._file.close()

    def _etag(self) -> str | None:
        try:
            return self._file.info.etag
        except SourceError as error:
            raise OSError(str(error)) from error

    def _unzipped(self, member: Member) -> bytes:
        """Return a member's bytes; the decompressor stops one byte behind the size that the archive states."""
        assert member.size is not None
        start = data_offset(self._file.read(member.offset, LOCAL_HEADER_BYTES), member.offset)
        data = self._file.read(start, member.stored)
        if member.method == DEFLATED:
            try:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.size + 1)
            except zlib.error as error:
                raise OSError(f"the member is damaged: {error}") from error
        if len(data) != member.size:
            raise OSError(f"the member does not hold the {member.size:,} bytes that the archive states")
        if zlib.crc32(data) != member.checksum:
            raise OSError("the member is damaged: its checksum is another than the archive states")
        return data
