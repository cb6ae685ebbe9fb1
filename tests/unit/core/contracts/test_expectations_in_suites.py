"""Custom expectations in users' own projects: stored and loaded, described, refused where they cannot work."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions import InvalidExpectationConfigurationError
from great_expectations.expectations.registry import get_expectation_impl, get_renderer_impl
from project import PROJECT_ROOT

from airflow_cv_dataops import expectations as ours

PARAMETER = {"$PARAMETER": "wanted"}
SENTENCES = {
    ours.ExpectBoxInsideImage(tolerance=0): "boxes must lie inside their image, give or take 0 px.",
    ours.ExpectBoxHasExtent(mostly=0.99): "boxes must be finite, and wider and higher than 0.01 px, at least 99 % of the time.",
    ours.ExpectSegmentationMatchesBox(min_iou=0.9): (
        "boxes must be the ones around their segmentations: sides within 2 px, or an IoU of at least 0.9."
    ),
    ours.ExpectImageSizeBetween(min_width=64, max_pixels=10_000): "images must have: width at least 64 px, pixels at most 10,000.",
    ours.ExpectImageHasLabel(): "images must have at least 1 label(s).",
    ours.ExpectUniqueImage(): "an image must occur once, by the hash of its bytes.",
    ours.ExpectOneSplitPerImage(): "an image must lie in one split only.",
    ours.ExpectKnownCategory(categories=["a", "<b>"]): "categories must be known: a, <b>.",
    ours.ExpectLabelJoinedImage(): "labels must belong to an image of the data.",
    ours.ExpectCategoryShares(bounds={"a": (0.1, 0.5)}, max_share=0.25): (
        "shares of the categories must be within bounds: a 0.1 to 0.5, any other 0 to 0.25."
    ),
    ours.ExpectSplitShares(shares={"train": 0.75, "val": 0.25}): (
        "splits must have their shares: train 0.75, val 0.25, give or take 0.02."
    ),
}  # fmt: skip


def filled(content: dict[str, Any]) -> str:
    params = content["params"]
    values = {name: value["value"] if isinstance(value, dict) and "value" in value else value for name, value in params.items()}
    return re.sub(r"\$(\w+)", lambda found: str(values[found[1]]), content["template"])


@pytest.mark.parametrize("expectation", SENTENCES, ids=lambda one: type(one).__name__)
def test_each_says_in_words_what_must_hold(expectation):
    _, legacy = get_renderer_impl(expectation.expectation_type, "renderer.prescriptive")
    (told,) = legacy(configuration=expectation.configuration, runtime_configuration={})
    expectation.render()
    assert filled(told.to_json_dict()["string_template"]) == SENTENCES[expectation]
    assert filled(expectation.rendered_content[0].value.to_json_dict()) == SENTENCES[expectation]


def test_every_class_of_the_public_module_is_described_and_documented():
    names = {name for name in vars(ours) if name.startswith("Expect")}
    assert names == {type(one).__name__ for one in SENTENCES}
    page = (PROJECT_ROOT / "docs" / "contracts.md").read_text()
    for name in names:
        assert f"`{name}`" in page
        assert get_expectation_impl(re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()) is getattr(ours, name)
        for field in getattr(ours, name).__fields__.keys() - gx.expectations.ExpectColumnToExist.__fields__.keys():
            if field not in ("column_list", "ignore_row_if", "mostly", "row_condition", "condition_parser") and not field.endswith(
                "_column"
            ):
                assert f"`{field}`" in page, f"{name}.{field}"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: ours.ExpectBoxInsideImage(tolerance=-1), "greater than or equal to 0"),
        (lambda: ours.ExpectBoxInsideImage(tolerance=float("inf")), "finite"),
        (lambda: ours.ExpectBoxInsideImage(tolerence=1), "extra fields not permitted"),
        (lambda: ours.ExpectBoxInsideImage(column_list=["a", "b"]), "column_list follows from x_column"),
        (lambda: ours.ExpectBoxInsideImage(mostly=1.5), "less than or equal to 1"),
        (lambda: ours.ExpectBoxHasExtent(severity="huge"), "permitted"),
        (lambda: ours.ExpectSegmentationMatchesBox(min_iou=2), "less than or equal to 1"),
        (lambda: ours.ExpectImageSizeBetween(), "at least one of min_width"),
        (lambda: ours.ExpectImageSizeBetween(min_width=9, max_width=2), "no image can be both"),
        (lambda: ours.ExpectKnownCategory(categories="cat"), "a list of names"),
        (lambda: ours.ExpectKnownCategory(categories=[]), "at least one"),
        (lambda: ours.ExpectCategoryShares(), "give bounds"),
        (lambda: ours.ExpectCategoryShares(bounds={"a": (0.9, 0.1)}), "above the most"),
        (lambda: ours.ExpectSplitShares(shares={"train": 0.5}), "add up to 0.5"),
    ],
)
def test_wrong_arguments_are_refused_when_it_is_made(make, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        make()


def test_a_project_stores_them_and_loads_them(tmp_path):
    stored = [*SENTENCES, ours.ExpectKnownCategory(categories=PARAMETER), ours.ExpectBoxInsideImage(x_column="x", tolerance=PARAMETER)]
    gx.get_context(mode="file", project_root_dir=tmp_path).suites.add(gx.ExpectationSuite("mine", expectations=stored))
    loaded = gx.get_context(mode="file", project_root_dir=tmp_path).suites.get("mine").expectations
    assert [type(one) for one in loaded] == [type(one) for one in stored]
    assert [one.configuration.kwargs for one in loaded] == [one.configuration.kwargs for one in stored]
    assert [one.severity for one in loaded] == [one.severity for one in stored]


def test_suite_parameters_stand_for_categories_and_numbers():
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frame = pd.DataFrame({"category": ["a", "b"], "labels": [1, 2]})
    batch = (
        context.data_sources.add_pandas("p")
        .add_dataframe_asset("a")
        .add_batch_definition_whole_dataframe("b")
        .get_batch({"dataframe": frame})
    )
    assert not batch.validate(ours.ExpectKnownCategory(categories=PARAMETER), expectation_parameters={"wanted": ["a"]}).success
    assert batch.validate(ours.ExpectImageHasLabel(min_labels=PARAMETER), expectation_parameters={"wanted": 1}).success


def test_other_engines_are_refused_by_name(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as connection:
        pd.DataFrame({"category": ["a"]}).to_sql("labels", connection)
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_sqlite("s", connection_string=f"sqlite:///{tmp_path / 'a.db'}").add_table_asset(
        "a", table_name="labels"
    )
    batch = asset.add_batch_definition_whole_table("b").get_batch()
    with pytest.raises(InvalidExpectationConfigurationError, match="ExpectKnownCategory reads pandas DataFrames only, not Sqlite"):
        batch.validate(ours.ExpectKnownCategory(categories=["a"]))


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    page = (PROJECT_ROOT / "docs" / "contracts.md").read_text()
    (example,) = re.findall(r"```python\n(# A project of your own.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    exec(compile(example, "docs/contracts.md", "exec"), {"print": lambda *words: told.append(" ".join(map(str, words)))})
    assert sorted(told) == ["expect_box_inside_image False 1 of 3", "expect_known_category True 0 of 3"]
    assert (tmp_path / "quality" / "gx" / "expectations" / "boxes.json").exists()
