"""The run's partition key in a source."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.common.partition import with_partition_key
from airflow_cv_dataops.core.errors import ConfigurationError


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
