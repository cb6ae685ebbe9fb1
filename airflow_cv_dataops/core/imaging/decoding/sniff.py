"""What bytes are when no allowed decoder takes them, and whether they end too early; pixels are never decoded here."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_HEAD_BYTES = 64 * 1024
_TEXT_SAMPLE_BYTES = 64
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r\f")

# Formats that Pillow does not know, and those whose plugin could run another program: told by their first bytes alone.
_SIGNATURES = (
    (0, b"%!PS", "EPS"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\xd7\xcd\xc6\x9a\0\0", "WMF"),
    (40, b" EMF", "EMF"),
    (128, b"DICM", "DICOM"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_NEVER_OPENED = ("EPS", "WMF")
_TRUNCATION_WORDS = ("truncat", "not enough image data", "buffer is not large enough", "unexpected end", "reached eof")
_HEADER_STOPPED = ("broken PNG file (chunk", "not identified by this driver")
_MOST_BOXES = 10_000


def known_format(data: bytes, allowed: tuple[str, ...]) -> str | None:
    """Return the name of the image format that the bytes have, other than those in ``allowed``; ``None``: not an image.

    Pillow's header parsers see at most the first 64 KiB, so that none can be kept busy; none that could run a program is called.
    """
    return _by_signature(data) or _by_header(data, allowed)


def looks_like_text(data: bytes) -> bool:
    """Say whether the first bytes are plain text, whatever magic number they happen to spell (``BM``, ``P5``)."""
    return all(byte in _TEXT for byte in data[:_TEXT_SAMPLE_BYTES])


def cut_short(error: Exception, image: Image.Image | None, data: bytes) -> bool:
    """Say whether a decoder failed because bytes are missing at the end, rather than because those that are there are wrong.

    Pillow says so in part of the cases. In the others the lengths that the format states decide, or, for a stream that broke
    off and a header parser that ran off the end, whether the format's end mark is there.
    """
    if isinstance(error, EOFError) or any(word in str(error).lower() for word in _TRUNCATION_WORDS):
        return True
    return _stated_data_missing(image, data) or (_ran_out_of_bytes(error) and _end_mark_missing(data))


def _by_signature(data: bytes) -> str | None:
    for offset, signature, name in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return name
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    if b"<svg" in data[:1024].lower():
        return "SVG"
    return None


def _by_header(data: bytes, allowed: tuple[str, ...]) -> str | None:
    from PIL import Image

    Image.init()
    head = data[:_HEAD_BYTES]
    text = looks_like_text(head)
    for name, (factory, accept) in list(Image.OPEN.items()):
        if name in allowed or name in _NEVER_OPENED:
            continue
        try:
            if accept is not None and accept(head[:16]) is not True:
                continue
            factory(io.BytesIO(head), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # how a plugin says "not mine"
        except Exception:  # noqa: BLE001 (hostile input: the magic number fits, the rest is broken)
            if accept is None or text:
                continue
        return name
    return None


def _ran_out_of_bytes(error: Exception) -> bool:
    shortages = (IndexError, struct.error, EOFError, OSError)
    said = str(error)
    return isinstance(error, shortages) or isinstance(error.__cause__, shortages) or said.startswith(_HEADER_STOPPED)


def _end_mark_missing(data: bytes) -> bool:
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[2:]
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[8:]
    return data.startswith(b"GIF8") and not data.rstrip(b"\0").endswith(b";")


def _stated_data_missing(image: Image.Image | None, data: bytes) -> bool:
    """Say whether the format's own offsets and lengths point beyond the end of the file."""
    try:
        if data.startswith(b"RIFF"):
            return struct.unpack_from("<I", data, 4)[0] + 8 > len(data)
        if data.startswith(b"BM"):
            return struct.unpack_from("<I", data, 2)[0] > len(data)
        if data.startswith((b"II", b"MM")):
            return _tiff_data_missing(image, data)
        return data[4:8] == b"ftyp" and _box_missing(data)
    except struct.error:
        return True


def _tiff_data_missing(image: Image.Image | None, data: bytes) -> bool:
    """Look at the first directory, and at the strips or tiles that it names."""
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] in (b"*\0", b"\0*"):
        (directory,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, directory)
        if directory + 2 + 12 * entries > len(data):
            return True
    tags = getattr(image, "tag_v2", None) or {}
    for offsets_tag, counts_tag in ((273, 279), (324, 325)):
        offsets, counts = tags.get(offsets_tag) or (), tags.get(counts_tag) or ()
        if any(isinstance(o, int) and isinstance(c, int) and o + c > len(data) for o, c in zip(offsets, counts, strict=False)):
            return True
    return False


def _box_missing(data: bytes) -> bool:
    """Walk the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2)."""
    position = 0
    for _ in range(_MOST_BOXES):
        if position >= len(data):
            return position > len(data)
        (size,) = struct.unpack_from(">I", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if size < 8:  # 0: to the end of the file; less is broken
            return False
        position += size
    return False
