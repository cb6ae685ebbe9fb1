"""How often a DAG is due: every timetable that Airflow has, in each of its spellings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta

from airflow_cv_dataops.common.schedule import Schedule, schedule_of

# A DAG hands on the scheduler's own classes, up to Airflow 3.1 always; the task SDK has its own from 3.2 on.
_HOMES = ["airflow.timetables"]
try:
    import_module("airflow.sdk.definitions.timetables")
    _HOMES.append("airflow.sdk.definitions.timetables")
except ImportError:
    pass

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def gap_of(timetable: Any) -> timedelta | None:
    schedule = schedule_of({"dag": SimpleNamespace(timetable=timetable)})
    return None if schedule is None else schedule.shortest_gap()


@pytest.fixture(params=_HOMES)
def timetables(request: pytest.FixtureRequest) -> SimpleNamespace:
    """The timetables of one home, by name."""
    classes: dict[str, Any] = {}
    for module in ("trigger", "interval", "simple", "events", "assets"):
        classes |= vars(import_module(f"{request.param}.{module}"))
    return SimpleNamespace(**classes)


def test_crons_and_deltas(timetables: SimpleNamespace) -> None:
    assert gap_of(timetables.CronTriggerTimetable("0 * * * *", timezone="UTC")) == HOUR
    assert gap_of(timetables.CronTriggerTimetable("0 0 * * *", timezone="UTC", interval=HOUR)) == DAY
    assert gap_of(timetables.CronDataIntervalTimetable("*/5 * * * *", "Europe/Berlin")) == timedelta(minutes=5)
    assert gap_of(timetables.DeltaTriggerTimetable(timedelta(hours=6))) == 6 * HOUR
    assert gap_of(timetables.DeltaDataIntervalTimetable(relativedelta(hours=1))) == HOUR
    assert gap_of(timetables.DeltaDataIntervalTimetable(relativedelta(months=1))) == 31 * DAY
    assert gap_of(timetables.MultipleCronTriggerTimetable("0 8 * * *", "30 9 * * *", timezone="UTC")) == timedelta(minutes=90)


def test_the_time_of_assets_or_a_time(timetables: SimpleNamespace) -> None:
    from airflow.sdk import Asset

    hourly = timetables.CronTriggerTimetable("0 * * * *", timezone="UTC")
    assert gap_of(timetables.AssetOrTimeSchedule(timetable=hourly, assets=[Asset("s3://bucket/key")])) == HOUR


def test_events(timetables: SimpleNamespace) -> None:
    dates = [datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in ((7, 0), (5, 6), (5, 9), (5, 6))]
    assert gap_of(timetables.EventsTimetable(dates)) == 3 * HOUR


def test_nothing_tells_of_these(timetables: SimpleNamespace) -> None:
    from airflow.sdk import Asset

    assert gap_of(timetables.NullTimetable()) is None
    assert gap_of(timetables.OnceTimetable()) is None
    assert gap_of(timetables.ContinuousTimetable()) is None
    assert gap_of(timetables.AssetTriggeredTimetable(Asset("s3://bucket/key"))) is None


if hasattr(import_module("airflow.timetables.trigger"), "CronPartitionTimetable"):  # Airflow 3.2 and later

    @pytest.mark.parametrize("home", _HOMES)
    def test_partitioned_crons(home: str) -> None:
        kind = import_module(f"{home}.trigger").CronPartitionTimetable
        assert gap_of(kind("0 */2 * * *", timezone="UTC")) == 2 * HOUR


def test_a_context_without_a_dag_or_a_timetable_says_nothing() -> None:
    assert schedule_of({}) is None
    assert schedule_of({"dag": None}) is None
    assert schedule_of({"dag": SimpleNamespace(timetable=object())}) is None


@pytest.mark.parametrize(
    ("crons", "gap"),
    [
        (("0 8,20 * * *",), 12 * HOUR),
        (("0 1,23 * * *",), 2 * HOUR),
        (("30 6 * * 1-5",), DAY),
        (("0 0,12 1 * *",), 12 * HOUR),
        (("0 0 * * 0",), 7 * DAY),
        (("@quarterly",), 90 * DAY),
        (("0 0 29 2 *",), timedelta.max),
        (("0 8 * * 1", "0 20 * * 3"), 60 * HOUR),
        (("0 8 * * *", "0 20 1 * *"), 12 * HOUR),
        (("0 8 * * 1", "0 9 1 * *"), HOUR),
        (("0 8 * * *", "0 8 * * 1"), DAY),
        (("* * * * *",), timedelta(minutes=1)),
        (("* * * * * */15",), timedelta(seconds=15)),
    ],
    ids=str,
)
def test_the_shortest_gap_is_found_however_rare(crons: tuple[str, ...], gap: timedelta) -> None:
    timetable = SimpleNamespace(timetables=[SimpleNamespace(expression=cron, timezone="UTC") for cron in crons])
    assert gap_of(timetable) == gap


@pytest.mark.parametrize(
    ("schedule", "before", "after"),
    [
        (Schedule(crons=("0 8,20 * * *",)), "2026-11-04T20:00", "2026-11-05T20:00"),
        (Schedule(crons=("0 8 * * *", "30 9 * * *")), "2026-11-04T09:30", "2026-11-05T09:30"),
        (Schedule(crons=("0 9 * * *",), timezone="Europe/Berlin"), "2026-11-04T08:00", "2026-11-06T08:00"),
        (Schedule(crons=("0 10 * * *",), timezone=timezone(timedelta(hours=2))), "2026-11-04T08:00", "2026-11-06T08:00"),
        (Schedule(delta=HOUR), "2026-11-05T07:00", "2026-11-05T09:00"),
        (Schedule(delta=relativedelta(months=1)), "2026-10-05T08:00", "2026-12-05T08:00"),
        (Schedule(dates=tuple(datetime(2026, 11, day, 8, tzinfo=UTC) for day in (4, 5, 7))), "2026-11-04T08:00", "2026-11-07T08:00"),
    ],
    ids=str,
)
def test_the_runs_before_and_after(schedule: Schedule, before: str, after: str) -> None:
    found = schedule.neighbours(datetime(2026, 11, 5, 8, tzinfo=UTC))
    assert [f"{moment:%Y-%m-%dT%H:%M}" for moment in found] == [before, after]


def test_what_is_a_neighbour_on_the_clock_alone_is_none() -> None:
    """02:30 is no time in Berlin on 2026-03-29: Airflow is due at 03:30 in its place, and that is no run of its own."""
    berlin = Schedule(crons=("30 * * * *",), timezone=ZoneInfo("Europe/Berlin"))
    assert berlin.neighbours(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == [datetime(2026, 3, 29, 2, 30, tzinfo=UTC)]


def test_a_moment_at_which_the_dag_is_not_due_has_no_neighbours() -> None:
    """Such as that of a run from before the schedule was changed."""
    assert Schedule(crons=("0 8 * * *",)).neighbours(datetime(2026, 11, 5, 6, tzinfo=UTC)) == []
    assert Schedule(dates=(datetime(2026, 11, 5, tzinfo=UTC),)).neighbours(datetime(2026, 11, 4, tzinfo=UTC)) == []


def test_the_only_event_has_no_neighbours() -> None:
    moment = datetime(2026, 11, 5, tzinfo=UTC)
    alone = Schedule(dates=(moment,))
    assert (alone.shortest_gap(), alone.neighbours(moment)) == (timedelta.max, [])
