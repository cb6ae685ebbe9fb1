"""A step's numbers in Airflow's own metrics: names, tags, and nothing that a task could fail of."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat import sdk

from airflow_cv_dataops.common import stats
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.summary import Summary

TASK = SimpleNamespace(dag_id="signs.daily", task_id="labels.audit")
SUMMARY = Summary(
    "signs",
    "2026-11-05",
    counts={"images": 7, "findings": {"missing_bbox": 3, "odd name: ü": 1}, "is_new": True},
    metrics={"label_error_rate": 0.25, "estimated": float("nan"), "note": "text"},
    duration_seconds=1.5,
).to_dict()
STATSD = {"statsd_on": "True"}


class Backend:
    """What Airflow would send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float, dict[str, str] | None]] = []
        self.counted: list[tuple[str, dict[str, str] | None]] = []

    def gauge(self, stat: str, value: float, *, tags: dict[str, str] | None = None) -> None:
        self.sent.append((stat, value, tags))

    def incr(self, stat: str, *, tags: dict[str, str] | None = None) -> None:
        self.counted.append((stat, tags))


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    found = Backend()
    monkeypatch.setitem(vars(sdk), "Stats", found)
    return found


def configure(monkeypatch: pytest.MonkeyPatch, options: dict[str, str]) -> None:
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__METRICS__{name.upper()}", value)


@pytest.mark.parametrize(
    "options",
    [
        {"otel_on": "True"},
        {**STATSD, "statsd_influxdb_enabled": "True"},
        {"statsd_datadog_enabled": "True", **STATSD},
    ],
)
def test_where_tags_are_taken_dataset_and_task_are_tags(options: dict[str, str], backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, options)
    stats.emit_stats(SUMMARY, "audit", TASK, is_breach=True)
    tags = {"dataset": "signs", "dag_id": "signs.daily", "task_id": "labels.audit"}
    assert backend.sent == [
        ("cv_dataops.audit.images", 7, tags),
        ("cv_dataops.audit.label_error_rate", 0.25, tags),
        ("cv_dataops.audit.duration_seconds", 1.5, tags),
        ("cv_dataops.audit.findings.missing_bbox", 3, tags),
        ("cv_dataops.audit.findings.odd_name_", 1, tags),
    ]
    assert backend.counted == [("cv_dataops.breaches", {**tags, "step": "audit"})]


@pytest.mark.parametrize("options", [STATSD, {"statsd_datadog_enabled": "True", "statsd_datadog_metrics_tags": "False"}])
def test_plain_statsd_has_dataset_and_task_in_the_name(options: dict[str, str], backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, options)
    stats.emit_stats(SUMMARY, "audit", TASK)
    assert ("cv_dataops.audit.signs.signs__daily.labels__audit.images", 7, None) in backend.sent
    assert backend.counted == []
    stats.emit_stats(SUMMARY, "audit", TASK, is_breach=True)
    assert backend.counted == [("cv_dataops.breaches.audit.signs.signs__daily.labels__audit", None)]


def test_no_number_goes_out_where_airflow_sends_none(backend: Backend) -> None:
    stats.emit_stats(SUMMARY, "audit", TASK, is_breach=True)
    assert (backend.sent, backend.counted) == ([], [])


@pytest.mark.parametrize("task", [TASK, None])
def test_a_backend_that_fails_costs_a_warning(task: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    configure(monkeypatch, STATSD)
    monkeypatch.setitem(vars(sdk), "Stats", SimpleNamespace())
    caplog.set_level(logging.WARNING)
    stats.emit_stats(SUMMARY, "audit", task)
    assert "cannot be sent" in caplog.text


def test_the_real_stats_of_this_airflow_take_what_is_sent(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever its version calls them; without a backend of its own it drops them."""
    configure(monkeypatch, {"otel_on": "True"})
    monkeypatch.setattr(stats, "_takes_tags", lambda: True)
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "False")
    caplog.set_level(logging.WARNING)
    stats.emit_stats(SUMMARY, "audit", TASK, is_breach=True)
    assert caplog.text == ""


def test_hostile_names_become_names_that_backends_take(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, STATSD)
    names = ["a.b", "a:1|c\n", "", "…", "Ω" * 90, "x" * 200, "x" * 199, "__", "stop sign", "stop_sign"]
    long = SimpleNamespace(dag_id="d" * 250, task_id="t" * 250)
    summary = Summary("s" * 127, "p", counts={"by": dict.fromkeys(names, 1)}).to_dict()
    stats.emit_stats(summary, "ingest", long)
    sent = [name for name, _, _ in backend.sent]
    assert len(set(sent)) == len(names) + 1
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,240}", name) and ".." not in name for name in sent)


def test_airflow_itself_takes_the_longest_names(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, STATSD)
    long = SimpleNamespace(dag_id="d" * 250, task_id="t" * 250)
    stats.emit_stats(Summary("s" * 127, "p", counts={"c" * 90: {"k" * 90: 1}}).to_dict(), "prediction_import", long)
    validators = airflow_validators()
    for name, _, _ in backend.sent:
        assert validators.stat_name_default_handler(name) == name
        assert validators.stat_name_otel_handler("airflow", name) == f"airflow.{name}"
    backend.sent.clear()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    stats.emit_stats(Summary("s" * 127, "p", counts={"c" * 90: {"k" * 90: 1}}).to_dict(), "prediction_import", long)
    for name, _, tags in backend.sent:
        line = ",".join([name, *(f"{key}={value}" for key, value in (tags or {}).items())])  # as Airflow writes it for InfluxDB
        assert len(tags or {}) == 3
        assert validators.stat_name_default_handler(line, allowed_chars={*validators.ALLOWED_CHARACTERS, ",", "="}) == line


def airflow_validators() -> Any:
    """Return Airflow's module that judges names, wherever this version keeps it."""
    for name in ("airflow.sdk._shared.observability.metrics.validators", "airflow.metrics.validators"):
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(name)
    raise AssertionError("this Airflow keeps its validators elsewhere")


def test_tags_hold_nothing_that_separates_tags(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, {**STATSD, "statsd_influxdb_enabled": "True"})
    stats.emit_stats({**SUMMARY, "dataset": None}, "audit", SimpleNamespace(dag_id="a,b=c|#\n:ü", task_id="t"))
    assert backend.sent[0][2] == {"dataset": "none", "dag_id": "a_b_c_____", "task_id": "t"}


def test_what_comes_from_data_floods_nobody(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, STATSD)
    summary = Summary("signs", "p", counts={"by_category": {f"c{number}": 1 for number in range(900)}, "images": 7}).to_dict()
    stats.emit_stats(summary, "audit", TASK)
    assert len(backend.sent) == stats.MOST_NUMBERS
    assert [name.rpartition(".")[2] for name, _, _ in backend.sent[:2]] == ["images", "duration_seconds"]


def test_a_step_has_the_name_of_its_rows_in_metrics() -> None:
    written = DatasetUse(uri="a", table="metrics", owner="label_import:default")
    assert stats.step_of(StepLineage("import", outputs=(DatasetUse(uri="b", table="annotations", owner="x"), written))) == "label_import"
    assert stats.step_of(StepLineage("promotion")) == "promotion"


def test_a_check_that_finds_nothing_any_more_is_sent_as_zero_although_xcom_leaves_it_out() -> None:
    summary = Summary("digits", "2026-11-05", counts={"by_check": {"tiny_bbox": 0}}, metrics={"findings.tiny_bbox": 0})
    assert summary.to_dict()["metrics"] == {}
    assert dict(stats.numbers(summary.numbers())) == {"by_check.tiny_bbox": 0, "findings__tiny_bbox": 0, "duration_seconds": 0.0}
