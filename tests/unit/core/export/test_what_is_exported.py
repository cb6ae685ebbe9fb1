"""Which images and labels go out, and in which pixels: backgrounds, choices, EXIF, resizing, in every format alike."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from exports import exported
from PIL import Image, ImageOps
from unit.core.export.export_rows import ALL_FORMATS, HEIGHT, KEY, OF_BOXES, WIDTH, box, id_of, png, put_images, put_labels, release

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.placement import Resize
from airflow_cv_dataops.core.release.lookup import read_release

UPRIGHT_BOX = box(300.0, 150.0, 420.0, 260.0)


@pytest.fixture(scope="module")
def turned(tmp_path_factory, shared_data) -> tuple[Dataset, dict[str, Path]]:
    """Photographs of four EXIF orientations, a label on each in pixels of the upright picture; and their files by image id."""
    home = tmp_path_factory.mktemp("turned")
    folder = shared_data("neardup") / "exif_orientation"
    files = {name: folder / name for name in ("Landscape_1.jpg", "Landscape_4.jpg", "Landscape_6.jpg", "Portrait_7.jpg")}
    dataset = open_dataset("turned", home=str(home))
    ids = put_images(dataset, home, {name: path.read_bytes() for name, path in files.items()})
    put_labels(dataset, [{"image_id": image, "category": "face", "bbox": UPRIGHT_BOX} for image in ids])
    release(dataset)
    return dataset, dict(zip(ids, files.values(), strict=True))


def crop_of(picture: Image.Image, x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.asarray(picture.convert("RGB").crop((round(x), round(y), round(x + width), round(y + height))), float)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean absolute difference of two crops, of 255; of different sizes they are as different as can be."""
    return float(np.abs(one - other).mean()) if one.shape == other.shape else 255.0


def test_coco_boxes_cover_the_same_pixels_of_pictures_that_were_turned_upright(turned):
    dataset, files = turned
    folder, counts = exported(dataset, "coco")
    assert (counts["images_turned_upright"], counts["images_not_upright"], counts["images_resized"]) == (3, 0, 0)
    said = json.loads((folder / "annotations/instances_train.json").read_text())
    boxes = {label["image_id"]: label["bbox"] for label in said["annotations"]}
    for image in said["images"]:
        with Image.open(folder / "images/train" / image["file_name"]) as written, Image.open(files[image["sha256"]]) as source:
            turns = source.getexif().get(0x0112)
            assert written.getexif().get(0x0112) == (None if turns != 1 else 1)
            assert written.size == (image["width"], image["height"])
            upright = ImageOps.exif_transpose(source)
            assert written.size == upright.size
            assert difference(crop_of(written, *boxes[image["id"]]), crop_of(upright, *UPRIGHT_BOX.values())) < 2
            if turns != 1:
                assert difference(crop_of(written, *boxes[image["id"]]), crop_of(source, *UPRIGHT_BOX.values())) > 10


def test_yolo_boxes_cover_the_same_pixels_of_pictures_that_were_turned_upright(turned):
    dataset, files = turned
    folder, counts = exported(dataset, "yolo")
    assert counts["images_turned_upright"] == 3
    by_stem = {path.stem: path for path in files.values()}
    for path in folder.glob("images/train/*"):
        _, x, y, width, height = map(float, (folder / f"labels/train/{path.stem}.txt").read_text().split())
        with Image.open(path) as written, Image.open(by_stem[path.stem]) as source:
            across, down = written.size
            found = ((x - width / 2) * across, (y - height / 2) * down, width * across, height * down)
            assert found == pytest.approx(tuple(UPRIGHT_BOX.values()), abs=1e-6)
            assert difference(crop_of(written, *found), crop_of(ImageOps.exif_transpose(source), *UPRIGHT_BOX.values())) < 2


@pytest.mark.parametrize("layout", ["coco", "csv", "parquet"])
def test_references_leave_pictures_as_they_lie_and_say_how_many_are_not_upright(turned, tmp_path, layout):
    dataset, _ = turned
    folder, counts = exported(dataset, layout, tmp_path / "out", images="reference")
    assert (counts["images_turned_upright"], counts["images_not_upright"]) == (0, 3)
    assert not list(folder.rglob("*.jpg"))


def test_links_are_the_stored_files_but_for_pictures_that_are_turned(turned, tmp_path):
    dataset, files = turned
    folder, counts = exported(dataset, "coco", Path(dataset.root_uri.removeprefix("file://")) / "linked", images="link")
    same = {path.name for path in folder.glob("images/train/*") if id_of(path.read_bytes()) in files}
    assert same == {"Landscape_1.jpg"}
    assert counts["images_turned_upright"] == 3


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Dataset:
    """Five images: labelled, stated to be empty, of which nothing is said, with a flat box alone, with a flat box beside another."""
    home = tmp_path_factory.mktemp("mixed")
    dataset = open_dataset("mixed", home=str(home))
    names = ("labelled", "stated", "silent", "flat", "both")
    ids = dict(zip(names, put_images(dataset, home, {f"{name}.png": png(at) for at, name in enumerate(names)}), strict=True))
    flat = {"category": "cell", "bbox": box(width=0.0)}
    put_labels(
        dataset,
        [
            {"image_id": ids["labelled"], "category": "cell", "bbox": box()},
            {"image_id": ids["stated"], "task": "background"},
            {"image_id": ids["flat"], **flat},
            {"image_id": ids["both"], **flat},
            {"image_id": ids["both"], "category": "nucleus", "bbox": box()},
        ],
    )
    release(dataset)
    return dataset


@pytest.mark.parametrize("layout", [name for name in OF_BOXES if name != "parquet"])
def test_images_without_labels_go_out_as_it_was_asked_for(mixed, tmp_path, layout):
    with_labels = {"labelled", "both"}
    expected = {"stated": with_labels | {"stated"}, "none": with_labels, "all": with_labels | {"stated", "silent"}}
    left_out = {"stated": {"unlabelled": 1}, "none": {"background": 1, "unlabelled": 1}, "all": {}}
    for asked, names in expected.items():
        folder, counts = exported(mixed, layout, tmp_path / asked, without_labels=asked, max_left_out_ratio=1.0)
        assert names_in(folder, layout) == names
        assert counts["images_left_out"] == {"labels_left_out": 1} | left_out[asked], "a flat box makes no background"
        assert (counts["images_background"], counts["images_unlabelled"]) == (int(asked != "none"), int(asked == "all"))
        assert (counts["labels_left_out"], counts["images_incomplete"]) == ({"no_area": 2}, 1)


def test_parquet_keeps_labels_that_train_nothing_and_the_images_of_them(mixed):
    folder, counts = exported(mixed, "parquet")
    assert names_in(folder, "parquet") == {"labelled", "stated", "flat", "both"}
    assert (counts["labels"], counts["labels_left_out"], counts["images_left_out"]) == (4, {}, {"unlabelled": 1})


def test_image_folder_has_no_place_for_an_image_without_category(mixed, tmp_path):
    for asked in ("stated", "all"):
        folder, counts = exported(mixed, "imagefolder", tmp_path / asked, without_labels=asked, max_left_out_ratio=1.0)
        assert names_in(folder, "imagefolder") == {"labelled", "flat"}
        assert counts["images_left_out"] == {
            "several_categories": 1,
            **({"without_category": 1, "unlabelled": 1} if asked == "stated" else {"without_category": 2}),
        }
        assert counts["labels_left_out"] == {"image_not_carried": 2}


def test_image_folder_counts_the_folders_that_a_split_lacks(mixed, tmp_path):
    """Readers number the folders of each split by themselves."""
    categories = ["cell", "nucleus", "zebra"]
    _, counts = exported(mixed, "imagefolder", tmp_path / "out", categories=categories, max_left_out_ratio=1.0)
    assert counts["folders_missing"] == 2, "both images of one category have that label alone"
    assert "folders_missing" not in exported(mixed, "imagefolder", tmp_path / "other", categories=["cell"], max_left_out_ratio=1.0)[1]


def test_a_split_of_yolo_is_no_word_of_its_settings(make_dataset, tmp_path):
    dataset = make_dataset()
    ids = put_images(dataset, tmp_path, {"a.png": png(1)})
    put_labels(dataset, [{"image_id": ids[0], "category": "cell", "bbox": box()}])
    release(dataset, splits={"path": 1.0})
    with pytest.raises(ConfigurationError, match="'path' cannot be one of YOLO's"):
        exported(dataset, "yolo", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_images_have_extensions_by_which_readers_find_them_and_yolo_counts_those_of_films(make_dataset, tmp_path):
    files = {}
    for number, (name, kind) in enumerate([("a.jfif", "JPEG"), ("b.JPE", "JPEG"), ("c.dib", "BMP"), ("d.gif", "GIF"), ("e.png", "JPEG")]):
        written = io.BytesIO()
        Image.new("RGB", (WIDTH, HEIGHT), (number * 50, 9, 9)).save(written, kind)
        files[name] = written.getvalue()
    dataset = make_dataset()
    ids = put_images(dataset, tmp_path, files)
    put_labels(dataset, [{"image_id": image, "category": "cell", "bbox": box()} for image in ids])
    release(dataset)
    folder, counts = exported(dataset, "yolo")
    assert {path.name for path in folder.glob("images/train/*")} == {"a.jpg", "b.jpg", "c.bmp", "d.gif", "e.jpg"}
    assert counts["images_of_unread_formats"] == 1


def test_incomplete_images_can_be_left_out(mixed, tmp_path):
    folder, counts = exported(mixed, "coco", tmp_path / "out", incomplete_images="leave_out", max_left_out_ratio=1.0)
    assert names_in(folder, "coco") == {"labelled", "stated"}
    assert counts["images_left_out"] == {"incomplete": 1, "labels_left_out": 1, "unlabelled": 1}
    assert counts["labels_left_out"] == {"image_incomplete": 1, "no_area": 2}


def names_in(folder: Path, layout: str) -> set[str]:
    """Return what the images of an export are called, as its label files or its folders say."""
    import tarfile

    import pyarrow.parquet as pq

    if layout == "webdataset":
        return {Path(name).stem for path in folder.glob("*.tar") for name in tarfile.open(path).getnames()}
    if layout == "huggingface":
        return {Path(row["path"]).stem for path in folder.glob("data/*") for row in pq.read_table(path)["image"].to_pylist()}
    files = {path.stem for path in folder.rglob("*.png")}
    if layout in ("yolo", "yolo_seg"):
        assert {path.stem for path in folder.rglob("labels/*/*.txt")} == files
    if layout == "voc":
        assert {path.stem for path in folder.rglob("*.xml")} == set((folder / "ImageSets/Main/train.txt").read_text().split()) == files
    return files


@pytest.mark.parametrize("layout", OF_BOXES)
def test_chosen_categories_have_the_numbers_of_their_order_and_what_is_of_others_alone_is_background(mixed, tmp_path, layout):
    folder, counts = exported(mixed, layout, tmp_path / "out", categories=["zebra", "nucleus"], max_left_out_ratio=1.0)
    assert names_in(folder, layout) == {"labelled", "stated", "flat", "both"}
    assert (counts["labels"], counts["images_background"], counts["images_incomplete"]) == (1, 3, 0)
    assert counts["labels_left_out"] == {"other_category": 3}
    manifest = json.loads((folder / "_export/manifest.json").read_text())
    assert manifest["categories"] == ["zebra", "nucleus"]
    if layout == "coco":
        assert [label["category_id"] for label in coco(folder)["annotations"]] == [2]
        assert [(category["id"], category["name"]) for category in coco(folder)["categories"]] == [(1, "zebra"), (2, "nucleus")]
    if layout.startswith("yolo"):
        assert (folder / "labels/train/both.txt").read_text().startswith("1 ")
        assert (folder / "labels/train/labelled.txt").read_text() == ""


def coco(folder: Path, split: str = "train") -> dict:
    return json.loads((folder / f"annotations/instances_{split}.json").read_text())


def test_a_label_that_does_not_say_of_what_is_no_label_of_another_category(make_dataset, tmp_path):
    dataset = make_dataset()
    ids = put_images(dataset, tmp_path, {f"{number}.png": png(number) for number in range(2)})
    put_labels(dataset, [{"image_id": ids[0], "bbox": box()}, {"image_id": ids[1], "category": "cell", "bbox": box()}])
    release(dataset)
    for layout in OF_BOXES:
        _, counts = exported(dataset, layout, categories=["cell"], max_left_out_ratio=1.0)
        assert (counts["images"], counts["images_background"], counts["labels_left_out"]) == (1, 0, {"no_category": 1})


def test_label_sets_and_splits_choose(make_dataset, tmp_path):
    dataset = make_dataset()
    ids = put_images(dataset, tmp_path, {f"{number}.png": png(number) for number in range(20)})
    put_labels(dataset, [{"image_id": image, "category": "first", "bbox": box()} for image in ids[:15]], KEY, "one")
    put_labels(dataset, [{"image_id": image, "category": "second", "bbox": box()} for image in ids[10:]], KEY, "two")
    release(dataset, splits={"train": 0.5, "val": 0.5})
    items = read_release(dataset, "production").items().to_pylist()
    of_val = {item["image_id"] for item in items if item["split"] == "val"}
    for layout in ALL_FORMATS:
        _, counts = exported(dataset, layout, tmp_path / layout, label_sets=["two"], splits=["val"])
        assert counts["splits"] == {"val": len(of_val & set(ids[10:]))}
        assert counts["images_left_out"] == {"other_split": 20 - len(of_val), "unlabelled": len(of_val & set(ids[:10]))}
        assert counts["labels_of_other_label_sets"] == len(of_val & set(ids[:15]))
    with pytest.raises(ConfigurationError, match="not in the release"):
        exported(dataset, "coco", tmp_path / "none", splits=["exam"])
    assert not (tmp_path / "none").exists()


RESIZES = {
    "stretch": (Resize(size=(640, 480), fit="stretch"), (640, 480)),
    "cover": (Resize(size=(64, 64), fit="cover"), (64, 64)),
    "pad": (Resize(size=(64, 64), fit="pad"), (64, 64)),
    "longest side": (Resize(size=20), (20, 15)),
    "crop": (Resize(crop=(0.0, 0.0, 0.5, 1.0)), (20, 30)),
}


@pytest.fixture(scope="module")
def red(tmp_path_factory) -> Dataset:
    """A picture of a red rectangle, and its box."""
    home = tmp_path_factory.mktemp("red")
    picture = Image.new("RGB", (WIDTH, HEIGHT), (10, 10, 10))
    picture.paste((250, 20, 20), (8, 6, 18, 24))
    written = io.BytesIO()
    picture.save(written, "PNG")
    dataset = open_dataset("red", home=str(home))
    ids = put_images(dataset, home, {"red.png": written.getvalue()})
    put_labels(dataset, [{"image_id": ids[0], "category": "red", "bbox": box(8.0, 6.0, 10.0, 18.0), "area": 180.0}])
    release(dataset)
    return dataset


@pytest.mark.parametrize("name", RESIZES)
def test_sizes_and_boxes_of_resized_pictures_are_those_of_their_files(red, tmp_path, name):
    resize, size = RESIZES[name]
    folder, counts = exported(red, "coco", tmp_path, resize=resize)
    (image,), (label,) = coco(folder)["images"], coco(folder)["annotations"]
    with Image.open(folder / "images/train" / image["file_name"]) as picture:
        assert picture.size == (image["width"], image["height"]) == size
        seen = np.argwhere(np.asarray(picture.convert("RGB"), int)[:, :, 0] - np.asarray(picture.convert("RGB"), int)[:, :, 1] > 115)
    (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0) + 1
    x, y, width, height = label["bbox"]
    assert (x, y, x + width, y + height) == pytest.approx((left, top, right, bottom), abs=1.0)
    assert label["area"] == pytest.approx(width * height)
    assert (counts["images_resized"], counts["labels_cut"]) == (1, 0)


OUTLINES = {
    "beyond": "[[-8, 3, 24, 3, 24, 13]]",
    "outside": "[[-20, 3, -5, 3, -5, 13]]",
    "overlapping": "[[2, 2, 20, 2, 20, 16, 2, 16], [10, 8, 28, 8, 28, 22, 10, 22]]",
    "apart": "[[2, 2, 10, 2, 10, 10, 2, 10], [20, 8, 28, 8, 28, 22, 20, 22]]",
}


def test_yolo_polygons_are_cut_at_the_border_and_none_loses_its_area(make_dataset, tmp_path):
    dataset = make_dataset()
    ids = put_images(dataset, tmp_path, {f"{name}.png": png(at) for at, name in enumerate(OUTLINES)})
    label = {"category": "cell", "bbox": box(), "task": "segmentation"}
    put_labels(dataset, [{"image_id": image, **label, "segmentation": text} for image, text in zip(ids, OUTLINES.values(), strict=True)])
    release(dataset)
    folder, counts = exported(dataset, "yolo_seg")
    found = {}
    for path in folder.glob("labels/train/*.txt"):
        numbers = [float(number) for number in path.read_text().split()[1:]]
        found[path.stem] = [round(number * (WIDTH, HEIGHT)[at % 2], 6) for at, number in enumerate(numbers)]
    assert found["beyond"] == [0, 5.5, 0, 3, 24, 3, 24, 13], "the slanted side goes on where it went"
    assert found["outside"] == [4, 3, 24, 3, 24, 13, 4, 13], "its box"
    assert (counts["labels_clipped"], counts["labels_as_rectangles"], counts["labels_of_overlapping_parts"]) == (1, 1, 1)


@pytest.mark.parametrize("layout", ["coco", "yolo", "csv", "parquet"])
def test_categories_that_no_label_has_make_no_empty_images(make_dataset, tmp_path, layout):
    dataset = make_dataset("typo")
    ids = put_images(dataset, tmp_path, {"a.png": png(1), "b.png": png(2)})
    put_labels(dataset, [{"image_id": image, "category": "stop", "bbox": box()} for image in ids])
    release(dataset)
    result = export_release(dataset, target=tmp_path / "out", options=ExportOptions(layout, categories=("Stop",)))
    assert "of categories=['Stop']: 2 are of others" in str(result.failure)
    assert not (tmp_path / "out").exists()


def test_a_category_that_no_label_has_is_told(make_dataset, tmp_path, caplog):
    dataset = make_dataset("typo")
    ids = put_images(dataset, tmp_path, {"a.png": png(1)})
    put_labels(dataset, [{"image_id": ids[0], "category": "stop", "bbox": box()}])
    release(dataset)
    assert export_release(dataset, target=tmp_path / "out", options=ExportOptions(categories=("stop", "Yield"))).failure is None
    assert "1 of the categories that were asked for have no label that is exported, the first: 'Yield'" in caplog.text
