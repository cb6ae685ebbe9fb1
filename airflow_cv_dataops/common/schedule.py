"""How often a DAG is due, and when it is due before and after a run: what its timetable says, in any of Airflow's spellings."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)

# Where gaps are counted from. Fixed, so that all runs of a DAG count the same ones.
_FROM = datetime(2024, 1, 1)
_UNTIL = datetime(2028, 1, 1)
# A day has at most 24 hours to be due in, and an hour 60 minutes: what a cron expression does within a day is seen soon; 400 are more than
# a year of days, for several expressions that meet on some days only.
_FIRINGS = 400
_PRESETS = {"@quarterly": "0 0 1 */3 *"}  # the one of Airflow's that croniter does not know


@dataclass(frozen=True)
class Schedule:
    """When a DAG is due. Of the four, one kind is given.

    :param crons: cron expressions, in ``timezone``: due whenever one of them is.
    :param delta: a ``timedelta`` or ``relativedelta``.
    :param dates: moments, sorted.
    """

    crons: tuple[str, ...] = ()
    timezone: str | tzinfo = "UTC"
    delta: Any = None
    dates: tuple[datetime, ...] = ()

    def shortest_gap(self) -> timedelta:
        """Return the shortest time between two moments at which the DAG is due, on the clock of its time zone."""
        if self.delta is not None:
            return (_FROM + self.delta) - _FROM
        gaps = _gaps_of_crons(self.crons) if self.crons else _gaps(iter(self.dates))
        return min(gaps, default=timedelta.max)

    def neighbours(self, moment: datetime) -> list[datetime]:
        """Return when the DAG is due before ``moment`` and when after, in UTC; fewer where there is none.

        None where it is not due at ``moment``: a run from before the schedule was changed is nobody's neighbour.
        """
        if self.delta is not None:
            around = [moment - self.delta, moment + self.delta]
        elif self.crons:
            around = _around(self.crons, moment, ZoneInfo(self.timezone) if isinstance(self.timezone, str) else self.timezone)
        elif moment not in self.dates:
            around = []
        else:
            around = [*[date for date in self.dates if date < moment][-1:], *[date for date in self.dates if date > moment][:1]]
        return [date.astimezone(UTC) for date in around]


def schedule_of(context: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule of the DAG in a task's context; ``None`` where its timetable has none (manual, assets), or is not known.

    A timetable is known by what it holds, not by its class: the same ones are classes of the scheduler's up to Airflow 3.1, and
    of the task SDK's with other names for their fields from 3.2 on, where a DAG may still use the former.
    """
    timetable = getattr(context.get("dag"), "timetable", None)
    # Of assets *or* a time, the time: its runs are those that are due.
    timetable = _field(timetable, "timetable") or timetable
    if crons := _field(timetable, "timetables") or ([timetable] if isinstance(_field(timetable, "expression"), str) else None):
        expressions = tuple(_PRESETS.get(expression, expression) for expression in (_field(cron, "expression") for cron in crons))
        return Schedule(crons=expressions, timezone=_field(crons[0], "timezone") or "UTC")
    if delta := _field(timetable, "delta"):
        return Schedule(delta=delta)
    if dates := _field(timetable, "event_dates"):
        return Schedule(dates=tuple(sorted(set(dates))))
    return None


def zone_of(context: Mapping[str, Any]) -> tzinfo:
    """Return the time zone in which the DAG in a task's context counts its days: its timetable's, else its own, else UTC."""
    dag = context.get("dag")
    timetable = getattr(dag, "timetable", None)
    timetable = _field(timetable, "timetable") or timetable
    first = (_field(timetable, "timetables") or [timetable])[0]
    return as_zone(_field(first, "timezone") or getattr(dag, "timezone", None) or UTC)


def as_zone(zone: str | tzinfo) -> tzinfo:
    """Return a time zone by its name, or as it is. :raises ValueError: there is none of that name."""
    if isinstance(zone, tzinfo):
        return zone
    try:
        return ZoneInfo(zone)
    except (OSError, ValueError, TypeError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"there is no time zone {zone!r}") from error


def _field(timetable: Any, name: str) -> Any:
    return getattr(timetable, name, None) or getattr(timetable, f"_{name}", None)


@lru_cache(maxsize=64)
def _gaps_of_crons(crons: tuple[str, ...]) -> tuple[timedelta, ...]:
    firings = heapq.merge(*(_firings(cron) for cron in crons))
    return tuple(_gaps(takewhile(lambda firing: firing < _UNTIL, firings)))


def _gaps(moments: Iterator[datetime]) -> Iterator[timedelta]:
    return (gap for gap in (later - earlier for earlier, later in pairwise(islice(moments, _FIRINGS))) if gap)


def _firings(cron: str) -> Iterator[datetime]:
    # Airflow's own scheduler reads expressions with it: apache-airflow-core brings it along, in every version.
    from croniter import croniter

    found: Iterator[datetime] = croniter(cron, _FROM).all_next(datetime)
    return found


def _around(crons: tuple[str, ...], moment: datetime, zone: tzinfo) -> list[datetime]:
    """Return the firings around a moment. As Airflow does: on the clock of the time zone, which croniter itself knows nothing of."""
    from croniter import croniter

    clock = datetime.fromtimestamp(moment.timestamp(), zone).replace(tzinfo=None)
    if not any(croniter.match(cron, clock) for cron in crons):
        return []
    before = [croniter(cron, clock).get_prev(datetime).replace(tzinfo=zone).astimezone(UTC) for cron in crons]
    after = [croniter(cron, clock).get_next(datetime).replace(tzinfo=zone).astimezone(UTC) for cron in crons]
    # Where clocks are put back or forward, a neighbour on the clock may be none in time.
    earlier, later = [date for date in before if date < moment], [date for date in after if date > moment]
    return [*([max(earlier)] if earlier else []), *([min(later)] if later else [])]
