"""Libraries that people train with read an export, and find in it what the release says."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from exports import Labels, exported, images_of, in_order, labels_of, pixels, released
from PIL import Image

from airflow_cv_dataops.core.dataset import Dataset

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.filterwarnings("ignore")]

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def coco(tmp_path_factory, shared_data) -> Dataset:
    """61 photographs, 475 labels with outlines, 6 of them crowds as masks."""
    source = shared_data("coco_ccby")
    return released(tmp_path_factory.mktemp("coco"), source / "images", source / "instances.json", format="coco")


@pytest.fixture(scope="module")
def labels(coco) -> Labels:
    return labels_of(coco)


@pytest.fixture(scope="module")
def clothing(tmp_path_factory, shared_data) -> Dataset:
    """Photographs with a category each."""
    source = shared_data("clothing_mini")
    columns = {"file": "image", "label": "label"}
    return released(tmp_path_factory.mktemp("clothing"), source / "images", source / "images.csv", format="csv", csv_columns=columns)


@pytest.fixture
def offline(tmp_path, monkeypatch) -> str:
    """Keep Hugging Face's libraries from the network. :return: the folder for their cache."""
    for name in ("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return str(tmp_path / "cache")


def image_id(file: str | Path) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def quiet(function, *arguments, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments, **options)


def without_crowds(labels: Labels, image: str):
    return in_order(label for label in labels[image] if not label.iscrowd)


def corners(labels) -> np.ndarray:
    boxes = np.array([label.bbox for label in labels], float).reshape(-1, 4)
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def test_pycocotools_reads_every_label_with_its_pixels(coco, labels):
    pycocotools = pytest.importorskip("pycocotools.coco")
    folder, _ = exported(coco, "coco")
    sizes, seen, numbers = images_of(coco), set(), []
    for split in SPLITS:
        found = quiet(pycocotools.COCO, str(folder / f"annotations/instances_{split}.json"))
        for number, image in found.imgs.items():
            path = folder / "images" / split / image["file_name"]
            own = image_id(path)
            assert (image["sha256"], (image["width"], image["height"])) == (own, sizes[own])
            assert Image.open(path).size == sizes[own]
            read = found.loadAnns(found.getAnnIds(imgIds=[number]))
            assert len(read) == len(labels[own])
            by_box = {(found.cats[label["category_id"]]["name"], *label["bbox"]): label for label in read}
            for label in labels[own]:
                same = by_box[label.category, *label.bbox]
                assert same["iscrowd"] == int(bool(label.iscrowd))
                assert (found.annToMask(same).astype(bool) == pixels(label.segmentation, *sizes[own])).all()
            numbers += [label["id"] for label in read]
            seen.add(own)
    assert seen == set(sizes)
    assert sorted(numbers) == list(range(1, 476)), "one number each, over all splits"


def test_pycocotools_finds_the_areas_of_the_source(coco, shared_data):
    folder, _ = exported(coco, "coco")
    source = json.loads((shared_data("coco_ccby") / "instances.json").read_text())
    expected = Counter((tuple(label["bbox"]), float(label["area"])) for label in source["annotations"])
    found = Counter(
        (tuple(label["bbox"]), float(label["area"]))
        for split in SPLITS
        for label in json.loads((folder / f"annotations/instances_{split}.json").read_text())["annotations"]
    )
    assert found == expected


@pytest.mark.parametrize("what", ["bbox", "segm"])
def test_pycocotools_gives_a_detector_that_knows_the_truth_full_marks(coco, what):
    pycocotools, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    folder, _ = exported(coco, "coco")
    truth = quiet(pycocotools.COCO, str(folder / "annotations/instances_train.json"))
    guesses = [
        {"image_id": label["image_id"], "category_id": label["category_id"], "score": 1.0 - label["id"] / 1e6}
        | ({"bbox": label["bbox"]} if what == "bbox" else {"segmentation": truth.annToRLE(label)})
        for label in truth.anns.values()
        if not label["iscrowd"]
    ]
    evaluation = quiet(cocoeval.COCOeval, truth, quiet(truth.loadRes, guesses), what)
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        quiet(step)
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_supervision_reads_yolo_boxes_as_they_are(coco, labels):
    supervision = pytest.importorskip("supervision")
    folder, counts = exported(coco, "yolo")
    compared = 0
    for split in counts["splits"]:
        found = supervision.DetectionDataset.from_yolo(
            str(folder / "images" / split), str(folder / "labels" / split), str(folder / "data.yaml")
        )
        assert len(found) == counts["splits"][split]
        for path, image, detections in found:
            expected = without_crowds(labels, image_id(path))
            compared += same_detections(detections, found.classes, expected, tolerance=1e-3)
            assert image.shape[:2] == Image.open(path).size[::-1]
    assert compared == 469


def same_detections(detections, classes: list[str], expected, tolerance: float, shift: tuple[int, ...] = (0, 0, 0, 0)) -> int:
    """Compare what supervision, which keeps corners as float32, has read. :return: how many boxes."""
    read = sorted(
        zip(detections.class_id.tolist(), (detections.xyxy - np.array(shift)).tolist(), strict=True),
        key=lambda one: (classes[one[0]], [round(side, 2) for side in one[1][:2]]),
    )
    known = sorted(
        zip([label.category for label in expected], corners(expected).tolist(), strict=True),
        key=lambda one: (one[0], [round(side, 2) for side in one[1][:2]]),
    )
    assert [classes[number] for number, _ in read] == [category for category, _ in known]
    for (_, ours), (_, theirs) in zip(read, known, strict=True):
        assert ours == pytest.approx(theirs, abs=tolerance)
    return len(read)


def test_supervision_reads_yolo_polygons_as_masks(coco, labels):
    supervision = pytest.importorskip("supervision")
    folder, counts = exported(coco, "yolo_seg", splits=["val", "test"], target=other_target(coco, "yolo_seg_val"))
    sizes, compared = images_of(coco), 0
    for split in counts["splits"]:
        found = supervision.DetectionDataset.from_yolo(
            str(folder / "images" / split), str(folder / "labels" / split), str(folder / "data.yaml"), force_masks=True
        )
        for path, _, detections in found:
            own = image_id(path)
            for label in without_crowds(labels, own):
                mask = pixels(label.segmentation, *sizes[own])
                if mask.sum() < 2000 or len(label.segmentation) > 1:
                    continue
                of_class = detections.mask[detections.class_id == found.classes.index(label.category)]
                overlap = (of_class & mask).sum(axis=(1, 2)) / (of_class | mask).sum(axis=(1, 2))
                assert overlap.max() > 0.8, "supervision draws the border, too: most of a thin fork"
                compared += 1
    assert compared > 20


def other_target(dataset: Dataset, name: str) -> Path:
    return Path(dataset.root_uri.removeprefix("file://")) / "other_exports" / name


def test_supervision_reads_voc_with_one_taken_off_the_lower_corner(coco, labels):
    """It reads corners as the development kit's, from 1; here they are from 0, as COCO, CVAT and Datumaro have them."""
    supervision = pytest.importorskip("supervision")
    folder, _ = exported(coco, "voc")
    found = supervision.DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    assert len(found) == 61
    compared = 0
    for path, _, detections in found:
        expected = without_crowds(labels, image_id(path))
        compared += same_detections(detections, found.classes, expected, tolerance=1e-3, shift=(-1, -1, 0, 0))
    assert compared == 469


def test_supervision_reads_coco_masks(coco):
    supervision = pytest.importorskip("supervision")
    folder, counts = exported(coco, "coco")
    read = 0
    for split in counts["splits"]:
        found = supervision.DetectionDataset.from_coco(
            str(folder / "images" / split), str(folder / f"annotations/instances_{split}.json"), force_masks=True
        )
        for _, _, detections in found:
            read += len(detections)
            assert not len(detections) or detections.mask.any(axis=(1, 2)).all()
    assert read == 475


def test_webdataset_reads_every_image_with_its_labels(coco, labels):
    webdataset = pytest.importorskip("webdataset")
    folder, counts = exported(coco, "webdataset", shard_images=20)
    names = json.loads((folder / "classes.json").read_text())
    assert names["splits"] == counts["splits"]
    sizes, seen, keys = images_of(coco), set(), []
    for shards in names["shards"].values():
        for sample in webdataset.WebDataset([str(folder / shard) for shard in shards], shardshuffle=False).decode("pil"):
            found = sample["json"]
            own = found["image_id"]
            assert sample["jpg"].size == sizes[own] == (found["width"], found["height"])
            read = [(label["category"], names["classes"][label["category_id"]], tuple(label["bbox"])) for label in found["labels"]]
            assert Counter(read) == Counter((label.category, label.category, label.bbox) for label in labels[own])
            assert found["is_background"] == (not read)
            seen.add(own)
            keys.append(sample["__key__"])
    assert seen == set(sizes)
    assert len(keys) == len(set(keys)) == 61


def test_webdataset_reads_the_class_of_each_image(clothing):
    webdataset = pytest.importorskip("webdataset")
    folder, _ = exported(clothing, "webdataset", splits=["val"], target=other_target(clothing, "webdataset_val"))
    names, expected = json.loads((folder / "classes.json").read_text()), labels_of(clothing)
    pairs = webdataset.WebDataset([str(folder / shard) for shard in names["shards"]["val"]], shardshuffle=False).decode()
    found = [(sample["json"]["image_id"], names["classes"][sample["cls"]]) for sample in pairs if "cls" in sample]
    assert len(found) >= 50
    assert all(category == expected[image][0].category for image, category in found)


def test_datasets_loads_the_folder_with_images_boxes_and_splits(coco, labels, offline):
    datasets = pytest.importorskip("datasets", reason="this machine lacks datasets, which does not take the lowest PyArrow")
    folder, counts = exported(coco, "huggingface", shard_images=20)
    found = datasets.load_dataset(str(folder), cache_dir=offline)
    assert {split: len(rows) for split, rows in found.items()} == counts["splits"]
    features = found["train"].features
    assert isinstance(features["image"], datasets.Image)
    classes = features["objects"]["category"].feature
    assert isinstance(classes, datasets.ClassLabel)
    sizes, seen = images_of(coco), set()
    for rows in found.values():
        for row in rows:
            own = row["image_id"]
            assert row["image"].size == sizes[own] == (row["width"], row["height"])
            objects = row["objects"]
            read = zip(map(classes.int2str, objects["category"]), map(tuple, objects["bbox"]), objects["iscrowd"], strict=True)
            assert Counter(read) == Counter((label.category, label.bbox, label.iscrowd) for label in labels[own])
            assert row["is_background"] == (not objects["category"])
            seen.add(own)
    assert seen == set(sizes)


def test_datasets_loads_categories_as_class_labels(clothing, offline):
    datasets = pytest.importorskip("datasets", reason="this machine lacks datasets, which does not take the lowest PyArrow")
    folder, counts = exported(clothing, "huggingface")
    rows = datasets.load_dataset(str(folder), cache_dir=offline, split="test")
    classes, expected = rows.features["labels"].feature, labels_of(clothing)
    assert "Not sure" in classes.names
    assert len(rows) == counts["splits"]["test"]
    for row in rows:
        assert [classes.int2str(number) for number in row["labels"]] == [label.category for label in expected[row["image_id"]]]


def test_datasets_reads_a_folder_a_category(clothing, offline):
    datasets = pytest.importorskip("datasets", reason="this machine lacks datasets, which does not take the lowest PyArrow")
    folder, counts = exported(clothing, "imagefolder")
    found = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=offline)
    expected = labels_of(clothing)
    assert {{"validation": "val"}.get(split, split): len(rows) for split, rows in found.items()} == counts["splits"]
    for rows in found.values():
        classes = rows.features["label"]
        files = rows.cast_column("image", datasets.Image(decode=False))
        for row in files:
            own = image_id(row["image"]["path"])
            assert classes.int2str(row["label"]) == expected[own][0].category
