"""Metrics in their table: finite numbers, each step's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset

NOW = datetime(2026, 11, 5, 12, 30, tzinfo=UTC)


def test_metrics_are_rows_with_their_dimensions_as_json(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write_metrics(dataset, "p", "audit", [Metric("annotations", 7), Metric("annotations", 3, {"category": "Zelle ä", "b": "1"})], NOW)
    rows = {row["dimensions"]: row for row in dataset.read("metrics").to_pylist()}
    assert set(rows) == {None, '{"b": "1", "category": "Zelle ä"}'}
    assert (rows[None]["metric"], rows[None]["value"], rows[None]["step"], rows[None]["recorded_at"]) == ("annotations", 7.0, "audit", NOW)


def test_values_that_are_not_finite_are_left_out(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write_metrics(dataset, "p", "s", [Metric("a", float("nan")), Metric("b", float("inf")), Metric("c", 0.0)], NOW)
    assert dataset.read("metrics")["metric"].to_pylist() == ["c"]


def test_a_rerun_replaces_the_metrics_of_its_own_step_only(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    write_metrics(dataset, "p", "ingest", [Metric("images", 1)], NOW)
    write_metrics(dataset, "p", "audit", [Metric("findings", 2)], NOW)
    write_metrics(dataset, "p", "ingest", [], NOW)
    assert dataset.read("metrics").select(["step", "metric", "value"]).to_pylist() == [
        {"step": "audit", "metric": "findings", "value": 2.0}
    ]


def test_numbers_that_are_there_already_stay_with_their_time(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    first = write_metrics(dataset, "p", "ingest", [Metric("images", 1)], NOW)
    again = write_metrics(dataset, "p", "ingest", [Metric("images", 1)], NOW + timedelta(days=1))
    assert again.snapshot_id == first.snapshot_id
    assert dataset.read("metrics")["recorded_at"].to_pylist() == [NOW]
    other = write_metrics(dataset, "p", "ingest", [Metric("images", 1, input_version="other files")], NOW + timedelta(days=2))
    assert other.snapshot_id != first.snapshot_id


def test_numbers_from_before_those_that_they_go_by_are_written_again(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    for day in range(2):
        write_metrics(dataset, "p", "prediction_import:cnn", [Metric("rows", day)], NOW + timedelta(days=day))
        write_metrics(dataset, "p", "sampling:s", [Metric("sampled", 1)], NOW + timedelta(days=day, hours=1), after="prediction_import:")
    times = dataset.read("metrics", where="step = 'sampling:s'")["recorded_at"].to_pylist()
    assert times == [NOW + timedelta(days=1, hours=1)]
