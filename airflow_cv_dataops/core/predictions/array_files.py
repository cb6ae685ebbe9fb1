"""Arrays in NumPy files from outside: looked at before they are believed, never unpickled, never larger than they say."""

from __future__ import annotations

import io
import lzma
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# A file is refused, compressed or not, beyond this size: 80 classes of 2,048 x 2,048 px in half precision fit.
MAX_FILE_BYTES = 1 << 30
# An archive may unpack to that, or to so many times its size: measured numbers hardly pack to a quarter, a bomb to a thousandth.
MOST_UNPACKED = 100
# NumPy itself reads no header longer than 10,000 bytes without being told to.
HEADER_BYTES = 1 << 14

# What NumPy's parser of headers, Python literals with a repair through the tokenizer, is known to raise over mutilated ones.
_HEADER_ERRORS = (
    ValueError,
    EOFError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    struct.error,
)

_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError, EOFError, ValueError)

_ARRAYS = ("probabilities", "probs", "pred_probs", "predictions", "arr_0")
_CLASSES = ("classes", "class_names", "categories")


@dataclass(frozen=True)
class ArrayHeader:
    """:param offset: where the numbers begin, bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool
    offset: int

    @property
    def bytes(self) -> int:
        count = 1
        for side in self.shape:
            count *= side
        return count * self.dtype.itemsize


def read_header(start: bytes) -> ArrayHeader:
    """Return what the beginning of an ``.npy`` file says. :raises ValueError: it is none, or its content is no numbers."""
    import numpy as np

    stream = io.BytesIO(start)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format is not known")
        shape, is_fortran, dtype = read(stream)
    except _HEADER_ERRORS as error:
        raise ValueError(f"not a NumPy file: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled; save texts as an array of dtype `U`, numbers as numbers")
    if any(side < 0 for side in shape):
        raise ValueError(f"not a NumPy file: its header has the shape {shape}")
    return ArrayHeader(shape, dtype, is_fortran, stream.tell())


def array_of(data: bytes) -> np.ndarray:
    """Return the array of an ``.npy``, a view of ``data``. :raises ValueError: it is none, holds Python objects, or is cut short."""
    import numpy as np

    header = read_header(data[:HEADER_BYTES])
    _check_is_there(header, len(data))
    try:
        flat = np.frombuffer(memoryview(data)[header.offset : header.offset + header.bytes], dtype=header.dtype)
        return flat.reshape(header.shape, order="F" if header.is_fortran else "C")
    except ValueError as error:
        raise ValueError(f"not a NumPy file: {error}") from error


def arrays_of(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz``.

    :raises ValueError: it is none, one holds Python objects, less is there than its header promises, or it unpacks to more than 1 GB and a
        hundred times its size.
    """
    found, left = {}, max(MAX_FILE_BYTES, MOST_UNPACKED * len(data))
    with _archive(data) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:  # a note beside the arrays
                continue
            try:
                with _opened(archive, member) as file:
                    header = read_header(_start_of(file))
                # Before anything is unpacked: of what is as small as this, an archive may claim any size.
                _check_is_there(header, member.file_size)
                left -= member.file_size
                if left < 0:
                    raise ValueError(f"its {member.file_size:,} bytes are more than an archive of {len(data):,} bytes may unpack to")
                found[name] = array_of(_bytes_of(archive, member))
            except ValueError as error:
                raise ValueError(f"array {name!r}: {error}") from error
    return found


def probability_header(data: bytes, name: str, size: int) -> tuple[ArrayHeader, tuple[str, ...] | None]:
    """Return shape and type of the probabilities in a file, and the names of their classes where it has them.

    :param data: the first ``HEADER_BYTES`` of an ``.npy``, the whole of an ``.npz``.
    :param size: the whole file's size.
    :raises ValueError: the file cannot be used.
    """
    if not _is_archive(name):
        header = read_header(data)
        _check(header, size)
        return header, None
    with _archive(data) as archive:
        member = _member(archive)
        with _opened(archive, member) as file:
            header = read_header(_start_of(file))
        _check(header, member.file_size)
        return header, _classes(archive)


def read_probabilities(data: bytes, name: str) -> np.ndarray:
    """Return the probabilities in a file, float; an uncompressed file's array is a view of ``data``.

    :raises ValueError: the file cannot be used.
    """
    import numpy as np

    if _is_archive(name):
        with _archive(data) as archive:
            data = _bytes_of(archive, _member(archive))
    header = read_header(data[:HEADER_BYTES])
    _check(header, len(data))
    flat = np.frombuffer(data, dtype=header.dtype, offset=header.offset)
    return flat.reshape(header.shape, order="F" if header.is_fortran else "C")


def _check_is_there(header: ArrayHeader, size: int) -> None:
    if header.bytes > size - header.offset:
        raise ValueError(f"its header promises {header.bytes:,} bytes, {max(size - header.offset, 0):,} are there")


def _check(header: ArrayHeader, size: int) -> None:
    if header.dtype.kind != "f" or len(header.shape) not in (2, 3) or 0 in header.shape:
        raise ValueError(f"expected floats of shape (classes, height, width) or (height, width), found {header.dtype} of {header.shape}")
    if header.bytes > MAX_FILE_BYTES:
        raise ValueError(f"{header.bytes:,} bytes of probabilities are more than the {MAX_FILE_BYTES:,} that are read")
    if header.bytes != size - header.offset:
        raise ValueError(f"its header promises {header.bytes:,} bytes of numbers, {size - header.offset:,} are there")


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".npz")


def _archive(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"not an .npz archive: {error}") from error


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    found = next((members[name] for name in _ARRAYS if name in members), None)
    if found is None:
        raise ValueError(f"no array with probabilities: looked for {', '.join(_ARRAYS)}")
    if found.file_size > MAX_FILE_BYTES + HEADER_BYTES:
        raise ValueError(f"{found.file_size:,} bytes of probabilities are more than the {MAX_FILE_BYTES:,} that are read")
    return found


def _classes(archive: zipfile.ZipFile) -> tuple[str, ...] | None:
    import numpy as np

    member = next((info for info in archive.infolist() if info.filename.removesuffix(".npy") in _CLASSES), None)
    if member is None:
        return None
    if member.file_size > 1 << 24:
        raise ValueError("its list of classes is longer than 16 MB")
    header = read_header(data := _bytes_of(archive, member))
    if header.dtype.kind not in "US" or len(header.shape) != 1 or header.bytes != len(data) - header.offset:
        raise ValueError(f"expected class names as a list of texts, found {header.dtype} of shape {header.shape}")
    names = np.frombuffer(data, dtype=header.dtype, offset=header.offset)
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist())


def _bytes_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with _opened(archive, member) as file:
        return _unpacked(file, -1)


def _start_of(file: IO[bytes]) -> bytes:
    return _unpacked(file, HEADER_BYTES)


def _unpacked(file: IO[bytes], size: int) -> bytes:
    try:
        return file.read(size)
    except (*_ARCHIVE_ERRORS, MemoryError) as error:
        raise ValueError(f"not an .npz archive: {error or type(error).__name__}") from error


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(member)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(f"not an .npz archive: {error}") from error
