"""Ways to break an image file: blind ones, and such as know where a format keeps its lengths and chunks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from hypothesis import strategies as st

Mutation = Callable[[bytes, bytes], bytes]
"""Makes a file out of a file and another of the same or of another format."""

_positions = st.floats(0, 1, exclude_max=True)  # a share of the file, so that a failing case stays one for a shorter file
_LONGEST = 4_000_000  # bytes: repeated parts repeated again would make hundreds of megabytes
_NASTY_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    """Draw one to five mutations, one after the other."""
    steps = draw(st.lists(st.one_of(_truncations(), _bit_flips(), _splices(), _numbers(), _part_changes()), min_size=1, max_size=5))

    def apply(data: bytes, other: bytes) -> bytes:
        for step in steps:
            data = step(data, other)[:_LONGEST]
        return data

    return apply


@st.composite
def _truncations(draw: st.DrawFn) -> Mutation:
    kept = draw(_positions)
    return lambda data, other: data[: int(len(data) * kept)]


@st.composite
def _bit_flips(draw: st.DrawFn) -> Mutation:
    flips = draw(st.lists(st.tuples(_positions, st.integers(0, 7)), min_size=1, max_size=20))
    only_head = draw(st.booleans())  # most of a file is pixels, most of what can go wrong stands before them

    def apply(data: bytes, other: bytes) -> bytes:
        changed = bytearray(data)
        for position, bit in flips:
            if changed:
                changed[int((min(len(changed), 200) if only_head else len(changed)) * position)] ^= 1 << bit
        return bytes(changed)

    return apply


@st.composite
def _splices(draw: st.DrawFn) -> Mutation:
    """Replace, insert or repeat a stretch by one of the same file or of another."""
    target, source, length = draw(_positions), draw(_positions), draw(st.integers(1, 3000))
    from_other, insert = draw(st.booleans()), draw(st.booleans())

    def apply(data: bytes, other: bytes) -> bytes:
        origin = other if from_other else data
        start, place = int(len(origin) * source), int(len(data) * target)
        stretch = origin[start : start + length]
        return data[:place] + stretch + data[place + (0 if insert else len(stretch)) :]

    return apply


@st.composite
def _numbers(draw: st.DrawFn) -> Mutation:
    """Overwrite what may be a length, an offset or a size by a number at the edge of its range."""
    position, width, order = draw(_positions), draw(st.sampled_from("BHI")), draw(st.sampled_from("<>"))
    number, only_head = draw(st.sampled_from(_NASTY_NUMBERS)), draw(st.booleans())
    stretch = struct.pack(order + width, number & (2 ** (8 * struct.calcsize(width)) - 1))

    def apply(data: bytes, other: bytes) -> bytes:
        place = int((min(len(data), 300) if only_head else len(data)) * position)
        return data[:place] + stretch + data[place + len(stretch) :]

    return apply


@st.composite
def _part_changes(draw: st.DrawFn) -> Mutation:
    """Drop, repeat, swap or empty chunks, segments or directory entries of the format."""
    kind = draw(st.sampled_from(["drop", "repeat", "swap", "empty"]))
    one, two, times = draw(_positions), draw(_positions), draw(st.sampled_from([1, 2, 50]))

    def apply(data: bytes, other: bytes) -> bytes:
        parts = list(_parts(data))
        if len(parts) < 2:
            return data
        first, second = int(len(parts) * one), int(len(parts) * two)
        if kind == "drop":
            del parts[first]
        elif kind == "repeat":
            parts[first:first] = [parts[first]] * times
        elif kind == "swap":
            parts[first], parts[second] = parts[second], parts[first]
        else:
            parts[first] = parts[first][:8]
        return b"".join(parts)

    return apply


def _parts(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x89PNG"):
        return _cut(data, 8, lambda at: 12 + struct.unpack_from(">I", data, at)[0])
    if data.startswith(b"\xff\xd8"):
        return _cut(data, 2, lambda at: 2 + struct.unpack_from(">H", data, at + 2)[0] if data[at + 1] != 0xDA else len(data))
    if data.startswith(b"RIFF"):
        return _cut(data, 12, lambda at: 8 + (struct.unpack_from("<I", data, at + 4)[0] + 1) // 2 * 2)
    if data.startswith(b"II*\0"):
        (directory,) = struct.unpack_from("<I", data, 4)
        return _cut(data, directory + 2, lambda at: 12)
    return iter((data,))


def _cut(data: bytes, first: int, length_at: Callable[[int], int]) -> Iterator[bytes]:
    """Yield what comes before the first part, then the parts, at most 200; a part that claims too much takes the rest."""
    yield data[:first]
    place = first
    for _ in range(200):
        if place >= len(data):
            return
        try:
            length = length_at(place)
        except (struct.error, IndexError):
            length = len(data)
        yield data[place : place + length]
        place += length
    yield data[place:]
