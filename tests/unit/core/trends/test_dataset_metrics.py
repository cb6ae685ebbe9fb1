"""Numbers as a tidy frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from unit.core.trends.trend_rows import NOW, write_numbers

from airflow_cv_dataops import dataset_metrics
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.trends.numbers import tidy

COLUMNS = ["dataset", "partition_key", "partition_time", "step", "metric", "value", "dimensions", "recorded_at"]


@pytest.fixture
def digits(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset()
    write_numbers(dataset, "2026-11-06", "ingest", images=7)
    write_numbers(dataset, "2026-11-05", "ingest", images=5, rejects=1)
    write_numbers(dataset, "extra", "ingest", images=1)
    audit = [
        Metric("label_error_rate", 0.5),
        Metric("label_error_rate", 0.25, {"category": "<b>8</b>", "value": "odd"}),
        Metric("findings", 3, {"check": "a"}),
    ]
    write_metrics(dataset, "2026-11-05", "audit:label_audit", audit, NOW)
    return dataset


def test_each_number_is_a_row_in_order_of_time(digits: Dataset) -> None:
    frame = dataset_metrics(digits)
    assert list(frame)[: len(COLUMNS)] == COLUMNS
    found = list(zip(frame["partition_key"], frame["step"], frame["metric"], frame["value"], strict=True))
    assert found == [
        ("2026-11-05", "audit:label_audit", "findings", 3.0),
        ("2026-11-05", "audit:label_audit", "label_error_rate", 0.5),
        ("2026-11-05", "audit:label_audit", "label_error_rate", 0.25),
        ("2026-11-05", "ingest", "images", 5.0),
        ("2026-11-05", "ingest", "rejects", 1.0),
        ("2026-11-06", "ingest", "images", 7.0),
        ("extra", "ingest", "images", 1.0),
    ]
    assert frame["partition_time"].iloc[0] == pd.Timestamp("2026-11-05")
    assert pd.isna(frame["partition_time"].iloc[-1])
    assert set(frame["dataset"]) == {"digits"}
    assert (str(frame["recorded_at"].dtype), frame["recorded_at"].iloc[0]) == ("datetime64[us, UTC]", pd.Timestamp(NOW))


def test_each_dimension_is_a_column_that_never_takes_the_place_of_another(digits: Dataset) -> None:
    frame = dataset_metrics(digits, steps=["audit"])
    assert list(frame)[len(COLUMNS) :] == ["category", "check", "dimension_value"]
    part = frame[frame["category"].notna()].iloc[0]
    assert (part["category"], part["dimension_value"], part["value"]) == ("<b>8</b>", "odd", 0.25)
    assert part["dimensions"] == '{"category": "<b>8</b>", "value": "odd"}'


def test_only_what_is_asked_for_comes(digits: Dataset) -> None:
    assert set(dataset_metrics(digits, steps=["audit"])["step"]) == {"audit:label_audit"}
    assert set(dataset_metrics(digits, steps=["audit:label_audit", "ingest"])["step"]) == {"audit:label_audit", "ingest"}
    assert set(dataset_metrics(digits, metrics=["images"])["metric"]) == {"images"}
    assert dataset_metrics(digits, partition_keys=["2026-11-06"])["value"].tolist() == [7.0]
    assert dataset_metrics(digits, partition_keys=["2026-11-06"], metrics=["rejects"]).empty
    assert dataset_metrics(digits, partition_keys=[]).empty


@pytest.mark.parametrize("asked", [{"steps": ["audits"]}, {"metrics": ["imagse"]}, {"steps": ["ingest"], "metrics": ["findings"]}])
def test_what_nobody_has_ever_measured_is_no_empty_frame(digits: Dataset, asked: dict[str, list[str]]) -> None:
    with pytest.raises(DatasetNotFoundError, match="it has"):
        dataset_metrics(digits, **asked)


def test_a_dataset_is_given_by_its_name(digits: Dataset, tmp_path: Path) -> None:
    assert len(dataset_metrics("digits", home=tmp_path / "cv_dataops")) == 7
    with pytest.raises(DatasetNotFoundError):
        dataset_metrics("nothing", home=tmp_path / "cv_dataops")
    with pytest.raises(ConfigurationError, match="expected a list"):
        dataset_metrics(digits, metrics="images")


def test_a_dataset_without_numbers_has_an_empty_frame(make_dataset: Callable[..., Dataset]) -> None:
    frame = dataset_metrics(make_dataset(made=True))
    assert (list(frame), len(frame)) == (COLUMNS, 0)
    assert str(frame["partition_time"].dtype) == "datetime64[us]"


def test_dimensions_that_others_wrote_are_no_reason_to_fail(digits: Dataset) -> None:
    rows = digits.read("metrics", columns=["partition_key", "step", "metric", "value", "dimensions", "recorded_at"]).to_pydict()
    for odd in ("no json", "[1]", '{"a": {"b": 1}}', '{"a": null}'):
        rows["dimensions"][0] = odd
        frame = tidy("digits", digits.read("metrics").slice(0, 0).from_pydict(rows))
        assert odd in set(frame["dimensions"])
