"""Images of one name, and the places of the label files that name them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.labels.join import join_labels
from airflow_cv_dataops.core.labels.records import Record, RecordBuilder


def in_folder(images: pa.Table, source: str, name: str, format: str) -> str | None:  # noqa: A002
    """Return the image that a name of a label file joins, if any."""
    made = RecordBuilder("default", format)
    made.start_file(source, source, 0)
    made.add(Record(0, name, "classification", "cat"))
    row = join_labels(made.finish().rows, images).rows["source_uri"][0].as_py()
    return row and row.removeprefix("file:///source/")


@pytest.mark.parametrize(
    ("source", "name", "format", "image"),
    [
        ("file:///source/valid/_annotations.coco.json", "1.jpg", "coco", "valid/1.jpg"),
        ("file:///elsewhere/validation/_annotations.coco.json", "1.jpg", "coco", "valid/1.jpg"),
        ("file:///source/annotations/instances_val2017.json", "1.jpg", "coco", "valid/1.jpg"),
        ("file:///source/annotations/instances_test2017.json", "1.jpg", "coco", None),
        ("file:///source/annotations/all.json", "1.jpg", "coco", None),
        ("file:///source/train.csv", "1.jpg", "csv", "train/1.jpg"),
        ("file:///source/valid/labels.csv", "train/1.jpg", "csv", "train/1.jpg"),
        ("file:///source/labels/train/1.txt", "1", "yolo", "train/1.jpg"),
        ("file:///source/labels/test/1.txt", "1", "yolo", None),
        ("file:///source/train_xml/1.xml", "1.jpg", "voc", "train/1.jpg"),
    ],
)
def test_the_label_files_own_folder_tells_images_of_one_name_apart(make_images, source, name, format, image):  # noqa: A002
    images = make_images(["train/1.jpg", "valid/1.jpg"])
    assert in_folder(images, source, name, format) == image
    # Where the other split is the only one there is, that is no reason to take it.
    for split in ("train", "valid"):
        only = in_folder(make_images([f"{split}/1.jpg"]), source, name, format)
        unstated = image is None and "all" in source
        assert only == (f"{split}/1.jpg" if unstated or image == f"{split}/1.jpg" else None)


def in_folders(images: pa.Table, *files: str, name: str = "1.jpg") -> list[bool]:
    """Return of label files that name an image each whether they join it."""
    made = RecordBuilder("default", "csv")
    for number, file in enumerate(files):
        made.start_file(file, f"file:///lab/{file}", number)
        made.add(Record(0, name, "classification", "cat"))
    return join_labels(made.finish().rows, images).rows["source_uri"].is_valid().to_pylist()


@pytest.mark.parametrize("folder", ["cam1", "left", "2026-11-05", "2026/11/05", "cam01"])
@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("{0}/labels.csv", "{1}/labels.csv"),
        ("{0}.csv", "{1}.csv"),
        ("instances_{0}.json", "instances_{1}.json"),
        ("ann/{0}/a.csv", "bob/{1}/b.csv"),
        ("{0}/x/labels.csv", "{1}/y/labels.csv"),
    ],
)
def test_of_label_files_for_several_folders_an_images_own_has_it(make_images, folder, own, other):
    if "/" in folder and "." in own.partition("/")[0]:
        own, other = own.replace("{0}", "{2}"), other
    wrong = {"left": "right", "2026-11-05": "2026-11-06", "2026/11/05": "2026-11-06"}.get(folder, "cam2")
    names = [text.format(folder, wrong, folder.replace("/", "-")) for text in (own, other)]
    at_address = make_images(["1.jpg", "9.jpg"]).set_column(0, "source_uri", [[f"s3://x/{folder}/1.jpg", f"s3://x/{wrong}/9.jpg"]])
    for images in (make_images([f"{folder}/1.jpg", f"{wrong}/9.jpg"]), at_address):
        assert in_folders(images, *names) == [True, False]
        assert in_folders(images, *names[::-1]) == [False, True]


def test_the_folder_of_one_label_file_tells_where_another_lies_in_the_images(make_images):
    """Not every image is named in every folder's file."""
    images = make_images(["cam1/1.jpg", "cam1/2.jpg"])
    made = RecordBuilder("default", "coco")
    for number, (file, name) in enumerate(
        [("cam1.json", "1.jpg"), ("cam2.json", "2.jpg"), ("cam2/part2.json", "1.jpg"), ("x.json", "2.jpg")]
    ):
        made.start_file(file, f"s3://lab/{file}", number)
        made.add(Record(0, name, "classification", "cat"))
    assert join_labels(made.finish().rows, images).rows["source_uri"].is_valid().to_pylist() == [True, False, False, True]


@pytest.mark.parametrize(
    "files",
    [
        ("train.csv", "extra.csv"),
        ("instances_train2017.json", "stuff_train2017.json"),
        ("instances_train2014.json", "refcoco.json"),
        ("train-annotations-bbox.csv", "oidv6-train.csv"),
        ("train/labels.csv", "alice/labels.csv"),
        ("train.json", "tta.json"),
    ],
)
def test_a_label_file_of_another_word_is_of_no_other_place(make_images, files):
    assert in_folders(make_images(["train/1.jpg"]), *files) == [True, True]


@pytest.mark.parametrize(
    "names", [("alice/1", "bob/1"), ("voc_a/Annotations/1", "voc_b/Annotations/1"), ("v1/1", "v2/1"), ("f0/labels/1", "f1/labels/1")]
)
def test_files_of_one_image_by_two_people_all_join(make_images, names):
    made = RecordBuilder("default", "voc")
    for number, name in enumerate(names):
        made.start_file(f"{name}.xml", f"file:///lab/{name}.xml", number)
        made.add(Record(0, name, "classification", "cat", alternative_name=name))
    assert join_labels(made.finish().rows, make_images(["1.jpg"])).rows["source_uri"].is_valid().to_pylist() == [True, True]


@pytest.mark.parametrize(
    ("images", "file", "image"),
    [
        (["site1/cam1/1.jpg", "site2/cam1/1.jpg"], "site1/cam3/l.csv", None),
        (["2026/11/06/1.jpg", "2026/10/07/1.jpg"], "2026/11/05/l.csv", None),
        (["siteA/left/1.jpg", "siteB/left/1.jpg"], "siteA/right/l.csv", None),
        (["site1/cam1/1.jpg", "site2/cam3/1.jpg"], "site1/cam3/l.csv", None),
        (["raw/1.jpg", "crops/defects/1.jpg"], "raw/defects.csv", "raw/1.jpg"),
        (["batch2/1.jpg", "batch1/cat/1.jpg"], "batch2/cat.csv", "batch2/1.jpg"),
        (["train/1.jpg", "val/cat/1.jpg"], "train/cat.csv", "train/1.jpg"),
        (["train/part1/1.jpg", "val/1.jpg"], "val/part1.csv", "val/1.jpg"),
        (["2026-11-05/1.jpg", "2026-11-06/1.jpg"], "2026/11/05/l.csv", "2026-11-05/1.jpg"),
        (["date=2026-11-05/1.jpg", "date=2026-11-06/1.jpg"], "2026-11-05.csv", "date=2026-11-05/1.jpg"),
        (["siteA/cam1/1.jpg", "siteB/cam1/1.jpg"], "siteA/all.csv", "siteA/cam1/1.jpg"),
        (["siteA/1.jpg", "siteB/1.jpg"], "siteA/ann/l.csv", "siteA/1.jpg"),
        ([f"d{day}/cam{cam}/1.jpg" for day in range(9) for cam in range(9)], "d3/cam4/l.csv", "d3/cam4/1.jpg"),
        (["train/1.jpg", "val/1.jpg"], "instances_val2017_cnn_results.json", "val/1.jpg"),
        (["train/1.jpg", "val/1.jpg"], "results_val.json", "val/1.jpg"),
        (["train/1.jpg"], "bbox_val_results.json", None),
        (["train/1.jpg"], "runs/day1/val/labels.csv", None),
    ],
)
def test_of_several_images_the_one_of_the_label_files_place_is_meant_or_none(make_images, images, file, image):
    assert in_folder(make_images(images), f"s3://lab/{file}", "1.jpg", "csv") == image


def test_label_files_of_several_people_or_parts_all_join(make_images):
    images = make_images(["cam1/1.jpg"])
    assert in_folders(images, "ann/labels.csv", "bob/labels.csv", "labels.csv") == [True] * 3
    assert in_folders(images, "part-1.csv", "part-2.csv", "2026-11-05.csv", "2026-11-06.csv") == [True] * 4
    assert in_folders(images, "cam1/ann/labels.csv", "cam1/bob/labels.csv", "all.csv") == [True] * 3


@pytest.mark.parametrize("file", ["file:///mnt/disk1/lab/cam1/l.csv", "file:///home/ann7/cam1.csv", "s3://lab/cam1/l.csv"])
def test_the_disks_and_users_of_a_label_file_are_no_folders_of_the_data(make_images, caplog, file):
    uris = [[f"file:///mnt/disk2/set/cam{number}/1.jpg" for number in (1, 2)]]
    images = make_images(["cam1/1.jpg", "cam2/1.jpg"]).set_column(0, "source_uri", uris)
    assert in_folder(images, file, "1.jpg", "csv") == uris[0][0]
    assert not caplog.records


def test_a_label_file_of_another_day_alone_joins_with_a_warning(make_images, caplog):
    images = make_images(["1.jpg"]).set_column(0, "source_uri", [["file:///mnt/disk2/2026-11-05/1.jpg"]])
    assert in_folder(images, "file:///mnt/disk1/2026-11-06/l.csv", "1.jpg", "csv") == "file:///mnt/disk2/2026-11-05/1.jpg"
    assert "1 names joined images of a folder that differs in a number or a date" in caplog.text


def test_a_folder_in_the_name_goes_before_the_place_of_its_file(make_images):
    images = make_images(["train/1.jpg"])
    assert in_folders(images, "val.csv") == [False]
    assert in_folders(images, "val.csv", name="train/1.jpg") == [True]
    made = RecordBuilder("default", "csv")
    made.start_file("val.csv", "file:///lab/val.csv", 0)
    made.add(Record(0, "1.jpg", "classification", "cat"))
    (message,) = join_labels(made.finish().rows, images).unmatched["message"].to_pylist()
    assert message.startswith(
        "1.jpg is in the partition as file:///source/train/1.jpg, and the place or name of the file that names it is another's: write"
    )


def test_of_images_in_folders_the_one_beside_the_label_file_is_meant(make_images):
    images = make_images(["1.jpg", "cam1/1.jpg", "cam2/1.jpg"])
    for file, image in {
        "cam1/a.csv": "cam1/1.jpg",
        "cam2.csv": "cam2/1.jpg",
        "a.csv": "1.jpg",
        "b/cam1/images/a.csv": "cam1/1.jpg",
    }.items():
        assert in_folder(images, f"file:///lab/{file}", "1.jpg", "csv") == image


def test_a_run_of_a_trainer_is_no_split(make_images):
    assert in_folders(make_images(["train/1.jpg"]), "runs/detect/val2/results.csv", "val/results.csv") == [True, False]


def test_a_label_file_named_like_its_image_is_of_no_split(make_images):
    images = make_images(["train/test_1.jpg"])
    assert in_folder(images, "file:///labels/test_1.txt", "test_1", "yolo") == "train/test_1.jpg"
