"""The default suites: each table has one, and what a healthy table holds meets it."""

from __future__ import annotations

from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig

from airflow_cv_dataops.core.contracts.default_suites import default_suite
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import TABLES, split_struct

JOINED = {"image_width", "image_height", "image_matched", "labels"}
ID = "ab" * 32


def columns_of(suite: Any) -> set[str]:
    found: set[str] = set()
    for one in suite.expectations:
        found |= {getattr(one, name) for name in ("column", "column_A", "column_B") if hasattr(one, name)} | set(
            getattr(one, "column_list", ())
        )
    return found


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_suite_of_columns_that_it_has(table):
    suite = default_suite(table)
    flat = {column.name for column in TABLES[table].columns}
    flat |= {f"{column.name}_{field}" for column in TABLES[table].columns for field, _ in split_struct(column.type)}
    assert suite.name == table
    assert suite.expectations
    assert columns_of(suite) <= flat | JOINED
    configurations = [str(one.configuration.to_json_dict()) for one in suite.expectations]
    assert len(set(configurations)) == len(configurations)
    assert {one.severity.value for one in suite.expectations} <= {"critical", "warning"}


def test_a_release_has_the_columns_of_its_items_alone():
    assert columns_of(default_suite("release_items")) <= {"image_id", "partition_key", "source_uri", "split"}


def test_categories_are_asked_for_where_there_are_some():
    suite = default_suite("annotations", categories=("cat", "dog"))
    assert [one.categories for one in suite.expectations if hasattr(one, "categories")] == [["cat", "dog"]]
    for table, categories in (("images", ["cat"]), ("annotations", []), ("annotations", "cat")):
        with pytest.raises(ConfigurationError, match="categories="):
            default_suite(table, categories=categories)
    with pytest.raises(ConfigurationError, match="Did you mean 'annotations'"):
        default_suite("annotation")


@pytest.fixture(scope="module")
def failed() -> Any:
    """Return by expectation and column the rows that do not meet a table's default suite."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    definition = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")

    def validated(table: str, frame: pd.DataFrame, **arguments: Any) -> dict[str, list[int]]:
        result = definition.get_batch({"dataframe": frame}).validate(default_suite(table, **arguments), result_format="SUMMARY")
        assert all(one.exception_info.get("raised_exception") is False for one in result.results), result
        configurations = [(one.expectation_config, one.result) for one in result.results if not one.success]
        names = [(config.type.removeprefix("expect_") + f".{config.kwargs.get('column', '')}").strip(".") for config, _ in configurations]
        return {name: found["partial_unexpected_index_list"] for name, (_, found) in zip(names, configurations, strict=True)}

    return validated


def labels(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {
        "partition_key": "k",
        "label_set": "default",
        "file_name": "a.jpg",
        "task": "detection",
        "category": "cat",
        "segmentation": None,
    }
    usual |= {"bbox_x": 1.0, "bbox_y": 1.0, "bbox_width": 5.0, "bbox_height": 5.0, "image_width": 64.0, "image_height": 48.0}
    usual |= {"image_matched": True, "area": None, "stated_width": None, "stated_height": 48.0}
    return pd.DataFrame([{**usual, "annotation_id": str(number), **row} for number, row in enumerate(rows)])


NO_BOX = {"bbox_x": None, "bbox_y": None, "bbox_width": None, "bbox_height": None}


def test_healthy_labels_of_all_tasks_meet_it(failed):
    polygon = "[[1, 1, 6, 1, 6, 6, 1, 6]]"
    of_tasks = [
        {"category": "dog"},
        {"task": "classification", **NO_BOX},
        {"task": "segmentation", "segmentation": polygon},
        {"task": "background", "category": None, **NO_BOX},
    ]
    assert failed("annotations", labels(*of_tasks), categories=["cat", "dog"]) == {}


FAULTS = [
    ({"bbox_width": 0.0}, "box_has_extent"),
    ({"bbox_width": 500.0}, "box_inside_image"),
    ({"category": None}, "column_values_to_not_be_null.category"),
    (NO_BOX, "column_values_to_not_be_null.bbox_x"),
    ({"task": "segmentation"}, "column_values_to_not_be_null.segmentation"),
    ({"annotation_id": None}, "column_values_to_not_be_null.annotation_id"),
    ({"task": "dreaming"}, "column_values_to_be_in_set.task"),
    ({"image_matched": False}, "label_joined_image.image_matched"),
    ({"segmentation": "[[30, 30, 40, 30, 40, 40]]"}, "segmentation_matches_box"),
    ({"area": -1.0}, "column_values_to_be_between.area"),
    ({"stated_width": 128.0}, "column_pair_values_to_be_equal"),
    ({"category": "unicorn"}, "known_category.category"),
]


def test_each_faulty_label_does_not(failed):
    found = failed("annotations", labels(*(row for row, _ in FAULTS)), categories=["cat"])
    assert found == {name: [row] for row, (_, name) in enumerate(FAULTS)}


def test_no_label_occurs_twice(failed):
    assert failed("annotations", labels({}, {"annotation_id": "0"})) == {"compound_columns_to_be_unique": [0, 1]}


@pytest.mark.parametrize(("kind", "most"), [("expect_label_joined_image", 0.5), ("expect_box_inside_image", 0.9)])
def test_single_slips_are_a_warning_and_many_are_more(kind, most):
    suite = default_suite("annotations")
    assert {one.severity.value: one.mostly for one in suite.expectations if one.expectation_type == kind} == {
        "warning": 1,
        "critical": most,
    }


def test_a_release_in_which_an_image_is_trained_and_tested_on(failed):
    items = pd.DataFrame({"image_id": [ID, ID], "partition_key": "k", "source_uri": "file:///a", "split": ["train", "test"]})
    assert failed("release_items", items) == {"one_split_per_image": [0, 1]}
    assert failed("release_items", items.assign(split="train")) == {}
