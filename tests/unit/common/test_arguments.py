"""Arguments out of a template: text that means a number, a flag, a list, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.common.arguments import (
    as_count,
    as_entries,
    as_flag,
    as_list,
    as_mapping,
    as_number,
    report_limits,
    required_number,
)
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.report.limits import ReportLimits


@pytest.mark.parametrize(
    ("value", "expected"), [("0.05", 0.05), (" 3 ", 3.0), (7, 7.0), ("1e3", 1000.0), (None, None), ("", None), ("None", None)]
)
def test_a_number_or_its_text_is_a_number(value: Any, expected: float | None) -> None:
    assert as_number("ratio", value) == expected


@pytest.mark.parametrize("value", ["five", "0,05", [], "{{ ratio }}"])
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ratio=.* is not a number"):
        as_number("ratio", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("10", 10), (10, 10), ("10.0", 10), ("1e6", 1_000_000), ("None", None), (2**60 + 1, 2**60 + 1), (str(2**60 + 1), 2**60 + 1)],
)
def test_a_whole_number_or_its_text_is_a_count(value: Any, expected: int | None) -> None:
    assert as_count("budget", value) == expected


@pytest.mark.parametrize("value", ["1.5", 1.5, "x", "inf", "nan", float("nan")])
def test_what_is_no_whole_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="budget="):
        as_count("budget", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("True", True),
        ("1", True),
        (1, True),
        ("yes", True),
        (False, False),
        ("FALSE", False),
        ("0", False),
        ("", False),
        (None, False),
    ],
)
def test_a_flag_or_its_text_is_a_flag(value: Any, expected: bool) -> None:
    assert as_flag("copy_images", value) is expected


def test_what_is_no_flag_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="copy_images='maybe' is neither true nor false"):
        as_flag("copy_images", "maybe")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (("a",), ["a"]),
        ("a, b", ["a", "b"]),
        ('["a", "b c"]', ["a", "b c"]),
        ("['a', 'b c']", ["a", "b c"]),
        ("[]", []),
        ([1, 2], ["1", "2"]),
        (None, None),
        ("", None),
        ("None", None),
    ],
)
def test_a_sequence_a_json_array_or_a_comma_separated_text_is_a_list(value: Any, expected: list[str] | None) -> None:
    assert as_list("categories", value) == expected


def test_a_broken_array_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"categories=.* is not a JSON array"):
        as_list("categories", '["a", ')


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1)))
def test_a_list_survives_airflows_rendering_of_it(names: list[str]) -> None:
    assert as_list("categories", str(names)) == names


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["images >= 1", {"metric": "m"}], ["images >= 1", {"metric": "m"}]),
        ("images >= 1", ["images >= 1"]),
        ("['images >= 1', {'metric': 'm'}]", ["images >= 1", {"metric": "m"}]),
        ((), []),
        (None, []),
        ("", []),
    ],
)
def test_entries_keep_what_they_are(value: Any, expected: list[Any]) -> None:
    assert as_entries("gates", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"a": 1}, {"a": 1}), ("{'a': 1.5}", {"a": 1.5}), ('{"a": null}', {"a": None}), (None, {}), ("None", {}), ("", {})],
)
def test_a_mapping_or_its_text_is_a_mapping(value: Any, expected: dict[str, Any]) -> None:
    assert as_mapping("metrics", value) == expected


@pytest.mark.parametrize("value", ["[1]", "{'a'}", "a=1", "{{ metrics }}", "__import__('os').getcwd()"])
def test_what_is_no_mapping_is_refused_by_name(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"metrics=.* is not a JSON object"):
        as_mapping("metrics", value)


def test_a_number_that_is_needed_must_be_there() -> None:
    assert required_number("max_reject_ratio", "0.5") == 0.5
    with pytest.raises(ConfigurationError, match="max_reject_ratio is empty: a number is needed"):
        required_number("max_reject_ratio", "None")


def test_the_limits_of_a_report_may_come_out_of_templates() -> None:
    assert report_limits("True", "2.5", "50") == ReportLimits(max_bytes=2_500_000, max_pictures=50)
    assert report_limits(True, 3) == ReportLimits(max_bytes=3_000_000)
    assert report_limits("false", "") is None
    with pytest.raises(ConfigurationError, match="report_max_megabytes"):
        report_limits(True, "")
