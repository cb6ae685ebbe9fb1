"""Keys that are dates, their order, and the days that are not there."""

from __future__ import annotations

from datetime import datetime

import pytest

from airflow_cv_dataops.core.trends.dates import in_order, missing_keys, time_of


@pytest.mark.parametrize(
    ("key", "time"),
    [
        ("2026-11-05", datetime(2026, 11, 5)),
        ("2026-11-05T09", datetime(2026, 11, 5, 9)),
        ("2026-11-05T0930", datetime(2026, 11, 5, 9, 30)),
        ("2026-11-05T09:30:15", datetime(2026, 11, 5, 9, 30, 15)),
        ("2026-11", datetime(2026, 11, 1)),
        ("2026-02-30", None),
        ("20261105", None),  # may be a batch's number
        ("2026-11-05b", None),
        ("٢٠٢٦-11-05", None),
        ("batch", None),
        ("", None),
    ],
)
def test_a_key_is_a_date_only_where_all_of_it_is_one(key: str, time: datetime | None) -> None:
    assert time_of(key) == time


def test_dates_come_in_their_order_and_others_after_them() -> None:
    assert in_order(["b", "2026-11-05T09", "2026-11-05", "a", "2026-11-04"]) == ["2026-11-04", "2026-11-05", "2026-11-05T09", "a", "b"]


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        (["2026-11-01", "2026-11-02", "2026-11-05", "2026-11-06", "2026-11-07"], ["2026-11-03", "2026-11-04"]),
        (["2026-11-01T22", "2026-11-01T23", "2026-11-02T01", "2026-11-02T02"], ["2026-11-02T00"]),
        (["2026-11-01", "2026-11-08", "2026-11-22", "2026-11-29"], ["2026-11-15"]),  # weekly
        (["2026-11-01", "2026-11-08", "2026-11-11", "2026-11-18"], []),  # out of step once
        (["2026-11-01", "2026-11-02", "2026-11-09", "2026-12-24", "2027-05-01"], []),  # no steady pace
        (["2026-11-01", "2026-11-03"], []),  # too few to have a pace
        (["2026-11-01", "2026-11-02", "2026-11-05", "extra"], []),
        (["2026-01", "2026-02", "2026-04"], []),  # months are not equally long
        (["1900-01-01", "1900-01-02", "1900-01-03", "2099-12-31"], []),  # a slip of the pen is no gap of 200 years
        ([], []),
        (["2026-11-01"], []),
    ],
)
def test_days_that_are_missing(keys: list[str], missing: list[str]) -> None:
    assert missing_keys(keys) == missing
    assert missing_keys(keys[::-1]) == missing
