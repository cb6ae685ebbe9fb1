from __future__ import annotations

import dataclasses
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from airflow_cv_dataops.core.audit.audit_input import derived
from airflow_cv_dataops.core.audit.boxes.pairs import duplicate_bbox
from airflow_cv_dataops.core.audit.check import Check, enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS, SUSPECTING
from airflow_cv_dataops.core.audit.docs import checks_markdown
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows
from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.audit.masks.segmentations import segmentations_of
from airflow_cv_dataops.core.audit.statistics import count_findings
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.findings import Findings

DOCS = Path(__file__).resolve().parents[4] / "docs" / "checks.md"


def test_severities_and_disabled_checks_go_by_id():
    to_run = enabled_checks(BUILT_IN_CHECKS, disabled=("duplicate_id",), severities={"zero_area_bbox": "warning"})
    enabled = {one.check.id: one.severity for one in to_run}
    assert "duplicate_id" not in enabled
    assert enabled["zero_area_bbox"] == "warning"
    assert enabled["negative_bbox"] == "error"


@pytest.mark.parametrize(
    ("checks", "disabled", "severities", "says"),
    [
        (BUILT_IN_CHECKS, ("zero_area_box",), {}, "zero_area_box"),
        (BUILT_IN_CHECKS, "zero_area_bbox", {}, "list of check ids"),
        (BUILT_IN_CHECKS, (), {"nope": "error"}, "nope"),
        (BUILT_IN_CHECKS, (), {"zero_area_bbox": "fatal"}, "fatal"),
        ((*BUILT_IN_CHECKS, BUILT_IN_CHECKS[0]), (), {}, "given twice"),
    ],
)
def test_a_check_or_severity_that_does_not_exist_is_refused(checks, disabled, severities, says):
    with pytest.raises(ConfigurationError, match=says):
        enabled_checks(checks, disabled=disabled, severities=severities)


@pytest.mark.parametrize(
    "changed", [{"id": "Not An Id"}, {"default_severity": "bad"}, {"reads": ("images.nope",)}, {"reads": ("findings.check",)}]
)
def test_a_check_that_cannot_work_is_refused_when_it_is_made(changed):
    arguments = {"id": "mine", "default_severity": "error", "meaning": "", "fix": "", "run": lambda data: None}
    with pytest.raises(ConfigurationError):
        Check(**{**arguments, **changed})


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [
        ({"bbox_partly_outside": {"outside_px": -1}}, "outside_px"),
        ({"zero_area_bbox": {"side_px": float("nan")}}, "side_px"),
        ({"zero_area_bbox": {"side_px": "wide"}}, "side_px"),
        ({"zero_area_bbox": {"nope": 1}}, "it has side_px"),
        ({"nope": {}}, "nope"),
        ({"zero_area_bbox": 3}, "no mapping"),
    ],
)
def test_thresholds_that_cannot_be_used_are_refused(thresholds, says):
    with pytest.raises(ConfigurationError, match=says):
        enabled_checks(BUILT_IN_CHECKS, thresholds=thresholds)


def test_a_threshold_that_counts_takes_whole_numbers_only():
    def crowded(data, *, at_most=5):
        return None

    mine = Check("crowded", "info", "", "", crowded)
    assert mine.with_thresholds({"at_most": "7"}) == {"at_most": 7}
    with pytest.raises(ConfigurationError, match="whole number"):
        mine.with_thresholds({"at_most": 1.5})


def test_thresholds_go_by_check_and_name_and_may_come_out_of_a_template(audit_input, flagged):
    by_id = {one.check.id: one for one in enabled_checks(BUILT_IN_CHECKS, thresholds={"zero_area_bbox": {"side_px": "5"}})}
    data = audit_input([{"bbox": (1, 1, 4, 90)}, {"bbox": (1, 1, 6, 90)}])
    assert flagged(by_id["zero_area_bbox"].run(data)) == ["0"]
    assert by_id["zero_area_bbox"].check(data) is None


def test_findings_of_a_suspecting_check_count_as_label_errors_whatever_their_severity(audit_input):
    def bright(data):
        return annotation_rows(data, np.array([0]), "?")

    found = [Findings("bright", "info", bright(audit_input([{}, {}])))]
    counted = {
        suspects: count_findings(audit_input([{}, {}]), [Check("bright", "info", "", "", bright, suspects=suspects)], found)
        for suspects in (True, False)
    }
    assert (counted[True].label_error_rate, counted[True].suspect_rate) == (0.5, 0.5)
    assert counted[False].label_error_rate == 0
    assert math.isnan(counted[False].suspect_rate), "no check that ran suspects labels"


def test_the_suspecting_checks_are_known_by_id():
    assert "suspect_label" in SUSPECTING
    assert "disputed_label" not in SUSPECTING


def test_a_similarity_of_boxes_below_one_half_is_refused(audit_input):
    with pytest.raises(ConfigurationError, match=r"0\.5 to 1"):
        duplicate_bbox(audit_input([{}]), iou=0.1)


def test_every_built_in_check_accepts_an_empty_partition(audit_input):
    data = audit_input([], images=[])
    assert [check.id for check in BUILT_IN_CHECKS if check.run(data) is not None] == []


def test_group_codes_are_equal_exactly_where_all_columns_are():
    import pyarrow as pa

    codes = group_codes(pa.chunked_array([["a", None], ["a", "b"]]), pa.chunked_array([["x", "x", "x"], [None]]))
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 3


def test_the_table_of_checks_in_the_docs_is_up_to_date():
    assert checks_markdown() in DOCS.read_text(), "paste the output of checks_markdown()"


@pytest.mark.parametrize("page", [DOCS, DOCS.parents[1] / "CONTRIBUTING.md"], ids=["checks", "contributing"])
def test_the_docs_example_of_a_check_finds_what_it_says(page, audit_input, flagged):
    example = re.search(r"```python\n(.*?)```", page.read_text(), re.S).group(1)
    assert len(example.strip().splitlines()) <= 20
    names: dict = {}
    exec(example, names)
    found = names["small_bbox"](audit_input([{"bbox": (1, 1, 3, 3)}, {"bbox": (1, 1, 30, 30)}]))
    assert flagged(found) == ["0"]
    assert found["message"].to_pylist() == ["box of 3 x 3 px is too small to train on"]


def test_the_audit_and_sampling_modules_import_nothing_heavy():
    code = (
        "import sys, airflow_cv_dataops.core.audit.audit, airflow_cv_dataops.core.audit.docs, airflow_cv_dataops.core.sampling.sample;"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'PIL', 'pyiceberg', 'obstore', 'airflow'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("leader", "name", "follower", "following", "value", "other"),
    [
        ("suspect_label", "mode", "disputed_label", "mode", "recall", "precision"),
        ("duplicate_bbox", "iou", "near_duplicate_bbox", "duplicate_iou", 0.9, 0.8),
    ],
)
def test_a_check_that_goes_on_where_another_ends_takes_over_its_threshold(leader, name, follower, following, value, other):
    def given(thresholds):
        return {one.check.id: one for one in enabled_checks(BUILT_IN_CHECKS, thresholds=thresholds)}[follower].thresholds

    assert given({leader: {name: value}}) == {following: value}
    assert given({leader: {name: value}, follower: {following: other}}) == {following: other}
    assert given({}) == {}


def test_what_checks_derive_is_worked_out_once_for_each_input(audit_input):
    made = []

    @derived
    def counted(data):
        made.append(data)
        return len(made)

    first, second = audit_input([]), audit_input([])
    assert [counted(first), counted(second), counted(first), counted(second)] == [1, 2, 1, 2]
    assert counted(dataclasses.replace(first)) == 3


def test_an_input_that_checks_have_looked_at_is_sent_to_another_process(audit_input):
    data = audit_input([{"bbox": None, "segmentation": "[[0, 0, 4, 0, 4, 4]]"}])
    found = segmentations_of(data)
    sent = pickle.loads(pickle.dumps(data))
    assert segmentations_of(data) is found
    assert segmentations_of(sent).polygon_area.tolist() == found.polygon_area.tolist() == [8.0]


@pytest.mark.parametrize("name", ["suspect_label", "disputed_label"])
def test_a_choice_that_there_is_not_is_refused_before_there_is_anything_to_choose_from(name):
    with pytest.raises(ConfigurationError, match=r"mode='balancd' is unknown: expected one of balanced, precision, recall, "):
        enabled_checks(BUILT_IN_CHECKS, thresholds={name: {"mode": "balancd"}})
    assert enabled_checks(BUILT_IN_CHECKS, thresholds={name: {"mode": "recall"}})
