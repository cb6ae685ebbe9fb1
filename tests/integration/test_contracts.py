"""Contracts on tables: what fails, what stands in findings, metrics and lineage, what could not look, and what gates see of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pytest
from audit_rows import KEY, NOW, bbox, image, label, write
from defusedxml import ElementTree

from airflow_cv_dataops import Dataset, audit_labels, promote_dataset
from airflow_cv_dataops.core.contracts import frame, validate
from airflow_cv_dataops.core.contracts.validate import validate_table
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.lineage.events import to_openlineage
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.summary import MAX_SUMMARY_BYTES

pytestmark = pytest.mark.integration

OWNER = "contract:annotations"
NEXT = "2026-11-06"
WIDE = gxe.ExpectColumnValuesToBeBetween(column="bbox_width", min_value=0, meta={"name": "wide"})
DOGS = {"values": ["dog"], "weights": [1.0]}
NAMED = gxe.ExpectColumnValuesToNotBeNull(column="category", severity="warning")


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    made = make_dataset("cells")
    write(made, "images", [image("a.jpg", 64, 48), image("b.jpg", 64, 48)])
    boxes = [label("a.jpg", number, bbox=bbox(1, 2, -3 if number < 3 else 3, 4)) for number in range(10)]
    write(made, "annotations", [*boxes, label("b.jpg", 1), {**label("b.jpg", 2), "category": None}], owner="default")
    return made


def findings(dataset: Dataset, owner: str = OWNER, key: str = KEY) -> list[dict[str, Any]]:
    return dataset.read("findings", partition_key=key, where=f"audit = '{owner}'").to_pylist()


def metrics(dataset: Dataset, owner: str = OWNER) -> dict[tuple[str, str | None], float]:
    rows = dataset.read("metrics", partition_key=KEY, where=f"step = '{owner}'").to_pylist()
    return {(row["metric"], row["dimensions"]): row["value"] for row in rows}


def assertions(result: Any) -> dict[str, Any]:
    return {one.assertion: one for use in result.lineage.inputs for one in use.assertions}


def test_what_does_not_hold_fails_and_stands_by_name_in_findings_metrics_and_lineage(dataset: Dataset) -> None:
    result = validate_table(dataset, KEY, suite=[WIDE, NAMED], recorded_at=NOW)
    assert result.failure == (
        "Contract annotations: 2 of 2 expectations do not hold: wide, column_values_to_not_be_null.category (1 error, 1 warning); "
        f"see table cells.findings, partition {KEY}, audit {OWNER}"
    )
    assert not result.skip
    found = findings(dataset)
    (whole,) = (row for row in found if row["check"] == "wide" and row["image_id"] is None)
    assert whole["severity"] == "error"
    assert whole["message"] == "wide: column values to be between of bbox_width (min_value=0.0) does not hold: 3 of 10 (30.00%), such as -3"
    rows = [row for row in found if row["check"] == "wide" and row["image_id"]]
    assert sorted(row["annotation_id"] for row in rows) == ["a.jpg:0", "a.jpg:1", "a.jpg:2"]
    assert {row["message"] for row in rows} == {"wide: column values to be between of bbox_width: bbox_width -3 here"}
    assert {row["source_uri"] for row in rows} == {"s3://photos/a.jpg"}
    assert result.breach is not None
    assert [one["check"] for one in result.breach.problems] == ["wide", "column_values_to_not_be_null.category"]
    assert result.breach.message.startswith(f"cells, partition {KEY}: contract annotations on partition {KEY} does not hold (2 problems)")
    measured = metrics(dataset)
    assert (measured["expectations", None], measured["failed_expectations", None], measured["success_ratio", None]) == (2, 2, 0)
    assert measured["unexpected_ratio", '{"expectation": "wide"}'] == 0.3
    wide = assertions(result)["wide"]
    assert (wide.success, wide.column, wide.severity, wide.expected) == (False, "bbox", "error", "min_value=0.0")
    assert wide.actual == "3 of 10 (30.00%), such as -3"


@pytest.mark.parametrize(
    ("policy", "fails", "skips"),
    [
        ({"on_findings": "warn"}, False, False),
        ({"on_findings": "skip"}, True, True),
        ({"fail_on": ["warning"]}, True, False),
        ({"fail_on": ["info"]}, False, False),
        ({"fail_on": []}, False, False),
    ],
)
def test_policy_decides_and_what_is_wrong_is_told_all_the_same(dataset: Dataset, policy: dict[str, Any], fails: bool, skips: bool) -> None:
    result = validate_table(dataset, KEY, suite=[WIDE, NAMED], **policy)
    assert (result.failure is not None, result.skip) == (fails, skips)
    assert result.breach is not None
    assert not assertions(result)["wide"].success


def test_a_rerun_that_holds_takes_the_findings_out(dataset: Dataset) -> None:
    validate_table(dataset, KEY, suite=[WIDE])
    first = findings(dataset)
    validate_table(dataset, KEY, suite=[WIDE])
    assert findings(dataset) == first
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, 3, 4))], owner="default")
    result = validate_table(dataset, KEY, suite=[WIDE])
    assert (result.failure, result.breach, findings(dataset)) == (None, None, [])
    assert metrics(dataset)["success_ratio", None] == 1


def test_contracts_of_other_names_stand_side_by_side(dataset: Dataset) -> None:
    validate_table(dataset, KEY, suite=[WIDE], contract="boxes")
    validate_table(dataset, KEY, suite=[NAMED], contract="names")
    assert {row["check"] for row in findings(dataset, "contract:boxes")} == {"wide"}
    assert len(findings(dataset, "contract:names")) == 2


def test_one_that_cannot_be_evaluated_is_an_error_and_hinders_no_other(dataset: Dataset) -> None:
    broken = [
        gxe.ExpectColumnValuesToBeInSet(column="colour", value_set=["red"], severity="info"),
        gxe.ExpectColumnValuesToBeBetween(column="category", min_value=1, severity="info"),
    ]
    fine = gxe.ExpectTableRowCountToBeBetween(min_value=12, max_value=12)
    result = validate_table(dataset, KEY, suite=[*broken, fine])
    assert result.failure is not None
    assert result.summary.counts["not_evaluated"] == 2
    assert {row["check"]: row["severity"] for row in findings(dataset)} == {
        "column_values_to_be_in_set.colour": "error",
        "column_values_to_be_between.category": "error",
    }
    assert 'could not be evaluated: Error: The column "colour" in BatchData does not exist' in json.dumps(findings(dataset)).replace(
        "\\", ""
    )
    told = assertions(result)
    assert (told["column_values_to_be_in_set.colour"].success, told["table_row_count_to_be_between"].success) == (False, True)


def test_what_looked_at_no_value_is_not_asserted_and_counts_for_nothing(dataset: Dataset) -> None:
    empty = [
        gxe.ExpectColumnValuesToBeInSet(column="annotator", value_set=["ann"]),
        gxe.ExpectColumnMeanToBeBetween(column="stated_width", min_value=1),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="annotator", value_set=["ann"]),
        gxe.ExpectColumnValuesToBeBetween(column="bbox_x", min_value=99, row_condition='category=="dog"', condition_parser="pandas"),
    ]
    result = validate_table(dataset, KEY, suite=[*empty, gxe.ExpectTableRowCountToBeBetween(min_value=1)])
    assert (result.failure, result.summary.counts["nothing_to_check"], result.summary.counts["passed"]) == (None, 4, 1)
    assert list(assertions(result)) == ["table_row_count_to_be_between"]
    assert len(result.summary.details["nothing_to_check"]) == 4
    alone = validate_table(dataset, KEY, suite=empty)
    assert alone.failure is not None
    assert [row["check"] for row in findings(dataset)] == [validate.NOTHING_CHECKED]
    assert not assertions(alone)[validate.NOTHING_CHECKED].success
    assert ("success_ratio", None) not in metrics(dataset)
    assert validate_table(dataset, KEY, suite=empty, allow_empty=True).failure is None


def test_no_row_is_no_clean_bill(dataset: Dataset) -> None:
    suite = [WIDE, NAMED, gxe.ExpectTableColumnCountToBeBetween(min_value=1)]
    result = validate_table(dataset, KEY, table="predictions", suite=suite)
    assert result.failure is not None
    assert "There is no row to look at in cells.predictions" in result.failure
    (found,) = findings(dataset, "contract:predictions")
    assert (found["check"], found["severity"]) == (validate.NO_ROWS, "error")
    assert result.breach is not None
    assert validate_table(dataset, KEY, table="predictions", suite=suite, allow_empty=True).failure is None
    with pytest.raises(DatasetNotFoundError, match="No step has written to partition '2031-01-01'"):
        validate_table(dataset, "2031-01-01", suite=suite)


def test_a_table_that_must_have_rows_fails_on_none_by_its_own_rule(dataset: Dataset) -> None:
    result = validate_table(dataset, KEY, table="rejects", suite=[gxe.ExpectTableRowCountToBeBetween(min_value=1)], allow_empty=True)
    assert result.failure is not None
    assert {row["check"] for row in findings(dataset, "contract:rejects")} == {"table_row_count_to_be_between"}


def test_rows_are_named_up_to_a_number_and_all_are_counted(dataset: Dataset) -> None:
    for most, rows in ((2, 2), (0, 0), (100, 3)):
        validate_table(dataset, KEY, suite=[WIDE], max_rows=most)
        found = findings(dataset)
        assert (len(found), sum("3 of 10" in row["message"] for row in found)) == (rows + 1, 1)
    with pytest.raises(ConfigurationError, match="max_rows=-1"):
        validate_table(dataset, KEY, suite=[WIDE], max_rows=-1)


def test_parameters_fill_a_suite_and_one_without_value_is_named(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("- {type: expect_column_values_to_be_between, kwargs: {column: bbox_width, min_value: {$PARAMETER: least}}}")
    result = validate_table(dataset, KEY, suite=path, suite_parameters={"least": -5})
    assert (result.failure, assertions(result)["column_values_to_be_between.bbox_width"].expected) == (None, "min_value=-5.0")
    with pytest.raises(ConfigurationError, match="takes parameters that have no value: least"):
        validate_table(dataset, KEY, suite=path)


def test_the_default_suite_knows_the_categories_that_it_is_told(dataset: Dataset) -> None:
    result = validate_table(dataset, KEY, categories=["dog"])
    assert "known_category.category" in {row["check"] for row in findings(dataset)}
    assert "box_has_extent" in {row["check"] for row in findings(dataset)}
    assert result.summary.details["suite_source"] == "default"
    with pytest.raises(ConfigurationError, match="categories are those of the default suite"):
        validate_table(dataset, KEY, suite=[WIDE], categories=["dog"])


def test_groups_of_many_rows_say_what_one_frame_says(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, told = validate_table(dataset, KEY, recorded_at=NOW, max_rows=2), findings(dataset)
    monkeypatch.setattr(frame, "_MANY_ROWS", 0)
    groups = validate_table(dataset, KEY, recorded_at=NOW, max_rows=2)
    assert whole.summary.counts["failed"] > 1
    assert (groups.summary.counts, groups.failure, findings(dataset)) == (whole.summary.counts, whole.failure, told)
    assert groups.lineage.inputs == whole.lineage.inputs
    assert groups.summary.report_uri == whole.summary.report_uri


def test_rows_of_other_partitions_are_named_in_words_for_their_ids_repeat(dataset: Dataset) -> None:
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(0, 0, -9, 1))], owner="default", key=NEXT)
    result = validate_table(dataset, KEY, suite=[WIDE], whole_dataset=True)
    assert result.summary.counts["rows"] == 13
    (other,) = (row for row in findings(dataset) if NEXT in row["message"])
    assert (other["annotation_id"], other["message"].endswith(f"bbox_width -9 here (partition {NEXT}, annotation a.jpg:1)")) == (None, True)
    assert findings(dataset, key=NEXT) == []
    assert result.lineage.inputs[0].partition_key is None


def test_a_release_can_be_looked_at(dataset: Dataset) -> None:
    promote_dataset(dataset, stage="production")
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, 3, 4))], owner="default")
    result = validate_table(dataset, KEY, suite=[WIDE], release="production")
    assert (result.summary.counts["failed"], result.summary.details["scope"]) == (1, "release v1 (production)")
    assert len([row for row in findings(dataset) if row["annotation_id"]]) == 3
    assert validate_table(dataset, KEY, suite=[WIDE]).failure is None
    old = validate_table(dataset, KEY, table="release_items", release="v1")
    assert old.failure is None


def test_the_page_is_written_below_the_dataset_and_a_rerun_writes_the_same(dataset: Dataset) -> None:
    first, second = (validate_table(dataset, KEY, suite=[WIDE], recorded_at=NOW) for _ in range(2))
    uri = first.summary.report_uri
    assert uri is not None
    assert second.summary.report_uri == uri
    assert b"contract" in read_report(dataset, uri).lower()
    assert f"/reports/contract-annotations/{KEY}/" in uri
    assert first.lineage.facts["reportUri"] == uri
    assert validate_table(dataset, KEY, suite=[WIDE], report=False).summary.report_uri is None


def test_hostile_values_stay_values(dataset: Dataset) -> None:
    nasty = ["<script>alert(1)</script>", "\x00\x1b[31m", "\u202e" + "x" * 10_000, "$PARAMETER", "' or 1=1"]
    write(dataset, "annotations", [{**label("a.jpg", n), "category": name} for n, name in enumerate(nasty)], owner="default")
    result = validate_table(dataset, KEY, suite=[gxe.ExpectColumnValuesToBeInSet(column="category", value_set=["cell"])])
    summary = json.dumps(result.summary.to_dict(), allow_nan=False)
    assert len(summary.encode()) <= MAX_SUMMARY_BYTES
    assert result.summary.counts["failed"] == 1
    assert result.summary.report_uri is not None
    assert b"<script>alert" not in read_report(dataset, result.summary.report_uri)
    assert max(len(row["message"]) for row in findings(dataset)) < 1_200


def test_the_event_of_a_contract_is_as_its_schema_says(dataset: Dataset, validate_events: Callable[[list[dict[str, Any]]], None]) -> None:
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    result = validate_table(dataset, KEY, suite=[WIDE, NAMED])
    parts = to_openlineage(result.lineage, complete=True)
    run = Run(runId="0192b3a4-0000-7000-8000-000000000000", facets=parts.run_facets)
    job = Job(namespace="airflow", name="validate", facets=parts.job_facets)
    about = {"eventTime": NOW.isoformat(), "eventType": RunState.FAIL, "run": run, "job": job}
    document = json.loads(Serde.to_json(RunEvent(**about, producer="https://example.org", inputs=parts.inputs, outputs=parts.outputs)))
    validate_events([document])
    facet = document["run"]["facets"]["cvDataops_validation"]
    assert (facet["contract"], facet["suiteSource"], facet["byStatus"]) == ("annotations", "value", {"failed": 2})
    told = document["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {(one["assertion"], one["success"]) for one in told} == {("wide", False), ("column_values_to_not_be_null.category", False)}


def met(dataset: Dataset, gate: str) -> bool:
    result = promote_dataset(dataset, stage="production", gates=[gate])
    (found,) = (one for one in result.lineage.gates if one["name"].startswith(gate.split(" ")[0]))
    return bool(found["status"] == "pass")


def test_gates_go_by_a_contract_as_long_as_its_rows_are_the_ones_it_saw(dataset: Dataset) -> None:
    audit_labels(dataset, KEY, on_findings="warn", report=None)
    assert not met(dataset, "findings.wide == 0")  # nobody has looked
    validate_table(dataset, KEY, suite=[WIDE], on_findings="warn")
    assert not met(dataset, "findings.wide == 0")
    assert not met(dataset, "contract:annotations/failed_expectations == 0")
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, 3, 4)), label("b.jpg", 1)], owner="default")
    audit_labels(dataset, KEY, on_findings="warn", report=None)
    assert not met(dataset, "findings.wide == 0")
    validate_table(dataset, KEY, suite=[WIDE])
    assert met(dataset, "findings.wide == 0")
    assert met(dataset, "contract:annotations/failed_expectations == 0")
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, -3, 4)), label("b.jpg", 1)], owner="default")
    audit_labels(dataset, KEY, on_findings="warn", report=None)
    assert not met(dataset, "findings.wide == 0")  # it held of rows that are no more
    assert not met(dataset, "contract:annotations/failed_expectations == 0")


def test_gates_know_what_a_contract_found_without_an_audit(dataset: Dataset) -> None:
    validate_table(dataset, KEY, suite=[WIDE], on_findings="warn")
    assert met(dataset, "findings.wide == 4")  # three rows, and the whole
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, 3, 4))], owner="default")
    validate_table(dataset, KEY, suite=[WIDE])
    assert met(dataset, "findings.wide == 0")
    assert not met(dataset, "findings.category == 0")


def test_a_contract_without_expectations_is_retired_where_nothing_may_be_asked(dataset: Dataset) -> None:
    validate_table(dataset, KEY, suite=[WIDE], on_findings="warn")
    with pytest.raises(ConfigurationError, match="would hold of anything"):
        validate_table(dataset, KEY, suite={"expectations": []})
    result = validate_table(dataset, KEY, suite={"expectations": []}, allow_empty=True)
    assert (result.failure, findings(dataset)) == (None, [])
    assert ("success_ratio", None) not in metrics(dataset)


def test_a_contract_elsewhere_says_nothing_of_the_partition_as_it_is(dataset: Dataset) -> None:
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, 3, 4))], owner="default")
    old = dataset.snapshot_id("annotations")
    write(dataset, "annotations", [label("a.jpg", 1, bbox=bbox(1, 2, -3, 4))], owner="default")
    validate_table(dataset, KEY, suite=[WIDE], contract="old", snapshot_id=old)
    validate_table(dataset, KEY, suite=[NAMED], contract="all", whole_dataset=True)
    for contract in ("old", "all"):
        assert not met(dataset, f"contract:{contract}/success_ratio == 1")


def test_a_gate_on_an_expectation_fails_where_one_of_the_contracts_that_have_it_had_nothing_to_look_at(dataset: Dataset) -> None:
    named = {"meta": {"name": "sized"}}
    validate_table(dataset, KEY, suite=[gxe.ExpectColumnValuesToBeBetween(column="bbox_x", min_value=0, **named)], contract="boxes")
    assert met(dataset, "findings.sized == 0")
    nothing = gxe.ExpectColumnValuesToBeBetween(column="area", min_value=0, **named)
    validate_table(dataset, KEY, suite=[NAMED, nothing], contract="areas", on_findings="warn")
    assert not met(dataset, "findings.sized == 0")


@pytest.mark.parametrize(
    ("expectation", "status"),
    [
        (gxe.ExpectColumnDistinctValuesToBeInSet(column="category", value_set=["dog"]), "failed"),
        (gxe.ExpectColumnDistinctValuesToBeInSet(column="category", value_set=["cell"]), "passed"),
        (gxe.ExpectColumnDistinctValuesToContainSet(column="category", value_set=["dog"]), "failed"),
        (gxe.ExpectColumnDistinctValuesToEqualSet(column="category", value_set=["cell"]), "passed"),
        (gxe.ExpectColumnDistinctValuesToBeInSet(column="segmentation", value_set=["dog"]), "nothing_to_check"),
        (gxe.ExpectColumnKLDivergenceToBeLessThan(column="category", partition_object=DOGS, threshold=0.1), "failed"),
        (gxe.ExpectColumnSumToBeBetween(column="bbox_x", max_value=99, row_condition='category=="dog"'), "nothing_to_check"),
        (gxe.ExpectColumnSumToBeBetween(column="bbox_x", max_value=99, row_condition='category=="cell"'), "passed"),
        (gxe.ExpectColumnMeanToBeBetween(column="area", min_value=0), "nothing_to_check"),
        (gxe.ExpectColumnToExist(column="bbox_x", column_index=3), "failed"),
    ],
    ids=lambda one: getattr(one, "expectation_type", one),
)
def test_what_is_told_of_a_whole_column_is_told_as_it_is(dataset: Dataset, expectation: Any, status: str) -> None:
    result = validate_table(dataset, KEY, suite=[NAMED, expectation], on_findings="warn", report=False)
    others = {"failed": 1, "passed": 0, "nothing_to_check": 0}  # NAMED fails
    others[status] += 1
    assert {name: result.summary.counts[name] for name in others} == others


def test_an_expectation_cannot_be_called_as_a_severity(dataset: Dataset) -> None:
    with pytest.raises(ConfigurationError, match="gates would take it for the severity"):
        validate_table(dataset, KEY, suite=[gxe.ExpectColumnValuesToNotBeNull(column="task", meta={"name": "error"})])


def test_a_contract_is_no_audit(dataset: Dataset) -> None:
    validate_table(dataset, KEY, suite=[NAMED], on_findings="warn")
    assert not met(dataset, "unaudited_partitions == 0")
    assert not met(dataset, "findings.error == 0")


def test_the_first_rows_of_what_breaks_a_contract_are_no_label_error_rate(dataset: Dataset) -> None:
    write(dataset, "annotations", [label("a.jpg", n, bbox=bbox(n, 2, 3, 4)) for n in range(4)], owner="default")
    audit_labels(dataset, KEY, on_findings="warn", report=None, disabled=["image_without_label"])
    assert met(dataset, "label_error_rate == 0")
    validate_table(dataset, KEY, suite=[gxe.ExpectColumnValuesToBeInSet(column="category", value_set=["dog"])], max_rows=2)
    assert met(dataset, "label_error_rate == 0")
    assert not met(dataset, "findings.error == 0")


def test_the_default_suite_finds_the_two_boxes_of_bccd_that_have_no_area(
    shared_data: Callable[[str], Path], make_dataset: Callable[..., Dataset]
) -> None:
    images, labels = [], []
    for path in sorted((shared_data("bccd") / "BCCD" / "Annotations").glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        name, size = f"{path.stem}.jpg", [int(root.findtext(f"size/{side}")) for side in ("width", "height")]
        images.append(image(name, *size))
        for number, found in enumerate(root.iter("object")):
            left, top, right, bottom = (float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            labels.append(label(name, number, category=found.findtext("name"), bbox=bbox(left, top, right - left, bottom - top)))
    bccd = make_dataset("bccd")
    write(bccd, "images", images)
    write(bccd, "annotations", labels, owner="default")
    result = validate_table(bccd, KEY, categories=["RBC", "WBC", "Platelets"])
    assert [one["check"] for one in result.breach.problems] == ["box_has_extent"]
    rows = [row["source_uri"][-9:-4] for row in findings(bccd) if row["annotation_id"]]
    assert sorted(rows) == ["00338", "00343"]
    assert "2 of 4,888 (0.04%)" in result.breach.message
    named = set(result.summary.details["nothing_to_check"])
    assert {"column_values_to_not_be_null.segmentation", "segmentation_matches_box"} <= named
    assert validate_table(bccd, KEY, table="images").failure is None
