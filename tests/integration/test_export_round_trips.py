"""What an export says is what the release said: read again by this package, or straight from the files."""

from __future__ import annotations

import csv
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from exports import (
    KEY,
    MILLIONTH,
    Labels,
    Said,
    assert_same_boxes,
    assert_same_outlines,
    exported,
    images_of,
    labelled,
    labels_of,
    pixels,
    released,
    said,
    told,
)
from PIL import Image

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.export.manifest import check_export
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.release.lookup import read_release

pytestmark = pytest.mark.integration

# Where labels and images lie in an export of each format that this package imports, and how they are imported.
LAYOUTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "coco": ("images", "annotations", {"format": "coco"}),
    "yolo": ("images", "labels", {"format": "yolo", "classes": "data.yaml"}),
    "yolo_seg": ("images", "labels", {"format": "yolo", "classes": "data.yaml"}),
    "voc": ("JPEGImages", "Annotations", {"format": "voc"}),
    "csv": ("images", "labels.csv", {"format": "csv"}),
}
READ_DIRECTLY = ("parquet", "webdataset", "huggingface")
WITH_CROWDS = ("coco", "csv", *READ_DIRECTLY)


@pytest.fixture(scope="module")
def coco(tmp_path_factory, shared_data) -> Dataset:
    """61 photographs, 475 labels with outlines, 6 of them crowds as masks."""
    source = shared_data("coco_ccby")
    return released(tmp_path_factory.mktemp("coco"), source / "images", source / "instances.json", format="coco")


@pytest.fixture(scope="module")
def bccd(tmp_path_factory, shared_data) -> Dataset:
    """364 photographs, 4,888 boxes, 2 of them without area."""
    source = shared_data("bccd") / "BCCD"
    return released(tmp_path_factory.mktemp("bccd"), source / "JPEGImages", source / "Annotations", format="voc")


@pytest.fixture(scope="module")
def od(tmp_path_factory, shared_data) -> Dataset:
    """273 boxes with an attribute on 100 images that are made here: each of its size, no two alike."""
    labels = shared_data("od_formats") / "gts" / "coco_format_v1" / "instances_default.json"
    folder = tmp_path_factory.mktemp("od_images")
    for number, image in enumerate(json.loads(labels.read_text())["images"]):
        picture = Image.new("RGB", (image["width"], image["height"]), (2 * number, 90, 90))
        picture.save(folder / image["file_name"])
    return released(tmp_path_factory.mktemp("od"), folder, labels, format="coco")


@pytest.fixture(scope="module")
def clothing(tmp_path_factory, shared_data) -> Dataset:
    """389 photographs with a category each, by many people."""
    source = shared_data("clothing_mini")
    columns = {"file": "image", "label": "label", "annotator": "sender_id"}
    importing = {"format": "csv", "csv_columns": columns}
    return released(tmp_path_factory.mktemp("clothing"), source / "images", source / "images.csv", **importing)


def again(dataset: Dataset, folder: Path, layout: str) -> Labels:
    """Import the labels of an export onto the very images that it was made of, and return them."""
    _, labels, options = LAYOUTS[layout]
    result = import_labels(dataset, KEY, str(folder / labels), label_set=layout, on_findings="fail", **in_folder(folder, options))
    assert result.failure is None
    return labels_of(dataset, layout)


def anew(folder: Path, layout: str, home: Path) -> Dataset:
    """Return a dataset of its own with the images and labels of an export."""
    images, labels, options = LAYOUTS[layout]
    return labelled(home, folder / images, folder / labels, on_findings="fail", **in_folder(folder, options))


def in_folder(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "classes": str(folder / options["classes"])} if "classes" in options else options


def read_directly(folder: Path, layout: str) -> Labels:
    """Return the labels in a format that this package writes and does not import."""
    return {"parquet": of_parquet, "webdataset": of_webdataset, "huggingface": of_huggingface}[layout](folder)


def of_parquet(folder: Path) -> Labels:
    found: Labels = {row["image_id"]: [] for row in pq.read_table(folder / "images.parquet").to_pylist()}
    for row in pq.read_table(folder / "annotations.parquet").to_pylist():
        found[row["image_id"]].append(said(row))
    return found


def of_webdataset(folder: Path) -> Labels:
    found: Labels = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                if member.name.endswith(".json"):
                    values = json.load(archive.extractfile(member))  # type: ignore[arg-type]
                    found[values["image_id"]] = [_of_json(label) for label in values["labels"]]
    return found


def _of_json(label: dict[str, Any]) -> Said:
    names = ("segmentation", "iscrowd", "annotator")
    box = label.get("bbox")
    return Said(
        label["category"], tuple(box) if box else None, attributes=label.get("attributes", {}), **{name: label.get(name) for name in names}
    )


def of_huggingface(folder: Path) -> Labels:
    found: Labels = {}
    for path in sorted(folder.glob("data/*.parquet")):
        table = pq.read_table(path)
        names = categories_of(table.schema)
        for row in table.to_pylist():
            objects = row["objects"]
            each = zip(*(objects[name] for name in ("category", "bbox", "segmentation", "iscrowd")), strict=True)
            found[row["image_id"]] = [
                Said(names[category], tuple(box), json.loads(outline) if outline else None, crowd) for category, box, outline, crowd in each
            ]
    return found


def categories_of(schema) -> list[str]:
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    return (features["objects"]["category"] if "objects" in features else features["labels"])["feature"]["names"]


def without_crowds(labels: Labels) -> Labels:
    return {image: [label for label in found if not label.iscrowd] for image, found in labels.items()}


def expected_of(dataset: Dataset, layout: str) -> Labels:
    """Return the labels of COCO's photographs that a format has a place for; an image of none of them is no part of the export."""
    whole = labels_of(dataset)
    return whole if layout in WITH_CROWDS else without_crowds(whole)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_of_photographs_are_imported_again_as_they_were(coco, layout):
    folder, counts = exported(coco, layout)
    found, expected = again(coco, folder, layout), expected_of(coco, layout)
    if layout == "yolo_seg":  # where a box is the box around the outline
        assert {image: len(labels) for image, labels in found.items()} == {image: len(labels) for image, labels in expected.items()}
    else:
        assert_same_boxes(found, expected)
    assert counts["images"] == 61
    assert counts["labels"] == sum(map(len, found.values())) == (475 if layout in WITH_CROWDS else 469)
    assert counts["labels_left_out"] == ({} if layout in WITH_CROWDS else {"crowd": 6})
    assert counts["images_incomplete"] == (0 if layout in WITH_CROWDS else 5)
    lost = {"yolo": {"polygons": 469}, "voc": {"polygons": 469}, "csv": {"masks": 6, "polygons": 469}}
    assert counts["not_carried"] == lost.get(layout, {})


@pytest.mark.parametrize("layout", READ_DIRECTLY)
def test_labels_of_photographs_are_in_the_files_as_they_were(coco, layout):
    folder, counts = exported(coco, layout, shard_images=20)
    found, expected = read_directly(folder, layout), labels_of(coco)
    assert_same_boxes(found, expected, tolerance=0)
    assert assert_same_outlines(found, expected, images_of(coco), tolerance=0) == 475
    assert told(found, "iscrowd") == told(expected, "iscrowd")
    assert (counts["images"], counts["labels"], counts["labels_left_out"], counts["not_carried"]) == (61, 475, {}, {})


def test_coco_gives_back_every_point_and_every_pixel(coco):
    folder, _ = exported(coco, "coco")
    found, expected = again(coco, folder, "coco"), labels_of(coco)
    assert assert_same_outlines(found, expected, images_of(coco), tolerance=0) == 475
    assert told(found, "iscrowd") == told(expected, "iscrowd")


def test_csv_says_which_labels_are_crowds_and_in_which_images_nothing_is(coco):
    folder, counts = exported(coco, "csv")
    lines = list(csv.DictReader((folder / "labels.csv").open(encoding="utf-8", newline="")))
    assert sum(line["iscrowd"] == "1" for line in lines) == 6
    assert sum(line["label"] == "" for line in lines) == counts["images_background"] == 3


def test_yolo_gives_back_polygons_and_joins_those_of_several_parts(coco):
    folder, _ = exported(coco, "yolo_seg")
    found, expected, sizes = again(coco, folder, "yolo_seg"), expected_of(coco, "yolo_seg"), images_of(coco)
    simple = joined = 0
    for image, labels in expected.items():
        ours = by_first_points(found[image])
        for label in labels:
            other = ours[label.category, *first_points(label)].pop()
            if len(label.segmentation) == 1:
                assert other.segmentation == [pytest.approx(label.segmentation[0], abs=MILLIONTH, rel=0)]
                simple += 1
            else:
                one, two = pixels(label.segmentation, *sizes[image]), pixels(other.segmentation, *sizes[image])
                assert (one & two).sum() > 0.95 * (one | two).sum()
                joined += 1
    assert (simple, joined) == (435, 34)


def first_points(label: Said) -> tuple[float, ...]:
    return tuple(round(side, 2) for side in label.segmentation[0][:6])


def by_first_points(labels: list[Said]) -> dict[tuple, list[Said]]:
    found: dict[tuple, list[Said]] = {}
    for label in labels:
        found.setdefault((label.category, *first_points(label)), []).append(label)
    return found


@pytest.mark.parametrize("layout", ["yolo", "voc", "csv"])  # of COCO and outlines the photographs tell
def test_cells_are_imported_again_without_the_two_that_have_no_area(bccd, layout):
    folder, counts = exported(bccd, layout)
    assert counts["labels_left_out"] == {"no_area": 2}
    assert (counts["images"], counts["labels"], counts["images_incomplete"]) == (364, 4886, 2)
    found, expected = again(bccd, folder, layout), with_area(labels_of(bccd))
    assert_same_boxes(found, expected)
    assert all(label.attributes for labels in expected.values() for label in labels)
    if layout == "voc":
        assert counts["not_carried"] == {}
        assert told(found, "attributes") == told(expected, "attributes")
    else:
        assert counts["not_carried"] == {"attributes": 4886}


@pytest.mark.parametrize("layout", ["parquet", "huggingface"])
def test_cells_are_in_the_files_as_they_were(bccd, layout):
    folder, counts = exported(bccd, layout, shard_images=100)
    keeps_all = layout == "parquet"
    expected = labels_of(bccd) if keeps_all else with_area(labels_of(bccd))
    found = read_directly(folder, layout)
    assert_same_boxes(found, expected, tolerance=0)
    assert layout == "huggingface" or told(found, "attributes") == told(expected, "attributes")
    assert counts["labels_left_out"] == ({} if keeps_all else {"no_area": 2})
    assert counts["not_carried"] == ({"attributes": 4886} if layout == "huggingface" else {})


def test_hugging_face_has_an_area_for_every_box_also_where_labels_have_none(bccd):
    folder, _ = exported(bccd, "huggingface", shard_images=100)
    objects = [row for path in folder.glob("data/*.parquet") for row in pq.read_table(path)["objects"].to_pylist()]
    assert all(area == box[2] * box[3] for row in objects for area, box in zip(row["area"], row["bbox"], strict=True))
    assert not any(crowd is not False for row in objects for crowd in row["iscrowd"])


def with_area(labels: Labels) -> Labels:
    return {image: [label for label in found if label.bbox[2] > 0 and label.bbox[3] > 0] for image, found in labels.items()}


@pytest.mark.parametrize("layout", ["coco", "yolo"])
def test_images_and_boxes_of_an_export_are_a_dataset_of_their_own(od, tmp_path, layout):
    folder, counts = exported(od, layout)
    copy = anew(folder, layout, tmp_path)
    assert images_of(copy) == images_of(od), "every image byte for byte, by its hash"
    assert_same_boxes(labels_of(copy), labels_of(od))
    assert (counts["images"], counts["labels"], counts["labels_left_out"]) == (100, 273, {})
    assert counts["not_carried"] == ({} if layout in ("coco", "voc") else {"attributes": 273})


@pytest.mark.parametrize("layout", READ_DIRECTLY)
def test_boxes_and_attributes_are_in_the_files_as_they_were(od, layout):
    folder, counts = exported(od, layout)
    found = read_directly(folder, layout)
    assert_same_boxes(found, labels_of(od), tolerance=0)
    assert layout == "huggingface" or told(found, "attributes") == told(labels_of(od), "attributes")
    assert counts["labels_left_out"] == {}


def test_coco_writes_attributes_beside_their_boxes(od):
    folder, _ = exported(od, "coco")
    said = [label for path in sorted(folder.glob("annotations/*.json")) for label in json.loads(path.read_text())["annotations"]]
    assert [label["attributes"] for label in said] == [{"occluded": False}] * 273


def test_splits_are_those_of_the_release_in_every_format(od):
    release = read_release(od, "production")
    split_of = dict(zip(*(release.items()[name].to_pylist() for name in ("image_id", "split")), strict=True))
    for layout in ("coco", "yolo", "csv", "imagefolder"):
        folder, _ = exported(od, layout, max_left_out_ratio=1.0)
        images = list(folder.rglob("*.jpg"))
        for path in images:
            split = next(part for part in path.relative_to(folder).parts if part in ("train", "val", "test"))
            assert split_of[hashlib.sha256(path.read_bytes()).hexdigest()] == split
        assert layout == "imagefolder" or len(images) == 100


def test_people_and_their_answers_go_out_in_every_format_that_has_a_place_for_them(clothing):
    expected = labels_of(clothing)
    assert {"Not sure", "Skip", "Other"} <= {label.category for labels in expected.values() for label in labels}
    for layout in ("parquet", "webdataset"):
        folder, counts = exported(clothing, layout)
        assert told(read_directly(folder, layout), "category", "annotator") == told(expected, "category", "annotator")
        assert counts["not_carried"] == {}
    folder, _ = exported(clothing, "csv")
    assert told(again(clothing, folder, "csv"), "category", "annotator") == told(expected, "category", "annotator")


def test_a_folder_a_category_holds_just_the_images_of_that_category(clothing):
    folder, counts = exported(clothing, "imagefolder")
    expected = {image: labels[0].category for image, labels in labels_of(clothing).items()}
    folders = json.loads((folder / "classes.json").read_text())
    found = {hashlib.sha256(path.read_bytes()).hexdigest(): folders[path.parent.name] for path in folder.glob("*/*/*.jpg")}
    assert found == expected
    assert counts["images"] == len(expected) == 388
    assert counts["images_left_out"] == {"unlabelled": len(images_of(clothing).keys() - expected.keys())}
    assert counts["not_carried"] == dict.fromkeys(["annotator", "attributes"], counts["labels"])
    assert counts["labels_left_out"] == {}


def test_a_hugging_face_export_of_categories_has_a_number_for_each(clothing):
    folder, counts = exported(clothing, "huggingface")
    found: dict[str, list[str]] = {}
    for path in folder.glob("data/*.parquet"):
        table = pq.read_table(path)
        names = categories_of(table.schema)
        for row in table.to_pylist():
            assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["image_id"]
            found[row["image_id"]] = sorted(names[number] for number in row["labels"])
    assert found == {image: sorted(label.category for label in labels) for image, labels in labels_of(clothing).items()}
    assert counts["labels"] == sum(map(len, found.values()))


def test_every_export_is_whole(coco):
    for layout in (*LAYOUTS, *READ_DIRECTLY):
        folder, counts = exported(coco, layout, shard_images=1000 if layout in LAYOUTS else 20)
        check = check_export(folder)
        assert (check.is_whole, check.unexpected, check.files) == (True, (), counts["files"])
