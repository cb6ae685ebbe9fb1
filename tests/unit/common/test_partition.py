"""Which slice of data a run owns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.common.partition import resolve_partition_key, with_partition_key
from airflow_cv_dataops.core.errors import ConfigurationError

START = datetime(2026, 11, 5, 6, tzinfo=UTC)
END = START + timedelta(days=1)
LOGICAL = datetime(2026, 11, 7, tzinfo=UTC)
RUN_AFTER = datetime(2026, 11, 8, 9, 30, tzinfo=UTC)


def dag_run(**facts: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"run_after": RUN_AFTER, **facts})


EVERYTHING = {
    "partition_key": "from-run",
    "data_interval_start": START,
    "data_interval_end": END,
    "logical_date": LOGICAL,
    "dag_run": dag_run(),
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in EVERYTHING.items() if name not in names}


@pytest.mark.parametrize(
    ("context", "explicit", "expected"),
    [
        (EVERYTHING, "mine", "mine"),
        (EVERYTHING, None, "from-run"),
        (EVERYTHING, "", "from-run"),
        (without("partition_key"), None, "2026-11-05"),
        (without("partition_key") | {"data_interval_end": START}, None, "2026-11-07"),
        (without("partition_key", "data_interval_start", "data_interval_end"), None, "2026-11-07"),
        (without("partition_key", "data_interval_start", "data_interval_end", "logical_date"), None, "2026-11-08"),
        ({"dag_run": dag_run(partition_key="from-dag-run")}, None, "from-dag-run"),
        ({"dag_run": dag_run(partition_key=None, data_interval_start=START, data_interval_end=END)}, None, "2026-11-05"),
        ({"partition_key": None, "logical_date": None, "data_interval_start": None, "dag_run": dag_run()}, None, "2026-11-08"),
    ],
    ids=[
        "explicit",
        "partitioned run",
        "explicit but empty",
        "interval with length",
        "interval without length",
        "logical date",
        "asset-triggered",
        "key on the dag run",
        "interval on the dag run",
        "names present but none",
    ],
)
def test_the_first_thing_that_names_a_partition_wins(context: dict[str, Any], explicit: str | None, expected: str) -> None:
    assert resolve_partition_key(context, explicit) == expected


@pytest.mark.parametrize(
    ("partition_format", "expected"), [("%Y-%m-%dT%H", "2026-11-05T06"), ("%Y%m%d", "20261105"), ("week %G-W%V", "week 2026-W45")]
)
def test_dates_go_through_the_format(partition_format: str, expected: str) -> None:
    assert resolve_partition_key(without("partition_key"), partition_format=partition_format) == expected


def test_the_format_does_not_touch_a_key_that_is_no_date() -> None:
    assert resolve_partition_key(EVERYTHING, "50%d", "%Y") == "50%d"
    assert resolve_partition_key(EVERYTHING, None, "%Y") == "from-run"


@pytest.mark.parametrize("context", [{}, {"dag_run": None}, {"dag_run": dag_run(run_after=None)}])
def test_a_run_without_any_of_it_is_told_what_to_do(context: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="pass partition_key to the operator"):
        resolve_partition_key(context)


@pytest.mark.parametrize(
    ("key", "message"),
    [("a" * 251, "251 characters is too long: at most 250"), ("a\tb", "control characters"), ("a\nb", "control"), (5, "5")],
)
def test_a_key_that_cannot_be_used_is_refused(key: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolve_partition_key({}, key)
    with pytest.raises(ConfigurationError, match=message):
        resolve_partition_key({"partition_key": key})


def test_a_format_that_gives_an_empty_or_an_odd_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="''"):
        resolve_partition_key(without("partition_key"), partition_format="")
    with pytest.raises(ConfigurationError, match="control characters"):
        resolve_partition_key(without("partition_key"), partition_format="%Y%n")


@given(st.text(min_size=1, max_size=250).filter(str.isprintable))
def test_any_printable_key_of_at_most_250_characters_comes_back_as_it_is(key: str) -> None:
    assert resolve_partition_key({}, key) == resolve_partition_key({"partition_key": key}) == key


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_days_are_in_the_order_of_their_keys(moment: datetime) -> None:
    key = resolve_partition_key({"logical_date": moment})
    assert key == moment.date().isoformat()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("s3://b/{partition_key}/images", "s3://b/a{b}/images"),
        ("s3://b/{partition_key}/{partition_key}.json", "s3://b/a{b}/a{b}.json"),
        ("s3://b/{other}/{}/{{x}}", "s3://b/{other}/{}/{{x}}"),
        ("/data/100%", "/data/100%"),
    ],
)
def test_only_the_placeholder_of_a_source_is_filled_in(source: str, expected: str) -> None:
    assert with_partition_key(source, "a{b}") == expected


@pytest.mark.parametrize("source", ["/data/{partition_key}/images", "s3://b/{partition_key}", "file:///data/{partition_key}"])
@pytest.mark.parametrize("key", ["..", ".", "a/b/../..", "a/./b", "a//b", "a/", "/a"])
def test_a_key_that_leads_to_another_place_is_refused(source: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be filled into the source"):
        with_partition_key(source, key)


def test_dots_and_slashes_that_lead_nowhere_else_are_a_key_like_any_other() -> None:
    assert with_partition_key("/data/../{partition_key}/", "a/b..c/.d") == "/data/../a/b..c/.d/"
    assert with_partition_key("s3://b/day-{partition_key}.csv", "..") == "s3://b/day-...csv"


def test_a_key_is_percent_encoded_where_the_uri_is() -> None:
    assert with_partition_key("file:///data/{partition_key}", "%2e%2e") == "file:///data/%252e%252e"
    assert with_partition_key("https://host/{partition_key}.zip", "what? #7") == "https://host/what%3F%20%237.zip"
