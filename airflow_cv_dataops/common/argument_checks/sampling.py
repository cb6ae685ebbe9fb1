"""Arguments of sampling: out of templates, and checked when a DAG is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_cv_dataops.common.arguments import as_count, as_flag, as_list, as_mapping, as_number
from airflow_cv_dataops.core.arguments import as_place


def as_cap(name: str, value: Any) -> int | float | None:
    """Return a number of images from 1 on, a share below it."""
    cap = as_number(name, value)
    return int(cap) if cap is not None and cap >= 1 and cap.is_integer() else cap


def as_weights(name: str, value: Any) -> dict[str, float] | None:
    """Return weights by score: of a list of names, 1 each. ``None``: none were given."""
    if value is None:
        return None
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        value = as_list(name, value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return dict.fromkeys(sorted(value), 1.0) if isinstance(value, (set, frozenset)) else dict.fromkeys(value, 1.0)
    return _numbers(name, as_mapping(name, value))


def as_costs(name: str, value: Any) -> dict[str, float] | None:
    """Return costs by what is paid for; ``None``: none were given."""
    return None if value is None else _numbers(name, as_mapping(name, value))


def as_quotas(name: str, value: Any) -> dict[str, Any] | None:
    """Return quotas by grouping, of each a number or numbers by group."""
    if value is None:
        return None
    return {
        grouping: {group: as_cap(f"{name}[{grouping!r}][{group!r}]", amount) for group, amount in amounts.items()}
        if isinstance(amounts, Mapping)
        else as_cap(f"{name}[{grouping!r}]", amounts)
        for grouping, amounts in as_mapping(name, value).items()
    }


def as_bits(name: str, value: Any) -> int | None:
    """Return a number of bits; ``None`` from ``off``."""
    return None if value is False or (isinstance(value, str) and value.strip().lower() == "off") else as_count(name, value)


def as_partitions(name: str, value: Any) -> Any:
    """Return partition keys, or ``all``."""
    return value if value is None or (isinstance(value, str) and value.strip() == "all") else as_list(name, value)


def _as_is(name: str, value: Any) -> Any:
    return value


def _names(name: str, value: Any) -> tuple[str, ...]:
    return tuple(entry for entry in as_list(name, value) or () if entry.strip())


def _budget(name: str, value: Any) -> Any:
    number = as_number(name, value)
    return int(number) if number is not None and number.is_integer() else number


READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "strategy": _as_is,
    "scores": as_weights,
    "model": lambda name, value: value or None,
    "embedding_model": lambda name, value: value or None,
    "budget": _budget,
    "budget_unit": _as_is,
    "cost": as_costs,
    "max_per_class": as_cap,
    "max_per": as_quotas,
    "min_per": as_quotas,
    "explore": as_number,
    "near_duplicates": as_bits,
    "clusters": lambda name, value: None if value is None else as_place(name, value),
    "preselected": _names,
    "similar_to": _names,
    "candidates": _as_is,
    "partitions": as_partitions,
    "leave_out_issues": _names,
    "leave_out_queued": as_flag,
    "labelled_in": _as_is,
    "aggregate": _as_is,
    "seed": as_count,
    "sample_id": _as_is,
    "manifest": _as_is,
    "custom": _as_is,
}
"""By argument, what makes of a template's text what ``core`` takes."""


def read(name: str, value: Any) -> Any:
    """Return an argument as ``core`` takes it."""
    return READERS[name](name, value)


def alone(name: str, value: Any) -> None:
    """An argument that may be judged by itself."""
    _check(**{name: value})


def spending(budget: Any, unit: Any, cost: Any) -> None:
    _check(budget=budget, budget_unit=unit, cost=cost)


def chosen_by(custom: Any, strategy: Any, scores: Any) -> None:
    _check(custom=custom, strategy=strategy, scores=scores)


def limited(max_per_class: Any, max_per: Any) -> None:
    _check(max_per_class=max_per_class, max_per=max_per)


def shared(budget_unit: Any, max_per_class: Any, max_per: Any, min_per: Any) -> None:
    from airflow_cv_dataops.core.sampling.batch.quotas import check_shares

    given = {"max_per_class": max_per_class, "max_per": max_per, "min_per": min_per}
    check_shares(budget_unit, **{name: read(name, value) for name, value in given.items()})


def _check(**given: Any) -> None:
    from airflow_cv_dataops.core.sampling.options import SampleOptions

    SampleOptions(**{name: read(name, value) for name, value in given.items()})


def _numbers(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: as_number(f"{name}[{key!r}]", value) for key, value in given.items()}
