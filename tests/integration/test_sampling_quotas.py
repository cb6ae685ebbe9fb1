"""Quotas and minimums by what a detector sees in images, on real tables: what is chosen, and what is told of it."""

from __future__ import annotations

import re

import pytest
from sampling_rows import KEY, box, chosen, image, manifest_of, output, write

from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.sampling.sample import sample_hard_examples

pytestmark = pytest.mark.integration

# Every image has red cells, the harder the earlier; d and e have platelets of which the detector is sure, f has one that it doubts.
RED = {"a": 0.55, "b": 0.6, "c": 0.65, "d": 0.7, "e": 0.75, "f": 0.8}


@pytest.fixture
def cells(make_dataset):
    dataset = make_dataset("cells")
    write(dataset, "images", [image(f"{'left' if name < 'd' else 'right'}/{name}", name) for name in RED])
    boxes = [box(name, score, "RBC") for name, score in RED.items()]
    boxes += [box("d", 0.95, "Platelets", 1), box("e", 0.95, "Platelets", 1), box("f", 0.2, "Platelets", 1)]
    write(dataset, "predictions", boxes, owner="m")
    return dataset


def test_a_minimum_of_a_category_is_of_images_in_which_the_model_sees_it(cells):
    result = sample_hard_examples(cells, KEY, budget=3, min_per={"category": {"Platelets": 2}})
    assert sorted(chosen(result)) == ["a", "d", "e"]
    assert {entry["image_id"]: entry["category"] for entry in manifest_of(result)}["d"] == "RBC", "that of the most uncertain box"
    assert result.summary.counts["by_category"] == {"RBC": 3}
    said = {entry["image_id"]: entry["reasons"][0] for entry in manifest_of(result)}
    assert (said["d"], said["e"]) == ("taken to meet a minimum",) * 2
    assert said["a"] != "taken to meet a minimum"
    short = sample_hard_examples(cells, KEY, budget=3, min_per={"category": {"Platelets": 3}})
    assert short.summary.details["notes"] == ["Of images with 'Platelets', 2 of at least 3 were taken; there are 2."]


def test_of_a_group_that_does_not_fit_the_budget_the_note_says_that_it_is_there(cells):
    write(cells, "predictions", [box("a", 0.9, "RBC", number) for number in range(8)] + [box("b", 0.6, "WBC")], owner="m")
    result = sample_hard_examples(cells, KEY, budget=3, budget_unit="boxes", min_per={"category": {"RBC": 1}})
    assert (
        result.summary.details["notes"][0]
        == "Of images with 'RBC', 0 of at least 1 were taken; there is 1, of which 0 would fit the budget."
    )


def test_a_share_of_a_category_that_is_everywhere_ends_the_batch_and_the_note_says_so(cells):
    write(cells, "predictions", [box(name, score, "RBC") for name, score in RED.items() if name != "f"], owner="m")
    result = sample_hard_examples(cells, KEY, budget=6, max_per={"category": 0.5})
    assert chosen(result) == ["a", "b", "c", "f"]
    assert result.summary.details["notes"] == [
        "The batch has 4 of 6 images: no other of the 6 candidates is within the limits. "
        "Full groups keep 2 images out: images with 'RBC' (3 at most; 2 more would fit)."
    ]


def test_a_budget_in_boxes_that_full_groups_leave_over_is_told(cells):
    result = sample_hard_examples(cells, KEY, budget=12, budget_unit="boxes", max_per={"source": {"s3://photos/left": 1}})
    assert sorted(chosen(result)) == ["a", "d", "e", "f"]
    assert result.summary.details["notes"] == [
        "The batch takes 5.35 of 12 boxes: no other of the 6 candidates is within the limits. "  # 1, 1.65, 1.7 and 1 expected
        "Full groups keep 2 images out: source 's3://photos/left' (1 at most; 2 more would fit)."
    ]


def test_a_limit_of_a_category_that_no_image_has_is_told_in_words(cells):
    result = sample_hard_examples(cells, KEY, budget=2, max_per={"category": {"Blasts": 1}})
    assert result.summary.details["notes"] == [
        "There is no image with 'Blasts' in the pool, for which there is a limit: there are 'RBC', 'Platelets'."
    ]


def test_the_page_counts_images_of_every_category_and_says_which(cells):
    result = sample_hard_examples(cells, KEY, budget=3, min_per={"category": {"Platelets": 2}}, max_per={"source": {"s3://photos/left": 2}})
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", read_report(cells, result.summary.report_uri).decode()))
    assert "every category of which the model predicts a box with a confidence of at least 0.5" in page
    assert "RBC pool 100% (6) batch 100% (3)" in page
    assert "Platelets at least 2 pool 33% (2) batch 67% (2)" in page
    assert "left at most 2 pool 50% (3) batch 33% (1)" in page, "the limit of a folder stands beside it"


def test_a_classifier_says_one_category_an_image(cells):
    write(cells, "predictions", [output(name, cat=score) for name, score in RED.items()], owner="m")
    result = sample_hard_examples(cells, KEY, budget=3, max_per_class=2)
    assert chosen(result) == ["a", "b"]
    page = read_report(cells, result.summary.report_uri).decode()
    assert "for every category" not in page
