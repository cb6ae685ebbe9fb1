"""Every malformed or odd file ends as an image or as a reject with the right reason; the manifest says what Pillow makes of each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bad_images import BADLY_DESCRIBED
from older_libraries import is_taken_by_older_pillow, mode_in_pillow
from PIL import Image

from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits, Reject
from airflow_cv_dataops.core.imaging.ingest.workers.facts import ImageFacts, image_facts
from airflow_cv_dataops.core.store.schema import REJECT_REASONS

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]

SharedData = Callable[[str], Path]
Known = dict[str, str]

# Pillow reports these as errors of the bytes that are there; nothing at the end is missing.
DAMAGED = ("tile cannot extend outside image", "Decompressed data too large", "APNG contains frame sequence errors", "Unsupported BMP")


def looked_at(folder: Path, formats: tuple[str, ...], limits: Limits | None = None) -> Iterator[tuple[Known, ImageFacts | Reject]]:
    with open(folder / "manifest.csv", newline="") as file:
        for known in csv.DictReader(file):
            yield known, image_facts((folder / known["path"]).read_bytes(), known["path"], formats=formats, limits=limits)


def every_format() -> tuple[str, ...]:
    Image.init()
    return tuple(Image.OPEN)


def test_each_file_is_an_image_or_a_reject_with_the_right_reason(shared_data: SharedData) -> None:
    wrong = []
    for known, found in looked_at(shared_data("bad_images"), DEFAULT_FORMATS):
        outcome = found.reason if isinstance(found, Reject) else "image"
        if outcome not in expected(known):
            wrong.append((known["path"], expected(known), found))
        if isinstance(found, Reject):
            assert found.reason in REJECT_REASONS
            assert found.detail
            assert found.detail.isprintable()
    assert not wrong


def expected(known: Known) -> set[str]:
    """Return what may come of a file where the default formats are allowed."""
    status, image_format, error = known["status"], known["format"], known["error"]
    if image_format and image_format not in DEFAULT_FORMATS:
        return {"unsupported_format"}
    if status == "ok" or known["path"] in BADLY_DESCRIBED:
        return {"image"}
    if status == "bomb":
        return {"unsupported_format"} if known["path"].endswith((".ico", ".fli")) else {"too_large"}
    if status == "unidentified":  # Pillow before 12 identifies some FLI files that a later one does not
        return {"not_an_image", "unreadable", "truncated"} | ({"unsupported_format"} if known["path"].endswith(".fli") else set())
    if any(words in error for words in DAMAGED):
        return {"unreadable"}
    if "truncated" in error.lower() or "not enough image data" in error:
        return {"truncated"}
    if not image_format:  # Pillow failed on a header and does not say of which format
        return {"unsupported_format", "unreadable"}
    return {"truncated", "unreadable"}


def test_what_pillow_calls_ok_in_an_allowed_format_is_taken_as_it_says(shared_data: SharedData) -> None:
    taken = 0
    for known, found in looked_at(shared_data("bad_images"), DEFAULT_FORMATS):
        if known["status"] == "ok" and known["format"] in DEFAULT_FORMATS:
            check_facts(known, found)
            taken += 1
    assert taken == 70


def test_with_every_format_allowed_all_that_pillow_calls_ok_is_taken(shared_data: SharedData) -> None:
    taken = 0
    for known, found in looked_at(shared_data("bad_images"), every_format()):
        if known["status"] == "ok":
            check_facts(known, found)
            taken += 1
        elif known["path"] not in BADLY_DESCRIBED and not is_taken_by_older_pillow(known["path"]):
            assert isinstance(found, Reject), known["path"]
    assert taken == 74


def check_facts(known: Known, found: ImageFacts | Reject) -> None:
    assert isinstance(found, ImageFacts), (known["path"], found)
    assert (found.image_id, found.bytes) == (known["sha256"], int(known["bytes"]))
    assert (found.format, found.mode, found.width, found.height) == (
        known["format"],
        mode_in_pillow(known["path"], known["mode"]),
        int(known["width"]),
        int(known["height"]),
    )
    assert found.aspect_ratio == found.width / found.height


def test_every_bomb_is_too_large_where_its_decoder_is_allowed(shared_data: SharedData) -> None:
    bombs = [found for known, found in looked_at(shared_data("bad_images"), every_format()) if known["status"] == "bomb"]
    assert [found.reason for found in bombs if isinstance(found, Reject)] == ["too_large"] * 9


def test_the_pixel_limit_is_a_parameter(shared_data: SharedData) -> None:
    for known, found in looked_at(shared_data("bad_images"), DEFAULT_FORMATS, Limits(max_pixels=1024)):
        if known["status"] == "ok" and known["format"] in DEFAULT_FORMATS:
            is_large = int(known["width"]) * int(known["height"]) > 1024
            assert (isinstance(found, Reject) and found.reason == "too_large") is is_large
