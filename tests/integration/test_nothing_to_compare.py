"""Predictions that cannot be used give no clean bill: their checks have not run, and a gate on them keeps the release back."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from airflow_cv_dataops import audit_labels, import_labels, import_predictions, ingest_images, promote_dataset
from airflow_cv_dataops.core.errors import ConfigurationError

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
DETECTION = {"overlooked_bbox", "badly_located_bbox", "swapped_category", "spurious_bbox"}
NAMES = ["RBC", "WBC"]


@pytest.fixture
def source(tmp_path):
    """Five pictures with a box each in COCO; boxes of the second image are of WBC."""
    for number in range(1, 6):
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        Image.effect_noise((100, 80), 40 + number).save(folder / f"cell_{number}.png")
    document = {
        "images": [{"id": number, "file_name": f"cell_{number}.png", "width": 100, "height": 80} for number in range(1, 6)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(NAMES, 1)],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 2 if number == 2 else 1, "bbox": [10, 10, 30, 20]} for number in range(1, 6)
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def cells(make_dataset, source):
    dataset = make_dataset("cells")
    ingest_images(dataset, KEY, str(source / "images"), workers=1)
    import_labels(dataset, KEY, str(source / "coco.json"), format="coco")
    return dataset


def results(source, entries) -> str:
    (source / "results.json").write_text(json.dumps(entries))
    return str(source / "results.json")


def outputs(*, ids=range(1, 6), **more):
    return [{"image_id": number, "category_id": 1, "bbox": [10, 10, 30, 20], "score": 0.9, **more} for number in ids]


def gated(dataset, *checks):
    """Return whether gates on the checks let the dataset through."""
    return promote_dataset(dataset, stage="production", gates=[f"findings.{check} == 0" for check in checks]).failure


def test_predictions_that_joined_no_image_move_no_stage(cells, source, caplog):
    import_predictions(cells, KEY, results(source, outputs()), model="m")
    summary = audit_labels(cells, KEY, on_findings="warn").summary
    assert (summary.counts["predictions"], summary.counts["images_compared"], summary.counts["images_compared_by_check"]) == (5, 0, {})
    assert set(summary.details["without_predictions"]) >= DETECTION
    assert DETECTION.isdisjoint(summary.counts["by_check"])
    assert "None of the 5 predictions" in caplog.text
    for check in DETECTION:
        failure = gated(cells, check)
        assert failure is not None
        assert f"findings.{check}: wanted == 0, found no such metric" in failure


def test_with_the_reference_the_same_predictions_let_it_through(cells, source):
    import_predictions(cells, KEY, results(source, outputs()), model="m", coco_reference=str(source / "coco.json"))
    result = audit_labels(cells, KEY, on_findings="warn")
    assert result.summary.counts["images_compared"] == 5
    assert result.summary.counts["images_compared_by_check"] == dict.fromkeys(sorted(DETECTION), 5)
    assert gated(cells, "overlooked_bbox", "spurious_bbox", "badly_located_bbox") is None
    [noted] = result.summary.details["categories_not_shared"]
    assert noted == {"model": "m", "kind": "boxes", "only_labels": ["WBC"], "only_predictions": []}
    metrics = {
        (row["metric"], row["dimensions"]): row["value"] for row in cells.read("metrics", where="step = 'audit:label_audit'").to_pylist()
    }
    assert metrics["images_compared", None] == 5
    assert metrics["images_compared", '{"check": "overlooked_bbox"}'] == 5


def test_some_images_with_predictions_are_told_by_number(cells, source):
    import_predictions(cells, KEY, results(source, outputs(ids=[3])), model="m", coco_reference=str(source / "coco.json"))
    audit_labels(cells, KEY, on_findings="warn")
    assert gated(cells, "overlooked_bbox") is None
    failure = promote_dataset(cells, stage="production", gates=["audit:label_audit/images_compared >= 5"]).failure
    assert "audit:label_audit/images_compared: wanted >= 5, found 1" in failure


def test_predictions_of_no_category_of_the_labels_stop_the_audit(cells, source):
    """Images are named, categories are not: every box would be overlooked, or none, whatever the model saw."""
    import_predictions(cells, KEY, results(source, [{**one, "image_id": f"cell_{one['image_id']}.png"} for one in outputs()]), model="m")
    words = r"Model 'm' shares no category .* have 1, labels with a box have RBC, WBC.*coco_reference"
    with pytest.raises(ConfigurationError, match=words):
        audit_labels(cells, KEY, on_findings="warn")
    assert audit_labels(cells, KEY, on_findings="warn", disabled=sorted({*DETECTION, "doubtful_mask"})).failure is None


def test_a_model_of_one_class_that_labels_do_not_have_stops_the_audit_by_its_name(cells, source):
    reference = json.loads((source / "coco.json").read_text())
    reference["categories"] = [{"id": 1, "name": "cell"}]
    (source / "reference.json").write_text(json.dumps(reference))
    good = results(source, outputs())
    import_predictions(cells, KEY, good, model="good", coco_reference=str(source / "coco.json"))
    import_predictions(cells, KEY, good, model="bad", coco_reference=str(source / "reference.json"))
    with pytest.raises(ConfigurationError, match=r"Model 'bad' shares no category .* have cell"):
        audit_labels(cells, KEY, on_findings="warn")
    assert audit_labels(cells, KEY, on_findings="warn", models=["good"]).summary.counts["images_compared"] == 5
    with pytest.raises(ConfigurationError, match="Model 'bad'"):
        audit_labels(cells, KEY, on_findings="warn", categories=NAMES)


def test_a_category_in_common_in_another_partition_lets_a_small_one_be_judged(cells, source):
    """One picture of a day: labelled WBC, predicted RBC. That is a swapped category, not a model of other things."""
    document = json.loads((source / "coco.json").read_text())
    document["images"], document["annotations"] = document["images"][1:2], document["annotations"][1:2]
    (source / "one.json").write_text(json.dumps(document))
    one = "2026-11-06"
    (source / "day").mkdir()
    (source / "images" / "cell_2.png").rename(source / "day" / "cell_2.png")
    ingest_images(cells, one, str(source / "day"), workers=1)
    import_labels(cells, one, str(source / "one.json"), format="coco")
    import_predictions(cells, one, results(source, outputs(ids=[2])), model="m", coco_reference=str(source / "coco.json"))
    assert audit_labels(cells, one, on_findings="warn").summary.counts["by_check"]["swapped_category"] == 1


def test_box_labels_are_not_judged_by_classes_of_whole_images(cells, source):
    rows = "".join(f"cell_{number}.png,0.9,0.1\n" for number in range(1, 6))
    (source / "p.csv").write_text("file," + ",".join(NAMES) + "\n" + rows)
    import_predictions(cells, KEY, str(source / "p.csv"), model="m")
    summary = audit_labels(cells, KEY, on_findings="warn").summary
    assert {"suspect_label", "disputed_label"} <= set(summary.details["without_predictions"])
    assert summary.metrics["suspect_rate"] != summary.metrics["suspect_rate"], "not a number: nothing could be suspected"
    assert "findings.suspect_label: wanted == 0, found no such metric" in gated(cells, "suspect_label")
    failure = promote_dataset(cells, stage="production", gates=["audit:label_audit/suspect_rate <= 0.1"]).failure
    assert "found no such metric" in failure


def test_boxes_that_may_as_well_be_mistakes_as_objects_are_told_and_give_no_clean_bill(cells, source, caplog):
    """Four of five boxes match no label, at whatever score: no label may be there, or the model may be wrong."""
    places = [[50 + 12 * (number % 4), 35 + 22 * (number // 4), 10, 20] for number in range(8)]
    elsewhere = [{**one, "bbox": place} for place in places for one in outputs()]
    import_predictions(cells, KEY, results(source, [*outputs(), *elsewhere]), model="m", coco_reference=str(source / "coco.json"))
    result = audit_labels(cells, KEY, on_findings="warn")
    assert result.summary.details["overlooked_not_judged"] == {"RBC": 40}
    assert "overlooked_bbox" in result.summary.details["without_predictions"]
    assert "40 confident predicted boxes match no label, and nobody can tell" in caplog.text
    assert "overlooked_bbox: wanted == 0, found no such metric" in gated(cells, "overlooked_bbox")
    gates = ["audit:label_audit/overlooked_not_judged == 0"]
    failure = promote_dataset(cells, stage="production", gates=gates).failure
    assert "overlooked_not_judged: wanted == 0, found 40" in failure
    path = result.summary.report_uri.removeprefix("file://")
    with open(path, encoding="utf-8") as page:
        assert "40 confident predicted boxes match no label" in page.read()
