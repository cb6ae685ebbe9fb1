"""Metrics in their table: finite numbers, each step's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

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
