"""Which slice of data a run owns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import DAG, Asset
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.trigger import CronTriggerTimetable, MultipleCronTriggerTimetable
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.common import partition
from airflow_cv_dataops.common.partition import FORMATS, resolve_partition_key, with_partition_key
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

START = datetime(2026, 11, 5, 6, tzinfo=UTC)
END = START + timedelta(days=1)
LOGICAL = datetime(2026, 11, 7, tzinfo=UTC)
RUN_AFTER = datetime(2026, 11, 8, 9, 30, tzinfo=UTC)


def dag_run(**facts: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"run_after": RUN_AFTER, **facts})


EVERYTHING = {
    "partition_key": "from-run",
    "data_interval_start": START,
    "data_interval_end": END,
    "logical_date": LOGICAL,
    "dag_run": dag_run(),
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in EVERYTHING.items() if name not in names}


@pytest.mark.parametrize(
    ("context", "explicit", "expected"),
    [
        (EVERYTHING, "mine", "mine"),
        (EVERYTHING, None, "from-run"),
        (EVERYTHING, "", "from-run"),
        (without("partition_key"), None, "2026-11-05"),
        (without("partition_key") | {"data_interval_end": START}, None, "2026-11-07"),
        (without("partition_key", "data_interval_start", "data_interval_end"), None, "2026-11-07"),
        (without("partition_key", "data_interval_start", "data_interval_end", "logical_date"), None, "2026-11-08"),
        ({"dag_run": dag_run(partition_key="from-dag-run")}, None, "from-dag-run"),
        ({"dag_run": dag_run(partition_key=None, data_interval_start=START, data_interval_end=END)}, None, "2026-11-05"),
        ({"partition_key": None, "logical_date": None, "data_interval_start": None, "dag_run": dag_run()}, None, "2026-11-08"),
    ],
    ids=[
        "explicit",
        "partitioned run",
        "explicit but empty",
        "interval with length",
        "interval without length",
        "logical date",
        "asset-triggered",
        "key on the dag run",
        "interval on the dag run",
        "names present but none",
    ],
)
def test_the_first_thing_that_names_a_partition_wins(context: dict[str, Any], explicit: str | None, expected: str) -> None:
    assert resolve_partition_key(context, explicit) == expected


@pytest.mark.parametrize(
    ("partition_format", "expected"), [("%Y-%m-%dT%H", "2026-11-05T06"), ("%Y%m%d", "20261105"), ("week %G-W%V", "week 2026-W45")]
)
def test_dates_go_through_the_format(partition_format: str, expected: str) -> None:
    assert resolve_partition_key(without("partition_key"), partition_format=partition_format) == expected


def due(schedule: Any, logical_date: datetime, *, run_type: str = "scheduled", **context: Any) -> dict[str, Any]:
    """Return the context of a run of a DAG with that schedule."""
    dag = DAG("due", schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=UTC))
    return {"dag": dag, "logical_date": logical_date, "dag_run": dag_run(run_type=run_type), **context}


MOMENT = datetime(2026, 11, 5, 6, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("@daily", "2026-11-05"),
        ("30 6 * * 1-5", "2026-11-05"),
        ("@weekly", "2026-11-05"),
        (timedelta(days=1), "2026-11-05"),
        ("@hourly", "2026-11-05T06"),
        ("30 6,18 * * *", "2026-11-05T06"),
        (timedelta(hours=6), "2026-11-05T06"),
        ("*/30 * * * *", "2026-11-05T0630"),
        (timedelta(minutes=90), "2026-11-05T0630"),
        (timedelta(seconds=15), "2026-11-05T063015"),
        (None, "2026-11-05"),
        ("@once", "2026-11-05"),
        ("@continuous", "2026-11-05"),
    ],
    ids=str,
)
def test_a_key_is_as_fine_as_the_schedule(schedule: Any, expected: str) -> None:
    context = due(schedule, MOMENT) if schedule != "@continuous" else {"dag": DAG("due", schedule="@continuous", max_active_runs=1)}
    assert resolve_partition_key(context | {"logical_date": MOMENT}) == expected


def test_the_schedule_goes_before_the_interval() -> None:
    """All runs of a DAG have keys of one format, and hourly runs that look back a day do not share one."""
    long = {"data_interval_start": MOMENT - timedelta(days=1), "data_interval_end": MOMENT}
    assert resolve_partition_key(due("30 * * * *", MOMENT, **long)) == "2026-11-04T06"
    short = {"data_interval_start": MOMENT - timedelta(hours=1), "data_interval_end": MOMENT}
    assert resolve_partition_key(due("30 6 * * *", MOMENT, **short)) == "2026-11-05"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(days=3), "2026-11-05"),
        (timedelta(days=1), "2026-11-05"),
        (timedelta(hours=1), "2026-11-05T06"),
        (timedelta(minutes=5), "2026-11-05T0630"),
        (timedelta(seconds=5), "2026-11-05T063015"),
    ],
    ids=str,
)
def test_without_a_schedule_that_says_so_the_interval_does(length: timedelta, expected: str) -> None:
    interval = {"data_interval_start": MOMENT, "data_interval_end": MOMENT + length}
    assert resolve_partition_key(interval) == resolve_partition_key({"dag": SimpleNamespace(timetable=object()), **interval}) == expected


def test_how_long_a_run_of_continuous_took_is_no_interval() -> None:
    dag = DAG("due", schedule="@continuous", max_active_runs=1)
    assert (
        resolve_partition_key({"dag": dag, "data_interval_start": MOMENT, "data_interval_end": MOMENT + timedelta(hours=1)}) == "2026-11-05"
    )


class Strange:
    """A timetable that answers to the right names with the wrong things."""

    expression = "every now and then"
    timezone = "Nowhere/Here"

    def delta(self) -> None: ...


def test_a_strange_timetable_fails_no_task(caplog: pytest.LogCaptureFixture) -> None:
    context = {"dag": SimpleNamespace(timetable=Strange()), "logical_date": MOMENT, "dag_run": dag_run(run_type="scheduled")}
    assert resolve_partition_key(context) == "2026-11-05"
    assert "Cannot tell from its timetable how often this DAG is due" in caplog.text


def test_hours_in_a_zone_that_puts_its_clocks_back_do_not_share_a_key() -> None:
    """03:00 in Berlin becomes 02:00 on 2026-10-25: the hour from 2 to 3 comes twice on the clock, at 00:00 and at 01:00 UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    twice = [datetime(2026, 10, 25, 2, tzinfo=berlin, fold=fold) for fold in (0, 1)]
    dag = DAG("due", schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=berlin))
    assert [resolve_partition_key({"dag": dag, "logical_date": moment}) for moment in twice] == ["2026-10-25T00", "2026-10-25T01"]


@given(st.lists(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)), min_size=2))
def test_keys_of_every_spelling_are_in_the_order_of_time_and_fit_for_paths(moments: list[datetime]) -> None:
    for form in FORMATS:
        keys = [resolve_partition_key({"logical_date": moment}, partition_format=form) for moment in sorted(moments)]
        assert keys == sorted(keys)
        assert all(set(key) <= set("0123456789-T") for key in keys)
        assert with_partition_key("https://host/{partition_key}/images", keys[0]) == f"https://host/{keys[0]}/images"
        if form != FORMATS[0]:
            assert datetime.fromisoformat(keys[0]).tzinfo is None  # read as it is meant: no part of it as an offset from UTC


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Callable[[dict[str, Any], str | None], list[str]]:
    """Return a function that resolves a key twice, as a task does, and returns the warnings over it."""

    def resolve(context: dict[str, Any], partition_format: str | None) -> list[str]:
        partition._warn.cache_clear()
        caplog.clear()
        for _ in range(2):
            resolve_partition_key(context, partition_format=partition_format)
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    return resolve


def test_runs_that_replace_one_another_are_warned_of_once(warned: Callable[..., list[str]]) -> None:
    assert warned(due("@hourly", datetime(2026, 11, 5, 6, tzinfo=UTC)), "%Y-%m-%d") == [
        "The runs of this DAG that are due at 2026-11-05T05:00:00Z and 2026-11-05T06:00:00Z share partition '2026-11-05': each replaces "
        "what the other wrote. To give each run a partition of its own, leave out partition_format='%Y-%m-%d', or pass "
        "partition_format='%Y-%m-%dT%H'."
    ]


@pytest.mark.parametrize(
    ("schedule", "partition_format", "shared"),
    [
        ("@hourly", None, False),
        ("@hourly", "%Y-%m-%dT%H", False),
        ("@daily", "%Y-%m-%d", False),
        ("@daily", "%G-W%V", True),
        ("@weekly", "%G-W%V", False),
        (timedelta(hours=6), "%Y-%m-%d", True),
        (timedelta(hours=6), "%Y-%m-%dT%H", False),
        ("0 6,18 * * *", "%Y-%m-%d", True),
        ("*/10 * * * *", "%Y-%m-%dT%H", True),
        (None, "%Y-%m-%d", False),
    ],
    ids=str,
)
def test_a_format_that_cannot_tell_two_runs_apart_is_warned_of(
    warned: Callable[..., list[str]], schedule: Any, partition_format: str | None, shared: bool
) -> None:
    sunday = datetime(2026, 11, 8, 6 if schedule == "0 6,18 * * *" else 0, tzinfo=UTC)
    assert bool(warned(due(schedule, sunday), partition_format)) == shared


def test_who_starts_a_run_by_hand_or_chooses_its_key_is_not_warned(
    warned: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    moment = datetime(2026, 11, 5, 6, tzinfo=UTC)
    assert warned(due("@hourly", moment, run_type="manual"), "%Y-%m-%d") == []
    assert warned(due("@hourly", moment, partition_key="2026-11-05"), "%Y-%m-%d") == []
    assert resolve_partition_key(due("@hourly", moment), "2026-11-05") == "2026-11-05"
    assert not caplog.records


BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def in_zone(zone: ZoneInfo, schedule: Any = "@daily", **context: Any) -> dict[str, Any]:
    """Return the context of a scheduled run of a DAG in that time zone."""
    return {
        "dag": DAG("due", schedule=schedule, start_date=datetime(2026, 1, 1, tzinfo=zone)),
        "dag_run": dag_run(run_type="scheduled"),
        **context,
    }


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        (BERLIN, datetime(2026, 11, 5, tzinfo=BERLIN), "2026-11-05"),  # 2026-11-04T23:00Z
        (BERLIN, datetime(2026, 7, 5, tzinfo=BERLIN), "2026-07-05"),  # 2026-07-04T22:00Z
        (BERLIN, datetime(2026, 3, 29, tzinfo=BERLIN), "2026-03-29"),  # the day of 23 hours
        (BERLIN, datetime(2026, 10, 25, tzinfo=BERLIN), "2026-10-25"),  # the day of 25
        (NEW_YORK, datetime(2026, 11, 5, 20, tzinfo=NEW_YORK), "2026-11-05"),  # 2026-11-06T01:00Z
        (ZoneInfo("UTC"), datetime(2026, 11, 5, tzinfo=UTC), "2026-11-05"),
    ],
    ids=str,
)
def test_a_partition_is_a_day_of_the_dags_own_zone(zone: ZoneInfo, moment: datetime, day: str) -> None:
    context = in_zone(zone, f"0 {moment.hour} * * *", logical_date=moment.astimezone(UTC))
    assert resolve_partition_key(context) == day
    assert resolve_partition_key(context, partition_format="%d.%m.%Y, 100%%H") == f"{day[8:]}.{day[5:7]}.2026, 100%H"
    assert resolve_partition_key(context, partition_timezone="UTC") == moment.astimezone(UTC).date().isoformat()


def test_a_day_of_a_run_that_assets_started_or_an_interval_begins_is_the_dags_own_too() -> None:
    midnight = datetime(2026, 11, 4, 23, tzinfo=UTC)  # of 5 November in Berlin
    run = dag_run(run_type="asset_triggered", run_after=midnight)
    assert resolve_partition_key(in_zone(BERLIN, [Asset("photos")]) | {"dag_run": run}) == "2026-11-05"
    assert resolve_partition_key(in_zone(BERLIN, None) | {"dag_run": run}) == "2026-11-05"
    interval = {"data_interval_start": midnight, "data_interval_end": midnight + timedelta(days=1)}
    assert resolve_partition_key(in_zone(BERLIN, CronDataIntervalTimetable("@daily", timezone="Europe/Berlin"), **interval)) == "2026-11-05"


def test_the_zone_of_the_timetable_goes_before_that_of_the_dag() -> None:
    midnight = datetime(2026, 11, 4, 23, tzinfo=UTC)
    nightly = CronTriggerTimetable("@daily", timezone="Europe/Berlin")
    several = MultipleCronTriggerTimetable("0 0 * * 1-4", "0 0 * * 5", timezone="Europe/Berlin")
    or_assets = SimpleNamespace(timetable=nightly)
    for timetable in (nightly, several, or_assets):
        dag = SimpleNamespace(timetable=timetable, timezone=ZoneInfo("UTC"))
        assert resolve_partition_key({"dag": dag, "logical_date": midnight, "dag_run": dag_run()}) == "2026-11-05"


def test_airflows_dates_are_in_utc_and_the_recipe_gives_the_dags_own_day() -> None:
    """As docs/operators/common.md says of a DAG in Europe/Berlin that is due at midnight."""
    midnight = pendulum.datetime(2026, 11, 5, tz="Europe/Berlin").in_timezone("UTC")
    keys = {}
    with DAG("d", schedule="0 0 * * *", start_date=datetime(2026, 11, 1, tzinfo=ZoneInfo("Europe/Berlin"))) as dag:
        for name, key in (
            ("utc", "{{ logical_date | ds }}"),
            ("recipe", "{{ logical_date.in_timezone('Europe/Berlin') | ds }}"),
            ("default", None),
        ):
            task = ImageIngestOperator(task_id=name, dataset="d", source="/in", partition_key=key)
            context: Any = {"dag": dag, "logical_date": midnight, "dag_run": dag_run(logical_date=midnight)}
            task.render_template_fields(context)
            keys[name] = task.partition_key_of(context)
    assert keys == {"utc": "2026-11-04", "recipe": "2026-11-05", "default": "2026-11-05"}


def test_every_day_of_a_backfill_has_its_own_partition_and_no_warning(warned: Callable[..., list[str]]) -> None:
    nights = [datetime(2026, 1, 1, 1, 30, tzinfo=BERLIN) + timedelta(days=day) for day in range(365)]
    dag = DAG("due", schedule="30 1 * * *", start_date=nights[0])
    contexts = [{"dag": dag, "dag_run": dag_run(run_type="backfill"), "logical_date": night.astimezone(UTC)} for night in nights]
    assert [resolve_partition_key(context) for context in contexts] == [night.date().isoformat() for night in nights]
    assert [warning for context in contexts[80:95] for warning in warned(context, None)] == []


def test_an_hour_of_a_dag_in_any_zone_is_one_of_utc_unless_a_zone_is_given() -> None:
    context = in_zone(BERLIN, "@hourly", logical_date=datetime(2026, 11, 4, 23, tzinfo=UTC))
    assert resolve_partition_key(context) == "2026-11-04T23"
    assert resolve_partition_key(context, partition_format="%Y%m%d-%-I%p") == "20261104-11PM"
    assert resolve_partition_key(context, partition_timezone="Europe/Berlin") == "2026-11-05T00"
    assert resolve_partition_key(context, partition_timezone="") == "2026-11-04T23"


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../etc/passwd", "CEST+1", "\0"])
def test_a_zone_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"partition_timezone=.* cannot be used"):
        resolve_partition_key({"logical_date": MOMENT}, partition_timezone=name)


def test_nights_that_share_a_day_of_utc_when_clocks_are_put_forward_are_warned_of(
    warned: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    context = in_zone(BERLIN, "30 1 * * *", logical_date=datetime(2026, 3, 29, 23, 30, tzinfo=UTC))
    assert warned(context, None) == []
    resolve_partition_key(context, partition_timezone="UTC")
    assert "due at 2026-03-29T00:30:00Z and 2026-03-29T23:30:00Z share partition '2026-03-29'" in caplog.text
    assert "own, leave out partition_timezone, or pass partition_format='%Y-%m-%dT%H'." in caplog.text


def test_hours_that_come_twice_on_the_clock_of_a_given_zone_are_warned_of(
    warned: Callable[..., list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    context = in_zone(BERLIN, timedelta(hours=1), logical_date=datetime(2026, 10, 25, 1, tzinfo=UTC))
    assert warned(context, None) == []
    assert resolve_partition_key(context, partition_timezone="Europe/Berlin") == "2026-10-25T02"
    assert caplog.text.rstrip().endswith("To give each run a partition of its own, leave out partition_timezone.")


def test_the_format_does_not_touch_a_key_that_is_no_date() -> None:
    assert resolve_partition_key(EVERYTHING, "50%d", "%Y") == "50%d"
    assert resolve_partition_key(EVERYTHING, None, "%Y") == "from-run"


@pytest.mark.parametrize("context", [{}, {"dag_run": None}, {"dag_run": dag_run(run_after=None)}])
def test_a_run_without_any_of_it_is_told_what_to_do(context: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="pass partition_key to the operator"):
        resolve_partition_key(context)


@pytest.mark.parametrize(
    ("key", "message"),
    [("a" * 251, "251 characters is too long: at most 250"), ("a\tb", "control characters"), ("a\nb", "control"), (5, "5")],
)
def test_a_key_that_cannot_be_used_is_refused(key: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolve_partition_key({}, key)
    with pytest.raises(ConfigurationError, match=message):
        resolve_partition_key({"partition_key": key})


def test_a_format_that_gives_an_empty_or_an_odd_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="''"):
        resolve_partition_key(without("partition_key"), partition_format="")
    with pytest.raises(ConfigurationError, match="control characters"):
        resolve_partition_key(without("partition_key"), partition_format="%Y%n")
    with pytest.raises(ConfigurationError, match=r"makes 'YYYY-MM-DD' of every date.*partition_key='YYYY-MM-DD'"):
        resolve_partition_key(without("partition_key"), partition_format="YYYY-MM-DD")


# Of control characters, unassigned ones and separators, only the space is printable.
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")


@given(st.text(PRINTABLE, min_size=1, max_size=250))
def test_any_printable_key_of_at_most_250_characters_comes_back_as_it_is(key: str) -> None:
    assert resolve_partition_key({}, key) == resolve_partition_key({"partition_key": key}) == key


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))
def test_days_are_in_the_order_of_their_keys(moment: datetime) -> None:
    key = resolve_partition_key({"logical_date": moment})
    assert key == moment.date().isoformat()


def test_default_args_may_name_the_zone_for_all_tasks() -> None:
    midnight = datetime(2026, 11, 4, 23, tzinfo=UTC)
    with DAG("due", schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=BERLIN), default_args={"partition_timezone": "UTC"}) as dag:
        ingest = ImageIngestOperator(task_id="ingest", dataset="photos", source="/in/{partition_key}")
        arrival = ImageArrivalSensor(task_id="arrival", source="/in/{partition_key}", partition_timezone="Asia/Tokyo")
    context: Any = {"dag": dag, "logical_date": midnight, "dag_run": dag_run(run_type="scheduled")}
    assert (ingest.partition_key_of(context), arrival.partition_key_of(context)) == ("2026-11-04", "2026-11-05")
