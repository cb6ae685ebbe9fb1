"""Which files below a source are looked at at all."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.imaging.sources.selection import image_selector
from airflow_cv_dataops.core.store.selection import is_house_keeping, selector


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
    assert image_selector(None, None)(path) is wanted


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


@pytest.mark.parametrize(
    "path",
    [
        ".DS_Store",
        "deep/._a.jpg",
        "labels/.git/refs/a.txt",
        ".ipynb_checkpoints/a-checkpoint.txt",
        "__MACOSX/labels/a.txt",
        "day/Thumbs.db",
        "day/DESKTOP.INI",
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/a.jpg",
        "$RECYCLE.BIN/S-1-5-21/a.jpg",
        "System Volume Information/a.jpg",
        "lost+found/#123.jpg",
        "day_$folder$",
        "out/_SUCCESS",
        "out/_temporary/0/part-0.csv",
        "out/_committed_4173529",
        "Icon\r",
    ],
)
def test_what_systems_keep_for_themselves_is_skipped_whatever_the_globs_say(path: str) -> None:
    assert is_house_keeping(path)
    assert not image_selector(None, None)(path)
    assert not image_selector(None, ())(path)
    assert not image_selector("*", ["something/*"])(path)


@pytest.mark.parametrize(
    "path",
    [
        "a.jpg",
        "_success/a.jpg",
        "temporary/a.jpg",
        "a..b/c.jpg",
        "a/../b.jpg",
        "./a.jpg",
        "lost+found.jpg",
        "x_folder$",
        "_committed_x.jpg",
    ],
)
def test_names_that_only_look_so_are_taken(path: str) -> None:
    assert not is_house_keeping(path)
    assert image_selector(None, None)(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*_SUCCESS", "day/x.jpg"), ("*/_SUCCESS", "day/_SUCCESS"), (".thumbs/*", ".thumbs/a.jpg"), ("**/.cache/*.jpg", "x/.cache/a.jpg")],
)
def test_a_pattern_that_spells_a_house_keeping_file_takes_it(pattern: str, path: str) -> None:
    assert selector(pattern, ())(path) is (path != "day/x.jpg")


def test_a_pattern_that_asks_for_a_kind_of_label_files_takes_them_where_nothing_is_said_of_exclude() -> None:
    assert image_selector("*.json", None)("a.json")
    assert not image_selector("*", None)("a.json")
    assert not image_selector("*.json", ["*.json"])("a.json")


def test_a_folder_is_left_out_at_the_top_and_further_down_by_two_stars() -> None:
    """As docs/operators/label_import.md and docs/image-sources.md say."""
    paths = ("drafts/a.json", "x/drafts/a.json", "x/drafts/y/a.json", "a.json", "mydrafts/a.json")
    assert list(filter(selector(None, ["**/drafts/*"]), paths)) == ["a.json", "mydrafts/a.json"]
    assert list(filter(selector(None, ["*/drafts/*"]), paths)) == ["drafts/a.json", "a.json", "mydrafts/a.json"]


def test_of_an_entry_of_a_list_only_its_own_name_counts() -> None:
    assert image_selector(None, None, of_listed=True)("bucket/.cache/images/a.jpg")
    assert not image_selector(None, None, of_listed=True)("bucket/day/.DS_Store")


def test_what_an_export_says_of_itself_is_no_label_file_and_images_in_a_folder_of_that_name_are_images():
    assert is_house_keeping("yolo/v1/_export/manifest.json")
    assert is_house_keeping("_export/parts/train-00000.jsonl")
    assert not is_house_keeping("_export/train/1.jpg")
    assert not is_house_keeping("my_export/manifest.json")
