from __future__ import annotations

import json

import numpy as np
from unit.core.audit.detection.objects_in_a_grid import audit_input, objects, scored

from airflow_cv_dataops.core.audit.check import enabled_checks
from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged
from airflow_cv_dataops.core.audit.detection.told import not_judged_in_words, not_judged_of, not_judged_summary


def test_nothing_is_told_where_all_could_be_judged(caplog):
    assert not_judged_summary(None) == not_judged_summary({}) == {}
    assert caplog.text == ""


def test_the_categories_with_most_boxes_that_cannot_be_judged_are_named_and_the_log_warns(caplog):
    assert not_judged_summary({"RBC": 1200, "WBC": 3}) == {"overlooked_not_judged": {"RBC": 1200, "WBC": 3}}
    assert "1,203 confident predicted boxes match no label" in caplog.text
    assert "RBC (1,200), WBC (3)." in caplog.text


def test_what_is_told_is_bounded():
    many = {f"{number:03d}" + "x" * 500: 1 for number in range(1000)}
    named = not_judged_summary(many)["overlooked_not_judged"]
    assert len(named) == 10
    assert len(json.dumps(named)) < 1000
    assert "and 990 more categories" in not_judged_in_words(many)


def test_long_names_that_begin_alike_stay_apart():
    alike = {"x" * 80 + f"{number}" + "y" * end: number + 1 for number in range(3) for end in (0, 200)}
    named = not_judged_summary(alike)["overlooked_not_judged"]
    assert sorted(named.values()) == sorted(alike.values())
    assert max(map(len, named)) <= 64


def test_names_can_harm_no_log(caplog):
    named = not_judged_summary({"\u202eevil\nnew\tline\x1b[31m": 4})["overlooked_not_judged"]
    assert list(named) == ["\ufffdevil\ufffdnew\ufffdline\ufffd[31m"]
    assert all(letter not in caplog.messages[0] for letter in "\u202e\n\t\x1b")


def test_what_is_named_goes_by_the_thresholds_that_the_check_runs_with():
    image, box, ease = objects(np.random.default_rng(0))
    is_missing = np.random.default_rng(1).random(len(image)) < 0.2
    data = audit_input(image, box, (image, box), scored(ease), ~is_missing)
    assert not_judged_of(enabled_checks([overlooked_bbox]), data) == {}
    strict = {"precision": "1", "overlap": 0.2}
    named = not_judged_of(enabled_checks([overlooked_bbox], thresholds={"overlooked_bbox": strict}), data)
    assert named == overlooked_not_judged(data, precision=1.0, overlap=0.2)
    assert named["cell"] > 0
