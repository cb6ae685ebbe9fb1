"""Detection data, end to end: the example DAG on real images with VOC, COCO and YOLO labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from defusedxml import ElementTree

pytestmark = pytest.mark.e2e


@pytest.mark.once(reason="what becomes of boxes does not depend on Airflow's version")
def test_bccd_goes_from_images_with_voc_labels_to_a_release(deployment, shared_data, check_summaries, validate_events):
    bccd = shared_data("bccd") / "BCCD"
    conf = {"dataset": "cells", "images": str(bccd / "JPEGImages"), "labels": str(bccd / "Annotations"), "format": "voc"}
    run = deployment.run("detection_dataops", conf={**conf, "categories": "RBC,WBC,Platelets"})

    assert run.state == "success", run.log[-3000:]
    assert run.tasks["sample"] == "skipped"
    assert run.xcom["ingest"]["counts"]["images"] == 364
    assert run.xcom["import_labels"]["counts"]["annotations"] == 4888
    check_summaries(run)
    validate_events(run.events)

    dataset = deployment.dataset("cells")
    annotations = dataset.annotations()
    counted = pc.value_counts(annotations["category"]).to_pylist()
    assert {entry["values"]: entry["counts"] for entry in counted} == {"RBC": 4155, "WBC": 372, "Platelets": 361}
    findings = dataset.read("findings").to_pylist()
    zero_area = {finding["source_uri"].rpartition("/")[2] for finding in findings if finding["check"] == "zero_area_bbox"}
    assert zero_area == {"BloodImage_00338.jpg", "BloodImage_00343.jpg"}

    release = dataset.release("staging")
    assert (release.name, release.images_count, release.annotations_count) == ("v1", 364, 4888)
    assert run.xcom["promote"]["release"] == "v1"
    assert release.annotations().num_rows == 4888
    assert moved_by(bccd, annotations) <= 1e-6


def moved_by(bccd: Path, annotations: pa.Table) -> float:
    """Return how far, in pixels, any box is from what its VOC file says; boxes of an image are compared in the file's order."""
    kept: dict[str, list[list[float]]] = {}
    for row in annotations.sort_by("annotation_id").to_pylist():
        kept.setdefault(row["source"].rpartition("/")[2], []).append([row["bbox"][side] for side in ("x", "y", "width", "height")])
    furthest = 0.0
    for path in sorted((bccd / "Annotations").glob("*.xml")):
        corners = [
            [float(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")] for box in ElementTree.parse(path).iter("bndbox")
        ]
        wanted = np.array(sorted([x, y, right - x, bottom - y] for x, y, right, bottom in corners)).reshape(-1, 4)
        found = np.array(sorted(kept.pop(path.name, []))).reshape(-1, 4)
        assert found.shape == wanted.shape, path.name
        furthest = max([furthest, *np.abs(found - wanted).max(axis=1, initial=0.0)])
    assert not kept
    return furthest


@pytest.mark.long
@pytest.mark.once(reason="how labels of a format are read does not depend on Airflow's version")
def test_coco_labels_keep_their_boxes_polygons_and_rle(deployment, shared_data, check_summaries, validate_events):
    coco = shared_data("coco_ccby")
    conf = {"dataset": "photos", "images": str(coco / "images"), "labels": str(coco / "instances.json"), "format": "coco"}
    run = deployment.run("detection_dataops", conf={**conf, "max_label_error_rate": 1.0})

    assert run.state == "success", run.log[-3000:]
    check_summaries(run)
    validate_events(run.events)
    given = {str(annotation["id"]): annotation for annotation in json.loads((coco / "instances.json").read_text())["annotations"]}
    kept = {row["source_id"]: row for row in deployment.dataset("photos").release("staging").annotations().to_pylist()}
    assert kept.pop(None)["task"] == "background"  # of the three images without an annotation
    assert len(given) == 475
    assert kept.keys() == given.keys()
    for source_id, annotation in given.items():
        row = kept[source_id]
        assert json.loads(row["segmentation"]) == annotation["segmentation"]
        assert row["iscrowd"] == bool(annotation["iscrowd"])
        assert [row["bbox"][side] for side in ("x", "y", "width", "height")] == pytest.approx(annotation["bbox"], abs=1e-6)


def test_an_audit_with_errors_fails_its_task_and_leaves_its_numbers(deployment, shared_data, validate_events):
    run = deployment.run("strict_audit", conf={"source": str(shared_data("bccd") / "BCCD")})

    assert run.state == "failed"
    assert run.tasks["audit"] == "failed"
    assert run.xcom["audit"]["counts"]["by_check"]["zero_area_bbox"] == 2
    validate_events(run.events)
    [failed] = run.task_events("audit", "FAIL")
    assert [output["name"] for output in failed["outputs"]] == ["cells.findings", "cells.metrics"]
    assertions = [
        assertion
        for dataset in failed["inputs"]
        for assertion in dataset["inputFacets"].get("dataQualityAssertions", {}).get("assertions", [])
    ]
    assert {assertion["assertion"] for assertion in assertions if not assertion["success"]} >= {"zero_area_bbox"}


@pytest.mark.long
@pytest.mark.once(reason="how labels of a format are read does not depend on Airflow's version")
def test_yolo_labels_and_a_detectors_output_go_to_a_release_and_a_sample(
    deployment, shared_data, check_summaries, validate_events, tmp_path
):
    """Eight images, one with an umlaut in its name; five have labels, the detector has seen all."""
    bccd = shared_data("bccd") / "BCCD"
    names = ["Zellen_ü.jpg", *(f"cells_{number}.jpg" for number in range(7))]
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name, image in zip(names, sorted((bccd / "JPEGImages").glob("*.jpg")), strict=False):
        shutil.copy(image, tmp_path / "images" / name)
    for name in names[:5]:
        (tmp_path / "labels" / f"{name[:-4]}.txt").write_text("0 0.5 0.5 0.25 0.25\n2 0.2 0.3 0.1 0.1\n")
    scores = [0.95, 0.9, 0.9, 0.9, 0.9, 0.8, 0.55, 0.7]
    results = [
        {"image_id": name, "category_id": 2, "bbox": [10, 20, 64, 48], "score": score} for name, score in zip(names, scores, strict=True)
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))

    conf = {"dataset": "cells", "images": str(tmp_path / "images"), "labels": str(tmp_path / "labels"), "format": "yolo"}
    conf |= {"classes": "RBC,WBC,Platelets", "predictions": str(tmp_path / "results.json")}
    run = deployment.run("detection_dataops", conf=conf)

    assert run.state == "success", run.log[-3000:]
    assert set(run.tasks.values()) == {"success"}
    check_summaries(run)
    validate_events(run.events)
    dataset = deployment.dataset("cells")
    labels = dataset.annotations().to_pylist()
    [box] = [row["bbox"] for row in labels if row["file_name"].startswith("Zellen_ü") and row["category"] == "RBC"]
    assert box == pytest.approx({"x": 240.0, "y": 180.0, "width": 160.0, "height": 120.0})
    assert set(dataset.read("predictions")["category"].to_pylist()) == {"Platelets"}
    sampled = [row["source_uri"].rpartition("/")[2] for row in dataset.read("samples").sort_by("rank").to_pylist()]
    assert sampled == ["cells_5.jpg", "cells_6.jpg", "cells_4.jpg"], "the unlabelled ones, the least certain first"
    assert dataset.release("staging").images_count == 8
