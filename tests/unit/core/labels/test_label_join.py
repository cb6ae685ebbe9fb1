"""File names as label files write them, joined to the images of a partition."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.labels.join import join_labels, match_images
from airflow_cv_dataops.core.labels.records import Record, RecordBuilder


def found(images: pa.Table, name: str, *, alternative: str | None = None, by_stem: bool = False) -> str | None:
    names, alternatives = (pa.chunked_array([pa.array([text], pa.string())]) for text in (name, alternative))
    position, ambiguous = match_images(names, images, alternatives, by_stem=by_stem)
    if ambiguous[0].as_py():
        return "ambiguous"
    return None if position[0].as_py() is None else images.column("file_name")[position[0].as_py()].as_py()


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("train/a b.jpg", "train/a b.jpg"),
        ("a.jpg", None),
        ("./train/a b.jpg", "train/a b.jpg"),
        ("/data/x/train/a b.jpg", "train/a b.jpg"),
        ("train\\a b.jpg", "train/a b.jpg"),
        ("C:\\labels\\a b.jpg", "train/a b.jpg"),
        ("train/a%20b.jpg", "train/a b.jpg"),
        ("https://host/x/a%20b.jpg?width=5", "train/a b.jpg"),
        ("a b.png", None),
        ("a b", "train/a b.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("50%.jpg", "50%.jpg"),
        ("c", "c"),
        ("v1.2", "v1.2.jpg"),
        ("", None),
        ("/", None),
        ("#7", None),
        ("x\0y", None),
    ],
)
def test_a_name_finds_its_image(make_images, name, image):
    images = make_images(["train/a b.jpg", "café.jpg", "50%.jpg", "c", "v1.2.jpg"])
    assert found(images, name) == image


def test_an_exact_path_goes_before_an_end_of_another_path(make_images):
    assert found(make_images(["sub/a.jpg", "a.jpg"]), "a.jpg") == "a.jpg"


def test_a_name_that_fits_two_images_is_ambiguous_and_a_longer_one_is_not(make_images):
    images = make_images(["x/a.jpg", "y/a.jpg"])
    assert found(images, "a.jpg") == "ambiguous"
    assert found(images, "y/a.jpg") == "y/a.jpg"
    assert found(images, "z/a.jpg") == "ambiguous"
    assert found(images, "a.jpg", alternative="labels/x/a") == "x/a.jpg"


def test_byte_identical_images_stand_in_for_one_another(make_images):
    images = make_images(["y/a.jpg", "x/a.jpg"], image_ids=["0" * 64, "0" * 64])
    assert found(images, "a.jpg") == "x/a.jpg"


def test_another_extension_is_tolerated_only_where_it_was_asked_for(make_images):
    images = make_images(["a.jpg"])
    assert found(images, "a.png", by_stem=True) == "a.jpg"
    assert found(images, "a.png") is None


def test_an_ambiguous_name_keeps_its_labels_and_is_one_problem(make_images):
    records = RecordBuilder("default", "csv")
    records.start_file("a.csv", "file:///a.csv", 0)
    for ordinal in range(3):
        records.add(Record(ordinal, "a.jpg", "classification", "cat"))
    joined = join_labels(records.finish().rows, make_images(["x/a.jpg", "y/a.jpg"]))
    assert joined.rows.column("image_id").to_pylist() == [None] * 3
    assert [problem.check for problem in joined.ambiguous] == ["ambiguous_file_name"]
    assert "3 records" in joined.ambiguous[0].message


def test_rows_keep_their_order_and_count_images_once(make_images):
    records = RecordBuilder("default", "csv")
    records.start_file("a.csv", "file:///a.csv", 0)
    names = ["b.jpg", "a.jpg", "none.jpg", "b.jpg"]
    for ordinal, name in enumerate(names):
        records.add(Record(ordinal, name, "classification", "cat"))
    joined = join_labels(records.finish().rows, make_images(["a.jpg", "b.jpg", "c.jpg"]))
    assert joined.rows.column("file_name").to_pylist() == names
    assert [uri and uri[-5:] for uri in joined.rows.column("source_uri").to_pylist()] == ["b.jpg", "a.jpg", None, "b.jpg"]
    assert joined.images == 2


def test_nothing_joins_nothing(make_images):
    assert join_labels(RecordBuilder("default", "yolo").finish().rows, make_images([])).rows.num_rows == 0
