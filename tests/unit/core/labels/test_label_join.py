"""File names as label files write them, joined to the images of a partition."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.labels.join import join_labels, match_images, unmatched_names
from airflow_cv_dataops.core.labels.records import Record, RecordBuilder

ABSENT, AMBIGUOUS, CONTRADICTED = "absent_image", "ambiguous_file_name", "contradicted_file_name"


def found(images: pa.Table, name: str, *, alternative: str | None = None, by_stem: bool = False) -> str:
    return all_found(images, [name], alternatives=[alternative], by_stem=by_stem)[0]


def all_found(images: pa.Table, names: list[str], *, alternatives: list[str | None] | None = None, by_stem: bool = False) -> list[str]:
    """Return the image that each name joins, or why it joins none."""
    column, others = (pa.chunked_array([pa.array(texts, pa.string())]) for texts in (names, alternatives or [None] * len(names)))
    matches = match_images(column, images, others, by_stem=by_stem)
    places = matches.position.to_pylist()
    answers = [matches.answers[place] for place in matches.asked.tolist()]
    return [
        answer.reason if place is None else images.column("file_name")[place].as_py() for place, answer in zip(places, answers, strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("train/a b.jpg", "train/a b.jpg"),
        ("a.jpg", ABSENT),
        ("./train/a b.jpg", "train/a b.jpg"),
        ("../images/train/a b.jpg", "train/a b.jpg"),
        ("/data/x/train/a b.jpg", "train/a b.jpg"),
        ("train\\a b.jpg", "train/a b.jpg"),
        ("..\\label\\train\\a b.jpg", "train/a b.jpg"),
        ("C:\\labels\\a b.jpg", "train/a b.jpg"),
        ("C:\\data\\train\\a b.jpg", "train/a b.jpg"),
        ("train/a%20b.jpg", "train/a b.jpg"),
        ("https://host/train/a%20b.jpg?width=5", "train/a b.jpg"),
        ("s3://bucket/a b.jpg?X-Amz-Signature=1", "train/a b.jpg"),
        ("https://host/x/a%20b.jpg", CONTRADICTED),
        ("/data/local-files/?d=train/a b.jpg", "train/a b.jpg"),
        ("/data/local-files/?d=images/plus+sign.jpg", "plus+sign.jpg"),
        ("file:///source/50%.jpg", "50%.jpg"),
        ("a b.png", ABSENT),
        ("a b", "train/a b.jpg"),
        ("A B.JPG", "train/a b.jpg"),
        ("Train/a b.jpg", "train/a b.jpg"),
        ("test/a b.jpg", CONTRADICTED),
        ("TEST/A B.jpg", CONTRADICTED),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("50%.jpg", "50%.jpg"),
        ("c", "c"),
        ("v1.2", "v1.2.jpg"),
        ("", ABSENT),
        ("/", ABSENT),
        ("..", ABSENT),
        ("#7", ABSENT),
        ("x\0y", ABSENT),
        ("http://[x/y.jpg", ABSENT),
    ],
)
def test_a_name_finds_its_image(make_images, name, image):
    images = make_images(["train/a b.jpg", "café.jpg", "50%.jpg", "c", "v1.2.jpg", "plus+sign.jpg"])
    assert found(images, name) == image


def test_folders_that_contradict_keep_a_label_from_an_image_of_the_same_name(make_images):
    images = make_images(["train/a/1.png"])
    assert all_found(images, ["test/a/1.png", "test/1.png", "b/1.png", "a/1.png", "1.png"]) == [CONTRADICTED] * 3 + ["train/a/1.png"] * 2


def test_folders_of_a_layout_contradict_nothing(make_images):
    images = make_images(["train/images/1.jpg", "val/images/1.jpg"])
    assert found(images, "labels/train/1", by_stem=True) == "train/images/1.jpg"
    assert found(images, "labels/val/1", by_stem=True) == "val/images/1.jpg"
    assert found(images, "test/labels/1", by_stem=True) == CONTRADICTED
    assert found(make_images(["JPEGImages/1.jpg"]), "Annotations/1", by_stem=True) == "JPEGImages/1.jpg"


def test_where_layout_alone_tells_two_images_apart_the_one_that_agrees_literally_is_meant(make_images):
    images = make_images(["images/1.jpg", "labels/1.png", "data/1.jpg"])
    assert found(images, "labels/1", alternative="images/1", by_stem=True) == "images/1.jpg"  # not the mask beside the labels
    assert found(images, "x/data/1.jpg") == "data/1.jpg"
    assert found(images, "1.jpg") == AMBIGUOUS


def test_an_exact_path_goes_before_an_end_of_another_path(make_images):
    assert found(make_images(["sub/a.jpg", "a.jpg"]), "a.jpg") == "a.jpg"


def test_the_longest_agreement_goes_before_shorter_ones(make_images):
    images = make_images(["a.jpg", "y/a.jpg", "x/y/a.jpg"])
    assert found(images, "z/x/y/a.jpg") == "x/y/a.jpg"
    assert found(images, "z/y/a.jpg") == "y/a.jpg"
    assert found(images, "z/a.jpg") == "a.jpg"


def test_a_name_that_fits_two_images_is_ambiguous_and_a_longer_one_is_not(make_images):
    images = make_images(["x/a.jpg", "y/a.jpg"])
    assert found(images, "a.jpg") == AMBIGUOUS
    assert found(images, "y/a.jpg") == "y/a.jpg"
    assert found(images, "z/a.jpg") == CONTRADICTED
    assert found(images, "a.jpg", alternative="labels/x/a") == "x/a.jpg"


def test_case_may_differ_where_that_leaves_one_image(make_images):
    images = make_images(["IMG_1.JPG", "b/IMG_2.jpg", "b/img_2.jpg"])
    assert found(images, "img_1.jpg") == "IMG_1.JPG"
    assert found(images, "b/img_2.jpg") == "b/img_2.jpg"
    assert found(images, "b/Img_2.jpg") == AMBIGUOUS
    assert found(images, "img_1", by_stem=True) == "IMG_1.JPG"


def test_byte_identical_images_stand_in_for_one_another(make_images):
    images = make_images(["y/a.jpg", "x/a.jpg"], image_ids=["0" * 64, "0" * 64])
    assert found(images, "a.jpg") == "x/a.jpg"


def test_another_extension_is_tolerated_only_where_it_was_asked_for(make_images):
    images = make_images(["a.jpg"])
    assert found(images, "a.png", by_stem=True) == "a.jpg"
    assert found(images, "a.png") == ABSENT


def test_the_split_in_the_address_of_the_source_speaks_against_another_in_the_name(make_images):
    images = make_images(["1.png"]).set_column(0, "source_uri", pa.array(["s3://bucket/cells/train/images/1.png"]))
    assert all_found(images, ["test/1.png", "test/images/1.png"]) == [CONTRADICTED] * 2
    for name in ("train/1.png", "images/training/1.png", "1.png", "cells/1.png"):
        assert found(images, name) == "1.png"


def test_of_two_paths_that_claim_one_image_the_one_of_its_address_has_it(make_images):
    images = make_images(["1.png"]).set_column(0, "source_uri", pa.array(["file:///sets/fold%201/1.png"]))
    assert all_found(images, ["fold 1/1.png", "fold 2/1.png", "1.png"]) == ["1.png", CONTRADICTED, "1.png"]
    assert all_found(images, ["fold 2/1.png", "fold 3/1.png", "1.png"]) == [CONTRADICTED, CONTRADICTED, "1.png"]
    assert all_found(images, ["left/1.png", "right/1.png", "1.png"]) == [AMBIGUOUS, AMBIGUOUS, "1.png"]
    assert all_found(images, ["a/left/1.png", "left/1.png", "1.png"]) == ["1.png"] * 3


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://lake/cam1/1.png", "cam2/1.png"),
        ("s3://lake/2026-11-05/1.png", "2026-11-04/1.png"),
        ("s3://lake/2026-11-05/images/1.png", "raw/2026-11-04/images/1.png"),
        ("s3://lake/coco/train2017/1.png", "val2017/1.png"),
        ("s3://lake/train_images/1.png", "valid_images/1.png"),
        ("s3://lake/train-set/1.png", "testset/1.png"),
        ("s3://lake/cam1/day1/1.png", "cam2/day1/1.png"),
        ("s3://lake/train/day1/1.png", "/mnt/val/day1/1.png"),
        ("s3://lake/train.tar!/1.png", "test/1.png"),
        ("s3://lake/cam1.zip!/1.png", "cam2/1.png"),
        ("s3://lake/val2017.tar.gz!/1.png", "train2017/1.png"),
        ("s3://lake/cam1.tbz2!/1.png", "cam2/1.png"),
        ("s3://lake/cam1/1.png", "D:\\lake\\cam2\\1.png"),
        ("s3://lake/train/cam1/1.png", "test/1.png"),
        ("s3://lake/2026-11-05/raw/1.png", "2026-11-04/1.png"),
        ("s3://lake/2026-11-05/raw/1.png", "20261104/1.png"),
        ("s3://lake/2026/11/05/1.png", "2026-11-04/1.png"),
        ("s3://lake/2026/11/05/1.png", "/lake/2026/10/05/1.png"),
        ("file:///lake/2026/11/05/1.png", "/lake/2026/10/05/1.png"),
        ("s3://lake/2026/11/05/1.png", "s3://archive/2026/05/11/1.png"),
        ("s3://lake/cam1/raw/1.png", "/data/local-files/?d=cam2/raw/1.png"),
        ("file:///lake/cam1/raw/1.png", "/mnt/disk2/cam2/raw/1.png"),
        ("s3://lake/obj_train_data/1.png", "obj_valid_data/1.png"),
        ("s3://lake/train2017/1.png", "train2014/1.png"),
        ("s3://lake/fold07/1.png", "fold8/1.png"),
        ("s3://lake/date=2026-11-05/1.png", "2026-11-04/1.png"),
        ("s3://lake/year=2026/month=11/day=05/1.png", "20261104_0930/1.png"),
        ("s3://lake/2026-11-05T09-30/1.png", "2026-11-05T10-30/1.png"),
        ("s3://lake/20261105T101500/1.png", "2026-11-04/1.png"),
        ("s3://lake/2026-11-05/1.png", "cam1_2026-11-04/1.png"),
        ("s3://lake/train/1.png", "train1/1.png"),
    ],
)
def test_a_folder_that_differs_from_the_address_in_numbers_or_split_speaks_against(make_images, address, name):
    images = make_images(["1.png"]).set_column(0, "source_uri", pa.array([address]))
    own = "/".join(address.split("/")[3:])
    own = re.sub(r"\.[a-z0-9.]+!", "", own)
    assert all_found(images, [name, own, "1.png"]) == [CONTRADICTED, "1.png", "1.png"]
    assert all_found(images, ["export/1.png"]) == ["1.png"]


def test_an_absolute_path_of_another_machine_may_differ_in_its_disks_and_users(make_images):
    images = make_images(["1.png"]).set_column(0, "source_uri", pa.array(["file:///home/user1/cells/1.png"]))
    assert all_found(images, ["/home/user2/cells/1.png", "C:\\Users\\user2\\cells\\1.png", "/mnt/disk2/cells/1.png"]) == ["1.png"] * 3


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://lake/test/coco/train2017/1.png", "coco/train2017/1.png"),
        ("s3://lake/test/coco/train2017/1.png", "dev/coco/train/1.png"),
        ("s3://lake/2026-11-05/1.png", "/projects/7/raw/1.png"),
        ("s3://lake/2026-11-05/1.png", "/scratch/48211/signs/1.png"),
        ("file:///export/home/u456/signs/1.png", "/gpfs/users/u123/signs/1.png"),
        ("s3://lake/train/1.png", "/srv/dev/signs/1.png"),
        ("s3://lake/2026/11/05/1.png", "05/1.png"),
        ("s3://lake/2026/11/05/1.png", "5/1.png"),
        ("s3://lake/2026/11/05/1.png", "2026-11-05/1.png"),
        ("s3://lake/dt=20261105/1.png", "2026/11/05/1.png"),
        ("s3://lake/2026-11-05T09-30/1.png", "2026-11-05/1.png"),
        ("s3://lake/2026/cam/1.png", "17/1.png"),  # no year
        ("s3://lake/2026-11-05/cam1/1.png", "cam1/1.png"),
        ("s3://lake/v2/train/1.png", "/mnt/data3/v2/train/1.png"),
    ],
)
def test_folders_further_up_may_be_others_where_nothing_says_another_place(make_images, address, name):
    images = make_images(["1.png"]).set_column(0, "source_uri", pa.array([address]))
    assert found(images, name) == "1.png"


def test_a_folder_of_the_address_that_other_names_have_speaks_against_names_of_another(make_images):
    images = make_images(["1.png", "2.png"]).set_column(0, "source_uri", pa.array(["s3://lake/left/1.png", "s3://lake/left/2.png"]))
    assert all_found(images, ["right/1.png"]) == ["1.png"]  # nothing tells what `right` is
    assert all_found(images, ["right/1.png", "left/2.png", "other/left/9.png"]) == [CONTRADICTED, "2.png", ABSENT]
    # Only in the same place: a folder `left` further up, or below, says nothing.
    assert all_found(images, ["right/1.png", "left/x/9.png"]) == ["1.png", ABSENT]


def test_a_label_file_may_be_named_after_an_extension_within_the_images_name(make_images):
    assert found(make_images(["img.jpg.png"]), "img.jpg", by_stem=True) == "img.jpg.png"
    assert found(make_images(["img.jpg"]), "img.jpg", by_stem=True) == "img.jpg"


@pytest.mark.parametrize(
    ("image", "names", "joined"),
    [
        ("a/1.jpg", ["1.jpg", "a/1.jpg", "/mnt/x/a/1.jpg"], [False, True, True]),
        ("IMG_1.JPG", ["IMG_1.JPG", "img_1.jpg"], [True, False]),
        ("images/1.jpg", ["images/1.jpg", "photos/1.jpg"], [True, False]),
        ("test/1.jpg", ["test/1.jpg", "holdout/1.jpg"], [True, False]),
        ("a/1.jpg", ["1.jpg", "./1.jpg"], [True, True]),
    ],
)
def test_of_two_names_in_one_file_the_image_is_the_one_of_its_path(make_images, image, names, joined):
    made = RecordBuilder("default", "coco")
    made.start_file("l.json", "s3://lab/l.json", 0)
    for number, name in enumerate(names):
        made.add(Record(number, name, "classification", "cat"))
    assert join_labels(made.finish().rows, make_images([image])).rows["source_uri"].is_valid().to_pylist() == joined


def test_of_names_with_several_extensions_the_image_belongs_to_its_own(make_images):
    images = make_images(["a.png", "b.tif"])
    assert all_found(images, ["a.jpg", "a.png", "a"], by_stem=True) == [CONTRADICTED, "a.png", "a.png"]
    assert all_found(images, ["b.jpg", "b.png", "b"], by_stem=True) == [AMBIGUOUS, AMBIGUOUS, "b.tif"]
    assert all_found(images, ["a.jpg", "b.JPG"], by_stem=True) == ["a.png", "b.tif"]


@pytest.mark.parametrize(("images", "labels"), [("train_images/1.jpg", "train_labels/1"), ("image_2/1.jpg", "label_2/1")])
def test_a_folder_may_name_its_kind_beside_its_content(make_images, images, labels):
    other = images.replace("train", "val").replace("2", "3")
    assert found(make_images([images]), labels, by_stem=True) == images
    assert found(make_images([other]), labels, by_stem=True) == CONTRADICTED


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("val/images/1.jpg", "valid/labels/1"),
        ("val2017/1.jpg", "val/1"),
        ("images/val2017/1.jpg", "labels/validation/1"),
        ("train/1.jpg", "train/labels_yolo/1"),
        ("train/images/1.jpg", "train/gt/1"),
        ("valid/1.jpg", "obj_val_data/1"),
        ("x/1.jpg", "obj_train_data/x/1"),
    ],
)
def test_splits_and_layouts_have_several_spellings(make_images, image, label):
    images = make_images([image, "test/1.jpg", "train/x/1.jpg"])
    assert found(images, label, by_stem=True) == image


def test_reasons_name_the_images_that_were_nearly_meant(make_images):
    images = make_images(["x/a.jpg", "y/a.jpg", "z/a.jpg", "w/a.jpg", "train/b.jpg", "c.jpeg"])
    names = ["a.jpg", "test/b.jpg", "c.jpg", "d.jpg", "a.jpg"]
    rows = pa.table({"source": ["file:///l.csv"] * 5, "file_name": names})
    unmatched = unmatched_names(rows, match_images(rows["file_name"], images), images).to_pylist()
    assert {row["check"]: row["records"] for row in unmatched if row["check"] != ABSENT} == {AMBIGUOUS: 2, CONTRADICTED: 1}
    assert [row["message"] for row in unmatched] == [
        "a.jpg fits several images of the partition: w/a.jpg, x/a.jpg, y/a.jpg and 1 more; records without image: 2 in file:///l.csv",
        "test/b.jpg is not in the partition, but the same file name in another folder: file:///source/train/b.jpg; records "
        "without image: 1 in file:///l.csv",
        "No image of the partition is named c.jpg (with another extension there is c.jpeg); records without image: 1 in file:///l.csv",
        "No image of the partition is named d.jpg; records without image: 1 in file:///l.csv",
    ]


def labels(*records: tuple[str, str]) -> pa.Table:
    """Return labels with an image's name and a task each."""
    made = RecordBuilder("default", "csv")
    made.start_file("a.csv", "file:///a.csv", 0)
    for ordinal, (name, task) in enumerate(records):
        made.add(Record(ordinal, name, task, "cat" if task == "classification" else None))
    return made.finish().rows


def test_rows_keep_their_order_and_count_images_once(make_images):
    names = ["b.jpg", "a.jpg", "none.jpg", "b.jpg", "copy of a.jpg"]
    images = make_images(["a.jpg", "b.jpg", "c.jpg", "copy of a.jpg"], image_ids=["a", "b", "c", "a"])
    joined = join_labels(labels(*((name, "classification") for name in names)), images)
    assert joined.rows.column("file_name").to_pylist() == names
    assert [uri and uri[-5:] for uri in joined.rows.column("source_uri").to_pylist()] == ["b.jpg", "a.jpg", None, "b.jpg", "a.jpg"]
    assert joined.images == 2


def test_that_nothing_is_there_is_left_out_where_a_label_says_otherwise_or_it_was_said_before(make_images):
    said = labels(
        ("a.jpg", "background"),
        ("b.jpg", "background"),
        ("b.jpg", "background"),
        ("none.jpg", "background"),
        ("copy.jpg", "classification"),
        ("none.jpg", "background"),
    )
    joined = join_labels(said, make_images(["a.jpg", "b.jpg", "copy.jpg"], image_ids=["a", "b", "a"]))
    rows = [(row["file_name"], row["task"]) for row in joined.rows.to_pylist()]
    assert rows == [("b.jpg", "background"), ("none.jpg", "background"), ("copy.jpg", "classification")]
    assert joined.images == 2


def test_nothing_joins_nothing(make_images):
    joined = join_labels(RecordBuilder("default", "yolo").finish().rows, make_images([]))
    assert (joined.rows.num_rows, joined.unmatched.num_rows, joined.images) == (0, 0, 0)
