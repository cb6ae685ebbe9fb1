"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.moments import moment_of

END_OF_DAY = datetime(2026, 11, 5, 23, 59, 59, 999999, UTC)
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize("asked", [date(2026, 11, 5), "2026-11-05", "20261105", "2026-W45-4"])
def test_a_date_alone_means_the_end_of_its_day_in_utc(asked):
    assert moment_of(asked) == END_OF_DAY


@pytest.mark.parametrize("asked", [datetime(2026, 11, 5, 12), NOON, "2026-11-05T12:00", "2026-11-05 12:00:00", "2026-11-05T12:00Z"])
def test_a_time_without_zone_is_utc(asked):
    assert moment_of(asked) == NOON


@pytest.mark.parametrize("asked", ["2026-11-05T13:00+01:00", datetime(2026, 11, 5, 13, tzinfo=timezone(timedelta(hours=1)))])
def test_a_zone_counts(asked):
    assert moment_of(asked) == NOON


def test_midnight_is_the_start_of_the_day_and_not_its_end():
    assert moment_of("2026-11-05T00:00") == moment_of(datetime(2026, 11, 5)) == datetime(2026, 11, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["v3", "production", "", "2026-11", "2026-13-01", "5 November"])
def test_other_text_is_no_time(text):
    assert moment_of(text) is None


@pytest.mark.parametrize("asked", [None, 3, 1.5, ["2026-11-05"]])
def test_what_is_neither_text_nor_a_time_is_refused(asked):
    with pytest.raises(ConfigurationError, match="is no time: expected a datetime"):
        moment_of(asked)
