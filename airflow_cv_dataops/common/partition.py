"""One resolver for the partition key, so that every task of a run means the same slice of data."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import available_timezones

from airflow_cv_dataops.common.schedule import Schedule, as_zone, schedule_of, zone_of
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.source_names import PLACEHOLDER

log = logging.getLogger(__name__)

_DAY, _HOUR, _MINUTE, _SECOND = FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S")
"""By day, hour, minute and second: ISO 8601, in the order of time when sorted as text, and fit for object keys and paths.

Days and hours are spelled as Airflow's own partition mappers spell them. Its ``%H:%M:%S`` is not for paths: Windows and many tools refuse a
``:``, URIs encode it. Nor is a ``-`` in its place, as ``T06-05`` reads as six o'clock, five hours behind UTC.
"""

# What tells the time of day; also those that only some platforms know.
_TIME_OF_DAY = re.compile(r"%[-_0^#]?[HIMSfpPcXTRrsklzZ]")
# With the flags and letters that only some platforms know.
_DIRECTIVE = re.compile(r"%[-_0^#]*(?:[EO:]?.|$)", re.DOTALL)
_KNOWN_DIRECTIVE = re.compile(r"%[-_0^#]?(?:[aAbBcCdDeFgGhHIjklmMnpPrRsSTtuUVwWxXyYfzZ%]|:z|E[cCxXyY]|O[deHImMSuUVwWy])")
# Two times that no directive spells alike, but those of the time zone.
_TWO_TIMES = ((2026, 11, 5, 6, 7, 8, 9), (2131, 1, 13, 19, 20, 21, 22))
_ENCODED = ("file://", "http://", "https://")


def resolve_partition_key(
    context: Mapping[str, Any],
    partition_key: str | None = None,
    partition_format: str | None = None,
    partition_timezone: str | None = None,
) -> str:
    """Return the partition key of a run.

    In this order: the explicit key; the run's own partition key (Airflow 3.2 and later); the start of the data interval,
    when the interval has a length; the logical date; the time after which the run was due. The last three through
    ``partition_format`` (strftime), on the clock of ``partition_timezone``. Asset-triggered runs have neither interval nor logical date.

    A warning is logged where the DAG is due twice within one such key, so that one run replaces what the other wrote.

    :param partition_format: default: by day, or as much finer as runs of the DAG's schedule are apart (``FORMATS``); without a schedule
        that says so, as much finer as the run's data interval is long.
    :param partition_timezone: name of a time zone, such as ``Europe/Berlin``; default: that of the DAG, so that its days are the
        partitions, and UTC where the format has the time of day in it: an hour comes twice when clocks are put back.
    :raises ConfigurationError: nothing of this is there, there is no such time zone, or the key cannot be used.
    """
    if partition_key:
        return check_partition_key(partition_key)
    dag_run = context.get("dag_run")
    if own := context.get("partition_key") or getattr(dag_run, "partition_key", None):
        return check_partition_key(own)
    interval = _interval(context, dag_run)
    moment = (interval and interval[0]) or context.get("logical_date") or getattr(dag_run, "run_after", None)
    if moment is None:
        raise ConfigurationError(
            "This run has no partition key, data interval, logical date or run_after to name a partition by: "
            "pass partition_key to the operator."
        )
    if partition_format is not None:
        check_partition_format(partition_format)
    schedule, gap = _rhythm(context, interval)
    chosen = _format_for(gap) if partition_format is None else partition_format
    spelling = _Spelling(_given_zone(partition_timezone), _own_zone(context))
    key = check_partition_key(spelling.of(moment, chosen))
    if schedule is not None and getattr(dag_run, "run_type", None) in ("scheduled", "backfill"):
        due = _in_utc(context.get("logical_date") or moment)
        _warn_if_shared(schedule, due, _in_utc(moment), key, chosen, spelling, is_default=partition_format is None)
    return key


def check_partition_format(partition_format: Any) -> None:
    """:raises ConfigurationError: it is no text, has what strftime does not know, or makes one key of all dates."""
    if not isinstance(partition_format, str):
        raise ConfigurationError(f"partition_format={partition_format!r} cannot be used: expected a text such as {_DAY!r}.")
    if unknown := [found for found in _DIRECTIVE.findall(partition_format) if not _KNOWN_DIRECTIVE.fullmatch(found)]:
        raise ConfigurationError(
            f"partition_format={partition_format!r} has {unknown[0]!r}, which strftime does not know: expected e.g. {_DAY!r} or {_HOUR!r}."
        )
    first, second = (datetime(*parts, tzinfo=UTC).strftime(partition_format) for parts in _TWO_TIMES)
    check_partition_key(first)
    if first == second:
        raise ConfigurationError(
            f"partition_format={partition_format!r} makes {first!r} of every date, so that each run would replace what the one "
            f"before wrote: expected strftime's directives, e.g. {_DAY!r}. For one partition that all runs share: partition_key={first!r}."
        )


def check_partition_timezone(partition_timezone: Any) -> None:
    """:raises ConfigurationError: there is no such time zone."""
    _given_zone(partition_timezone)


def end_of_backfilled_run(context: Mapping[str, Any]) -> datetime | None:
    """Return, of a run of a backfill, the time at which it has all that it is about: the end of its data interval, when that has a length;
    else its logical date, else the time after which it was due. ``None``: it is no such run, or nothing of this is there.
    """
    dag_run = context.get("dag_run")
    if str(getattr(dag_run, "run_type", "")).rpartition(".")[2].lower() != "backfill":
        return None
    interval = _interval(context, dag_run)
    return (interval and interval[1]) or context.get("logical_date") or getattr(dag_run, "run_after", None)


@dataclass(frozen=True)
class _Spelling:
    """How a moment becomes text. :param given: the time zone for every format. :param own: the DAG's, for formats of days."""

    given: tzinfo | None
    own: tzinfo

    def of(self, moment: datetime, partition_format: str) -> str:
        zone = self.given or (UTC if _TIME_OF_DAY.search(partition_format.replace("%%", "")) else self.own)
        return (moment if moment.tzinfo is None else moment.astimezone(zone)).strftime(partition_format)


def _given_zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    try:
        return as_zone(name)
    except ValueError as error:
        near = get_close_matches(str(name), available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}? E" if near else "e"
        raise ConfigurationError(
            f"partition_timezone={name!r} cannot be used: {hint}xpected a name such as 'UTC' or 'Europe/Berlin'."
        ) from error


def _own_zone(context: Mapping[str, Any]) -> tzinfo:
    try:
        return zone_of(context)
    except Exception:  # a timetable may be anybody's class; a key by the day of UTC is still a key
        log.warning("Cannot tell the time zone of this DAG: its partitions are days of UTC", exc_info=True)
        return UTC


def with_partition_key(text: str, partition_key: str) -> str:
    """Return a source with ``{partition_key}`` filled in; nothing else in it is touched.

    In a URI that is percent-encoded (``file://``, ``https://``) so is the key.

    :raises ConfigurationError: the key would add a path part ``..``, ``.`` or an empty one, and so lead to another place.
    """
    if text.startswith(_ENCODED):
        partition_key = quote(partition_key, safe="/")
    filled = text.replace(PLACEHOLDER, partition_key)
    if _odd_parts(filled) > _odd_parts(text.replace(PLACEHOLDER, "key")):
        raise ConfigurationError(
            f"Partition key {partition_key!r} cannot be filled into the source {text!r}: it adds an empty path part, '.' or '..'."
        )
    return filled


def _odd_parts(path: str) -> int:
    return sum(part in ("", ".", "..") for part in path.split("/"))


def _interval(context: Mapping[str, Any], dag_run: Any) -> tuple[datetime, datetime] | None:
    """Return start and end of the data interval; ``None`` where it has no length."""
    start = context.get("data_interval_start") or getattr(dag_run, "data_interval_start", None)
    end = context.get("data_interval_end") or getattr(dag_run, "data_interval_end", None)
    return (start, end) if start is not None and end is not None and start != end else None


def _rhythm(context: Mapping[str, Any], interval: tuple[datetime, datetime] | None) -> tuple[Schedule | None, timedelta | None]:
    """Return the DAG's schedule, and how far apart its runs are; ``None`` each where nothing tells.

    The schedule goes before the interval: of ``0 8,20 * * *`` intervals, and of ``CronTriggerTimetable(interval=...)`` all of them, have
    other lengths than the time from run to run, and all runs of a DAG are to have keys of one format.
    """
    try:
        schedule = schedule_of(context)
        if schedule is not None and (gap := schedule.shortest_gap()) > timedelta(0):
            return schedule, gap
    except Exception:  # a timetable may be anybody's class; a key by the interval, or by day, is still a key
        log.warning("Cannot tell from its timetable how often this DAG is due", exc_info=True)
    if interval is None or type(getattr(context.get("dag"), "timetable", None)).__name__ == "ContinuousTimetable":
        return None, None  # an interval of @continuous is as long as the run before it took
    return None, interval[1] - interval[0]


def _format_for(gap: timedelta | None) -> str:
    """Return the coarsest format in which moments so far apart have different keys; by hour only where each is on the same minute."""
    if gap is None or gap >= timedelta(days=1):
        return _DAY
    if not gap % timedelta(hours=1):
        return _HOUR
    return _MINUTE if gap >= timedelta(minutes=1) else _SECOND


def _in_utc(moment: datetime) -> datetime:
    """Return it in UTC, where no hour of a year comes twice."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC)


def _warn_if_shared(
    schedule: Schedule, due: datetime, moment: datetime, key: str, partition_format: str, spelling: _Spelling, *, is_default: bool
) -> None:
    """Warn if the run before or after this one has the same key.

    With another time zone than the DAG's that happens once a year: when clocks are put forward, 01:30 in Berlin is 00:30 UTC, then 23:30
    UTC of that same day. And with one whose clocks are put back, of hourly runs.

    :param due: when the run was due. :param moment: what its key is made from.
    """
    try:
        neighbours = schedule.neighbours(due)
    except Exception:
        log.debug("Cannot tell when this DAG is due before and after %s", due, exc_info=True)
        return
    for neighbour in neighbours:
        other = neighbour + (moment - due)
        if spelling.of(other, partition_format) == key:
            apart = next((form for form in FORMATS if spelling.of(other, form) != spelling.of(moment, form)), None)
            earlier, later = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in sorted((due, neighbour)))
            ways = [] if is_default else [f"leave out partition_format={partition_format!r}"]
            ways += [] if spelling.given is None else ["leave out partition_timezone"]
            ways += [] if apart is None else [f"pass partition_format={apart!r}"]
            _warn(
                f"The runs of this DAG that are due at {earlier} and {later} share partition {key!r}: each replaces what the other wrote. "
                f"To give each run a partition of its own, {', or '.join(ways)}."
            )
            return


@lru_cache(maxsize=256)
def _warn(message: str) -> None:
    """Say it once: a task resolves its key when its templates are rendered, when it begins, and a sensor whenever it looks."""
    log.warning(message)
