"""Metrics over partitions: gaps, owners, parts, and the releases that end there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from unit.core.trends.trend_rows import NOW, write_images, write_numbers, write_releases

from airflow_cv_dataops import metric_trends
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.trends.releases import release_marks
from airflow_cv_dataops.core.trends.trends import read_trends

DAYS = ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-06"]


@pytest.fixture
def digits(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Four days of six, of which the third was not audited."""
    dataset = make_dataset()
    for number, day in enumerate(DAYS):
        write_numbers(dataset, day, "ingest", images=100 + number)
        if number != 2:
            rates = [Metric("label_error_rate", number / 100), Metric("label_error_rate", 0.5, {"category": "8"})]
            write_metrics(dataset, day, "audit:label_audit", rates, NOW)
    write_numbers(dataset, DAYS[0], "audit:second_look", label_error_rate=0.9)
    return dataset


def test_what_is_missing_is_a_row_and_no_number(digits: Dataset) -> None:
    frame = metric_trends(digits, metrics=["ingest/images", "audit/label_error_rate"])
    assert list(dict.fromkeys(frame["step"])) == ["ingest", "audit:label_audit", "audit:second_look"]
    audit = frame[frame["step"] == "audit:label_audit"]
    assert audit["partition_key"].tolist() == [f"2026-11-0{day}" for day in range(1, 7)]
    assert audit["state"].tolist() == ["measured", "measured", "not_measured", "no_partition", "no_partition", "measured"]
    assert audit["value"].tolist()[:2] == [0.0, 0.01]
    assert audit["value"].isna().tolist() == [False, False, True, True, True, False]
    assert audit["recorded_at"].isna().tolist() == audit["value"].isna().tolist()
    assert frame.loc[frame["step"] == "audit:second_look", "state"].tolist().count("measured") == 1
    assert frame["partition_time"].iloc[0] == pd.Timestamp("2026-11-01")


def test_parts_are_series_of_their_own_where_they_are_asked_for(digits: Dataset) -> None:
    for name in ("label_error_rate[category=8]", "audit:label_audit/label_error_rate[category=*]"):
        frame = metric_trends(digits, metrics=[name])
        assert set(frame["dimensions"]) == {'{"category": "8"}'}
        assert frame["value"].dropna().tolist() == [0.5, 0.5, 0.5]
    assert metric_trends(digits, metrics=["label_error_rate[category=9]"]).empty


@pytest.mark.parametrize("name", ["", "a/", "a[b]", 7])
def test_a_name_that_is_none_is_refused(digits: Dataset, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        metric_trends(digits, metrics=[name])


def test_releases_stand_at_the_newest_partition_that_they_hold(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    first, second, third, fourth = (write_images(dataset, day) for day in DAYS)
    write_releases(
        dataset,
        {"release": "v1", "stage": "staging", "images": second},
        {"release": "v2", "stage": "staging", "images": fourth, "partition_keys": DAYS[:3]},
        {"release": "v1", "stage": "production", "images": fourth},  # a later move changes nothing about what it holds
        {"release": "v3", "stage": "staging", "images": "12345"},  # its snapshot is gone
        {"release": "v4", "stage": "staging", "images": None},
        {"release": "v5", "stage": "staging", "images": third},
        {"release": "v6", "stage": "staging", "images": first, "partition_keys": ["2030-01-01"]},
    )
    found = [(mark.release, mark.stages, mark.sequence, mark.partition_key) for mark in release_marks(dataset)]
    assert found == [
        ("v1", ("staging", "production"), 1, DAYS[1]),
        ("v2", ("staging",), 2, DAYS[2]),
        ("v3", ("staging",), 4, None),
        ("v4", ("staging",), 5, None),
        ("v5", ("staging",), 6, DAYS[2]),
        ("v6", ("staging",), 7, None),
    ]
    write_numbers(dataset, DAYS[0], "ingest", images=1)
    ending = dict(metric_trends(dataset, metrics=["images"])[["partition_key", "releases"]].itertuples(index=False))
    assert ending[DAYS[1]] == [{"release": "v1", "stages": ["staging", "production"], "sequence": 1}]
    assert [one["release"] for one in ending[DAYS[2]]] == ["v2", "v5"]
    assert ending["2026-11-05"] == []


def test_a_partition_that_was_taken_out_again_is_in_no_later_release(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write_images(dataset, DAYS[0])
    both = write_images(dataset, DAYS[1])
    rows = dataset.read("images", limit=0, columns=[name for name in dataset.read("images").column_names if name != "partition_key"])
    emptied = dataset.replace_partition("images", DAYS[1], rows)
    write_releases(dataset, {"release": "v1", "stage": "staging", "images": both}, {"release": "v2", "stage": "staging", "images": emptied})
    assert [mark.partition_key for mark in release_marks(dataset)] == [DAYS[1], DAYS[0]]


def test_a_page_sees_the_partitions_around_its_own(digits: Dataset) -> None:
    newest = read_trends(digits, ["images"], most=3)
    assert (newest.partition_keys, newest.left_out) == (("2026-11-04", "2026-11-05", "2026-11-06"), 3)
    assert (newest.series[0].values.tolist()[-1], newest.missing) == (103.0, {"2026-11-04", "2026-11-05"})
    assert read_trends(digits, ["images"], around="2026-11-03", most=2).partition_keys == ("2026-11-02", "2026-11-03")
    assert read_trends(digits, ["images"], around="2026-11-01", most=2).partition_keys == ("2026-11-01", "2026-11-02")
    assert read_trends(digits, ["images"], around="elsewhere", most=1).partition_keys == ("2026-11-06",)


def test_a_day_at_which_health_looked_and_found_nothing_is_still_missing(digits: Dataset) -> None:
    write_numbers(digits, "2026-11-04", "health", breaches=1)
    write_numbers(digits, "2026-11-07", "health", breaches=2)
    frame = metric_trends(digits, metrics=["images", "health/breaches"]).set_index(["metric", "partition_key"])["state"]
    assert frame["images"].tolist() == ["measured"] * 3 + ["no_partition"] * 2 + ["measured", "no_partition"]
    assert frame["breaches"].tolist() == ["not_measured"] * 3 + ["measured", "no_partition", "not_measured", "measured"]


def test_keys_that_are_no_dates_have_no_gaps(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    for key in ("berlin", "paris", "<script>alert(1)</script>"):
        write_numbers(dataset, key, "ingest", images=1)
    frame = metric_trends(dataset)
    assert frame["partition_key"].tolist() == ["<script>alert(1)</script>", "berlin", "paris"]
    assert frame["partition_time"].isna().all()
    assert set(frame["state"]) == {"measured"}


def test_an_empty_dataset_has_no_trends_and_an_absent_one_fails(make_dataset: Callable[..., Dataset]) -> None:
    frame = metric_trends(make_dataset(made=True))
    assert (len(frame), frame["value"].dtype) == (0, np.dtype("float64"))
    with pytest.raises(DatasetNotFoundError):
        metric_trends(make_dataset("nothing"))
