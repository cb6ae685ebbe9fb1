"""Detection data, end to end: the example DAG on real images with VOC and COCO labels."""

from __future__ import annotations

import json

import pyarrow.compute as pc
import pytest

pytestmark = pytest.mark.e2e


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


def test_coco_labels_keep_their_boxes_polygons_and_rle(deployment, shared_data, check_summaries, validate_events):
    coco = shared_data("coco_ccby")
    conf = {"dataset": "photos", "images": str(coco / "images"), "labels": str(coco / "instances.json"), "format": "coco"}
    run = deployment.run("detection_dataops", conf={**conf, "max_label_error_rate": 1.0})

    assert run.state == "success", run.log[-3000:]
    check_summaries(run)
    validate_events(run.events)
    given = {str(annotation["id"]): annotation for annotation in json.loads((coco / "instances.json").read_text())["annotations"]}
    kept = {row["source_id"]: row for row in deployment.dataset("photos").release("staging").annotations().to_pylist()}
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
    assert failed["outputs"] == []
    assertions = [
        assertion
        for dataset in failed["inputs"]
        for assertion in dataset["inputFacets"].get("dataQualityAssertions", {}).get("assertions", [])
    ]
    assert {assertion["assertion"] for assertion in assertions if not assertion["success"]} >= {"zero_area_bbox"}
