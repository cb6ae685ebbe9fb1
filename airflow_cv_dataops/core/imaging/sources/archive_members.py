"""What an archive says about its members, before any of it is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.wording import readable

MEBIBYTE = 1024 * 1024
_LARGEST_SIZE = 2**62  # a zip64 may state more than the tables' 64-bit numbers hold
_DRIVE = re.compile(r"[A-Za-z]:")
_SAFE = "/~!$&'()*+,;=:@"


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may cost. Images hardly compress: an archive of them is about as large as they are.

    :param max_temporary_bytes: most bytes of a temporary copy below ``TMPDIR``: of an archive from an object store as it is, of a
        compressed tar decompressed.
    :param max_members: most members.
    :param max_total_bytes: most bytes of all members together, decompressed.
    :param max_ratio: largest decompressed size for one byte of the archive, of a member or of the whole; only looked at above
        ``ratio_from_bytes``, as a small plain picture may well compress a thousandfold.
    :param ratio_from_bytes: from how many decompressed bytes on ``max_ratio`` holds.
    """

    max_temporary_bytes: int = 32 * 1024 * MEBIBYTE
    max_members: int = 2_000_000
    max_total_bytes: int = 256 * 1024 * MEBIBYTE
    max_ratio: float = 250.0
    ratio_from_bytes: int = 64 * MEBIBYTE

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigurationError(f"Archive limit {name}={value!r} cannot be used: expected a number above 0.")

    def exceeded(self, size: int, stored: int) -> str | None:
        """Say which limit a decompressed size of ``size`` from ``stored`` bytes breaks."""
        if size > self.max_total_bytes:
            return f"more than {self.max_total_bytes:,} bytes when decompressed (max_total_bytes)"
        if size > self.ratio_from_bytes and size > self.max_ratio * max(stored, 1):
            return f"more than {self.max_ratio:g} times its size when decompressed (max_ratio): a decompression bomb"
        return None


@dataclass(frozen=True, slots=True)
class Member:
    """One member that is not a folder.

    :param name: as the archive has it, undecodable bytes as surrogates.
    :param offset: of its data in a tar, of its local header in a zip.
    :param stored: bytes that its data takes up in the archive.
    :param size: bytes when decompressed, as the archive states it.
    :param method: 0 stored, 8 deflated.
    :param refused: why it must not be read.
    :param header: bytes at ``offset`` that are in front of its data, at least.
    :param copy: tells a member from a later one of the same path; 0 for the last, which is the one that counts.
    """

    name: str
    offset: int
    stored: int
    size: int | None
    modified_at: datetime | None = None
    method: int = 0
    checksum: int = 0
    refused: str | None = None
    header: int = 0
    copy: int = 0

    @property
    def place(self) -> str:
        """Where and how the member is stored, in one word that :meth:`at` reads."""
        return f"{self.offset}+{self.stored}:{self.size}:{self.method}:{self.checksum:08x}"

    @classmethod
    def at(cls, place: str) -> Member:
        """Return what can be read from a :attr:`place`. :raises OSError: it is none."""
        match = re.fullmatch(r"(\d+)\+(\d+):(\d+):(\d+):([0-9a-f]+)", place)
        if not match:
            raise OSError(f"{place!r} is no place in an archive")
        offset, stored, size, method = map(int, match.groups()[:4])
        return cls("", offset, stored, size, method=method, checksum=int(match[5], 16))

    @property
    def stated_size(self) -> int | None:
        """The size as a number that any table takes."""
        return None if self.size is None else min(self.size, _LARGEST_SIZE)

    @property
    def path(self) -> str:
        """The path for people and for labels to join; of a refused member the quoted one, so that nothing else follows it either."""
        if self.refused:
            return self.quoted
        return _bytes(_normal(self.name)).decode("utf-8", "backslashreplace")

    @property
    def quoted(self) -> str:
        """The path as it stands in the URI."""
        quoted = quote(_bytes(_normal(self.name)), safe=_SAFE)
        if self.refused:
            quoted = re.sub(r"^[./]+|(?<=/)\.+(?=/|$)", lambda match: match[0].replace(".", "%2E").replace("/", "%2F"), quoted)
        return f"{quoted}#{self.copy}" if self.copy else quoted


def checked(members: Iterator[Member], uri: str, limits: ArchiveLimits, archive_bytes: int) -> list[Member]:
    """Return the members, each refused that must not be read.

    :raises SourceError: the archive as a whole is beyond the limits.
    """
    found: list[Member] = []
    for member in members:
        found.append(_judged(member, limits))
        if len(found) > limits.max_members:
            raise SourceError(f"The archive {readable(uri)} has more than {limits.max_members:,} members (max_members).")
    kept = _without_overlaps(_last_of_each_name(found))
    if why := limits.exceeded(sum(member.size or 0 for member in kept if not member.refused), archive_bytes):
        raise SourceError(f"The archive {readable(uri)} is refused: {why}.")
    return kept


def _judged(member: Member, limits: ArchiveLimits) -> Member:
    why = member.refused or _unsafe(member.name) or limits.exceeded(member.size or 0, member.stored)
    return replace(member, refused=why) if why else member


def _unsafe(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/"):
        return "its path is absolute"
    if ".." in parts:
        return "its path climbs out of the archive"
    if "\\" in name or _DRIVE.match(name):
        return "its path has a backslash or a drive in it"
    if "\0" in name or not _normal(name):
        return "it has no usable name"
    return None


def _last_of_each_name(members: Sequence[Member]) -> list[Member]:
    """Refuse every member that a later one of the same name replaces, as it would when the archive is unpacked."""
    last = {_normal(member.name): place for place, member in enumerate(members)}
    copies: dict[str, int] = {}
    result = []
    for place, member in enumerate(members):
        name = _normal(member.name)
        if last[name] != place:
            copies[name] = copies.get(name, 0) + 1
            member = replace(member, copy=copies[name], refused="a later member of the archive has the same name and replaces it")
        result.append(member)
    return result


def _without_overlaps(members: Sequence[Member]) -> list[Member]:
    """Refuse members that share bytes of the archive with another: no honest archive has such, a bomb gets its size from them."""
    shared: set[int] = set()
    end, owner = -1, -1
    for place in sorted(range(len(members)), key=lambda place: members[place].offset):
        member = members[place]
        if not member.stored and not member.size:
            continue
        if member.offset < end:
            shared.update((owner, place))
        if member.offset + member.header + member.stored > end:
            end, owner = member.offset + member.header + member.stored, place
    why = "it shares bytes of the archive with another member: a decompression bomb"
    return [replace(member, refused=why) if place in shared else member for place, member in enumerate(members)]


def _normal(name: str) -> str:
    """Return the name without leading ``./`` and without empty parts; an absolute one stays absolute."""
    root = "/" if name.startswith("/") else ""
    return root + "/".join(part for part in name.split("/") if part not in ("", "."))


def _bytes(name: str) -> bytes:
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # surrogates that no byte has become
        return name.encode("utf-8", "backslashreplace")
