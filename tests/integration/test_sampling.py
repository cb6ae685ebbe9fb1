"""Sampling from real tables: manifest, rows, metrics and lineage."""

from __future__ import annotations

import logging

import pytest
from sampling_rows import KEY, NOW, image, label, manifest_of, output, write

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples
from airflow_cv_dataops.core.store.objects import read_uri

pytestmark = pytest.mark.integration


@pytest.fixture
def photos(make_dataset):
    """Six files, five images: e is a copy of d, a is labelled, f has no prediction."""
    dataset = make_dataset("photos")
    write(dataset, "images", [image(name, "d" if name == "e" else name) for name in "abcdef"])
    certainty = {"a": 0.5, "b": 0.9, "c": 0.6, "d": 0.55}
    write(dataset, "predictions", [output(name, cat=cat) for name, cat in certainty.items()], owner="m")
    write(dataset, "annotations", [label("a"), label(None)], owner="default")
    return dataset


def test_unlabelled_images_are_sampled_hardest_first(photos):
    result = sample_hard_examples(photos, KEY)
    summary = result.summary.to_dict()
    assert summary["counts"] == {
        "images": 5,
        "candidates": 3,
        "already_labelled": 1,
        "queued": 0,
        "poor_quality": 0,
        "without_embedding": 0,
        "without_prediction": 1,
        "without_score": 0,
        "declared_empty": 0,
        "near_duplicates": 0,
        "sampled": 3,
        "sampled_at_random": 0,
        "unmet_minimums": 0,
        "by_category": {"cat": 3},
    }
    rows = photos.read("samples", partition_key=KEY).sort_by("rank").to_pylist()
    assert [(row["rank"], row["image_id"], row["source_uri"]) for row in rows] == [
        (1, "d", "s3://photos/d.png"),
        (2, "c", "s3://photos/c.png"),
        (3, "b", "s3://photos/b.png"),
    ]
    assert {row["seed"] for row in rows} == {summary["seed"]}
    assert summary["metrics"]["score_max"] == rows[0]["score"]
    assert result.failure is None


def test_an_image_in_which_nothing_is_said_to_be_is_no_candidate(photos):
    """As an empty YOLO file, or a COCO image without annotations, says it: somebody has looked."""
    said = {**label("d"), "task": "background", "category": None}
    write(photos, "annotations", [label("a"), said], owner="default")
    result = sample_hard_examples(photos, KEY)
    assert result.summary.counts["already_labelled"] == 2
    assert [row["image_id"] for row in photos.read("samples", partition_key=KEY).sort_by("rank").to_pylist()] == ["c", "b"]


def test_the_manifest_holds_what_the_rows_hold_and_no_clock(photos):
    result = sample_hard_examples(photos, KEY, strategy="entropy", budget=1, model="m")
    [entry] = manifest_of(result)
    assert entry == {
        "rank": 1,
        "image_id": "d",
        "source_uri": "s3://photos/d.png",
        "storage_uri": "s3://photos/d.png?kept",
        "file_name": "d.png",
        "width": 8,
        "height": 8,
        "score": entry["score"],
        "category": "cat",
        "probabilities": {"cat": pytest.approx(0.55), "dog": pytest.approx(0.45)},
        "boxes": [],
        "strategy": "entropy",
        "reasons": ["the model wavers between cat and dog (55% against 45%)"],
        "dataset": "photos",
        "partition_key": KEY,
    }
    assert result.summary.details["manifest_uri"].endswith("/photos/samples/hard_examples/2026-11-05.jsonl")


def test_a_rerun_leaves_the_same_rows_and_the_same_bytes(photos):
    first = sample_hard_examples(photos, KEY)
    rows, manifest = photos.read("samples"), read_uri(first.summary.details["manifest_uri"])
    second = sample_hard_examples(photos, KEY)
    assert photos.read("samples").equals(rows)
    assert read_uri(second.summary.details["manifest_uri"]) == manifest


def test_a_sample_depends_on_its_own_partition_alone(photos):
    sample_hard_examples(photos, KEY)
    before = photos.read("samples")
    write(photos, "annotations", [label("d")], key="2026-11-04", owner="default")
    sample_hard_examples(photos, KEY)
    assert photos.read("samples").equals(before)


def test_a_label_of_the_same_image_in_another_partition_counts_where_it_is_asked_for(photos):
    write(photos, "annotations", [label("d")], key="2026-11-04", owner="default")
    result = sample_hard_examples(photos, KEY, manifest=None, labelled_in="dataset")
    assert photos.read("samples")["image_id"].to_pylist() == ["c", "b"]
    assert result.summary.counts["already_labelled"] == 2
    assert result.summary.details["manifest_uri"] is None
    with pytest.raises(ConfigurationError, match="labelled_in"):
        sample_hard_examples(photos, KEY, labelled_in="everywhere")


def test_findings_about_a_chosen_image_stand_in_its_reasons(photos):
    found = {"check": "blurry", "severity": "warning", "message": "", "image_id": "d"}
    unlabelled = {**found, "check": "image_without_label"}
    write(photos, "findings", [{"finding_id": "1", **found}, {"finding_id": "2", **unlabelled}], owner="quality")
    [entry] = manifest_of(sample_hard_examples(photos, KEY, strategy="entropy", budget=1))
    assert entry["reasons"] == ["the model wavers between cat and dog (55% against 45%)", "audits found: blurry"]


def test_boxes_are_scored_by_their_confidence_and_an_image_without_a_box_as_asked(photos):
    boxes = [
        output("b", task="detection", score=0.99, category="cell"),
        output("b", task="detection", score=0.6, category="blob", number=1),
        output("c", task="detection", score=0.9, category="cell"),
    ]
    write(photos, "predictions", boxes, owner="m")
    entries = manifest_of(sample_hard_examples(photos, KEY, strategy="margin"))
    assert [(entry["image_id"], entry["score"], entry["category"]) for entry in entries[:2]] == [("b", 0.8, "blob"), ("c", 0.2, "cell")]
    assert sorted(entry["image_id"] for entry in entries[2:]) == ["d", "f"]
    assert entries[2]["reasons"] == ["the model predicts no box"]
    left_out = sample_hard_examples(photos, KEY, strategy="margin", empty_score=None, aggregate="mean")
    assert [entry["score"] for entry in manifest_of(left_out)] == [0.41, 0.2]
    assert left_out.summary.counts["without_prediction"] == 2


def test_several_models_must_be_told_apart(photos):
    write(photos, "predictions", [output("b", cat=0.5)], owner="n")
    with pytest.raises(ConfigurationError, match=r"several models .*: m, n"):
        sample_hard_examples(photos, KEY)
    with pytest.raises(ConfigurationError, match=r"'typo' has no predictions .* of m, n"):
        sample_hard_examples(photos, KEY, model="typo")
    assert sample_hard_examples(photos, KEY, model="n").summary.counts["sampled"] == 1


@pytest.mark.parametrize("model", [None, "m"])
def test_without_predictions_nothing_is_sampled_and_the_log_says_why(make_dataset, caplog, model):
    dataset = make_dataset("photos", made=True)
    write_metrics(dataset, KEY, "ingest", [Metric("images", 0)], NOW)
    with caplog.at_level(logging.WARNING):
        result = sample_hard_examples(dataset, KEY, model=model)
    assert result.summary.to_dict()["counts"]["sampled"] == 0
    assert result.summary.to_dict()["metrics"] == {"score_max": None, "score_min": None, "score_mean": None, "spent": 0.0}
    assert "No predictions in table photos.predictions, partition 2026-11-05" in caplog.text
    write(dataset, "images", [image("a")])
    assert sample_hard_examples(dataset, KEY, model=model).summary.counts["without_prediction"] == 1


def test_metrics_and_lineage_name_what_was_read_and_written(photos):
    result = sample_hard_examples(photos, KEY, strategy="entropy", max_per_class=2, seed=7)
    metrics = {(row["metric"], row["dimensions"]): row["value"] for row in photos.read("metrics").to_pylist()}
    assert metrics["sampled", None] == 2
    assert metrics["sampled", '{"category": "cat"}'] == 2
    uses = {use.table: use for use in result.lineage.inputs}
    assert {table: use.rows for table, use in uses.items()} == {"images": 6, "predictions": 4, "annotations": 2}
    assert uses["predictions"].snapshot_id == photos.snapshot_id("predictions")
    assert uses["annotations"].partition_key == KEY
    [output_use, metrics_use] = result.lineage.outputs
    assert (metrics_use.table, metrics_use.rows, metrics_use.snapshot_id) == ("metrics", len(metrics), photos.snapshot_id("metrics"))
    assert (output_use.table, output_use.rows, output_use.snapshot_id) == ("samples", 2, photos.snapshot_id("samples"))
    assert result.lineage.parameters == {
        "strategy": "entropy",
        "seed": 7,
        "budget": 100,
        "maxPerClass": 2,
        "model": "m",
        "manifestUri": result.summary.details["manifest_uri"],
    }


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"seed": 2**63}, {"budget": 0}, {"strategy": "baldness"}, {"empty_score": 2}, {"sample_id": "../x"}]
)
def test_wrong_arguments_are_refused_before_anything_is_read(make_dataset, wrong):
    with pytest.raises(ConfigurationError):
        sample_hard_examples(make_dataset(), KEY, **wrong)
