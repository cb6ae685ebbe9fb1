"""Detection and mask audits on real tables and real labels: BCCD with injected faults, and photographs with outlines."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pytest

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of, pixels_of
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.schema import arrow_schema

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)
CHECKS = ("overlooked_bbox", "badly_located_bbox", "swapped_category", "spurious_bbox")


@pytest.fixture(scope="module")
def faults() -> ModuleType:
    """The benchmark that injects faults and measures both sides."""
    folder = str(Path(__file__).resolve().parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import detection_faults
    finally:
        sys.path.remove(folder)
    return detection_faults


@pytest.fixture(scope="module")
def bccd(faults, shared_data):
    """BCCD's boxes, and the number of its images."""
    return faults.load_bccd(shared_data("bccd"))


# Below the worst of seeds 100 to 109 (docs/detection-audit.md). Added: the detector misses 5 % of the objects and 3 % of the labels are
# spurious, so that most labels without a prediction are right.
FLOORS = {
    "sharp": {"removed": (0.75, 0.88), "shifted": (0.78, 0.90), "relabelled": (0.85, 0.95), "added": (0.9, 0.28)},
    "soft": {"removed": (0.70, 0.80), "shifted": (0.78, 0.88), "relabelled": (0.84, 0.93), "added": (0.9, 0.28)},
}


@pytest.mark.parametrize("detector", ["sharp", "soft"])
@pytest.mark.parametrize("seed", [200, 201, 202])
def test_injected_faults_of_bccd_are_found(faults, bccd, seed, detector):
    found = faults.measure(*bccd, seed, detector, with_cleanlab=False)["ours"]
    for kind, (recall, precision) in FLOORS[detector].items():
        assert found[kind]["recall"] >= recall, kind
        assert found[kind]["precision"] >= precision, kind


def test_what_is_found_is_at_least_what_objectlab_finds(faults, bccd):
    """On half of the images: ObjectLab takes its time, and is far behind."""
    pytest.importorskip("cleanlab")
    original, images = bccd
    half = original.take(np.flatnonzero(original.image < images // 2))
    sides = faults.measure(half, images // 2, 203, "sharp")
    for kind, theirs in sides["cleanlab"].items():
        for rate in ("recall", "f1", "average_precision"):
            assert sides["ours"][kind][rate] >= theirs[rate], (kind, rate)


def test_a_copy_of_bccd_scaled_by_a_tenth_has_the_same_findings(faults, bccd, make_dataset):
    original, images = bccd
    rng = np.random.default_rng(204)
    labels, _, _ = faults.with_faults(original, rng)
    predictions = faults.detector_output(original, rng, "sharp")
    findings = {}
    for factor in (1.0, 0.1):
        dataset = make_dataset(f"cells_{round(1 / factor)}")
        _write_images(dataset, [f"{number:03d}.jpg" for number in range(images)], round(640 * factor), round(480 * factor))
        _write_boxes(dataset, "annotations", labels, faults.CATEGORIES, factor)
        _write_boxes(dataset, "predictions", predictions, faults.CATEGORIES, factor)
        audit_labels(dataset, KEY, on_findings="warn")
        rows = [row for row in dataset.read("findings").to_pylist() if row["check"] in CHECKS]
        findings[factor] = {(row["check"], row["annotation_id"] or row["message"], row["image_id"], row["score"]) for row in rows}
        boxes = sorted((row["image_id"], row["score"], json.loads(row["suggestion"])["bbox"]) for row in rows if row["suggestion"])
        findings[factor, "boxes"] = np.array([box for *_, box in boxes]) / factor
    assert len(findings[1.0]) > 800
    assert findings[0.1] == findings[1.0]
    assert np.abs(findings[0.1, "boxes"] - findings[1.0, "boxes"]).max() < 0.11, "suggestions are rounded to a hundredth of a pixel"


def test_masks_go_from_files_to_findings_with_predicted_masks(shared_data, make_dataset, tmp_path):
    """The photographs' own outlines as predictions; in the labels three of them are cut in half."""
    document, dataset = _photographs(shared_data, make_dataset)
    results = [
        {**{name: annotation[name] for name in ("image_id", "category_id", "segmentation")}, "score": 0.9}
        for annotation in document["annotations"]
        if not annotation["iscrowd"]
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    cut = _cut_three(document)
    (tmp_path / "labels.json").write_text(json.dumps(document))
    import_labels(dataset, KEY, str(tmp_path / "labels.json"), format="coco", recorded_at=NOW)
    import_predictions(
        dataset,
        KEY,
        str(tmp_path / "results.json"),
        model="m",
        coco_reference=str(tmp_path / "labels.json"),
        recorded_at=NOW,
    )
    audit_labels(dataset, KEY, on_findings="warn")
    assert _source_ids(dataset, "doubtful_mask") == cut


def test_masks_go_from_files_to_findings_with_pixel_probabilities(shared_data, make_dataset, tmp_path):
    """Probabilities of one category's pixels, 0.9 in its outlines; in the labels one outline lies on other pixels."""
    document, dataset = _photographs(shared_data, make_dataset)
    person = next(category["id"] for category in document["categories"] if category["name"] == "person")
    outlines = [one for one in document["annotations"] if one["category_id"] == person and not one["iscrowd"]]
    (tmp_path / "pixels").mkdir()
    for image in document["images"]:
        values = np.full((image["height"], image["width"]), 0.05, dtype=np.float16)
        for one in outlines:
            if one["image_id"] == image["id"]:
                values[pixels_of(mask_of(json.dumps(one["segmentation"]), image["width"], image["height"]))] = 0.9
        np.save(tmp_path / "pixels" / f"{image['file_name']}.npy", values)
    wrong = next(one for one in outlines if one["area"] > 5000)
    wrong["segmentation"] = [[0, 0, 40, 0, 40, 40, 0, 40]]
    (tmp_path / "labels.json").write_text(json.dumps(document))
    broken = document["images"][0]["file_name"]
    np.save(tmp_path / "pixels" / f"{broken}.npy", np.zeros((3, 3), dtype=np.float32))
    import_labels(dataset, KEY, str(tmp_path / "labels.json"), format="coco", recorded_at=NOW)
    pixels = str(tmp_path / "pixels")
    summary = import_predictions(dataset, KEY, pixels, model="m", format="pixel_probabilities", classes=["person"], recorded_at=NOW).summary
    assert (summary.counts["matched"], summary.counts["unmatched"]) == (len(document["images"]), 0)
    audit_labels(dataset, KEY, on_findings="warn")
    assert _source_ids(dataset, "doubtful_mask") == {str(wrong["id"])}
    [finding] = dataset.read("findings", where="check = 'unusable_pixel_probabilities'").to_pylist()
    assert finding["source_uri"].endswith(broken)
    assert "they are 3 x 3 px" in finding["message"]


def _photographs(shared_data, make_dataset):
    document = json.loads((shared_data("coco_ccby") / "instances.json").read_text())
    dataset = make_dataset("photos")
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in document["images"]}
    _write_images(dataset, list(sizes), *zip(*sizes.values(), strict=True))
    return document, dataset


def _cut_three(document) -> set[str]:
    """Replace three large outlines by the left half of the box around them; return the labels' ids."""
    large = [one for one in document["annotations"] if not one["iscrowd"] and one["area"] > 20_000][:3]
    for one in large:
        x, y, width, height = one["bbox"]
        one["segmentation"] = [[x, y, x + width / 4, y, x + width / 4, y + height, x, y + height]]
    return {str(one["id"]) for one in large}


def _source_ids(dataset, check: str) -> set[str]:
    ids = {row["annotation_id"]: row["source_id"] for row in dataset.annotations().to_pylist()}
    return {ids[row["annotation_id"]] for row in dataset.read("findings", where=f"check = '{check}'").to_pylist()}


def _write_images(dataset, names, width, height) -> None:
    measured = {"bytes": 1, "format": "JPEG", "mode": "RGB", "frames": 1, "ingested_at": NOW}
    widths, heights = (list(side) if isinstance(side, tuple) else [side] * len(names) for side in (width, height))
    rows = [
        {
            **measured,
            "source_uri": f"s3://photos/{name}",
            "storage_uri": f"file:///photos/{name}",  # where nothing is: a report finds that out at once
            "image_id": hashlib.sha256(name.encode()).hexdigest(),
            "file_name": name,
            "width": across,
            "height": down,
        }
        for name, across, down in zip(names, widths, heights, strict=True)
    ]
    _write(dataset, "images", rows, None)


def _write_boxes(dataset, table: str, boxes, categories, factor: float) -> None:
    """Write boxes scaled by the factor; a row's id is its place."""
    own = {
        "annotations": {"format": "voc", "source": "s3://labels/all.xml"},
        "predictions": {"source": "s3://outputs/results.json"},
    }[table]
    rows = []
    for number, (image, category, box, score) in enumerate(zip(*vars(boxes).values(), strict=True)):
        name = f"{image:03d}.jpg"
        row = {
            "image_id": hashlib.sha256(name.encode()).hexdigest(),
            "source_uri": f"s3://photos/{name}",
            "file_name": name,
            "task": "detection",
            "category": categories[category],
            "bbox": dict(zip(("x", "y", "width", "height"), (box * factor).tolist(), strict=True)),
            **own,
        }
        added = {"annotation_id": f"{number:06d}"} if table == "annotations" else {"prediction_id": f"{number:06d}", "score": float(score)}
        rows.append({**row, **added})
    _write(dataset, table, rows, "default" if table == "annotations" else "detector")


def _write(dataset, table: str, rows, owner: str | None) -> None:
    schema = pa.schema([field for field in arrow_schema(table) if field.name in rows[0]])
    dataset.replace_partition(table, KEY, pa.Table.from_pylist(rows, schema), owner=owner)
