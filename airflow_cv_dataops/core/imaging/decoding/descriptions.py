"""What a file says beside its pixels: taken out where a decoder stumbled over it, as no description is a reason to refuse a picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
# A decoder needs the critical chunks (upper case), and these tell pixels or frames: where one is broken, so is the picture.
_OF_PIXELS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
_END = b"\0\0\0\0IEND\xaeB`\x82"
_XMP = b"XML:com.adobe.xmp\0"
_FACTS = (_XMP, b"Raw profile type ")  # keywords of texts that EXIF facts are read from
_LONGEST_FACTS = 1024 * 1024
_LONGEST_KEYWORD = 80

# JPEG: which application segments Pillow parses and may fail on, with the fewest bytes that it needs.
_APP0, _APP2, _APP13, _APP14, _COMMENT, _SCAN = 0xE0, 0xE2, 0xED, 0xEE, 0xFE, 0xDA
_SHORTEST = {_APP0: 14, _APP14: 12}
_DESCRIBING = (_APP2, _APP13, _COMMENT)


@dataclass(frozen=True)
class Bare:
    """A file's picture.

    :param data: a file of the same format with the same pixels.
    :param lost_facts: EXIF or XMP was among what was taken out: nothing is known of what stood there.
    """

    data: bytes
    lost_facts: bool


def without_descriptions(data: bytes) -> Bare | None:
    """Return a PNG or JPEG without what only describes it; ``None`` where there is nothing to take out, or it is another format.

    Nothing is decompressed. EXIF and XMP that are whole stay, as facts are read from them, and so does all that decides pixels, whole or
    broken: a PNG whose IHDR, PLTE, IDAT or tRNS is damaged fails as before.
    """
    if data.startswith(_PNG):
        return _bare_png(data)
    if data.startswith(_JPEG):
        return _bare_jpeg(data)
    return None


def _bare_png(data: bytes) -> Bare | None:
    kept, lost_facts, has_pixels, has_xmp = [_PNG], False, False, False
    for name, chunk, is_whole in _chunks(data):
        body = chunk[8:-4]
        is_xmp = name == b"iTXt" and body.startswith(_XMP)
        # Of XMP the first, if it is of a sane length and not compressed (its second byte behind the keyword says so).
        is_plain_xmp = is_xmp and not has_xmp and len(body) <= _LONGEST_FACTS and body[len(_XMP) : len(_XMP) + 1] == b"\0"
        if name[:1].isupper() or name in _OF_PIXELS or (is_whole and (name == b"eXIf" or is_plain_xmp)):
            kept.append(chunk)
            has_pixels |= name == b"IDAT"
            has_xmp |= is_xmp
        elif name == b"eXIf" or (name[1:] in (b"EXt", b"TXt") and body[:_LONGEST_KEYWORD].startswith(_FACTS)):
            lost_facts = True
    bare = b"".join(kept)
    if has_pixels and not bare.endswith(_END):
        bare += _END  # the file ended within a description behind its pixels
    return Bare(bare, lost_facts) if len(bare) < len(data) else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield name, bytes, and whether the checksum is right, of each chunk (PNG, 5.3); the last may be cut short."""
    position = len(_PNG)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        chunk = data[position : position + length + 12]
        is_whole = len(chunk) == length + 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        yield name, chunk, is_whole
        if name == b"IEND":
            return
        position += length + 12


def _bare_jpeg(data: bytes) -> Bare | None:
    kept, position = [_JPEG], len(_JPEG)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        if marker == _SCAN or length < 2:
            break
        if marker not in _DESCRIBING and length - 2 >= _SHORTEST.get(marker, 0):
            kept.append(data[position : position + 2 + length])
        position += 2 + length
    bare = b"".join([*kept, data[position:]])
    return Bare(bare, lost_facts=False) if len(bare) < len(data) else None
