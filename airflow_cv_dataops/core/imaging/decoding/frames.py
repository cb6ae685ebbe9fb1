"""How many frames or pages a file has, without decoding any and without trusting a chain of them to end."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFile

MAX_FRAMES = 100_000
_MAX_STEPS = 2_000_000


def count_frames(image: ImageFile.ImageFile, data: bytes) -> int:
    """Return the number of frames, 1 to 100,000 (more count as 100,000).

    Pillow's own ``n_frames`` of a GIF or TIFF walks all frames with no bound; those two are walked here.
    """
    if image.format == "GIF":
        frames = _gif_frames(data)
    elif image.format == "TIFF":
        frames = _tiff_pages(data)
    else:
        frames = int(getattr(image, "n_frames", 1))
    return min(max(frames, 1), MAX_FRAMES)


def _gif_frames(data: bytes) -> int:
    """Count image descriptors, block by block (GIF89a specification, appendix B)."""
    try:
        position = 13 + _colour_table_bytes(data[10])
        frames = steps = 0
        while frames < MAX_FRAMES and steps < _MAX_STEPS:
            introducer = data[position]
            if introducer == 0x2C:
                frames += 1
                position += 11 + _colour_table_bytes(data[position + 9])
            elif introducer == 0x21:
                position += 2
            else:
                break
            while size := data[position]:
                position += 1 + size
                steps += 1
            position += 1
            steps += 1
    except IndexError:
        pass  # cut short: the frames so far
    return frames


def _colour_table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _tiff_pages(data: bytes) -> int:
    """Follow the chain of image file directories (TIFF 6.0, section 2; BigTIFF) until it ends, loops or leaves the file."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    entry_bytes, count_format, offset_format = (20, order + "Q", order + "Q") if big else (12, order + "H", order + "I")
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(offset_format, data, 8 if big else 4)
        while offset and offset not in seen and len(seen) < MAX_FRAMES:
            (entries,) = struct.unpack_from(count_format, data, offset)
            seen.add(offset)
            (offset,) = struct.unpack_from(offset_format, data, offset + struct.calcsize(count_format) + entries * entry_bytes)
    except (struct.error, OverflowError):
        pass  # cut short: the pages so far
    return len(seen)
