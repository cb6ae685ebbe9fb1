"""Archives for tests, honest and hostile."""

from __future__ import annotations

import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

DIRECTORY_ENTRY = b"PK\x01\x02"
LOCAL_HEADER = b"PK\x03\x04"
END = b"PK\x05\x06"


def tar_entry(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = size, 1_700_000_000
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w", *, also: Callable[[tarfile.TarFile], None] | None = None) -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            tar.addfile(tar_entry(name, len(data)), io.BytesIO(data))
        if also:
            also(tar)
    return path


def write_zip(
    path: Path, files: Mapping[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.simplefilter("ignore")  # duplicate names are meant
        for name, data in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(name, data)
    return path


def zip_link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry, target.encode()


def overlapping_zip(path: Path, count: int, kernel: bytes) -> Path:
    """Write a zip of which every directory entry names the same compressed bytes (D. Fifield, A better zip bomb, 2019)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = compressor.compress(kernel) + compressor.flush()
    numbers = struct.pack("<LLL", zlib.crc32(kernel), len(data), len(kernel))
    name = b"0000.png"
    local = LOCAL_HEADER + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + numbers + struct.pack("<HH", len(name), 0) + name + data
    entries = b"".join(
        DIRECTORY_ENTRY
        + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33)
        + numbers
        + struct.pack("<HHHHHLL", len(name), 0, 0, 0, 0, 0, 0)
        + f"{number:04}.png".encode()
        for number in range(count)
    )
    path.write_bytes(local + entries + END + struct.pack("<HHHHLLH", 0, 0, count, count, len(entries), len(local), 0))
    return path


def zip_stating(path: Path, name: str, size: int) -> Path:
    """Write a zip64 with one empty member that states any 64-bit size."""
    local = LOCAL_HEADER + struct.pack("<HHHHHLLLHH", 45, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name.encode()
    extra = struct.pack("<HHQ", 1, 8, size)
    numbers = struct.pack("<HHHHHHLLL", 45, 45, 0, 0, 0, 33, 0, 0, 0xFFFFFFFF)
    entry = DIRECTORY_ENTRY + numbers + struct.pack("<HHHHHLL", len(name), len(extra), 0, 0, 0, 0, 0) + name.encode() + extra
    path.write_bytes(local + entry + END + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(entry), len(local), 0))
    return path


def patched(path: Path, change: Callable[[bytearray], None]) -> Path:
    """Change an archive's bytes in place."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path
