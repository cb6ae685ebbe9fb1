"""What only describes a picture rejects none, however large or broken; what decides its pixels does."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from airflow_cv_dataops.core.imaging.decoding.decode import Decoded, Limits, Reject, decode
from airflow_cv_dataops.core.imaging.decoding.viewing import decode_for_viewing

NOISE = Image.effect_noise((30, 20), 50).convert("RGB")
BOMB = zlib.compress(bytes(50_000_000))
GPS_XMP = b'<x:xmpmeta><rdf:Description exif:GPSLatitude="52,30N"/></x:xmpmeta>'


def saved(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


PNG, JPEG = saved(NOISE, "PNG"), saved(NOISE, "JPEG")


def chunk(name: bytes, body: bytes, *, broken: bool = False) -> bytes:
    checksum = zlib.crc32(name + body) ^ broken
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png_with(chunks: bytes, *, behind: bool = False) -> bytes:
    """Return the PNG with chunks in front of its pixels, or behind them."""
    place = len(PNG) - 12 if behind else 33
    return PNG[:place] + chunks + PNG[place:]


def exif(*, orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes().removeprefix(b"Exif\0\0")


def assert_same_pixels(data: bytes, like: bytes = PNG) -> Decoded:
    plain, found = decode(like), decode(data)
    assert isinstance(plain, Decoded)
    assert isinstance(found, Decoded), found
    assert (found.width, found.height, found.frames) == (plain.width, plain.height, plain.frames)
    assert found.pictures.luminance.tobytes() == plain.pictures.luminance.tobytes()
    seen, whole = decode_for_viewing(data), decode_for_viewing(like)
    assert isinstance(seen, Image.Image)
    assert isinstance(whole, Image.Image)
    assert seen.tobytes() == whole.tobytes()
    return found


@pytest.mark.parametrize("name", ["itxt_2mb.png", "text_bad_crc.png"])
def test_the_field_cases_are_images(shared_data: Callable[[str], Path], name: str) -> None:
    data = (shared_data("field_cases") / "png_chunks" / name).read_bytes()
    found = decode(data)
    assert isinstance(found, Decoded), found
    with Image.open(io.BytesIO(data[:8] + b"".join(critical(data)))) as plain:
        assert (found.format, found.width, found.height) == ("PNG", *plain.size)
        assert plain.convert("L").tobytes() == found.pictures.luminance.tobytes()
    assert isinstance(decode_for_viewing(data), Image.Image)


def critical(data: bytes) -> list[bytes]:
    found, position = [], 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 5].isupper():
            found.append(data[position : position + length + 12])
        position += length + 12
    return found


BROKEN = {
    "tEXt": chunk(b"tEXt", b"Comment\0hello", broken=True),
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"hello"), broken=True),
    "iTXt": chunk(b"iTXt", b"Comment\0\0\0\0\0hello", broken=True),
    "tIME": chunk(b"tIME", b"\x07\xea\x0b\5\0\0\0", broken=True),
    "iCCP": chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(b"profile"), broken=True),
    "gAMA": chunk(b"gAMA", struct.pack(">I", 45455), broken=True),
    "private": chunk(b"prVt", b"whatever", broken=True),
    "short pHYs": chunk(b"pHYs", b"1"),
    "short cHRM": chunk(b"cHRM", b"1"),
    "empty sRGB": chunk(b"sRGB", b""),
    "zTXt of an unknown method": chunk(b"zTXt", b"Comment\0\7junk"),
    "iCCP of an unknown method": chunk(b"iCCP", b"sRGB\0\7junk"),
    "long tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * 3_000_000),
    "long iTXt": chunk(b"iTXt", b"Comment\0\0\0\0\0" + b"x" * 3_000_000),
    "many texts": b"".join(chunk(b"tEXt", b"Comment\0" + b"x" * 1_000_000) for _ in range(70)),
}


@pytest.mark.parametrize("behind", [False, True], ids=["in front", "behind"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_description_that_is_broken_or_too_long_costs_no_picture(broken: bytes, behind: bool) -> None:
    assert assert_same_pixels(png_with(broken, behind=behind)).exif.has_gps is False


@pytest.mark.parametrize(
    "bomb",
    [chunk(b"zTXt", b"a\0\0" + BOMB), chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB), chunk(b"iCCP", b"a\0\0" + BOMB)],
    ids=["zTXt", "iTXt", "iCCP"],
)
def test_a_text_that_is_a_bomb_takes_no_memory(bomb: bytes) -> None:
    data = png_with(bomb * 3)
    tracemalloc.start()
    try:
        assert isinstance(decode(data), Decoded)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_file_that_ends_within_a_text_behind_its_pixels_is_whole() -> None:
    text = chunk(b"tEXt", b"Comment\0" + b"x" * 100)
    assert_same_pixels(PNG[:-12] + text[:50])
    assert_same_pixels(PNG[:-12] + struct.pack(">I", 0x7FFFFFFF) + b"tEXtComment\0")


def test_a_file_that_ends_before_its_pixels_is_cut_short() -> None:
    found = decode(PNG[:33] + struct.pack(">I", 0x7FFFFFFF) + b"tEXt" + PNG[33:])
    assert isinstance(found, Reject)
    assert found.reason == "truncated"


@pytest.mark.parametrize("place", [29, 33 + 8 + 10], ids=["checksum of IHDR", "pixels"])
def test_damage_to_the_picture_itself_is_a_reject_as_it_is_without_the_text(place: int) -> None:
    damaged = bytearray(PNG)
    damaged[place] ^= 0xFF
    plain = decode(bytes(damaged))
    assert isinstance(plain, Reject)
    assert decode(bytes(damaged[:33]) + BROKEN["tEXt"] + bytes(damaged[33:])) in (plain, Reject("unreadable", ANY_TEXT_ERROR))


ANY_TEXT_ERROR = "SyntaxError: broken PNG file (bad header checksum in b'tEXt')"


def test_a_broken_palette_or_transparency_is_a_reject() -> None:
    palette = saved(NOISE.quantize(16), "PNG")
    place = palette.index(b"PLTE")
    (length,) = struct.unpack_from(">I", palette, place - 4)
    damaged = bytearray(palette)
    damaged[place + 4 + length] ^= 0xFF
    assert isinstance(decode(bytes(damaged)), Reject)
    assert isinstance(decode(png_with(chunk(b"tRNS", bytes(6), broken=True))), Reject)


def test_limits_hold_for_what_is_left() -> None:
    found = decode(png_with(BROKEN["tEXt"]), limits=Limits(max_pixels=100))
    assert isinstance(found, Reject)
    assert found.reason == "too_large"


def test_exif_that_is_whole_still_counts_beside_a_broken_text() -> None:
    found = decode(png_with(chunk(b"eXIf", exif(orientation=6)) + BROKEN["tEXt"]))
    assert isinstance(found, Decoded)
    assert (found.exif.orientation, found.exif.has_gps, found.width, found.height) == (6, False, 20, 30)


@pytest.mark.parametrize(
    ("lost", "has_gps"),
    [
        (chunk(b"eXIf", exif(orientation=6), broken=True), None),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB), None),
        (chunk(b"zTXt", b"Raw profile type exif\0\0" + BOMB), None),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + GPS_XMP) + BROKEN["tEXt"], True),
        (chunk(b"tEXt", b"Comment\0eXIf", broken=True), False),
    ],
)
def test_of_exif_that_cannot_be_read_nobody_says_that_there_is_no_position(lost: bytes, has_gps: bool | None) -> None:
    assert assert_same_pixels(png_with(lost)).exif.has_gps is has_gps


SEGMENTS = {
    "JFIF": (0xE0, b"JFIF\0"),
    "ICC": (0xE2, b"ICC_PROFILE\0"),
    "Photoshop": (0xED, b"Photoshop 3.0\x008BIM\xfb\xfd"),
    "Adobe": (0xEE, b"Adobe"),
}


@pytest.mark.parametrize(("marker", "body"), SEGMENTS.values(), ids=SEGMENTS.keys())
def test_a_broken_segment_costs_no_jpeg(marker: int, body: bytes) -> None:
    assert_same_pixels(JPEG[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + JPEG[2:], JPEG)


NAMES = [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"tIME", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"bKGD", b"hIST", b"sPLT", b"vpAg"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=60), st.booleans()), max_size=4), st.booleans())
def test_no_description_whatever_its_bytes_costs_the_picture(chunks: list[tuple[bytes, bytes, bool]], behind: bool) -> None:
    data = png_with(b"".join(chunk(name, body, broken=broken) for name, body, broken in chunks), behind=behind)
    found = decode(data)
    assert isinstance(found, Decoded), found
    assert sorted((found.width, found.height)) == [20, 30]
