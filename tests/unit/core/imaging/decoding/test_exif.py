"""What is kept of EXIF, and that nothing in it can cost an image."""

from __future__ import annotations

import dataclasses
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from property_tests import examples
from unit.core.imaging.imaging_pictures import encoded, photo

from airflow_cv_dataops.core.imaging.decoding.exif import ExifFacts, read_exif
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts

ORIENTATION, MAKE, MODEL, EXIF_IFD, TAKEN_AT, GPS_IFD = 0x0112, 0x010F, 0x0110, 0x8769, 0x9003, 0x8825
POSITION = {1: "N", 2: (52.0, 31.0, 12.34), 3: "E", 4: (13.0, 24.0, 18.9)}
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="52,31.2N"/></rdf:RDF></x:xmpmeta>'
)


def read(exif: Image.Exif | bytes, image_format: str = "JPEG", **options: object) -> ExifFacts:
    return read_exif(Image.open(io.BytesIO(encoded(photo(), image_format, exif=exif, **options))))


def test_camera_and_time_of_capture() -> None:
    exif = Image.Exif()
    exif[MAKE], exif[MODEL] = "Canon", "Canon EOS 5D\0junk"
    exif.get_ifd(EXIF_IFD)[TAKEN_AT] = "2024:02:29 23:59:58"
    assert read(exif) == ExifFacts(None, "2024-02-29T23:59:58", "Canon EOS 5D", False)


@pytest.mark.parametrize("text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2023:02:29 10:00:00", "yesterday", "٢٠٢٤:01:01 00:00:00"])
def test_a_time_of_capture_that_is_none_is_null(text: str) -> None:
    exif = Image.Exif()
    exif[MODEL] = "X100"
    exif.get_ifd(EXIF_IFD)[TAKEN_AT] = text.encode()
    assert read(exif) == ExifFacts(None, None, "X100", False)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_position_is_noticed_and_never_kept(image_format: str) -> None:
    exif = Image.Exif()
    exif[MODEL] = "X100"
    exif.get_ifd(GPS_IFD).update(POSITION)
    exif[GPS_IFD] = POSITION  # without which Pillow writes none to a TIFF
    found = image_facts(encoded(photo(), image_format, exif=exif), "x")
    assert isinstance(found, ImageFacts)
    assert found.has_gps is True
    assert "12.34" not in str(dataclasses.asdict(found))


def test_a_gps_block_without_a_position_is_none() -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS_IFD)[0] = b"\2\3\0\0"  # the version alone, as some cameras write
    assert read(exif).has_gps is False


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_a_position_in_xmp_counts_as_one(image_format: str) -> None:
    data = encoded(photo(), image_format, xmp=XMP) if image_format != "PNG" else _png_with_xmp()
    assert read_exif(_loaded(data)).has_gps is True


def _png_with_xmp() -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return encoded(photo(), "PNG", pnginfo=info)


def _loaded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_an_invalid_orientation_is_null() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    assert read(exif).orientation is None


def test_exif_that_cannot_be_read_leaves_everything_open() -> None:
    found = read(b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)
    assert (found.orientation, found.captured_at, found.camera) == (None, None, None)


def _full_block() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[MODEL] = 6, "Canon", "EOS 5D"
    exif.get_ifd(EXIF_IFD)[TAKEN_AT] = "2024:02:29 23:59:58"
    exif.get_ifd(GPS_IFD).update(POSITION)
    return exif.tobytes()


BLOCK = _full_block()


@settings(max_examples=examples(300), deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(6, len(BLOCK) - 1), st.integers(0, 255)), max_size=12),
    length=st.one_of(st.just(len(BLOCK)), st.integers(6, len(BLOCK))),
    image_format=st.sampled_from(["JPEG", "WEBP", "PNG"]),
)
def test_a_mutated_block_costs_neither_the_image_nor_its_bounds(changes: list[tuple[int, int]], length: int, image_format: str) -> None:
    block = bytearray(BLOCK)
    for position, value in changes:
        block[position] = value
    found = image_facts(encoded(photo(24, 16), image_format, exif=bytes(block[:length])), "x")
    assert isinstance(found, ImageFacts)
    assert found.exif_orientation in (None, *range(1, 9))
    assert sorted((found.width, found.height)) == [16, 24]
    assert found.camera is None or 0 < len(found.camera) <= 200
    assert found.captured_at is None or len(found.captured_at) == 19
