"""Whatever bytes come, an answer comes back: properties over mutated files."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from property_tests import examples
from unit.core.imaging.decoding.mutations import Mutation, mutations
from unit.core.imaging.imaging_pictures import encoded, photo

from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits, Reject
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.store.schema import REJECT_REASONS

EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010F], EXIF[0x0110] = 6, "Canon", "EOS 5D"
EXIF.get_ifd(0x8769)[0x9003] = "2024:02:29 23:59:58"
EXIF.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})

FILES = {
    "jpeg": encoded(photo(), exif=EXIF),
    "progressive jpeg": encoded(photo(), progressive=True),
    "rgb jpeg": encoded(photo(), keep_rgb=True),
    "cmyk jpeg": encoded(photo().convert("CMYK")),
    "large jpeg": encoded(photo(600, 400), quality=30),
    "mpo": encoded(photo(), "MPO", save_all=True, append_images=[photo()]),
    "png": encoded(photo(), "PNG", exif=EXIF),
    "palette png": encoded(photo().convert("P"), "PNG", transparency=3),
    "16-bit png": encoded(photo().convert("L").convert("I;16"), "PNG"),
    "animated png": encoded(photo(), "PNG", save_all=True, append_images=[photo(90, 60)]),
    "gif": encoded(photo(), "GIF", save_all=True, append_images=[photo(90, 60)]),
    "webp": encoded(photo(), "WEBP", exif=EXIF),
    "lossless webp": encoded(photo().convert("RGBA"), "WEBP", lossless=True),
    "animated webp": encoded(photo(), "WEBP", save_all=True, append_images=[photo().rotate(180)]),
    "tiff": encoded(photo(), "TIFF", exif=EXIF),
    "lzw tiff": encoded(photo(), "TIFF", compression="tiff_lzw"),
    "jpeg tiff": encoded(photo(), "TIFF", compression="jpeg"),
    "bmp": encoded(photo(), "BMP"),
    "avif": encoded(photo(), "AVIF"),
}
REAL_FILES = {
    "jpeg": ("neardup", "pdq/bridge-mods/square-128x128.jpg"),
    "exif jpeg": ("neardup", "exif_orientation/Landscape_6.jpg"),
    "png": ("neardup", "pdq/misc-images/modes/P.png"),
    "webp": ("neardup", "pdq/misc-images/modes/PA.webp"),
    "16-bit tiff": ("bad_images", "pillow/16bit.cropped.tif"),
    "tiled tiff": ("bad_images", "pillow/tiff_tiled_cmyk_jpeg.tif"),
}
PREFIXES = [b"", *(data[:24] for data in FILES.values()), b"II*\0", b"P6 ", b"8BPS", b"\0\0\1\0"]
LIMITS = Limits(max_pixels=4_000_000)  # mutated headers may claim any size: keep the test quick
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.mark.parametrize("name", FILES)
@settings(FUZZ, max_examples=examples(60))
@given(mutate=mutations(), other=st.sampled_from(list(FILES.values())))
def test_a_mutated_file_is_an_image_or_a_reject(name: str, mutate: Mutation, other: bytes) -> None:
    check(mutate(FILES[name], other))


@settings(FUZZ, max_examples=examples(60))
@given(mutate=mutations(), name=st.sampled_from(list(REAL_FILES)), other=st.sampled_from(list(REAL_FILES)))
def test_a_mutated_file_from_the_field_is_an_image_or_a_reject(
    shared_data: Callable[[str], Path], mutate: Mutation, name: str, other: str
) -> None:
    one, two = ((shared_data(REAL_FILES[key][0]) / REAL_FILES[key][1]).read_bytes() for key in (name, other))
    check(mutate(one, two))


@settings(FUZZ, max_examples=examples(200))
@given(prefix=st.sampled_from(PREFIXES), rest=st.binary(max_size=400))
def test_random_bytes_are_an_image_or_a_reject(prefix: bytes, rest: bytes) -> None:
    check(prefix + rest)


def check(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (image_facts(data, "x.jpg", limits=LIMITS) for _ in range(2))
        assert first == second
        assert isinstance(first, ImageFacts) or not pillow_loads(data), first
    if isinstance(first, Reject):
        assert first.reason in REJECT_REASONS
        assert first.detail
        assert first.detail.isprintable()
    else:
        check_ranges(first)


def check_ranges(facts: ImageFacts) -> None:
    assert 0 < facts.width * facts.height <= LIMITS.max_pixels
    assert 1 <= facts.bit_depth <= 64
    assert 1 <= facts.frames <= 100_000
    levels = [facts.brightness_p05, facts.brightness_p50, facts.brightness_p95, facts.brightness_p99]
    assert levels == sorted(levels)
    assert all(0 <= level <= 1 for level in [facts.brightness, *levels])
    assert 0 <= facts.contrast <= 0.5
    assert 0 <= facts.sharpness <= 1020**2
    assert 0 <= facts.entropy <= 8
    assert 0 <= facts.colourfulness <= 400
    assert 0 <= facts.saturation <= 1
    assert not facts.is_grayscale or facts.colourfulness <= 4
    assert len(facts.phash) == len(facts.dhash) == 16
    assert facts.exif_orientation in (None, *range(1, 9))
    json.dumps([facts.camera, facts.captured_at], ensure_ascii=False).encode()


def pillow_loads(data: bytes) -> bool:
    """Say whether Pillow itself decodes the file: then it has to be an image, unless it is larger than allowed."""
    try:
        with Image.open(io.BytesIO(data), formats=[*(name for name in DEFAULT_FORMATS if name != "HEIF"), "MPO"]) as image:
            if image.width * image.height > LIMITS.max_pixels:
                return False
            image.load()
    except Exception:
        return False
    return True
