"""Bytes to an upright picture and its facts, or to the reason why not."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from unit.core.imaging.imaging_pictures import encoded, photo, picture

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Decoded, Limits, Reject, decode
from airflow_cv_dataops.core.imaging.decoding.frames import MAX_FRAMES
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, extension_disagrees, image_facts

FILES = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {},
    "TIFF": {},
    "BMP": {},
    "GIF": {},
    "AVIF": {},
}


def taken(data: bytes, **arguments: object) -> Decoded:
    found = decode(data, **arguments)  # type: ignore[arg-type]
    assert isinstance(found, Decoded), found
    return found


def reason(data: bytes, **arguments: object) -> str:
    found = decode(data, **arguments)  # type: ignore[arg-type]
    assert isinstance(found, Reject), found
    assert found.detail.isprintable()
    return found.reason


@pytest.mark.parametrize("image_format", FILES)
def test_each_allowed_format_is_told_by_its_content(image_format: str) -> None:
    found = taken(encoded(photo(), image_format))
    assert (found.format, found.width, found.height, found.frames) == (image_format, 96, 64, 1)
    assert found.pictures.luminance.mode == "L"
    assert found.pictures.luminance.size == (96, 64)


def test_a_multi_picture_jpeg_counts_as_jpeg_with_frames() -> None:
    found = taken(encoded(photo(), "MPO", save_all=True, append_images=[photo(), photo()]))
    assert (found.format, found.frames, found.pictures.luminance.size) == ("JPEG", 3, (96, 64))


@pytest.mark.parametrize("image_format", FILES)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_lost_its_end_is_truncated(image_format: str, share: float) -> None:
    data = encoded(photo(), image_format)
    assert reason(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("side", [100, 3000])
@pytest.mark.parametrize("lost", [40, 2000])
def test_a_jpeg_that_lost_its_last_bytes_is_truncated_although_it_is_decoded_scaled_down(progressive: bool, side: int, lost: int) -> None:
    data = encoded(Image.effect_noise((side, side), 60).convert("RGB"), "JPEG", progressive=progressive)
    assert isinstance(decode(data), Decoded)
    assert reason(data[:-lost]) == "truncated"


def test_a_jpeg_that_lost_its_end_mark_alone_is_taken_where_pillow_takes_it() -> None:
    """In some 1 of 25 such files the decoder has the last block before it misses anything."""
    outcomes = set()
    for seed in range(200):
        noise = np.random.default_rng(seed).integers(0, 256, (24, 24), dtype=np.uint8)
        data = encoded(Image.fromarray(noise).convert("RGB"))[:-2]
        try:
            Image.open(io.BytesIO(data)).load()
            is_whole = True
        except OSError:
            is_whole = False
        found = decode(data)
        assert isinstance(found, Decoded) is is_whole
        assert is_whole or found.reason == "truncated"
        outcomes.add(is_whole)
    assert outcomes == {True, False}


def test_damage_in_the_middle_is_unreadable_not_truncated() -> None:
    data = bytearray(encoded(Image.effect_noise((64, 64), 60), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert reason(bytes(data)) == "unreadable"


def test_no_bytes_are_empty() -> None:
    assert reason(b"") == "empty"


@pytest.mark.parametrize(
    "data", [b"hello, this is a text\n" * 9, b"BMW is a car\n", b"P5 is a good size\n", b"%PDF-1.7\n%", b"PK\3\4" + bytes(90)]
)
def test_what_no_image_format_begins_like_is_not_an_image(data: bytes) -> None:
    assert reason(data) == "not_an_image"


def _header(name: str) -> bytes:
    return {
        "HEIF": b"\0\0\0\x18ftypheic" + bytes(40),
        "JPEG XL": b"\xff\x0a" + bytes(40),
        "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        "DICOM": bytes(128) + b"DICM" + bytes(40),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n",
        "PPM": encoded(photo(), "PPM"),
        "TGA": encoded(photo(), "TGA"),
        "ICO": encoded(photo(64, 64), "ICO"),
        "JPEG2000": encoded(photo(), "JPEG2000"),
    }[name]


@pytest.mark.parametrize("name", ["HEIF", "JPEG XL", "SVG", "DICOM", "EPS", "PPM", "TGA", "ICO", "JPEG2000"])
def test_an_image_in_a_format_that_is_not_allowed_is_named(name: str) -> None:
    found = decode(_header(name), formats=tuple(FILES))
    assert isinstance(found, Reject)
    assert found.reason == "unsupported_format"
    assert found.detail.startswith(name)


def test_only_allowed_decoders_are_tried() -> None:
    assert reason(encoded(photo(), "PNG"), formats=("JPEG",)) == "unsupported_format"
    assert taken(encoded(photo(), "PPM"), formats=("jpeg", "ppm")).format == "PPM"


@pytest.mark.parametrize("formats", [("JPG2",), ()])
def test_formats_that_pillow_does_not_have_are_a_configuration_error(formats: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        decode(b"x", formats=formats)


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_a_pixel_bomb_is_too_large_by_its_header() -> None:
    assert reason(_png_that_claims(60_000, 60_000)) == "too_large"
    assert reason(_png_that_claims(20_000, 10_001)) == "too_large"


def test_limits_are_ours_and_not_pillows_global(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert taken(encoded(photo(), "PNG")).width == 96
    assert reason(encoded(photo(), "PNG"), limits=Limits(max_pixels=96 * 64 - 1)) == "too_large"
    assert reason(encoded(photo(), "PNG"), limits=Limits(min_side=65)) == "too_small"
    assert reason(encoded(photo(), "PNG"), limits=Limits(max_bytes=100)) == "too_large"


def test_limits_below_one_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="max_pixels=0"):
        Limits(max_pixels=0)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RecursionError("deep"), "unreadable"),
        (struct.error("short"), "unreadable"),
        (OverflowError("big"), "unreadable"),
        (zlib.error("bad"), "unreadable"),
        (KeyError("x"), "unreadable"),
        (OSError(f"cannot identify {io.BytesIO()!r}\nsecond line"), "unreadable"),
        (MemoryError(), "unreadable"),
        (NotImplementedError("this compression"), "unsupported_format"),
    ],
)
def test_a_decoder_that_throws_anything_is_a_reject_with_the_same_detail_each_time(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    from PIL import PngImagePlugin

    def fail(self: object) -> None:
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
    found = decode(encoded(photo(), "PNG"))
    assert isinstance(found, Reject)
    assert found.reason == expected
    assert found.detail.startswith(type(error).__name__)
    assert "0x" not in found.detail
    assert "second line" not in found.detail


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_measures_are_of_the_upright_image(image_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = photo(96, 64)
    data = encoded(stored, image_format, exif=exif, **({"lossless": True} if image_format == "WEBP" else {}))
    found = taken(data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L")
    assert (found.width, found.height) == upright.size == found.pictures.luminance.size
    assert found.exif.orientation == orientation
    assert np.abs(np.asarray(found.pictures.luminance, float) - np.asarray(upright, float)).mean() < 1.0


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_orientation_of_a_heif_is_the_one_in_the_file(orientation: int) -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(96, 64), "HEIF", exif=exif, quality=95)
    found = taken(data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L")
    assert found.exif.orientation == orientation
    assert (found.width, found.height) == upright.size == found.pictures.luminance.size
    assert np.abs(np.asarray(found.pictures.luminance, float) - np.asarray(upright, float)).mean() < 1.0


def test_an_invalid_orientation_is_null_and_changes_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    found = taken(encoded(photo(), "JPEG", exif=exif))
    assert found.exif.orientation is None
    assert (found.width, found.height) == (96, 64)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "PNG", "WEBP"])
def test_frames_are_counted(image_format: str) -> None:
    frames = [picture(20, 20, lambda x, y, shift=shift: x * y + 40 * shift) for shift in range(4)]
    data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:])
    assert taken(data).frames == 4


def test_a_gif_of_a_million_frames_is_counted_to_the_bound_only() -> None:
    data = encoded(picture(1, 1, lambda x, y: 0), "GIF")
    frame = data[data.index(b",") : -1]
    assert taken(data[: data.index(b",")] + frame * 1_000_000 + b";").frames == MAX_FRAMES


def test_a_tiff_whose_pages_go_round_in_circles_is_counted_once_each() -> None:
    data = bytearray(encoded(photo(), "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, directory)
    assert taken(bytes(data)).frames == 1


@pytest.mark.parametrize(
    ("size", "measured"),
    [((512, 100), (512, 100)), ((513, 100), (257, 50)), ((3000, 1500), (375, 188)), ((40, 9001), (2, 282)), ((1, 5000), (1, 313))],
)
@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_the_measured_picture_is_halved_to_at_most_512_px(size: tuple[int, int], measured: tuple[int, int], image_format: str) -> None:
    found = taken(encoded(Image.new("L", size, 90), image_format))
    assert (found.width, found.height) == size
    assert abs(found.pictures.luminance.width - measured[0]) <= 1
    assert abs(found.pictures.luminance.height - measured[1]) <= 1
    assert max(found.pictures.luminance.size) <= 512


def test_wide_pixels_are_scaled_to_eight_bits() -> None:
    ramp = np.linspace(0, 1, 64)[None, :].repeat(8, axis=0)
    expected = np.rint(ramp[0] * 255)
    for scale, kind in ((65535, np.uint16), (65535, np.int32), (1, np.float32), (255, np.float32)):
        pixels = (ramp * scale).astype(kind)
        grey = np.asarray(taken(encoded(Image.fromarray(pixels), "TIFF")).pictures.luminance, float)
        assert np.abs(grey[0] - expected).max() <= 1, pixels.dtype


def test_pixels_that_are_not_numbers_count_as_zero_and_negative_ones_stretch_the_scale() -> None:
    pixels = np.array([[np.nan, np.inf, 1.0, 0.5]], np.float32)
    assert np.asarray(taken(encoded(Image.fromarray(pixels), "TIFF")).pictures.luminance).tolist() == [[0, 0, 255, 128]]
    pixels = np.array([[-10.0, 0.0, 10.0]], np.float32)
    assert np.asarray(taken(encoded(Image.fromarray(pixels), "TIFF")).pictures.luminance).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(("bits", "order"), [(12, "<"), (16, "<"), (16, ">")])
def test_a_tiff_of_more_than_eight_bits_is_scaled_by_its_bit_depth(bits: int, order: str) -> None:
    levels = np.linspace(0, 2**bits - 1, 64).round().astype(np.uint16)
    found = taken(_grey_tiff(levels, bits, order))
    assert (found.bit_depth, found.mode[:4]) == (bits, "I;16")
    assert np.abs(np.asarray(found.pictures.luminance, float)[0] - levels / (2**bits - 1) * 255).max() <= 1


@pytest.mark.parametrize(("bits", "order"), [(8, "<"), (8, ">"), (16, "<")])  # Pillow reads no others
def test_a_tiff_in_which_zero_is_white_is_dark_where_its_numbers_are_high(bits: int, order: str) -> None:
    levels = np.linspace(0, 2**bits - 1, 64).round().astype(f"u{bits // 8}")
    found = taken(_grey_tiff(levels, bits, order, photometric=0))
    assert found.bit_depth == bits
    assert np.abs(np.asarray(found.pictures.luminance, float)[0] - (255 - levels / (2**bits - 1) * 255)).max() <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("levels", "expected"), [([0, 16_384, 32_767], [0, 128, 255]), ([0, 100, 200], [0, 1, 2]), ([-32_768, 0, 32_767], [0, 128, 255])]
)
def test_signed_sixteen_bits_are_scaled_from_their_own_range(levels: list[int], expected: list[int], order: str) -> None:
    found = taken(_grey_tiff(np.array(levels, np.int16), 16, order, sample_format=2))
    assert (found.bit_depth, found.mode) == (16, "I")
    assert np.abs(np.asarray(found.pictures.luminance, int)[0] - expected).max() <= 1


def _grey_tiff(levels: np.ndarray, bits: int, order: str, photometric: int = 1, sample_format: int = 1) -> bytes:
    """Return a TIFF of one line, pixels packed as section 8 of TIFF 6.0 says."""
    if bits == 12:
        packed = int("".join(f"{level:012b}" for level in levels), 2).to_bytes(len(levels) * 12 // 8)
    else:
        packed = levels.astype(levels.dtype.newbyteorder(order)).tobytes()
    tags = {256: len(levels), 257: 1, 258: bits, 259: 1, 262: photometric, 273: 200, 277: 1, 278: 1, 279: len(packed), 339: sample_format}
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags.items())
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return (header + struct.pack(order + "H", len(tags)) + entries + bytes(4)).ljust(200, b"\0") + packed


def _png_of_16_bits(colour_type: int, channels: int) -> bytes:
    line = b"\0" + struct.pack(">H", 0x8000) * 4 * channels
    header = struct.pack(">IIBBBBB", 4, 4, 16, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(line * 4)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks
    )


@pytest.mark.parametrize(("colour_type", "channels", "alpha"), [(0, 1, False), (2, 3, False), (4, 2, True), (6, 4, True)])
def test_a_png_of_16_bits_a_channel_is_scaled_rightly(colour_type: int, channels: int, alpha: bool) -> None:
    found = taken(_png_of_16_bits(colour_type, channels))
    assert (found.bit_depth, found.has_alpha) == (16, alpha)
    assert set(np.asarray(found.pictures.luminance).ravel().tolist()) == {128}


@pytest.mark.parametrize(
    ("mode", "image_format", "bits", "alpha"),
    [
        ("1", "PNG", 1, False),
        ("1", "TIFF", 1, False),
        ("L", "PNG", 8, False),
        ("P", "PNG", 8, False),
        ("P", "GIF", 8, False),
        ("RGB", "JPEG", 8, False),
        ("RGB", "AVIF", 8, False),
        ("RGBA", "PNG", 8, True),
        ("RGBA", "WEBP", 8, True),
        ("RGBA", "AVIF", 8, True),
        ("LA", "PNG", 8, True),
        ("I;16", "PNG", 16, False),
        ("F", "TIFF", 32, False),
    ],
)
def test_bits_of_a_channel_and_alpha_are_those_of_the_file(mode: str, image_format: str, bits: int, alpha: bool) -> None:
    image = photo().convert("L").convert(mode) if mode in ("I;16", "F") else photo().convert(mode)
    if alpha:
        image.putalpha(picture(96, 64, lambda x, y: x))
    found = taken(encoded(image, image_format))
    assert (found.bit_depth, found.has_alpha) == (bits, alpha)


def test_one_transparent_colour_is_alpha() -> None:
    palette = photo().convert("P")
    assert taken(encoded(palette, "GIF", transparency=palette.getpixel((0, 0)))).has_alpha
    assert taken(encoded(photo(), "PNG", transparency=(1, 2, 3))).has_alpha


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB"])
def test_every_pixel_mode_gives_luminance(mode: str) -> None:
    grey = picture(40, 30, lambda x, y: 200)
    none = grey.point(lambda _: 0)
    image = Image.merge("LAB", [grey, none, none]) if mode == "LAB" else grey.convert("RGB").convert(mode)
    found = taken(encoded(image, "TIFF"))
    assert found.mode == mode
    assert abs(np.asarray(found.pictures.luminance, float).mean() - 200) < 5  # mode 1 is dithered


@pytest.mark.parametrize(
    ("name", "image_format", "disagrees"),
    [
        ("a/b.jpg", "JPEG", False),
        ("a/b.JPEG", "JPEG", False),
        ("a/b.mpo", "JPEG", False),
        ("a/b.png", "JPEG", True),
        ("a/b.heic", "JPEG", True),
        ("a/b.tif", "TIFF", False),
        ("a.png/b", "JPEG", False),
        ("a/b", "JPEG", False),
        ("a/b.bin", "JPEG", False),
        ("a/.png", "JPEG", False),
    ],
)
def test_an_extension_disagrees_only_where_it_promises_another_format(name: str, image_format: str, disagrees: bool) -> None:
    assert extension_disagrees(name, image_format) is disagrees


def test_facts_are_picklable_and_name_the_copy_by_content(tmp_path: Path) -> None:
    facts = image_facts(encoded(photo()), "photo.png")
    assert isinstance(facts, ImageFacts)
    assert pickle.loads(pickle.dumps(facts)) == facts
    assert facts.object_path == f"objects/{facts.image_id[:2]}/{facts.image_id[2:4]}/{facts.image_id}.jpg"
    assert "extension_mismatch" in facts.issues
    assert DEFAULT_FORMATS[0] == facts.format == "JPEG"
