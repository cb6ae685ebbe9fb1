"""The datasets that other versions of this package have left, put in a place of a test's own."""

from __future__ import annotations

import sqlite3
import sys
import zipfile
import zlib
from pathlib import Path

from project import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT / "scripts"))

from make_stored_dataset import padded

STORED = PROJECT_ROOT / "tests" / "stored"
VERSIONS = sorted(path.stem for path in STORED.glob("*.zip"))

_SYNC_BYTES = 16


def unpack(version: str, folder: Path) -> Path:
    """Return the home of a stored dataset, unpacked below the folder: wherever a file names the home of its making, it names this one."""
    home = padded(folder)
    with zipfile.ZipFile(STORED / f"{version}.zip") as archive:
        made_at = archive.read("HOME").decode()
        assert len(made_at) == len(str(home)), "what is replaced must be as long"
        for name in archive.namelist():
            if name == "HOME":
                continue
            data = archive.read(name)
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_moved(data, made_at.encode(), str(home).encode()))
    with sqlite3.connect(home / "catalog.db") as catalog:
        catalog.execute("UPDATE iceberg_tables SET metadata_location = replace(metadata_location, ?, ?)", (made_at, str(home)))
    return home


def _moved(data: bytes, old: bytes, new: bytes) -> bytes:
    if data.startswith(b"Obj\1"):
        return _moved_avro(data, old, new)
    return data.replace(old, new) if data.startswith(b"{") else data


def _moved_avro(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return an Avro container file with one text for another of its length, in blocks that may be deflated."""
    header, at, is_deflated = _header(data)
    sync = header[-_SYNC_BYTES:]
    parts = [header.replace(old, new)]
    while at < len(data):
        count, at = _long(data, at)
        size, at = _long(data, at)
        block = data[at : at + size]
        if is_deflated:
            packer = zlib.compressobj(wbits=-15)
            block = packer.compress(zlib.decompress(block, -15).replace(old, new)) + packer.flush()
        else:
            block = block.replace(old, new)
        parts += [_encoded(count), _encoded(len(block)), block, sync]
        at += size + _SYNC_BYTES
    return b"".join(parts)


def _header(data: bytes) -> tuple[bytes, int, bool]:
    """Return the header with its sync marker, where it ends, and whether blocks are deflated."""
    at, codec = 4, b"null"
    while True:
        count, at = _long(data, at)
        if count == 0:
            break
        if count < 0:
            _, at = _long(data, at)
        for _ in range(abs(count)):
            key, at = _bytes(data, at)
            value, at = _bytes(data, at)
            codec = value if key == b"avro.codec" else codec
    assert codec in (b"null", b"deflate"), codec
    return data[: at + _SYNC_BYTES], at + _SYNC_BYTES, codec == b"deflate"


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _long(data, at)
    return data[at : at + size], at + size


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Read Avro's zigzag number."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at


def _encoded(value: int) -> bytes:
    value = value << 1 if value >= 0 else (-value << 1) - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
