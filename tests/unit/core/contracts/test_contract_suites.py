"""Where suites come from, and what is said where one cannot be used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pytest

from airflow_cv_dataops import Dataset
from airflow_cv_dataops.core.contracts.expectation_names import check_names
from airflow_cv_dataops.core.contracts.named_columns import columns_named
from airflow_cv_dataops.core.contracts.suites import ContractSuite, load_suite
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError

NOT_NULL = gxe.ExpectColumnValuesToNotBeNull(column="category")
SHORT = """
name: boxes
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: category}, severity: warning, name: has_category}
  - type: expect_column_values_to_be_between
    kwargs: {column: bbox_width, min_value: 0}
"""


@pytest.fixture
def load(make_dataset: Callable[..., Dataset]) -> Callable[..., ContractSuite]:
    return lambda suite, **more: load_suite(suite, make_dataset(), "2026-11-05", **{"table": "annotations", **more})


def kinds(suite: ContractSuite) -> list[str]:
    return [one.expectation_type.removeprefix("expect_") for one in suite.expectations]


def test_a_yaml_file_in_the_short_form_is_a_suite(load: Callable[..., ContractSuite], tmp_path: Path) -> None:
    path = tmp_path / "boxes.yaml"
    path.write_text(SHORT)
    for place in (str(path), path, path.as_uri()):
        suite = load(place)
        assert (suite.name, kinds(suite)) == ("boxes", ["column_values_to_not_be_null", "column_values_to_be_between"])
        assert [one.severity.value for one in suite.expectations] == ["warning", "critical"]
        assert check_names(suite.expectations) == ["has_category", "column_values_to_be_between.bbox_width"]
    assert load(str(path)).source == str(path)


def test_a_suite_that_great_expectations_has_written_is_read_as_it_was(load: Callable[..., ContractSuite], tmp_path: Path) -> None:
    written = gx.ExpectationSuite("labels", [NOT_NULL, gxe.ExpectTableRowCountToBeBetween(min_value=1, severity="info")])
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(written.to_json_dict()))
    suite = load(path)
    assert suite.name == "labels"
    assert [one.dict(include={"column", "min_value"}) for one in suite.expectations] == [{"column": "category"}, {"min_value": 1}]
    assert [one.severity.value for one in suite.expectations] == ["critical", "info"]


@pytest.mark.parametrize(
    "suite",
    [
        gx.ExpectationSuite("annotations", [NOT_NULL]),
        [NOT_NULL],
        lambda: gx.ExpectationSuite("annotations", [NOT_NULL]),
        lambda dataset, partition_key: [NOT_NULL] if (dataset.name, partition_key) == ("digits", "2026-11-05") else [],
        lambda dataset=None: NOT_NULL,
        {"expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "category"}}]},
    ],
)
def test_suites_and_functions_of_all_kinds_say_the_same(load: Callable[..., ContractSuite], suite: Any) -> None:
    found = load(suite)
    assert (found.name, kinds(found)) == ("annotations", ["column_values_to_not_be_null"])


def test_nothing_is_the_tables_default_suite(load: Callable[..., ContractSuite]) -> None:
    assert load(None).source == "default"
    assert "box_inside_image" in kinds(load(None))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    context = gx.get_context(mode="file", project_root_dir=str(tmp_path / "project"))
    context.suites.add(gx.ExpectationSuite("nightly", [gxe.ExpectColumnValuesToNotBeNull(column="category")]))
    return tmp_path / "project"


def test_a_suite_of_a_file_project_is_read_and_nothing_is_written_there(load: Callable[..., ContractSuite], project: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    for root in (project, project / "gx"):
        suite = load("nightly", context_root_dir=root)
        assert (suite.name, kinds(suite)) == ("nightly", ["column_values_to_not_be_null"])
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "root", "message"),
    [
        ("weekly", "project", r"has no suite 'weekly' in .*; it has nightly\."),
        ("../../x", "project", "leads out of the project"),
        ("nightly", ".", r"no project of Great Expectations: there is no great_expectations\.yml"),
        (None, "project", "expected the name of a suite of that project"),
    ],
)
def test_what_a_project_does_not_have_is_said(
    load: Callable[..., ContractSuite], project: Path, name: str | None, root: str, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(name, context_root_dir=project.parent / root)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("expectations: [", "suite.yaml is no YAML"),
        ("expectations: []\nexpectations: []", "the key 'expectations' stands twice"),
        ("expectations: [{type: a, type: b}]", "the key 'type' stands twice"),
        (
            "expectations: [{type: expect_column_values_to_be_in_set, kwargs: {column: category, value_set: [x, no]}}]",
            "has texts and truth values",
        ),
        ("just a text", "holds str: expected a mapping"),
        ("expectations: {a: 1}", "`expectations` is dict: expected a list"),
        ("expectations: []", "has no expectation: it would hold of anything"),
        ("rules: []", "unknown keys rules"),
        ("- {kwargs: {column: a}}", "expectation 1 has no `type`"),
        (
            "- {type: expect_column_values_to_not_be_nul, kwargs: {column: a}}",
            r"unknown type\. Did you mean expect_column_values_to_not_be_null",
        ),
        ("- {type: expect_column_values_to_not_be_null, kwargs: {colum: a}}", r"\(expect_column_values_to_not_be_null\) cannot be used"),
        ("- {type: expect_column_values_to_not_be_null, column: a}", "unknown keys column: arguments stand below `kwargs`"),
        ("- {type: expect_column_values_to_not_be_null, kwargs: {column: a}, severity: fatal}", "severity 'fatal' is unknown"),
        ("- {type: expect_box_inside_image, kwargs: {tolerance: -1}}", "expect_box_inside_image.* cannot be used"),
        ("- !!python/object/apply:os.system ['true']", "is no YAML"),
    ],
)
def test_a_file_that_is_no_suite_is_refused_with_its_place_and_the_reason(
    load: Callable[..., ContractSuite], tmp_path: Path, document: str, message: str
) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(document)
    with pytest.raises(ConfigurationError, match=message):
        load(path)


def test_one_bad_expectation_among_good_ones_is_not_left_out_in_silence(load: Callable[..., ContractSuite]) -> None:
    good = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "category"}}
    with pytest.raises(ConfigurationError, match="expectation 2"):
        load({"expectations": [good, {**good, "kwargs": {}}]})


def test_a_file_that_is_not_there_or_cannot_be_read_is_named(load: Callable[..., ContractSuite], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml is not there"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigurationError, match=r"'nightly' is no suite: expected a path or URI that ends in \.json"):
        load("nightly")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SourceError, match=r"folder\.json cannot be read"):
        load(tmp_path / "folder.json")
    with pytest.raises(ConfigurationError, match="int is no suite"):
        load(3)
    assert not os.listdir(tmp_path / "folder.json")


def test_a_suite_does_not_decide_how_much_of_a_result_is_kept(load: Callable[..., ContractSuite]) -> None:
    asked = NOT_NULL.copy(update={"result_format": "COMPLETE", "catch_exceptions": False})
    kept = load([asked]).expectations[0]
    assert (kept.result_format, kept.catch_exceptions) == ("BASIC", True)


def test_equal_expectations_have_names_of_their_own() -> None:
    between = [gxe.ExpectColumnValuesToBeBetween(column="score", min_value=at) for at in range(3)]
    named = gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={"name": "a <b>\n"})
    by_id = gxe.ExpectTableRowCountToBeBetween(min_value=1, id="rows")
    of_gx = gxe.ExpectTableRowCountToBeBetween(min_value=1, id="5b7a9f4e-0b5a-4f5e-9f0c-0a1b2c3d4e5f")
    name = "column_values_to_be_between.score"
    assert check_names(between) == [name, f"{name}_2", f"{name}_3"]
    assert check_names([named, by_id, of_gx]) == ["a_b", "rows", "table_row_count_to_be_between"]


COLUMNS = ("category", "task", "bbox_x", "bbox_width", "image_width", "segmentation")


class ExpectSomethingOfTheirs(gxe.ExpectColumnValuesToBeBetween):
    """Of a user, who may read what he likes."""


@pytest.mark.parametrize(
    ("expectation", "columns"),
    [
        (NOT_NULL, ["category"]),
        (gxe.ExpectColumnValuesToBeInSet(column="task", value_set=["segmentation", "detection"]), ["task"]),
        (gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="image_width", column_B="bbox_x"), ["bbox_x", "image_width"]),
        (gxe.ExpectCompoundColumnsToBeUnique(column_list=["task", "category"]), ["category", "task"]),
        (
            gxe.ExpectColumnValuesToBeBetween(column="bbox_x", min_value=0, row_condition='task=="detection"', condition_parser="pandas"),
            ["task", "bbox_x"],
        ),
        (gxe.ExpectTableRowCountToBeBetween(min_value=1), []),
        (gxe.ExpectTableColumnCountToEqual(value=6), None),
        (gxe.ExpectTableColumnsToMatchSet(column_set=["task"]), None),
        (ExpectSomethingOfTheirs(column="task", min_value=1), None),
    ],
)
def test_only_columns_that_a_suite_names_are_read(expectation: Any, columns: list[str] | None) -> None:
    assert columns_named([expectation], COLUMNS, {}) == columns


def test_columns_of_defaults_and_parameters_count() -> None:
    from airflow_cv_dataops.core.contracts.expectations.segmentations import ExpectSegmentationMatchesBox

    assert columns_named([ExpectSegmentationMatchesBox()], COLUMNS, {"which": "task"}) == ["task", "bbox_x", "bbox_width", "segmentation"]
