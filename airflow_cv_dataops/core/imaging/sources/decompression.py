"""Compressed streams, decompressed in small pieces within limits."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.imaging.sources.archive_members import MEBIBYTE, ArchiveLimits

_PIECE = MEBIBYTE
_XZ_MEMORY = 256 * MEBIBYTE


class CorruptStreamError(Exception):
    """A compressed stream is damaged, cut short or beyond the limits; the message goes on after what it is."""


class _Gzip:
    """zlib's decompressor with the manners of those of ``bz2`` and ``lzma``."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


COMPRESSIONS: Mapping[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY),
}
_LONGEST_MAGIC = max(map(len, COMPRESSIONS))


def decompressed(chunks: Iterator[bytes], limits: ArchiveLimits) -> Iterator[bytes]:
    """Yield a stream decompressed (gzip, bzip2 or xz, by its content; several of one kind in a row count as one), or as it is.

    :raises CorruptStreamError: it is damaged, cut short, or decompresses to more than the limits allow.
    """
    before = after = 0
    for piece, consumed in _pieces(chunks):
        before, after = max(before, consumed), after + len(piece)
        if why := limits.exceeded(after, before):
            raise CorruptStreamError(f"it would be {why}")
        yield piece


def _pieces(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield each piece with the number of compressed bytes that have been taken in so far."""
    make: Callable[[], Any] | None = None
    inner: Any = None
    waiting, consumed, is_first = b"", 0, True
    for chunk in chunks:
        consumed += len(chunk)
        waiting += chunk
        if inner is None and len(waiting) < _LONGEST_MAGIC:
            continue
        if is_first:
            make, is_first = _decompressor_for(waiting), False
            inner = make() if make else None
        if make is None:
            yield waiting, consumed
            waiting = b""
            continue
        while waiting and (inner is not None or len(waiting) >= _LONGEST_MAGIC):
            if inner is None:
                if _decompressor_for(waiting) is not make:
                    return  # padding behind the last stream
                inner = make()
            for piece in _drained(inner, waiting):
                yield piece, consumed
            waiting, inner = (inner.unused_data, None) if inner.eof else (b"", inner)
    if is_first and waiting:
        yield waiting, consumed
    if inner is not None:
        raise CorruptStreamError("it is cut short")


def _drained(inner: Any, data: bytes) -> Iterator[bytes]:
    """Yield what comes out for the data, no piece larger than a mebibyte."""
    try:
        while True:
            piece = inner.decompress(data, _PIECE)
            data = b""
            if piece:
                yield piece
            if inner.eof or len(piece) < _PIECE:
                return
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise CorruptStreamError(f"it is damaged: {error}") from error


def _decompressor_for(data: bytes) -> Callable[[], Any] | None:
    return next((make for magic, make in COMPRESSIONS.items() if data.startswith(magic)), None)
