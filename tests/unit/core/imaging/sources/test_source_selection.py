"""Which files below a prefix are taken for images."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.imaging.sources.selection import DEFAULT_EXCLUDE, selector


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a.jpg", True),
        ("deep/er/a.JPG", True),
        ("no_extension", True),
        ("video.mp4", True),
        ("labels.csv", False),
        ("Annotations/a.XML", False),
        ("data.yaml", False),
        (".DS_Store", False),
        ("train/.DS_Store", False),
        (".git/objects/a.jpg", False),
        ("_SUCCESS", False),
        ("line\nbreak.jpg", True),
    ],
)
def test_label_files_and_hidden_files_are_skipped_by_default(path: str, wanted: bool) -> None:
    assert selector(None, DEFAULT_EXCLUDE)(path) is wanted


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("*.jpg", "a.JPG", True),
        ("*.jpg", "train/cat/a.jpg", True),
        ("*.jpg", "a.png", False),
        ("train/*", "train/cat/a.jpg", True),
        ("train/*", "test/a.jpg", False),
        ("**/*.jpg", "a.jpg", True),
        ("**/*.jpg", "x/y/a.jpg", True),
        ("**/cat.jpg", "cat.jpg", True),
        ("**/cat.jpg", "bobcat.jpg", False),
        ("img_[0-9].jpg", "img_7.jpg", True),
    ],
)
def test_a_pattern_selects_by_the_path_below_the_source(pattern: str, path: str, wanted: bool) -> None:
    assert selector(pattern, ())(path) is wanted
