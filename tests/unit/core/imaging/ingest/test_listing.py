"""Which files of a source an ingest takes, and what it says of the choice."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from airflow_cv_dataops.core.imaging.ingest.listing import list_files
from airflow_cv_dataops.core.imaging.sources import open_image_source


@pytest.mark.parametrize(
    ("pattern", "exclude", "label_files"),
    [
        (None, None, 0),
        (None, ["drafts/*"], 2),
        ("day/*", ["drafts/*"], 1),
        ("*.json", ["drafts/*"], 0),
        (None, ["drafts/*", "*.json", "*.txt"], 0),
        (None, [], 0),
    ],
)
def test_an_exclude_of_ones_own_that_lets_label_files_in_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str | None, exclude: Sequence[str] | None, label_files: int
) -> None:
    for name in ("0.png", "day/0.png", "day/labels.json", "notes.txt", "drafts/1.png", "drafts/labels.json", ".DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        list_files(open_image_source(str(tmp_path)), pattern, exclude)
    said = f"{label_files} of the files to take at {tmp_path.as_uri()} are label files"
    assert (said in caplog.text) == bool(label_files)
    assert ("add their globs to it (the default: *.txt, *.xml, *.json" in caplog.text) == bool(label_files)
