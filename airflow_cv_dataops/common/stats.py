"""A step's numbers as gauges of Airflow's own metrics: StatsD, Datadog or OpenTelemetry, whatever ``[metrics]`` names (docs/metrics.md)."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_cv_dataops.core.step_lineage import StepLineage

log = logging.getLogger(__name__)

PREFIX = "cv_dataops"
MOST_NUMBERS = 200
"""Of one task: what comes from data, such as counts by category, must not flood what all of Airflow shares."""

_LONGEST_PART = 40  # of a name, which has up to seven: Airflow drops names of more than 250 letters
_LONGEST_TAGS = 110  # which the same 250 letters hold, where StatsD takes tags
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]+")
_ILLEGAL_IN_TAGS = re.compile(r"[^A-Za-z0-9_./-]")
_BREACHES = "breaches"


def emit_stats(summary: Mapping[str, Any], step: str, task: Any, *, is_breach: bool = False) -> None:
    """Send the numbers of a summary as gauges, and count a breach; nothing where Airflow has no backend. Never raises.

    Where the backend takes tags, a gauge is ``cv_dataops.<step>.<number>``, with the tags ``dataset``, ``dag_id`` and ``task_id``, and the
    counter ``cv_dataops.breaches`` has ``step`` beside. Plain StatsD takes none, and all datasets would write to one gauge: there they are
    ``cv_dataops.<step>.<dataset>.<dag_id>.<task_id>.<number>`` and ``cv_dataops.breaches.<step>.<dataset>.<dag_id>.<task_id>``.

    :param summary: its ``numbers()``, zeros included: XCom leaves some out, and a gauge that is not sent stands at what it was.
    :param step: see :func:`step_of`.
    :param task: the operator, or whatever has a ``dag_id`` and a ``task_id``.
    """
    try:
        takes_tags = _takes_tags()
        if takes_tags is None:
            return
        from airflow.providers.common.compat.sdk import Stats

        named = {"dataset": str(summary["dataset"] or "none"), "dag_id": str(task.dag_id), "task_id": str(task.task_id)}
        place = ".".join([step, *(() if takes_tags else map(_part, named.values()))])
        tags = {"tags": _tags(named)} if takes_tags else {}
        for name, value in _first(numbers(summary)):
            Stats.gauge(f"{PREFIX}.{place}.{name}", value, **tags)
        if is_breach and takes_tags:
            Stats.incr(f"{PREFIX}.{_BREACHES}", tags={**tags["tags"], "step": step})
        elif is_breach:
            Stats.incr(f"{PREFIX}.{_BREACHES}.{place}")
    except Exception as error:  # noqa: BLE001 (of a backend that others wrote: numbers on their way to a chart are not what a task fails of)
        log.warning("The step's numbers cannot be sent to Airflow's metrics: %s: %s", type(error).__name__, error)


def step_of(lineage: StepLineage) -> str:
    """Return the step's name in stats: that of its rows in ``metrics`` without their owner (``audit``), else lineage's (``promotion``)."""
    owners = [use.owner for use in lineage.outputs if use.table == "metrics" and use.owner]
    return _part(owners[0].partition(":")[0] if owners else lineage.step)


def numbers(summary: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    """Yield name and value of each number: counts, then metrics, then the duration. A map in them becomes ``<map>.<key>``.

    What is absent (``None``) is not a number, and neither are texts and yes or no. Of two names that become one, the second has a hash.
    """
    taken: set[str] = set()
    for path, value in _paths(summary):
        if isinstance(value, int | float) and not isinstance(value, bool):
            name = ".".join(map(_part, path))
            name = name if name not in taken else f"{name}_{_hash(path[-1])}"
            taken.add(name)
            yield name, value


def _paths(summary: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for group in ("counts", "metrics"):
        for name, value in summary[group].items():
            yield (name,), value
            if isinstance(value, Mapping):
                yield from (((name, key), item) for key, item in value.items())
    yield ("duration_seconds",), summary["duration_seconds"]


def _first(found: Iterator[tuple[str, int | float]]) -> list[tuple[str, int | float]]:
    """Return as many as are sent: those that are no part of a map first, then the others as they come."""
    named = dict(found)
    order = sorted(named, key=lambda name: "." in name)
    if len(order) > MOST_NUMBERS:
        log.info("%d of the step's %d numbers go to Airflow's metrics; the table metrics has all.", MOST_NUMBERS, len(order))
    return [(name, named[name]) for name in order[:MOST_NUMBERS]]


def _takes_tags() -> bool | None:
    """Say whether the backend that Airflow writes to takes tags; ``None``: there is no backend. In Airflow's order of backends."""
    from airflow.providers.common.compat.sdk import conf

    def is_on(option: str, fallback: bool = False) -> bool:
        return bool(conf.getboolean("metrics", option, fallback=fallback))

    if is_on("statsd_datadog_enabled"):
        return is_on("statsd_datadog_metrics_tags", fallback=True)
    if is_on("statsd_on"):
        return is_on("statsd_influxdb_enabled")
    return True if is_on("otel_on") else None


def _part(name: str) -> str:
    """Return one part of a name, without dots, as StatsD takes it."""
    safe = _ILLEGAL.sub("_", name.replace(".", "__"))
    return safe if safe.strip("_") and len(safe) <= _LONGEST_PART else _cut(safe, name, _LONGEST_PART)


def _tags(named: Mapping[str, str]) -> dict[str, str]:
    """Return tags as every backend takes them; where they are too long together, cut."""
    safe = {name: _ILLEGAL_IN_TAGS.sub("_", value) for name, value in named.items()}
    if sum(map(len, safe.values())) <= _LONGEST_TAGS:
        return safe
    longest = _LONGEST_TAGS // len(safe)
    return {name: value if len(value) <= longest else _cut(value, named[name], longest) for name, value in safe.items()}


def _cut(safe: str, name: str, longest: int) -> str:
    """Return a name's first letters with a hash of the whole, so that names which differ late stay apart."""
    return f"{safe[: longest - 9].rstrip('_')}_{_hash(name)}"


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
