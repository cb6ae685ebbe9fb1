"""Sixty days with a weekly rhythm: what is planted on some is found, and the other days raise no alarm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from health_data import SHARES, Day, as_of, days, keep_profiles, key_of, write

from airflow_cv_dataops import Dataset, check_health, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.summary import StepResult

pytestmark = pytest.mark.integration

FIRST_JUDGED = 28


def nothing(day: Day) -> None:
    day.images = 0


def half(day: Day) -> None:
    day.images //= 2


def doubled(day: Day) -> None:
    day.images *= 2


def stale_labels(day: Day) -> None:
    day.labelled = 0.3


def trams(day: Day) -> None:
    day.shares = {**SHARES, "tram": 0.02}


def no_bus(day: Day) -> None:
    day.shares = {"car": 0.6, "person": 0.4}


def full_hd(day: Day) -> None:
    day.size = (1920, 1080)


def night(day: Day) -> None:
    day.brightness = 0.25


PLANTED: dict[int, tuple[Callable[[Day], None], set[str]]] = {
    30: (nothing, {"missing_partition"}),
    33: (half, {"image_count"}),
    37: (doubled, {"image_count"}),
    41: (stale_labels, {"unlabelled_ratio"}),
    44: (trams, {"new_category"}),
    48: (full_hd, {"new_image_size", "vanished_image_size"}),
    52: (no_bus, {"vanished_category", "category_shares"}),
    56: (night, {"image_measures"}),
}
# What follows from the same fault: half as many images have half as many labels, and on larger ones boxes are a smaller share.
ALSO = {33: {"annotation_count"}, 37: {"annotation_count"}, 48: {"image_measures", "box_sizes"}}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    dataset = open_dataset("signs", home=str(tmp_path_factory.mktemp("health")))
    write(dataset, days(3, **{f"d{day}": change for day, (change, _) in PLANTED.items()}), seed=3)
    keep_profiles(dataset, FIRST_JUDGED)
    return dataset


@pytest.fixture(scope="module")
def results(planted: Dataset) -> dict[int, StepResult]:
    return {day: look(planted, day) for day in range(FIRST_JUDGED, 60)}


def look(dataset: Dataset, day: int, **options: Any) -> StepResult:
    told = {"as_of": as_of(day), "on_findings": "warn", "recorded_at": as_of(day), "report": None}
    return check_health(dataset, key_of(day), **{**told, **options})


def found(result: StepResult) -> set[str]:
    return {problem["check"] for problem in result.breach.problems} if result.breach else set()


@pytest.mark.long
@pytest.mark.parametrize("day", PLANTED)
def test_what_is_planted_on_a_day_is_found(results: dict[int, StepResult], day: int) -> None:
    wanted = PLANTED[day][1]
    assert wanted <= found(results[day]) <= wanted | ALSO.get(day, set())


@pytest.mark.long
def test_the_other_days_raise_no_alarm(results: dict[int, StepResult]) -> None:
    assert {day: found(result) for day, result in results.items() if day not in PLANTED and result.breach} == {}


@pytest.mark.long
def test_findings_and_metrics_say_what_the_summary_says(planted: Dataset, results: dict[int, StepResult]) -> None:
    rows = planted.read("findings", partition_key=key_of(37), where="audit = 'health'").to_pylist()
    assert {(row["check"], row["severity"]) for row in rows} == {("image_count", "error"), ("annotation_count", "warning")}
    told = json.loads(next(row["suggestion"] for row in rows if row["check"] == "image_count"))
    assert told["pillar"] == "volume"
    assert told["score"] > 4
    metrics = planted.read("metrics", partition_key=key_of(37), where="step = 'health'").to_pylist()
    plain = {row["metric"]: row["value"] for row in metrics if row["dimensions"] is None}
    assert (plain["breaches"], plain["breaches.error"], plain["unlabelled_ratio"]) == (2, 1, 0)
    assert (plain["newest_image_age_hours"], plain["newest_label_age_hours"]) == (18, 12)
    assert results[37].summary.counts["by_severity"] == {"error": 1, "warning": 1, "info": 0}


def test_the_message_names_dataset_partition_what_and_how_much(planted: Dataset) -> None:
    breach = look(planted, 33).breach
    assert breach is not None
    lines = breach.message.splitlines()
    assert len(lines) <= 6
    assert "signs" in lines[0]
    assert key_of(33) in lines[0]
    assert "image_count" in lines[1]
    assert "%" in lines[1]


def test_policy_decides_what_fails(planted: Dataset) -> None:
    assert "image_count" in str(look(planted, 33, on_findings="fail").failure)
    assert look(planted, 44, on_findings="fail").failure is None  # a new category is a warning
    skipped = look(planted, 44, on_findings="skip", fail_on=("warning",))
    assert (skipped.skip, skipped.failure is not None) == (True, True)
    assert look(planted, 44, disabled=["schema", "distribution"]).breach is None
    assert look(planted, 44, severities={"new_category": "error"}, on_findings="fail").failure is not None


@pytest.mark.long
def test_a_rerun_writes_equal_rows_and_touches_no_other_partition(planted: Dataset, results: dict[int, StepResult]) -> None:
    def rows() -> list[list[dict[str, Any]]]:
        return [sorted(planted.read(table).to_pylist(), key=str) for table in ("findings", "metrics", "profiles")]

    look(planted, 37)
    before = rows()
    look(planted, 37)
    assert rows() == before


def test_later_partitions_say_nothing_of_earlier_ones(planted: Dataset) -> None:
    result = look(planted, 20)
    assert result.summary.details["window"] == {"partitions": 20, "first": key_of(0), "last": key_of(19)}


def test_without_history_nothing_is_judged_and_that_is_said(planted: Dataset) -> None:
    counts = look(planted, 2).summary.counts
    assert counts["breach"] == 0
    assert counts["not_judged"] > counts["holds"]


def test_a_partition_that_was_written_again_is_looked_at_anew(planted: Dataset, tmp_path: Path) -> None:
    dataset = open_dataset("again", home=str(tmp_path))
    write(dataset, days(4, 3))
    assert look(dataset, 2).summary.counts["images"] == planted_count(dataset, 2)
    rows = dataset.read("images", partition_key=key_of(2)).slice(0, 7)
    dataset.replace_partition("images", key_of(2), rows.drop_columns(["partition_key"]))
    assert look(dataset, 2).summary.counts["images"] == 7


def planted_count(dataset: Dataset, day: int) -> int:
    return dataset.images(["image_id"], partition_key=key_of(day)).num_rows


def test_a_dataset_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        check_health(open_dataset("nothing", home=str(tmp_path)), "2026-11-05")


def test_a_column_that_is_empty_now_and_a_label_set_that_is_gone_are_told(tmp_path: Path) -> None:
    dataset = open_dataset("signs", home=str(tmp_path))
    made = days(11, 32)
    write(dataset, made, seed=11)
    rows = pa.concat_tables([dataset.annotations(partition_key=key_of(day)).slice(0, 30) for day in range(32)])
    sets = pa.array(["second"] * len(rows), pa.string())
    second = rows.set_column(rows.column_names.index("label_set"), rows.schema.field("label_set"), sets)
    dataset.ensure_table("annotations").append(second)
    last = key_of(31)
    images = dataset.images(partition_key=last)
    for name in ("camera", "brightness"):
        images = images.set_column(images.column_names.index(name), name, pa.nulls(len(images), images.schema.field(name).type))
    dataset.replace_partition("images", last, images.drop_columns(["partition_key"]))
    dataset.replace_partition("annotations", last, second.slice(0, 0).drop_columns(["partition_key", "label_set"]), owner="second")
    keep_profiles(dataset, 31)
    breach = look(dataset, 31).breach
    assert breach is not None
    assert [problem["check"] for problem in breach.problems] == ["vanished_camera", "vanished_label_set", "image_measures"]
    assert look(dataset, 30).breach is None


@pytest.mark.parametrize(
    "arguments",
    [{"trends": "x"}, {"trends": [""]}, {"report": 5}, {"as_of": "2026-01-01"}, {"thresholds": {"image_count": {"change": 1}}}],
    ids=str,
)
def test_what_cannot_be_used_is_said_before_anything_is_written(planted: Dataset, arguments: dict[str, Any]) -> None:
    before = planted.snapshots(("findings", "metrics", "profiles"))
    with pytest.raises(ConfigurationError):
        check_health(planted, key_of(37), **arguments)
    assert planted.snapshots(("findings", "metrics", "profiles")) == before
