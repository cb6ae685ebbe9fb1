"""Label and prediction imports of real data into a real dataset."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.labels.formats.coco_writer import to_coco
from airflow_cv_dataops.core.labels.formats.voc_writer import to_voc
from airflow_cv_dataops.core.labels.formats.yolo_writer import to_yolo
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)
# YOLO files of six decimals: half a unit of the last one, for centre and half the width, of at most 500 pixels.
SIX_DECIMALS = 1.5 * 0.5e-6 * 500


def put_images(dataset: Dataset, names: Sequence[str], sizes: Sequence[tuple[int, int]] | None = None, key: str = KEY) -> None:
    count = len(names)
    sizes = sizes or [(640, 480)] * count
    rows = {
        "source_uri": [f"file:///source/{name}" for name in names],
        "image_id": [f"{row:064x}" for row in range(count)],
        "file_name": list(names),
        "storage_uri": [f"file:///store/{name}" for name in names],
        "bytes": [1] * count,
        "format": ["JPEG"] * count,
        "width": pa.array([width for width, _ in sizes], pa.int32()),
        "height": pa.array([height for _, height in sizes], pa.int32()),
        "mode": ["RGB"] * count,
        "frames": pa.array([1] * count, pa.int32()),
        "ingested_at": [NOW] * count,
    }
    dataset.replace_partition("images", key, pa.table(rows))


def file_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def stable(dataset: Dataset, table: str, **read) -> list[dict]:
    rows = dataset.read(table, **read).drop_columns(list(TABLES[table].run_columns)).to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def boxes(dataset: Dataset) -> list[tuple]:
    return sorted(
        (row["file_name"].rsplit("/", 1)[-1].split(".")[0], row["category"], *row["bbox"].values())
        for row in stable(dataset, "annotations")
    )


@pytest.fixture
def bccd(make_dataset, shared_data) -> tuple[Dataset, Path]:
    folder = shared_data("bccd") / "BCCD"
    dataset = make_dataset("bccd")
    put_images(dataset, file_names(folder / "JPEGImages"))
    return dataset, folder / "Annotations"


def test_every_box_of_bccd_joins_its_image(bccd):
    dataset, labels = bccd
    result = import_labels(dataset, KEY, str(labels), format="voc", recorded_at=NOW)
    counts = result.summary.counts
    assert (counts["files"], counts["annotations"], counts["matched"], counts["images_labelled"]) == (364, 4888, 4888, 364)
    categories = dataset.annotations(partition_key=KEY).column("category").value_counts().to_pylist()
    assert {row["values"]: row["counts"] for row in categories} == {"RBC": 4155, "WBC": 372, "Platelets": 361}
    assert result.failure is None
    assert dataset.read("findings").num_rows == 0


def test_zero_area_boxes_of_bccd_are_left_for_the_audit(bccd):
    dataset, labels = bccd
    import_labels(dataset, KEY, str(labels), format="voc", recorded_at=NOW)
    flat = [row for row in stable(dataset, "annotations") if row["bbox"]["width"] * row["bbox"]["height"] == 0]
    assert {row["file_name"] for row in flat} == {"BloodImage_00338.jpg", "BloodImage_00343.jpg"}


def test_a_rerun_of_an_import_changes_nothing(bccd):
    dataset, labels = bccd
    tables = ("annotations", "findings", "metrics")
    import_labels(dataset, KEY, str(labels), format="voc", recorded_at=NOW)
    first = {table: stable(dataset, table) for table in tables}
    import_labels(dataset, KEY, str(labels), format="voc")
    assert {table: stable(dataset, table) for table in tables} == first


def test_another_label_set_and_another_partition_stay_as_they_are(bccd, tmp_path):
    dataset, labels = bccd
    import_labels(dataset, KEY, str(labels), format="voc", recorded_at=NOW)
    (tmp_path / "a.csv").write_text("image,label\nBloodImage_00000,RBC\n")
    import_labels(dataset, KEY, str(tmp_path / "a.csv"), format="csv", label_set="round_2", recorded_at=NOW)
    import_labels(dataset, "other", str(tmp_path / "a.csv"), format="csv", recorded_at=NOW)
    found = dataset.annotations().group_by(["partition_key", "label_set"]).aggregate([([], "count_all")]).to_pylist()
    assert {(row["partition_key"], row["label_set"]): row["count_all"] for row in found} == {
        (KEY, "default"): 4888,
        (KEY, "round_2"): 1,
        ("other", "default"): 1,
    }


def test_polygons_and_rle_of_coco_are_kept_exactly(make_dataset, shared_data):
    folder = shared_data("coco_ccby")
    document = json.loads((folder / "instances.json").read_text())
    dataset = make_dataset("coco")
    put_images(
        dataset, [image["file_name"] for image in document["images"]], [(image["width"], image["height"]) for image in document["images"]]
    )
    result = import_labels(dataset, KEY, str(folder / "instances.json"), format="coco", recorded_at=NOW)
    assert result.summary.counts["unmatched"] == 0
    stated = stable(dataset, "annotations")
    rows = {row["source_id"]: row for row in stated if row["task"] != "background"}
    # Three images have no annotation.
    assert len(stated) == 475 + 3
    names = {category["id"]: category["name"] for category in document["categories"]}
    assert len(rows) == 475
    for annotation in document["annotations"]:
        row = rows[str(annotation["id"])]
        assert json.loads(row["segmentation"]) == annotation["segmentation"]
        assert list(row["bbox"].values()) == annotation["bbox"]
        assert (row["area"], row["iscrowd"], row["category"]) == (
            annotation["area"],
            bool(annotation["iscrowd"]),
            names[annotation["category_id"]],
        )
    assert sum(row["segmentation"].startswith("{") for row in rows.values()) == 6


def test_labels_without_image_are_kept_and_counted(make_dataset, shared_data):
    folder = shared_data("clothing_mini")
    images = file_names(folder / "images")
    dataset = make_dataset("clothing")
    put_images(dataset, images)
    result = import_labels(dataset, KEY, str(folder / "images.csv"), format="csv", recorded_at=NOW)
    with (folder / "images.csv").open() as file:
        stated = list(csv.DictReader(file))
    counts = result.summary.counts
    assert (counts["annotations"], counts["unmatched"]) == (len(stated), 5)
    assert counts["images_without_label"] == len(set(images) - {f"{row['image']}.jpg" for row in stated})
    assert counts["images_labelled"] + counts["images_without_label"] == len(images)
    assert dataset.annotations().column("category").to_pylist().count("Not sure") == sum(row["label"] == "Not sure" for row in stated)
    orphans = [row for row in stable(dataset, "annotations") if row["image_id"] is None]
    assert len(orphans) == 5
    assert all(row["file_name"] and row["source_uri"] is None for row in orphans)
    assert [row["check"] for row in stable(dataset, "findings")] == ["absent_image"] * 5


@pytest.fixture
def od_formats(make_dataset, shared_data):
    """Return the folder of layouts, and datasets with its 100 images."""
    folder = shared_data("od_formats") / "gts"
    images = json.loads((folder / "coco_format_v1" / "instances_default.json").read_text())["images"]

    def dataset(name: str) -> Dataset:
        made = make_dataset(name)
        put_images(made, [image["file_name"] for image in images], [(image["width"], image["height"]) for image in images])
        return made

    return folder, dataset


@pytest.mark.parametrize(
    ("layout", "label_format", "tolerance"),
    [
        ("coco_format_v2", "coco", 1e-6),
        ("pascalvoc_format", "voc", 1e-6),
        ("imagenet_format/Annotations", "voc", 1e-6),
        ("yolo_format", "yolo", SIX_DECIMALS),
    ],
)
def test_the_same_boxes_in_other_formats_are_the_same_boxes(od_formats, layout, label_format, tolerance):
    folder, make = od_formats
    first, other = make("first"), make("other")
    import_labels(first, KEY, str(folder / "coco_format_v1"), format="coco", recorded_at=NOW)
    result = import_labels(other, KEY, str(folder / layout), format=label_format, recorded_at=NOW)
    assert (result.summary.counts["matched"], result.summary.counts["problems"]) == (273, {})
    for one, again in zip(boxes(first), boxes(other), strict=True):
        assert one[:2] == again[:2]
        assert again[2:] == pytest.approx(one[2:], abs=tolerance, rel=0)


def test_an_export_in_each_format_imports_as_the_same_boxes(od_formats, tmp_path):
    folder, make = od_formats
    first = make("first")
    import_labels(first, KEY, str(folder / "yolo_format"), format="yolo", recorded_at=NOW)
    images, annotations = first.images(), first.annotations()
    classes = sorted(set(annotations.column("category").to_pylist()))
    exports = {
        "coco": {"instances.json": json.dumps(to_coco(images, annotations), allow_nan=False)},
        "yolo": {**to_yolo(images, annotations, classes), "classes.txt": "\n".join(classes)},
        "voc": to_voc(images, annotations),
    }
    for label_format, files in exports.items():
        target = tmp_path / label_format
        target.mkdir()
        for name, text in files.items():
            (target / name).write_text(text)
        again = make(f"again_{label_format}")
        import_labels(again, KEY, str(target), format=label_format, recorded_at=NOW)
        for one, other in zip(boxes(first), boxes(again), strict=True):
            assert one[:2] == other[:2]
            assert other[2:] == pytest.approx(one[2:], abs=1e-6, rel=0)


def test_label_studios_yolo_export_reads(make_dataset, shared_data):
    folder = shared_data("format_fixtures") / "label_studio" / "test_import_yolo_data"
    dataset = make_dataset("studio")
    put_images(dataset, [f"img_{number}.png" for number in range(1, 7)])
    result = import_labels(dataset, KEY, str(folder), format="yolo", recorded_at=NOW)
    assert (result.summary.counts["files"], result.summary.counts["unmatched"], result.summary.counts["images_labelled"]) == (7, 2, 6)


@pytest.mark.parametrize(
    ("label_format", "folder"),
    [("coco", "coco_dataset"), ("voc", "voc_dataset"), ("yolo", "yolo_dataset"), ("coco", ""), ("voc", ""), ("csv", "")],
)
def test_a_folder_with_files_of_many_kinds_never_raises(make_dataset, shared_data, label_format, folder):
    source = shared_data("format_fixtures") / "datumaro" / folder
    dataset = make_dataset("fixtures")
    put_images(dataset, ["a.jpg", "b.jpg"])
    columns = {"file": "ImageID", "label": "LabelName"} if label_format == "csv" else None
    result = import_labels(dataset, KEY, str(source), format=label_format, csv_columns=columns, recorded_at=NOW)
    counts = result.summary.counts
    assert counts["annotations"] == counts["matched"] + counts["unmatched"] > 0
    assert dataset.read("findings").num_rows == sum(counts["problems"].values())


def test_problems_become_findings_with_a_policy(make_dataset, tmp_path):
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "bad.json").write_text("{")
    (labels / "good.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [None, {"image_id": 1}]}))
    dataset = make_dataset("policy")
    put_images(dataset, ["a.jpg"])
    result = import_labels(dataset, KEY, str(labels), format="coco", on_findings="fail", recorded_at=NOW)
    assert result.summary.counts["problems"] == {"unparsable_label": 1, "malformed_record": 1}
    assert "2 findings" in (result.failure or "")
    assert dataset.annotations().num_rows == 1
    found = {(row["audit"], row["check"], row["severity"], row["source_uri"].rsplit("/", 1)[-1]) for row in stable(dataset, "findings")}
    assert found == {
        ("label_import:default", "unparsable_label", "error", "bad.json"),
        ("label_import:default", "malformed_record", "error", "good.json"),
    }
    (labels / "bad.json").unlink()
    (labels / "good.json").write_text(json.dumps({"images": [], "annotations": []}))
    import_labels(dataset, KEY, str(labels), format="coco", allow_empty=True, recorded_at=NOW)
    assert (dataset.read("findings").num_rows, dataset.annotations().num_rows) == (0, 0)


def test_metrics_and_lineage_say_what_was_read_and_written(make_dataset, tmp_path):
    (tmp_path / "a.csv").write_text("image,label\na,cat\nb,dog\nnone,cat\n")
    dataset = make_dataset("facts")
    put_images(dataset, ["a.jpg", "b.jpg", "c.jpg"])
    result = import_labels(dataset, KEY, str(tmp_path / "a.csv"), format="csv", recorded_at=NOW)
    metrics = {(row["metric"], row["dimensions"]): row["value"] for row in stable(dataset, "metrics")}
    assert metrics["match_ratio", None] == pytest.approx(2 / 3)
    assert metrics["annotations_of_category", '{"category": "cat"}'] == 2
    files, images = result.lineage.inputs
    annotations, findings, numbers = result.lineage.outputs
    assert (findings.table, findings.rows, findings.snapshot_id) == ("findings", 1, dataset.snapshot_id("findings"))
    assert (numbers.table, numbers.rows, numbers.snapshot_id) == ("metrics", len(metrics), dataset.snapshot_id("metrics"))
    assert (files.files, files.storage_format, files.uri) == (1, "csv", (tmp_path / "a.csv").as_uri())
    assert (images.table, images.rows, images.snapshot_id) == ("images", 3, dataset.snapshot_id("images"))
    assert (annotations.table, annotations.rows, annotations.snapshot_id) == ("annotations", 3, result.summary.snapshot_id)
    assert result.lineage.facts == {
        "source": (tmp_path / "a.csv").as_uri(),
        "format": "csv",
        "labelSet": "default",
        "files": 1,
        "records": 3,
        "matched": 2,
        "unmatched": 1,
        "problems": 1,
    }


def test_a_source_that_is_empty_or_absent_is_an_error(make_dataset, tmp_path):
    dataset = make_dataset("absent", made=True)
    with pytest.raises(SourceError, match="nothing at"):
        import_labels(dataset, KEY, str(tmp_path / "absent"), format="coco")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.md").write_text("x")
    with pytest.raises(SourceError, match="No label file"):
        import_labels(dataset, KEY, str(tmp_path / "notes"), format="coco")
    with pytest.raises(ConfigurationError, match="format"):
        import_labels(dataset, KEY, str(tmp_path / "notes"), format="cvat")


def test_real_probabilities_of_mnist_are_imported(make_dataset, shared_data, tmp_path):
    folder = shared_data("labelnoise_mnist")
    ids = [f"{number:05d}.png" for number in range(10_000)]
    dataset = make_dataset("mnist")
    put_images(dataset, ids, [(28, 28)] * len(ids))
    source = str(folder / "mnist_test_set_pyx.npy")
    result = import_predictions(dataset, KEY, source, model="cv", model_version="1", ids=[name[:-4] for name in ids], recorded_at=NOW)
    counts = result.summary.counts
    assert counts["matched"] + sum(counts["problems"].values()) == 10_000
    rows = dataset.read("predictions", columns=["file_name", "category", "score", "probabilities", "model", "model_version"]).sort_by(
        "file_name"
    )
    values = np.load(source, allow_pickle=False)
    assert rows.column("category").to_pylist() == [str(best) for best in values.argmax(axis=1)]
    assert np.array(rows.column("probabilities").to_pylist()) == pytest.approx(values, abs=1e-6)
    assert set(rows.column("model_version").to_pylist()) == {"1"}


def test_detector_output_joins_through_its_own_reference(make_dataset, shared_data):
    folder = shared_data("detection_eval")
    results = sorted(folder.rglob("*fakebbox100_results.json"))
    references = sorted(folder.rglob("instances_val2014_100.json"))
    assert results
    assert references
    reference = json.loads(references[0].read_text())
    dataset = make_dataset("detections")
    put_images(dataset, [image["file_name"] for image in reference["images"]])
    result = import_predictions(dataset, KEY, str(results[0]), model="fake", coco_reference=str(references[0]), recorded_at=NOW)
    stated = json.loads(results[0].read_text())
    assert result.summary.counts["predictions"] == result.summary.counts["matched"] == len(stated)
    # The same images without reference: ids are the numbers in the file names.
    names = [f"{image['id']:012d}.jpg" for image in reference["images"]]
    put_images(dataset, names)
    again = import_predictions(dataset, KEY, str(results[0]), model="fake", recorded_at=NOW)
    assert again.summary.counts["matched"] == len(stated)


def test_predictions_are_joined_by_image_id_too_and_replace_their_own_model(make_dataset, tmp_path):
    dataset = make_dataset("by_id")
    put_images(dataset, ["a.jpg", "b.jpg"])
    (tmp_path / "p.csv").write_text(f"image_id,cat,dog\n{0:064x},0.25,0.75\nb.jpg,1,0\nnone,0,1\n")
    for model in ("one", "two", "one"):
        result = import_predictions(dataset, KEY, str(tmp_path / "p.csv"), model=model, recorded_at=NOW)
    assert (result.summary.counts["matched"], result.summary.counts["unmatched"]) == (2, 1)
    rows = dataset.read("predictions", where="model = 'one'").to_pylist()
    assert sorted(row["source_uri"] or "" for row in rows) == ["", "file:///source/a.jpg", "file:///source/b.jpg"]
    assert dataset.read("predictions").num_rows == 6


def test_a_label_file_that_cannot_be_read_leaves_the_labels_that_are_there(make_dataset, tmp_path):
    dataset = make_dataset("pets")
    put_images(dataset, ["a.jpg"])
    labels = tmp_path / "labels.json"
    categories, images = [{"id": 1, "name": "cat"}], [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}]
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]
    labels.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations}))
    import_labels(dataset, KEY, str(labels), format="coco")
    before = stable(dataset, "annotations")
    labels.write_text('{"images": [')
    with pytest.raises(SourceError, match="No label of"):
        import_labels(dataset, KEY, str(labels), format="coco")
    assert stable(dataset, "annotations") == before
    assert len(before) == 1


def test_labels_of_which_none_joins_an_image_are_a_warning_and_a_failure(make_dataset, tmp_path, caplog):
    dataset = make_dataset("pets")
    put_images(dataset, ["a.jpg"])
    (tmp_path / "labels.csv").write_text("file,label\nb.jpg,cat\n")
    result = import_labels(dataset, KEY, str(tmp_path / "labels.csv"), format="csv", on_findings="warn")
    assert "0 of 1 annotations joined" in (result.failure or "")
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "1 annotations read, 1 kept, 1 without image (1 absent_image)" in warning.getMessage()
