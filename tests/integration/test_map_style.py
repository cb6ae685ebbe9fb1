"""A split as a map-style dataset: pictures upright, targets that fit them, and the same in processes that load."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_s3 import fake_s3
from PIL import Image, ImageOps
from processes import forkserver

from airflow_cv_dataops import (
    CatalogConfig,
    Dataset,
    IngestSettings,
    MapStyleDataset,
    import_labels,
    ingest_images,
    open_dataset,
    promote_dataset,
)
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.imaging.decoding import viewing
from airflow_cv_dataops.core.release.map_style import NO_LABEL
from airflow_cv_dataops.core.store import remote

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
KEY = "2026-11-05"
ALL = {"all": 1.0}


def coco(images: dict[str, tuple[int, int]], labels: list[dict[str, Any]], names: tuple[str, ...] = ("cat", "dog")) -> str:
    """Return a COCO file; images named in no label are said to be empty."""
    numbers = {name: number for number, name in enumerate(images)}
    return json.dumps(
        {
            "images": [{"id": numbers[name], "file_name": name, "width": size[0], "height": size[1]} for name, size in images.items()],
            "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
            "annotations": [{**label, "id": number, "image_id": numbers[label["image_id"]]} for number, label in enumerate(labels)],
        }
    )


def released(dataset: Dataset, folder: Path, labels: Path, *, kind: str = "coco", **settings: Any) -> MapStyleDataset:
    ingest_images(dataset, KEY, folder, IngestSettings(**settings))
    import_labels(dataset, KEY, labels, format=kind, on_findings="warn", min_match_ratio=0)
    assert promote_dataset(dataset, splits=ALL).failure is None
    return dataset.release().map_style("all")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return three_pictures(tmp_path)


def three_pictures(folder: Path) -> Path:
    """Three pictures of 40 x 30 pixels: one with two boxes, one that is said to be empty, one that no label file names."""
    (folder / "photos").mkdir()
    for number, name in enumerate(("boxes", "empty", "unlabelled")):
        Image.new("RGB", (40, 30), (number, 0, 0)).save(folder / "photos" / f"{name}.png")
    labels = [
        {"image_id": "boxes.png", "category_id": 1, "bbox": [1, 2, 3, 4], "area": 10, "iscrowd": 0, "segmentation": [[1, 2, 4, 2, 4, 6]]},
        {"image_id": "boxes.png", "category_id": 0, "bbox": [30, 20, 20, 5], "iscrowd": 1, "keypoints": [31, 21, 2, 0, 0, 0]},
        {"image_id": "boxes.png", "category_id": 0, "bbox": [5, 5, 0, 5]},
    ]
    sizes = {"boxes.png": (40, 30), "empty.png": (40, 30)}
    (folder / "labels.json").write_text(coco(sizes, labels))
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = three_pictures(tmp_path_factory.mktemp("pictures"))
    dataset = open_dataset("digits", home=folder / "home")
    released(dataset, folder / "photos", folder / "labels.json")
    return dataset


@pytest.fixture
def pictures(release: Dataset) -> MapStyleDataset:
    return release.release().map_style("all")


def by_red(dataset: MapStyleDataset) -> dict[int, Any]:
    """Return the items by the red of their picture."""
    return {item[0].getpixel((0, 0))[0]: item for item in dataset}


def test_items_are_pictures_and_targets(pictures: MapStyleDataset):
    assert len(pictures) == 2
    assert pictures.classes == ("cat", "dog")
    picture, target = by_red(pictures)[0]
    assert isinstance(picture, Image.Image)
    assert (picture.mode, picture.size) == ("RGB", (40, 30))
    assert list(target) == ["image_id", "boxes", "labels", "area", "iscrowd", "segmentation", "keypoints"]
    boxes = sorted(
        zip(target["boxes"].tolist(), target["labels"].tolist(), target["area"].tolist(), target["iscrowd"].tolist(), strict=True)
    )
    assert boxes == [([1, 2, 4, 6], 1, 10, 0), ([30, 20, 40, 25], 0, 50, 1)]  # cut off at the border
    assert [target[name].dtype for name in ("boxes", "labels", "area", "iscrowd")] == [np.float32, np.int64, np.float32, np.int64]
    first = target["boxes"][:, 0].argmin()
    assert target["segmentation"][first] == [[1, 2, 4, 2, 4, 6]]
    assert target["keypoints"][first] is None
    assert target["keypoints"][1 - first].tolist() == [[31, 21, 2], [0, 0, 0]]
    assert target["keypoints"][1 - first].dtype == np.float32


def test_unlabelled_images_are_in_it_only_where_they_are_asked_for(pictures: MapStyleDataset):
    release = pictures.dataset.release()
    assert sorted(by_red(pictures)) == [0, 1]
    assert sorted(by_red(release.map_style("all", without_labels="none"))) == [0]
    assert sorted(by_red(release.map_style(None, without_labels="all"))) == [0, 1, 2]
    _, target = by_red(pictures)[1]
    assert [target[name].shape for name in ("boxes", "labels", "area", "iscrowd")] == [(0, 4), (0,), (0,), (0,)]
    assert (target["segmentation"], target["keypoints"]) == ([], [])


def test_what_trains_nothing_is_said_once(pictures: MapStyleDataset, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        again = pictures.dataset.release().map_style("all")
        list(again)
    assert again.left_out == {"without_area": 1}
    assert [record.message for record in caplog.records if "train nothing" in record.message] == [
        "Labels that train nothing are left out of all of release v1: 1 without area"
    ]


def test_only_what_is_wanted_of_labels_is_held(pictures: MapStyleDataset):
    bare = pictures.dataset.release().map_style("all", also=())
    assert list(bare.target(0)) == ["image_id", "boxes", "labels", "area", "iscrowd"]
    assert "keypoints" not in pictures.dataset.release().map_style("all", also=["segmentation"]).target(0)


def test_numbers_run_as_those_of_a_list(pictures: MapStyleDataset):
    ids = [target["image_id"] for _, target in pictures]
    assert ids == sorted(ids)
    assert pictures[-1][1]["image_id"] == pictures[np.int64(1)][1]["image_id"] == pictures.target(-1)["image_id"] == ids[1]
    for beyond in (2, -3):
        with pytest.raises(IndexError):
            pictures[beyond]
        with pytest.raises(IndexError):
            pictures.target(beyond)
    with pytest.raises(TypeError):
        pictures[0:1]  # type: ignore[index]


def test_a_transform_makes_the_item(pictures: MapStyleDataset):
    made = pictures.dataset.release().map_style("all", transform=lambda picture, target: (np.asarray(picture).shape, len(target["labels"])))
    assert sorted(made) == [((30, 40, 3), 0), ((30, 40, 3), 2)]


def test_a_target_is_the_callers_own(pictures: MapStyleDataset):
    before = [pictures.target(number)["boxes"].tolist() for number in range(2)]
    for _, target in pictures:
        target["boxes"] *= 2
        target["labels"] += 1
    assert [pictures.target(number)["boxes"].tolist() for number in range(2)] == before


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_processes_load_the_same(pictures: MapStyleDataset, method: str):
    """As DataLoader does: each worker gets the dataset once, and is asked for numbers."""
    here = [(np.asarray(picture).tolist(), target["boxes"].tolist()) for picture, target in pictures]  # opens the files here
    context = forkserver() if method == "forkserver" else multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        there = list(pool.map(pictures.__getitem__, [0, 1, 0, 1]))
        assert [(np.asarray(picture).tolist(), target["boxes"].tolist()) for picture, target in there] == here * 2
        with pytest.raises(IndexError):
            pool.submit(pictures.__getitem__, 2).result()


def test_a_pickled_dataset_is_the_same_and_has_nothing_open(pictures: MapStyleDataset):
    _ = pictures[0]
    again = pickle.loads(pickle.dumps(pictures))
    assert again._files is None
    assert [target["image_id"] for _, target in again] == [target["image_id"] for _, target in pictures]


def test_another_process_opens_the_files_for_itself(pictures: MapStyleDataset, monkeypatch: pytest.MonkeyPatch):
    _ = pictures[0]
    opened = pictures._files
    _ = pictures[1]
    assert pictures._files is opened
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as after a fork
    _ = pictures[0]
    assert pictures._files is not opened


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_that_has_changed_or_is_gone_names_the_image_and_what_to_do(folder: Path, make_dataset: MakeDataset, kept: bool):
    made = released(make_dataset(), folder / "photos", folder / "labels.json", copy_images=kept)
    image = made._labels.images.slice(0, 1).to_pylist()[0]
    path = Path(image["storage_uri"].removeprefix("file://"))
    advice = f"ingest its partition {KEY} again and promote a new release"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(OSError, match=f"Image {image['image_id']} .*{path.name}.*the file has changed since it was ingested.*{advice}"):
        made[0]
    path.unlink()
    with pytest.raises(OSError, match=f"Image {image['image_id']} .*{path.name}.*{advice}"):
        made[0]
    assert made[1][1]["image_id"] != image["image_id"]


def test_an_image_larger_than_usual_limits_is_decoded_as_it_was_at_ingest(
    folder: Path, make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
):
    made = released(make_dataset(), folder / "photos", folder / "labels.json")
    asked: list[Any] = []
    real = viewing.out_of_limits
    monkeypatch.setattr(viewing, "out_of_limits", lambda size, limits: asked.append(limits) or real(size, limits))
    _ = made[0]
    assert [limits.max_pixels for limits in asked] == [40 * 30]


def test_boxes_are_on_the_right_pixels_whatever_exif_says(shared_data: Callable[[str], Path], make_dataset: MakeDataset, tmp_path: Path):
    """The same scene, stored in each of EXIF's orientations; the box is drawn on the upright picture."""
    source = shared_data("neardup") / "exif_orientation"
    (tmp_path / "photos").mkdir()
    for path in source.glob("Landscape_[1-8].jpg"):
        (tmp_path / "photos" / path.name).write_bytes(path.read_bytes())
    box = [620, 1000, 160, 120]  # where the scene differs most from its mirror images
    corners = (620, 1000, 780, 1120)
    size = ImageOps.exif_transpose(Image.open(source / "Landscape_1.jpg")).size
    names = [f"Landscape_{number}.jpg" for number in range(1, 9)]
    labels = [{"image_id": name, "category_id": 0, "bbox": box} for name in names]
    (tmp_path / "labels.json").write_text(coco(dict.fromkeys(names, size), labels))
    made = released(make_dataset(), tmp_path / "photos", tmp_path / "labels.json")
    upright = Image.open(source / "Landscape_1.jpg").convert("RGB")
    wanted = np.asarray(upright.crop(corners), float)
    for mirrored in (ImageOps.mirror(upright), ImageOps.flip(upright), ImageOps.flip(ImageOps.mirror(upright))):
        assert np.abs(np.asarray(mirrored.crop(corners), float) - wanted).mean() > 100
    assert len(made) == 8
    for picture, target in made:
        assert picture.size == size
        assert target["boxes"].tolist() == [list(corners)]
        assert np.abs(np.asarray(picture.crop(corners), float) - wanted).mean() < 10  # JPEG's loss
        again = ImageOps.exif_transpose(picture)  # as many a training script does
        assert np.array_equal(np.asarray(again), np.asarray(picture))


def test_real_photos_and_their_labels(shared_data: Callable[[str], Path], make_dataset: MakeDataset):
    source = shared_data("coco_ccby")
    made = released(make_dataset(), source / "images", source / "instances.json")
    told = json.loads((source / "instances.json").read_text())
    assert len(made) == len(told["images"])
    used = {label["category_id"] for label in told["annotations"]}
    assert made.classes == tuple(sorted(category["name"] for category in told["categories"] if category["id"] in used))
    assert sum(len(made.target(number)["labels"]) for number in range(len(made))) + sum(made.left_out.values()) == len(told["annotations"])
    sizes = sorted((picture.size, picture.mode) for picture, _ in made)
    assert sizes == sorted(((image["width"], image["height"]), "RGB") for image in told["images"])


def test_a_classification_release_has_the_class_of_each_image(folder: Path, make_dataset: MakeDataset):
    labels = folder / "labels.csv"
    labels.write_text("file,label\nboxes.png,7\nempty.png,3\nempty.png,7\n")
    made = released(make_dataset(), folder / "photos", labels, kind="csv")
    assert made.classes == ("3", "7")
    targets = {red: target for red, (_, target) in by_red(made).items()}
    assert [list(target) for target in targets.values()] == [["image_id", "label", "image_labels"]] * 2
    assert (targets[0]["label"], targets[0]["image_labels"].tolist()) == (1, [1])
    assert (targets[1]["label"], targets[1]["image_labels"].tolist()) == (NO_LABEL, [0, 1])
    everything = by_red(made.dataset.release().map_style("all", without_labels="all"))
    assert (everything[2][1]["label"], everything[2][1]["image_labels"].tolist()) == (NO_LABEL, [])


def test_a_store_that_is_asked_in_a_fork_of_a_process_that_has_asked_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """obstore's threads are not there in the fork: it would wait for ever."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    with fake_s3() as server:
        server.objects["a.png"] = data
        server.objects["labels.csv"] = b"file,label\na.png,x\n"
        properties = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": str(tmp_path / "lake")}
        dataset = open_dataset("digits", CatalogConfig("cv_dataops", properties, server.options))
        ingest_images(dataset, KEY, "s3://bucket", IngestSettings(copy_images=False, pattern="*.png"), source_options=server.options)
        import_labels(dataset, KEY, "s3://bucket/labels.csv", format="csv", source_options=server.options)
        promote_dataset(dataset, splits=ALL)
        made = dataset.release().map_style("all")
        assert made[0][0].getpixel((0, 0)) == (255, 0, 0)
        with monkeypatch.context() as patch:
            patch.setattr(remote, "_first_opened_in", os.getpid() + 1)
            with pytest.raises(OSError, match=r"forked .*multiprocessing_context='spawn'"):
                made[0]
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(made.__getitem__, 0).result()[0].getpixel((0, 0)) == (255, 0, 0)
    with pytest.raises(StoreError, match=r"Image .* cannot be read just now"):
        made[0]
