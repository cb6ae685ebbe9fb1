"""Where columns come from: every version of the facet in words, and events that have none of it."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.lineage.page.graph_columns import WHOLE_ROW, column_sources
from airflow_cv_dataops.core.lineage.page.graph_nodes import ColumnSource

IMAGES = {"namespace": "glue://cv", "name": "digits.images"}
NAME = ("glue://cv", "digits.images")


def source(field, **transformation):
    return {**IMAGES, "field": field, **({"transformations": [transformation]} if transformation else {})}


def how(**transformation):
    [one] = column_sources({"fields": {"a": {"inputFields": [source("b", **transformation)]}}})
    return one.how


@pytest.mark.parametrize(
    ("transformation", "words"),
    [
        ({"type": "DIRECT", "subtype": "IDENTITY"}, "as it is"),
        ({"type": "DIRECT", "subtype": "AGGREGATION"}, "aggregated"),
        ({"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "sha256 of the bytes"}, "sha256 of the bytes"),
        ({"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}, "computed from it, masked"),
        ({"type": "INDIRECT", "subtype": "JOIN"}, "rows are joined by it"),
        ({"type": "INDIRECT"}, "depends on it"),
        ({"type": "DIRECT", "subtype": "GUESS"}, "direct guess"),
        ({}, ""),
    ],
)
def test_a_transformation_is_said_in_words(transformation, words):
    assert how(**transformation) == words


def test_several_steps_are_said_one_after_the_other():
    steps = [{"type": "DIRECT", "subtype": "IDENTITY"}, {"type": "INDIRECT", "subtype": "JOIN"}, {"type": "DIRECT", "subtype": "IDENTITY"}]
    facet = {"fields": {"a": {"inputFields": [{**IMAGES, "field": "b", "transformations": steps}]}}}
    assert [one.how for one in column_sources(facet)] == ["as it is; rows are joined by it"]


def test_the_facets_of_before_said_it_once_for_all_sources():
    facet = {"fields": {"a": {"inputFields": [source("b"), source("c")], "transformationType": "MASKED"}}}
    assert list(column_sources(facet)) == [ColumnSource("a", NAME, "b", "masked"), ColumnSource("a", NAME, "c", "masked")]
    facet["fields"]["a"]["transformationDescription"] = "b and c together"
    assert {one.how for one in column_sources(facet)} == {"b and c together"}


def test_what_decides_about_rows_belongs_to_no_column():
    facet = {"fields": {}, "dataset": [source("partition_key", type="INDIRECT", subtype="FILTER")]}
    assert list(column_sources(facet)) == [ColumnSource(WHOLE_ROW, NAME, "partition_key", "rows are chosen by it")]


@pytest.mark.parametrize(
    "facet",
    [{}, {"fields": None}, {"fields": {"a": 3, "b": {"inputFields": [None, 7]}}}, {"fields": [], "dataset": "all"}],
)
def test_odd_shapes_say_nothing(facet):
    assert list(column_sources(facet)) == []


def test_a_source_without_a_name_or_a_type_is_kept_as_it_is():
    facet = {"fields": {"a": {"inputFields": [{"transformations": [{"subtype": 3}, "x"]}]}}}
    assert list(column_sources(facet)) == [ColumnSource("a", ("", ""), "", "3")]
