"""Predictions and the images of one name: the file's own place tells, as it does for labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

KEY = "2026-11-05"


@pytest.fixture
def splits(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Callable[..., Dataset]:
    """Return a dataset with an image ``1.png`` in each folder, each of its own bytes."""

    def made(*folders: str) -> Dataset:
        for number, folder in enumerate(folders):
            (tmp_path / "images" / folder).mkdir(parents=True)
            Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(tmp_path / "images" / folder / "1.png")
        dataset = make_dataset("splits")
        ingest_images(dataset, KEY, tmp_path / "images", workers=1)
        return dataset

    return made


def predicted(dataset: Dataset, source: Path, **options: object) -> list[tuple[str, str | None]]:
    """Import, and return of each row its file and the folder of its image."""
    import_predictions(dataset, KEY, source, model="m", on_findings="warn", min_match_ratio=0, **options)
    rows = dataset.read("predictions").to_pylist()
    prefix = source.as_uri() + "/"
    return sorted(((row["source"].removeprefix(prefix), row["source_uri"] and row["source_uri"].split("/")[-2]) for row in rows), key=str)


def found(dataset: Dataset) -> list[tuple[str, str]]:
    return sorted((row["check"], row["message"]) for row in dataset.read("findings").to_pylist())


def written(folder: Path, *names: str, cat: float = 0.9) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"image,cat,dog\n1.png,{cat},{1 - cat:.1f}\n")
        cat = round(1 - cat, 1)
    return folder


@pytest.mark.parametrize("names", [("train.csv", "valid.csv"), ("train/p.csv", "valid/p.csv"), ("train_predictions.csv", "s/val2017.csv")])
def test_the_files_place_tells_images_of_one_name_apart(splits, tmp_path, names):
    dataset = splits("train", "valid")
    expected = sorted(zip(names, ("train", "valid"), strict=True))
    assert predicted(dataset, written(tmp_path / "predictions", *names)) == expected
    assert found(dataset) == []


def test_predictions_of_another_split_join_none(splits, tmp_path):
    dataset = splits("train")
    assert predicted(dataset, written(tmp_path / "p", "val/p.csv")) == [("val/p.csv", None)]
    assert [check for check, _ in found(dataset)] == ["contradicted_file_name"]


def test_the_folder_of_an_ultralytics_run_is_no_split(splits, tmp_path):
    dataset = splits("train")
    assert predicted(dataset, written(tmp_path / "p", "runs/detect/val/p.csv")) == [("runs/detect/val/p.csv", "train")]


def test_results_of_a_detector_join_by_their_place_too(splits, tmp_path):
    dataset = splits("cam1", "cam2")
    for camera in ("cam1", "cam2"):
        (tmp_path / "p").mkdir(exist_ok=True)
        results = [{"image_id": "1.png", "category_id": 1, "bbox": [1, 1, 3, 3], "score": 0.5}]
        (tmp_path / "p" / f"{camera}.json").write_text(json.dumps(results))
    assert predicted(dataset, tmp_path / "p", classes=["background", "cat"]) == [("cam1.json", "cam1"), ("cam2.json", "cam2")]


def test_an_image_has_one_opinion_or_none_whatever_it_is_called(splits, tmp_path):
    dataset = splits("a", "b", "c", "d")
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "a.csv").write_text("image,cat,dog\na/1.png,0.9,0.1\nb/1.png,0.5,0.5\n./a/1.png,0.1,0.9\nc/1.png,0.4,0.6\n")
    (folder / "b.csv").write_text("image,cat,dog\nb/1.png,0.5,0.5\nd/1.png,1,0\nnone.png,1,0\nnone.png,0,1\n")
    assert predicted(dataset, folder) == [("a.csv", "b"), ("a.csv", "c"), ("b.csv", "d")]
    assert found(dataset) == [
        ("malformed_record", "a/1.png (also named ./a/1.png) has 2 rows, which differ: none was taken."),
        ("malformed_record", "b/1.png has 2 rows, the first was taken."),
        ("malformed_record", "none.png has 2 rows, which differ: none was taken."),
    ]


@pytest.mark.parametrize(("reference", "image"), [("instances_val.json", "val"), ("train/_annotations.json", "train"), ("all.json", None)])
def test_a_reference_tells_by_its_own_place_which_images_its_names_are(splits, tmp_path, reference, image):
    dataset = splits("train", "val")
    (tmp_path / "annotations" / "train").mkdir(parents=True)
    coco = {"images": [{"id": 7, "file_name": "1.png"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "annotations" / reference).write_text(json.dumps(coco))
    folder = tmp_path / "p" / "train"  # of the trained model, not of the images
    folder.mkdir(parents=True)
    (folder / "predictions.json").write_text(json.dumps([{"image_id": 7, "category_id": 1, "bbox": [1, 1, 3, 3], "score": 0.5}]))
    assert predicted(dataset, tmp_path / "p", coco_reference=tmp_path / "annotations" / reference) == [("train/predictions.json", image)]


def test_a_reference_of_another_split_joins_none(splits, tmp_path):
    dataset = splits("train")
    coco = {"images": [{"id": 7, "file_name": "1.png"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "instances_val.json").write_text(json.dumps(coco))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "p.json").write_text(json.dumps([{"image_id": 7, "category_id": 1, "bbox": [1, 1, 3, 3], "score": 0.5}]))
    assert predicted(dataset, tmp_path / "p", coco_reference=tmp_path / "instances_val.json") == [("p.json", None)]
    assert [check for check, _ in found(dataset)] == ["contradicted_file_name"]


def test_byte_identical_images_have_one_opinion(splits, tmp_path):
    dataset = splits("a")
    Image.open(tmp_path / "images/a/1.png").save(tmp_path / "images/a/2.png")
    ingest_images(dataset, KEY, tmp_path / "images", workers=1)
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "p.csv").write_text("image,cat,dog\n1.png,0.9,0.1\n2.png,0.1,0.9\n")
    assert predicted(dataset, folder) == []
    assert found(dataset) == [("malformed_record", "1.png (also named 2.png) has 2 rows, which differ: none was taken.")]
