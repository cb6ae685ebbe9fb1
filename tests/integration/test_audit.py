"""The audit on real tables: findings, metrics, policy and lineage."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from audit_rows import KEY, NOW, bbox, image, label, write

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.release.candidate import Wanted, build_candidate
from airflow_cv_dataops.core.report.location import read_report

pytestmark = pytest.mark.integration

CLASSES = json.dumps(["cat", "dog"])


@pytest.fixture
def cells(make_dataset):
    """Three images, four labels: one box without area, one beyond its image, two good ones; one image without a label."""
    dataset = make_dataset("cells")
    write(dataset, "images", [image(name) for name in ("a.jpg", "b.jpg", "c.jpg")])
    good = bbox(10, 10, 20, 20)
    labels = [
        label("a.jpg", 0, bbox=good),
        label("a.jpg", 1, bbox=bbox(5, 5, 0, 9)),
        label("b.jpg", 0, bbox=good, category="blob"),
        label("b.jpg", 1, bbox=bbox(630, 10, 20, 20)),
    ]
    write(dataset, "annotations", labels, owner="default")
    return dataset


def test_findings_are_written_counted_and_fail_the_audit(cells):
    result = audit_labels(cells, KEY, disabled=["rare_category"])
    found = {row["check"]: row for row in cells.read("findings", partition_key=KEY).to_pylist()}
    assert {check: (row["severity"], row["annotation_id"]) for check, row in found.items()} == {
        "zero_area_bbox": ("error", "a.jpg:1"),
        "bbox_partly_outside": ("warning", "b.jpg:1"),
        "image_without_label": ("info", None),
    }
    summary = result.summary.to_dict()
    assert summary["counts"] | {"by_check": None} == {
        "images": 3,
        "labelled_images": 2,
        "annotations": 4,
        "backgrounds": 0,
        "predictions": 0,
        "images_compared": 0,
        "images_compared_by_check": {},
        "findings": 3,
        "by_severity": {"error": 1, "warning": 1, "info": 1},
        "by_check": None,
        "checks_without_findings": 12,
        "checks_with_nothing_to_check": len(summary["nothing_to_check"]) + len(summary["without_predictions"]),
        "erroneous": 1,
        "annotations_with_findings": 2,
    }
    assert summary["counts"]["by_check"] == {"zero_area_bbox": 1, "bbox_partly_outside": 1, "image_without_label": 1}
    assert result.summary.counts["by_check"]["negative_bbox"] == 0
    assert summary["metrics"] == {
        "label_error_rate": 0.25,
        "label_error_rate_low": 0.045587,
        "label_error_rate_high": 0.699358,
        "suspect_rate": None,
        "worst_categories": [
            {
                "category": "cell",
                "label_error_rate": 0.333333,
                "label_error_rate_low": 0.061492,
                "label_error_rate_high": 0.79234,
                "annotations": 3,
            }
        ],
    }
    assert summary["snapshot_id"] == cells.snapshot_id("findings")
    assert "1 finding (1 of severity error)" in result.failure
    assert "table cells.findings, partition 2026-11-05, audit label_audit" in result.failure
    assert not result.skip


def test_statements_that_nothing_is_there_are_told_apart_in_numbers_and_report(cells):
    nothing = {"task": "background", "category": None}
    write(cells, "annotations", [label("c.jpg", 0, **nothing), label("gone.jpg", 0, **nothing)], owner="round_2")
    result = audit_labels(cells, KEY)
    counts = result.summary.counts
    assert (counts["images"], counts["labelled_images"], counts["annotations"], counts["backgrounds"]) == (3, 3, 4, 1)
    assert (counts["by_check"]["image_without_label"], counts["by_check"]["missing_image"]) == (0, 1)
    [gone] = cells.read("findings", where="check = 'missing_image'").to_pylist()
    assert (gone["annotation_id"], gone["severity"]) == ("gone.jpg:0", "error")
    page = read_report(cells, result.summary.report_uri).decode()
    assert "3 labelled, 1 of them empty" in page
    assert "the empty image gone.jpg" in page
    [annotations] = [use for use in result.lineage.inputs if use.table == "annotations"]
    assert annotations.rows == 6


def test_a_check_that_has_no_predictions_to_go_by_has_not_run(cells):
    """Its zero would let a gate such as findings.suspect_label == 0 pass over labels that nobody has judged."""
    result = audit_labels(cells, KEY)
    judging = {"suspect_label", "disputed_label", "overlooked_bbox", "badly_located_bbox", "swapped_category", "spurious_bbox"}
    assert judging <= set(result.summary.to_dict()["without_predictions"])
    assert judging.isdisjoint(result.summary.counts["by_check"])
    page = read_report(cells, result.summary.report_uri).decode()
    looked, could_not = re.findall(r'<p class="ids">(.*?)</p>.*?<dl class="ids">(.*?)</dl>', page)[0]
    assert judging.isdisjoint(looked.split(", "))
    reasons = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", could_not))
    assert judging <= set(reasons["No predictions of the kind that they compare labels with:"].split(", "))
    assert "invalid_keypoints" in reasons["This partition has nothing of what they look at:"].split(", ")
    assert "invalid_keypoints" not in looked
    assert "zero_area_bbox" in result.summary.counts["by_check"]
    candidate = build_candidate(cells, Wanted())
    assert "findings.suspect_label" not in candidate.metrics
    assert candidate.metrics["findings.negative_bbox"] == 0


def test_a_limit_on_a_check_that_could_not_judge_does_not_hold(cells):
    result = audit_labels(cells, KEY, fail_on=(), limits={"suspect_label": "2%", "zero_area_bbox": 1})
    assert "nothing to compare for suspect_label, so that nobody knows whether the limit holds" in result.failure
    assert audit_labels(cells, KEY, fail_on=(), limits={"zero_area_bbox": 1}).failure is None


@pytest.mark.parametrize("score", [7.0, -0.1, float("nan")])
def test_a_score_that_is_none_is_refused(cells, score):
    def odd(data):
        return annotation_rows(data, np.array([0]), "odd", score=[score])

    with pytest.raises(ConfigurationError, match="'odd' returned a score outside 0"):
        audit_labels(cells, KEY, checks=[Check("odd", "info", "", "", odd)])


def test_a_rerun_leaves_the_same_findings(cells):
    audit_labels(cells, KEY)
    first = cells.read("findings")
    audit_labels(cells, KEY)
    assert cells.read("findings").equals(first)


def test_findings_do_not_depend_on_the_order_in_which_rows_were_written(cells):
    audit_labels(cells, KEY)
    first = cells.read("findings")
    for table, owner in (("images", None), ("annotations", "default")):
        rows = cells.read(table).to_pylist()[::-1]
        write(
            cells,
            table,
            [{name: value for name, value in row.items() if name not in ("partition_key", "label_set")} for row in rows],
            owner=owner,
        )
    audit_labels(cells, KEY)
    assert cells.read("findings").equals(first)


def test_audits_of_different_names_stand_side_by_side(cells):
    audit_labels(cells, KEY, audit="strict", severities={"image_without_label": "error"})
    audit_labels(cells, KEY, audit="lax", disabled=[check.id for check in BUILT_IN_CHECKS])
    assert set(cells.read("findings")["audit"].to_pylist()) == {"strict"}
    assert {row["step"] for row in cells.read("metrics").to_pylist()} == {"audit:strict", "audit:lax"}


@pytest.mark.parametrize(
    ("policy", "fails", "skips"),
    [
        ({}, True, False),
        ({"on_findings": "warn"}, False, False),
        ({"on_findings": "skip"}, True, True),
        ({"fail_on": ()}, False, False),
        ({"severities": {"zero_area_bbox": "info"}}, False, False),
        ({"severities": {"zero_area_bbox": "info"}, "fail_on": ("info",)}, True, False),
        ({"max_error_rate": 0.25}, False, False),
        ({"max_error_rate": 0.24}, True, False),
        ({"max_error_rate": 0.24, "on_findings": "skip"}, True, True),
        ({"max_error_rate": 0.24, "on_findings": "warn"}, False, False),
        ({"limits": {"zero_area_bbox": 1}}, False, False),
        ({"limits": {"zero_area_bbox": 0}}, True, False),
        ({"limits": {"zero_area_bbox": "25%"}}, False, False),
        ({"limits": {"zero_area_bbox": "24.9%"}, "on_findings": "skip"}, True, True),
        ({"limits": {"zero_area_bbox": 1, "bbox_partly_outside": 0}}, True, False),
        ({"limits": {"bbox_partly_outside": 0}, "on_findings": "warn", "fail_on": ()}, False, False),
        ({"limits": {"bbox_partly_outside": 0}, "max_error_rate": 1}, True, False),
        ({"limits": {"bbox_partly_outside": 0}, "disabled": ["bbox_partly_outside"], "fail_on": ()}, False, False),
    ],
)
def test_policy_decides_whether_the_audit_fails(cells, policy, fails, skips):
    result = audit_labels(cells, KEY, **policy)
    assert (result.failure is not None, result.skip) == (fails, skips)


def test_a_warning_is_logged_where_policy_only_warns(cells, caplog):
    audit_labels(cells, KEY, on_findings="warn", max_error_rate=0.1)
    assert "1 of 4 annotations (25.00%) are wrong or suspect, more than max_error_rate=0.1 allows" in caplog.text


def test_a_failure_is_not_logged_as_well_since_the_task_says_it(cells, caplog):
    result = audit_labels(cells, KEY, max_error_rate=0.1)
    assert "more than max_error_rate=0.1 allows" in result.failure
    assert "more than max_error_rate=0.1 allows" not in caplog.text


def test_a_failure_names_every_reason_with_what_was_wanted_and_found(cells):
    failure = audit_labels(cells, KEY, limits={"bbox_partly_outside": 0, "image_without_label": "12.5 %"}).failure
    assert failure.startswith(
        "2 checks are above the limit: bbox_partly_outside (at most 0 wanted, 1 found), "
        "image_without_label (at most 12.5% of the annotations wanted, 1 of 4, 25.00% found); 1 finding (1 of severity error); "
        "see table cells.findings, partition 2026-11-05, audit label_audit ("
    )


def test_metrics_tell_checks_severities_and_categories_apart(cells):
    audit_labels(cells, KEY, recorded_at=NOW)
    rows = cells.read("metrics", partition_key=KEY).to_pylist()
    metrics = {(row["metric"], row["dimensions"]): row["value"] for row in rows}
    assert metrics["findings", '{"check": "zero_area_bbox", "severity": "error"}'] == 1
    assert metrics["findings", '{"check": "negative_bbox", "severity": "error"}'] == 0
    assert metrics["label_error_rate", None] == 0.25
    assert metrics["label_error_rate", '{"category": "blob"}'] == 0
    assert metrics["annotations", '{"category": "cell"}'] == 3
    interval = [metrics[f"label_error_rate_{end}", '{"category": "cell"}'] for end in ("low", "high")]
    assert interval == pytest.approx([0.061492, 0.79234], abs=1e-6)
    assert metrics["label_error_rate_low", '{"category": "blob"}'] == 0
    assert metrics["label_error_rate_high", None] == pytest.approx(0.699358, abs=1e-6)
    assert {row["recorded_at"] for row in rows} == {NOW}


def test_only_the_label_sets_and_models_asked_for_are_read(cells):
    write(cells, "annotations", [label("c.jpg", 0, bbox=bbox(1, 1, 0, 0))], owner="round_2")
    assert audit_labels(cells, KEY, label_sets=["round_2"]).summary.counts["annotations"] == 1
    with pytest.raises(ConfigurationError, match="has anything of label set nobody"):
        audit_labels(cells, KEY, label_sets=["nobody"])
    write(cells, "annotations", [label("c.jpg", 0, bbox=bbox(1, 1, 9, 9))], owner="round_2", key="2026-11-06")
    assert audit_labels(cells, "2026-11-06", label_sets=["default"]).summary.counts["annotations"] == 0, "a day may lack a label set"
    assert audit_labels(cells, KEY).summary.counts["annotations"] == 5


def test_a_partition_without_anything_has_no_findings_and_no_rate(make_dataset):
    dataset = make_dataset("empty", made=True)
    write_metrics(dataset, KEY, "ingest", [Metric("images", 0)], NOW)
    result = audit_labels(dataset, KEY, max_error_rate=0.0)
    summary = result.summary.to_dict()
    assert (summary["counts"]["findings"], summary["metrics"]["label_error_rate"], result.failure) == (0, None, None)
    assert result.lineage.facts["labelErrorRate"] is None


def test_suspect_labels_count_as_label_errors_and_do_not_fail_by_default(make_dataset):
    dataset = make_dataset("pets")
    certainty = {"a.jpg": 0.9, "b.jpg": 0.95, "c.jpg": 0.1, "d.jpg": 0.05}
    write(dataset, "images", [image(name) for name in certainty])
    given = ["cat", "cat", "dog", "cat"]
    labels = [label(name, 0, task="classification", category=category) for name, category in zip(certainty, given, strict=True)]
    write(dataset, "annotations", labels, owner="default")
    joined = {name: hashlib.sha256(name.encode()).hexdigest() for name in certainty}
    outputs = [
        {
            "prediction_id": name,
            "image_id": joined[name],
            "file_name": name,
            "task": "classification",
            "probabilities": [cat, 1 - cat],
            "classes": CLASSES,
            "source": "s3://p.csv",
        }
        for name, cat in certainty.items()
    ]
    write(dataset, "predictions", outputs, owner="m")
    result = audit_labels(dataset, KEY, disabled=["rare_category"])
    [found] = dataset.read("findings").to_pylist()
    assert (found["check"], found["annotation_id"], round(found["score"], 6)) == ("suspect_label", "d.jpg:0", 0.05)
    assert json.loads(found["suggestion"])["category"] == "dog"
    assert (result.summary.metrics["label_error_rate"], result.summary.metrics["suspect_rate"], result.failure) == (0.25, 0.25, None)
    with pytest.raises(ConfigurationError, match="has anything of model another"):
        audit_labels(dataset, KEY, models=["another"])


def test_a_finding_about_a_category_is_at_no_image_and_a_label_error_of_none(cells):
    result = audit_labels(cells, KEY, severities={"rare_category": "error", "zero_area_bbox": "info"})
    found = cells.read("findings", where="check = 'rare_category'").to_pylist()
    places = sorted((row["category"], row["image_id"], row["source_uri"], row["annotation_id"]) for row in found)
    assert places == [("blob", None, None, None), ("cell", None, None, None)]
    assert len({row["finding_id"] for row in found}) == 2
    assert (result.summary.counts["by_severity"]["error"], result.summary.metrics["label_error_rate"]) == (2, 0)
    assert "2 of severity error" in result.failure


def test_lineage_has_an_assertion_for_each_check_that_looked_at_something(cells):
    result = audit_labels(cells, KEY, disabled=["duplicate_id", "rare_category"])
    uses = {use.table: use for use in result.lineage.inputs}
    assert {table: use.rows for table, use in uses.items()} == {"images": 3, "annotations": 4}
    annotations = uses["annotations"]
    assert annotations.snapshot_id == cells.snapshot_id("annotations")
    assert annotations.null_counts == {"annotation_id": 0, "image_id": 0, "category": 0, "bbox": 0}
    assert annotations.distinct_counts == {"annotation_id": 4, "image_id": 2, "category": 2}
    outcomes = {(found.assertion, found.column): found.success for found in annotations.assertions}
    silent = {name for kind in ("nothing_to_check", "without_predictions") for name in result.summary.details[kind]}
    assert len(outcomes) == len(annotations.assertions) == len(BUILT_IN_CHECKS) - 2 - len(silent)
    assert {pair for pair, success in outcomes.items() if not success} == {
        ("zero_area_bbox", "bbox"),
        ("bbox_partly_outside", "bbox"),
        ("image_without_label", "file_name"),
    }
    written = [(output.table, output.rows, output.snapshot_id) for output in result.lineage.outputs]
    assert written == [
        ("findings", 3, cells.snapshot_id("findings")),
        ("metrics", cells.read("metrics").num_rows, cells.snapshot_id("metrics")),
    ]
    assert json.loads(json.dumps(result.lineage.facts))["byCheck"]["zero_area_bbox"] == 1


def test_the_report_is_named_in_summary_and_lineage_and_is_the_same_after_a_rerun(cells, caplog):
    caplog.set_level("INFO")
    first = audit_labels(cells, KEY)
    uri = first.summary.report_uri
    assert uri.startswith(f"{cells.root_uri}/reports/label_audit/{KEY}/")
    assert uri in caplog.text
    assert first.lineage.facts["reportUri"] == uri
    assert b"<h1>Label audit of <bdi>cells</bdi></h1>" in read_report(cells, uri)
    assert audit_labels(cells, KEY).summary.report_uri == uri
    assert [info.uri for info in cells.objects().list() if info.path.startswith("reports/")] == [uri]


def test_an_audit_without_report_writes_none(cells):
    result = audit_labels(cells, KEY, report=None)
    assert (result.summary.report_uri, result.lineage.facts["reportUri"]) == (None, None)
    assert not [info for info in cells.objects().list() if info.path.startswith("reports/")]


def test_the_report_is_there_before_the_findings_that_name_it(cells, monkeypatch):
    def refuse(*_, **__):
        raise OSError("the catalog is away")

    monkeypatch.setattr(cells, "replace_partition", refuse)
    with pytest.raises(OSError, match="the catalog is away"):
        audit_labels(cells, KEY)
    assert [info for info in cells.objects().list() if info.path.startswith("reports/")]


def test_a_check_of_ones_own_runs_beside_the_built_in_ones(cells):
    def area_is_stated(data):
        return annotation_rows(data, data.annotations["area"].is_null().to_numpy(), "no area")

    mine = Check("area_is_stated", "info", "", "", area_is_stated, reads=("annotations.area",))
    assert audit_labels(cells, KEY, checks=(*BUILT_IN_CHECKS, mine)).summary.counts["by_check"]["area_is_stated"] == 4


@pytest.mark.parametrize("returned", ["nonsense", pa.table({"image_id": ["x"]}), pa.table({"message": ["x"], "colour": ["red"]})])
def test_a_check_that_returns_something_else_is_named(cells, returned):
    mine = Check("mine", "info", "", "", lambda data: returned)
    with pytest.raises(ConfigurationError, match="'mine' returned"):
        audit_labels(cells, KEY, checks=(mine,))


def test_a_check_that_raises_is_named(cells):
    mine = Check("mine", "info", "", "", lambda data: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        audit_labels(cells, KEY, checks=(mine,))
    assert "check 'mine'" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"label_sets": "default"},
        {"label_sets": []},
        {"max_error_rate": 2},
        {"audit": ""},
        {"on_findings": "explode"},
        {"limits": {"nope": 1}},
    ],
)
def test_wrong_arguments_are_refused(cells, wrong):
    with pytest.raises(ConfigurationError):
        audit_labels(cells, KEY, **wrong)
