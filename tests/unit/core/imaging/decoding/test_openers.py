"""Which decoders are tried, and what happens where an optional one is not installed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PIL import Image
from unit.core.imaging.imaging_pictures import encoded, photo

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.imaging.decoding.decode import Reject, check_formats, decode
from airflow_cv_dataops.core.imaging.decoding.openers import DEFAULT_FORMATS, openers
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator


@pytest.fixture
def no_heif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without pillow-heif."""
    Image.init()
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *package: None if name == "pillow_heif" else find(name, *package))
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    openers.cache_clear()
    yield
    openers.cache_clear()


@pytest.mark.usefixtures("no_heif")
def test_without_its_package_heif_is_left_out_of_the_default_and_an_error_by_name() -> None:
    assert list(openers(DEFAULT_FORMATS)) == ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"]
    with pytest.raises(ConfigurationError, match="pillow-heif"):
        check_formats(("JPEG", "HEIF"))
    found = decode(b"\0\0\0\x18ftypheic" + bytes(40))
    assert isinstance(found, Reject)
    assert found.reason == "unsupported_format"


def test_heif_is_read_where_it_is_installed() -> None:
    pytest.importorskip("pillow_heif").register_heif_opener()
    exif = Image.Exif()
    exif[0x0110] = "X100"
    found = image_facts(encoded(photo(200, 100), "HEIF", exif=exif), "x.heic")
    assert isinstance(found, ImageFacts)
    assert (found.format, found.width, found.height, found.camera, found.issues) == ("HEIF", 200, 100, "X100", [])


@pytest.mark.parametrize(("name", "parser"), [("JPEG", "Jpeg"), ("PNG", "Png"), ("BMP", "Bmp"), ("TIFF", "Tiff")])
def test_of_all_parsers_only_those_of_formats_that_occur_are_imported(name: str, parser: str) -> None:
    code = """
import sys
from airflow_cv_dataops.core.imaging.decoding.decode import Decoded, decode
assert isinstance(decode(bytes.fromhex(sys.argv[1])), Decoded)
print(*sorted(name for name in sys.modules if name.endswith("ImagePlugin") or name == "pillow_heif"))
"""
    data = encoded(photo(20, 10), name).hex()
    found = subprocess.run([sys.executable, "-c", code, data], capture_output=True, text=True, check=True).stdout.split()
    assert found == [f"PIL.{parser}ImagePlugin"]


def test_formats_go_by_several_names() -> None:
    assert list(openers(("jpg", "MPO", "tif", "jpeg"))) == ["JPEG", "TIFF"]


@pytest.mark.parametrize("formats", [("JPG2",), (), ("JPEG", "DICOM")])
def test_what_is_unknown_is_a_configuration_error(formats: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        openers(formats)


@pytest.mark.parametrize("documented", [IngestSettings, ImageIngestOperator])
def test_the_documented_default_names_every_decoder_that_is_tried(documented: type) -> None:
    (said,) = re.findall(r":param formats:(.*?)(?=:param)", str(documented.__doc__), re.DOTALL)
    assert set(re.findall(r"[A-Z]+", said.partition("default:")[2].upper())) >= set(DEFAULT_FORMATS)
