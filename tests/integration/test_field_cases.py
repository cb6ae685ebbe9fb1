"""Inputs as people of this field really have them, from their files to the tables: each with the value that is right for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
ALL = {"min_match_ratio": 0, "on_findings": "warn"}


@pytest.fixture
def case(make_dataset: Callable[..., Dataset], shared_data: Callable[[str], Path]) -> Callable[..., tuple[Dataset, Path]]:
    """Return a dataset with the images of a field case, and the folder of the case."""

    def made(name: str, images: str = "images") -> tuple[Dataset, Path]:
        folder = shared_data("field_cases") / name
        dataset = make_dataset("field_case")
        ingest_images(dataset, KEY, str(folder / images), workers=1)
        return dataset, folder

    return made


def joined(dataset: Dataset, table: str = "annotations") -> list[tuple]:
    """Return the name that each label states and the file of the image that it joined."""
    rows = dataset.read(table).to_pylist()
    return sorted((row["file_name"], row["source_uri"] and row["source_uri"].partition("/images/")[2]) for row in rows)


def findings(dataset: Dataset) -> list[tuple[str, str]]:
    return sorted((row["check"], row["message"]) for row in dataset.read("findings").to_pylist())


def test_a_label_of_an_absent_camera_lands_on_no_other(case):
    dataset, folder = case("join_conflicts")
    result = import_labels(dataset, KEY, str(folder / "i.json"), format="coco")
    assert joined(dataset) == [("cam1/0001.jpg", "cam1/0001.jpg"), ("cam1/0002.jpg", None), ("cam2/0001.jpg", None)]
    assert [(check, message.partition(":")[0]) for check, message in findings(dataset)] == [
        ("contradicted_file_name", "cam1/0002.jpg is not in the partition, but the same file name in another folder"),
        ("contradicted_file_name", "cam2/0001.jpg is not in the partition, but the same file name in another folder"),
    ]
    assert "1 of 3 annotations joined" in result.failure
    assert "2 contradicted_file_name" in result.failure


def test_every_format_refuses_the_absent_camera(case):
    dataset, folder = case("join_conflicts_more")
    import_labels(dataset, KEY, str(folder / "voc"), format="voc", label_set="voc")
    assert joined(dataset) == [("cam2/0001.jpg", None)]
    import_labels(dataset, KEY, str(folder / "labels.csv"), format="csv", label_set="csv")
    assert joined(dataset) == [("cam1/0001.jpg", "cam1/0001.jpg"), ("cam2/0001.jpg", None), ("cam2/0001.jpg", None)]
    import_predictions(dataset, KEY, str(folder / "p.json"), model="m")
    assert joined(dataset, "predictions") == [("cam2/0001.jpg", None)]
    assert [check for check, _ in findings(dataset)] == ["contradicted_file_name"] * 3


def test_paths_as_tools_write_them(case):
    dataset, folder = case("coco_paths")
    import_labels(dataset, KEY, str(folder / "instances.json"), format="coco", **ALL)
    assert dict(joined(dataset)) == {
        "..\\label\\x\\1.jpg": "x/1.jpg",
        "C:\\data\\y\\1.jpg": "y/1.jpg",
        "my%20photo.jpg": "my%20photo.jpg",
        "100%.jpg": "100%25.jpg",
        "cafe\u0301.jpg": "caf%C3%A9.jpg",
        "IMG_1.jpg": "IMG_1.JPG",
        "pic.jpg": None,
        "/data/local-files/?d=images/plus+sign.jpg": "plus+sign.jpg",
        "/data/local-files/?d=pic.jpeg": "pic.jpeg",
        "1.jpg": None,
        "s3://b/x/1.jpg?X-Amz-Signature=1": "x/1.jpg",
    }
    assert [check for check, _ in findings(dataset)] == ["absent_image", "ambiguous_file_name"]


def test_results_name_images_by_file_name_or_id(case):
    dataset, folder = case("pred_ids_scores")
    import_predictions(dataset, KEY, str(folder / "predictions.json"), model="m")
    rows = {row["file_name"]: row for row in dataset.read("predictions").to_pylist()}
    assert rows["0001.jpg"]["image_id"] is not None
    assert rows["0002.jpg"]["score"] == 1.0


def test_the_folder_of_cocos_own_files_is_one_object_twice(case):
    dataset, folder = case("coco_official_folder")
    result = import_labels(dataset, KEY, str(folder / "annotations"), format="coco")
    assert result.failure is None
    assert sorted(row["task"] for row in dataset.read("annotations").to_pylist()) == ["keypoints", "segmentation"]
    assert [check for check, _ in findings(dataset)] == ["unsupported_label"]
    audited = audit_labels(dataset, KEY, on_findings="warn").summary.to_dict()
    assert audited["counts"]["by_check"]["duplicate_bbox"] == 1


@pytest.mark.parametrize(("source", "format"), [("labels", "yolo"), ("i.json", "coco")])
def test_nothing_here_is_no_candidate_and_not_unlabelled(case, source, format):  # noqa: A002
    dataset, folder = case("sampling_background")
    counts = import_labels(dataset, KEY, str(folder / source), format=format).summary.to_dict()["counts"]
    assert (counts["annotations"], counts["backgrounds"], counts["images_labelled"], counts["images_without_label"]) == (1, 1, 2, 1)
    import_predictions(dataset, KEY, str(folder / "p.json"), model="m")
    audited = audit_labels(dataset, KEY, on_findings="warn").summary.to_dict()["counts"]
    assert (audited["labelled_images"], audited["backgrounds"], audited["by_check"]["image_without_label"]) == (2, 1, 1)
    sample_hard_examples(dataset, KEY, budget=3)
    (sampled,) = dataset.read("samples").to_pylist()
    assert sampled["source_uri"].endswith("/new.jpg")


def test_predictions_of_which_none_is_of_an_image_fail_the_import(case, tmp_path):
    dataset, _ = case("sampling_background")
    (tmp_path / "p.json").write_text(json.dumps([{"image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9} for n in range(5)]))
    result = import_predictions(dataset, KEY, str(tmp_path / "p.json"), model="m", on_findings="warn")
    assert "0 of 5 predictions joined" in result.failure
    assert "keep_unmatched" not in result.failure  # it would fail as well
    assert result.summary.to_dict()["counts"]["unmatched_by"] == {"absent_image": 5}
    assert import_predictions(dataset, KEY, str(tmp_path / "p.json"), model="m", min_match_ratio=0).failure is None


def test_statements_that_join_do_not_make_up_for_labels_that_do_not(case, tmp_path):
    dataset, _ = case("sampling_background")
    for name, text in (("a", ""), ("bg", ""), ("new", ""), ("lost", "0 .5 .5 .2 .2"), ("gone", "0 .5 .5 .2 .2")):
        (tmp_path / f"{name}.txt").write_text(text)
    result = import_labels(dataset, KEY, str(tmp_path), format="yolo", classes=["cat"])
    assert "0 of 2 annotations joined" in result.failure
    counts = result.summary.to_dict()["counts"]
    assert (counts["annotations"], counts["backgrounds"], counts["matched"], counts["unmatched"]) == (2, 3, 0, 2)


def test_of_one_file_for_all_partitions_only_the_own_labels_may_be_taken(case, tmp_path):
    dataset, _ = case("sampling_background")
    others = [f"2026-11-04/{number}.jpg" for number in range(20)]
    images = [{"id": number, "file_name": name} for number, name in enumerate(["a.jpg", "bg.jpg", *others])]
    labels = [{"id": number, "image_id": number, "category_id": 1, "bbox": [1, 1, 9, 9]} for number in (0, *range(2, 15))]
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"images": images, "annotations": labels, "categories": [{"id": 1, "name": "cat"}]}))
    result = import_labels(dataset, KEY, str(file), format="coco", keep_unmatched=False)
    assert result.failure is None
    assert joined(dataset) == [("a.jpg", "a.jpg"), ("bg.jpg", "bg.jpg")]
    counts = result.summary.to_dict()["counts"]
    assert (counts["annotations"], counts["backgrounds"], counts["matched"], counts["unmatched"]) == (1, 1, 1, 13)
    assert (counts["unmatched_by"], counts["problems"], findings(dataset)) == ({"absent_image": 20}, {}, [])
    audited = audit_labels(dataset, KEY, on_findings="warn").summary.to_dict()
    assert audited["counts"]["by_check"].get("missing_image", 0) == 0


def test_labels_of_other_partitions_alone_are_no_result_of_this_one(case, tmp_path):
    dataset, _ = case("sampling_background")
    own, other = tmp_path / "own.csv", tmp_path / "other.csv"
    own.write_text("file,label\na.jpg,cat\n")
    other.write_text("file,label\n2026-11-04/x.jpg,cat\n2026-11-04/y.jpg,cat\n")
    named = {"format": "csv", "keep_unmatched": False}
    failure = import_labels(dataset, KEY, str(other), **named).failure
    assert "0 of 2 annotations joined an image" in failure
    assert "min_match_ratio=0" in failure
    assert import_labels(dataset, KEY, str(other), min_match_ratio=0, **named).failure is None
    import_labels(dataset, KEY, str(own), **named)
    with pytest.raises(EmptySourceError, match=r"None of the 2 annotations .* joined an image: 2 without image .*would take out 1 row"):
        import_labels(dataset, KEY, str(other), min_match_ratio=0, **named)
    assert import_labels(dataset, KEY, str(other), min_match_ratio=0, allow_empty=True, **named).failure is None
    assert dataset.read("annotations").num_rows == 0


@pytest.mark.parametrize("table", ["annotations", "predictions"])
def test_rows_that_join_no_image_do_not_take_the_place_of_those_that_did(case, tmp_path, table):
    dataset, _ = case("sampling_background")

    def imported(name: str, **options):
        file = tmp_path / f"{table}.json"
        if table == "predictions":
            file.write_text(json.dumps([{"file_name": name, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}]))
            return import_predictions(dataset, KEY, str(file), model="m", **options)
        given = {"categories": [{"id": 1, "name": "cat"}], "images": [{"id": 1, "file_name": name}]}
        file.write_text(json.dumps({**given, "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}]}))
        return import_labels(dataset, KEY, str(file), format="coco", **options)

    assert "0 of 1" in imported("2026-11-04/x.jpg").failure, "nothing is lost: the rows and their finding are there to look at"
    assert joined(dataset, table) == [("2026-11-04/x.jpg", None)]
    assert imported("a.jpg").failure is None
    before, found = dataset.snapshot_id(table), findings(dataset)
    with pytest.raises(EmptySourceError, match=rf"None of the 1 {table} .* joined an image: 1 without image .*would take out 1 row"):
        imported("2026-11-04/x.jpg", min_match_ratio=0)
    assert (dataset.snapshot_id(table), findings(dataset)) == (before, found)
    assert imported("2026-11-04/x.jpg", min_match_ratio=0, on_findings="warn", allow_empty=True).failure is None
    assert joined(dataset, table) == [("2026-11-04/x.jpg", None)]


def test_predictions_of_other_partitions_may_be_left_out(case, tmp_path):
    dataset, _ = case("sampling_background")
    found = [{"file_name": name, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9} for name in ("a.jpg", *"uvwxyz")]
    (tmp_path / "p.json").write_text(json.dumps(found))
    failure = import_predictions(dataset, KEY, str(tmp_path / "p.json"), model="m", on_findings="warn").failure
    assert "1 of 7" in failure
    assert "keep_unmatched=False" in failure
    assert import_predictions(dataset, KEY, str(tmp_path / "p.json"), model="m", keep_unmatched=False).failure is None
    assert joined(dataset, "predictions") == [("a.jpg", "a.jpg")]
    assert findings(dataset) == []


def test_exactly_the_share_that_is_asked_for_passes(case, tmp_path):
    dataset, _ = case("sampling_background")
    (tmp_path / "l.csv").write_text("file,label\na.jpg,cat\nnone.jpg,cat\n")
    assert import_labels(dataset, KEY, str(tmp_path / "l.csv"), format="csv").failure is None
    refused = import_labels(dataset, KEY, str(tmp_path / "l.csv"), format="csv", min_match_ratio=0.51, on_findings="skip")
    assert "1 of 2 annotations joined an image of partition 2026-11-05 (50.0%), fewer than min_match_ratio=0.51" in refused.failure
    assert refused.skip is False
    assert dataset.read("annotations").num_rows == 2


def test_counts_of_an_import_and_its_audit_agree_where_files_are_byte_identical(make_dataset, tmp_path, shared_data):
    original = shared_data("field_cases") / "sampling_background" / "images" / "a.jpg"
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "copy of a.jpg"):
        (tmp_path / "images" / name).write_bytes(original.read_bytes())
    (tmp_path / "images" / "b.jpg").write_bytes((original.parent / "new.jpg").read_bytes())
    (tmp_path / "l.csv").write_text("file,label\na.jpg,cat\n")
    dataset = make_dataset("copies")
    ingest_images(dataset, KEY, str(tmp_path / "images"), workers=1)
    counts = import_labels(dataset, KEY, str(tmp_path / "l.csv"), format="csv").summary.to_dict()["counts"]
    audited = audit_labels(dataset, KEY, on_findings="warn").summary.to_dict()["counts"]
    assert (counts["images_labelled"], counts["images_without_label"]) == (1, 1)
    assert (audited["images"], audited["labelled_images"], audited["by_check"]["image_without_label"]) == (2, 1, 1)
