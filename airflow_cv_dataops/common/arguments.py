"""Arguments that may come out of a template as strings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import as_list as as_list
from airflow_cv_dataops.core.arguments import as_names_or_uri as as_names_or_uri
from airflow_cv_dataops.core.arguments import check_pattern, read_array, read_literal
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_cv_dataops.core.report.limits import ReportLimits


def forget_absent(operator: Any, template_fields: Iterable[str]) -> None:
    """Give template fields their default where a template rendered nothing: ``None``, an empty text or ``"None"``.

    ``partition_key="{{ params.key }}"`` with a param that is null would otherwise name a partition ``None``, and a ``fail_on`` that
    renders empty would let everything pass.

    Of the fields in the operator's ``never_empty`` an empty text stays, so that ``execute`` refuses it (:func:`as_list_or_absent`); of
    those in ``never_absent`` any text does.
    """
    kind: Any = type(operator)
    defaults = defaults_of(kind)
    for name in template_fields:
        value = getattr(operator, name, None)
        is_absent = value is None or (isinstance(value, str) and value.strip() in absent_texts(kind, name))
        if is_absent and defaults.get(name, inspect.Parameter.empty) is not inspect.Parameter.empty:
            setattr(operator, name, defaults[name])


def absent_texts(kind: type, name: str) -> tuple[str, ...]:
    """Return the texts that mean of an argument that it was not given."""
    if name in getattr(kind, "never_absent", ()):
        return ()
    return ("None",) if name in getattr(kind, "never_empty", ()) else ("", "None")


@lru_cache(maxsize=256)
def defaults_of(kind: Any) -> Mapping[str, Any]:
    """Return the defaults of the arguments of a class and those above it; the class nearest to it decides."""
    defaults: dict[str, Any] = {}
    for above in reversed(kind.__mro__):
        if "__init__" in vars(above):
            defaults |= _own_defaults(vars(above)["__init__"])
    return defaults


@lru_cache(maxsize=256)
def _own_defaults(init: Callable[..., None]) -> Mapping[str, Any]:
    """Of one class: most operators have most of those above them in common, and a DAG's file asks for all when it is parsed."""
    return {parameter.name: parameter.default for parameter in inspect.signature(init).parameters.values()}


def as_number(name: str, value: Any) -> float | None:
    """Return a number from a number or its text; ``None`` from ``None``, an empty text or ``"None"``."""
    if value is None or value == "" or value == "None":
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"{name}={value!r} is not a number.") from error


def required_number(name: str, value: Any) -> float:
    """Return a number from a number or its text. :raises ConfigurationError: there is none."""
    number = as_number(name, value)
    if number is None:
        raise ConfigurationError(f"{name} is empty: a number is needed.")
    return number


def as_count(name: str, value: Any) -> int | None:
    """Return a whole number from a number or its text, exactly; ``None`` as in :func:`as_number`."""
    try:
        return int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else _whole(name, value)
    except ValueError:
        return _whole(name, value)


def _whole(name: str, value: Any) -> int | None:
    number = as_number(name, value)
    if number is None:
        return None
    if not number.is_integer():
        raise ConfigurationError(f"{name}={value!r} is not a whole number.")
    return int(number)


def as_flag(name: str, value: Any) -> bool:
    """Return a truth value from a bool or its text (``true``, ``false``, ``1``, ``0``, any case)."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes"):
        return True
    if text in ("false", "0", "no", "", "none"):
        return False
    raise ConfigurationError(f"{name}={value!r} is neither true nor false.")


def required_flag(name: str, value: Any) -> bool:
    """Return a truth value as :func:`as_flag`. :raises ConfigurationError: there is none."""
    if value is None or str(value).strip().lower() in ("", "none"):
        raise ConfigurationError(f"{name} is empty: true or false is needed.")
    return as_flag(name, value)


def report_limits(report: Any, megabytes: Any, pictures: Any = None) -> ReportLimits | None:
    """Return how large a report may get; ``None`` where there is to be none. :param pictures: most images; ``None``: the default."""
    from airflow_cv_dataops.core.report.limits import MEGABYTE, ReportLimits

    if not as_flag("report", report):
        return None
    limits = {"max_bytes": int(required_number("report_max_megabytes", megabytes) * MEGABYTE)}
    if pictures is not None:
        limits["max_pictures"] = int(required_number("report_max_pictures", pictures))
    return ReportLimits(**limits)


def as_list_or_absent(name: str, value: Any, without: str) -> list[str] | None:
    """Return a list of at least one text, as of :func:`as_list`; ``None`` from ``None`` or ``"None"`` only.

    For a list that narrows: one that a template emptied must not mean what no list at all means. Blank entries are none.

    :param without: what leaving it out is for, e.g. ``the whole dataset``.
    :raises ConfigurationError: the list is empty.
    """
    if value is None or value == "None":
        return None
    if entries := [entry for entry in as_list(name, value) or () if entry.strip()]:
        return entries
    raise ConfigurationError(f"{name} is empty: name at least one, or leave it out for {without}.")


def given_text(name: str, value: Any, without: str) -> Any:
    """Return a value that is there. :param without: what leaving it out does. :raises ConfigurationError: it is a blank text."""
    if isinstance(value, str) and not value.strip():
        raise ConfigurationError(f"{name} is empty: give one, or leave it out to {without}.")
    return value


def numbers(name: str, known: type, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the numbers that were given for the fields of a dataclass, whole where the field is a whole number.

    :raises ConfigurationError: a name is not one of its fields, or a value is not a number.
    """
    kinds = {field.name: field.type for field in fields(known)}
    if unknown := sorted(map(str, set(given or {}) - set(kinds))):
        raise ConfigurationError(f"{name} has no {', '.join(unknown)}; it has {', '.join(kinds)}.")
    readers = {key: as_count if str(kind) == "int" else as_number for key, kind in kinds.items()}
    values = {key: readers[key](f"{name}[{key!r}]", value) for key, value in (given or {}).items()}
    return {key: value for key, value in values.items() if value is not None}


def as_pattern(value: Any) -> str | None:
    """Return a glob; ``None`` from nothing. :raises ConfigurationError: it is no string."""
    check_pattern(value)
    return value or None


def as_entries(name: str, value: Any) -> list[Any]:
    """Return a list from a sequence or the text of one; a text that is no array is the only entry; empty from nothing."""
    if value is None or value == "" or value == "None":
        return []
    if isinstance(value, str):
        return read_array(name, value) if value.strip().startswith("[") else [value]
    try:
        return list(value)
    except TypeError as error:
        raise ConfigurationError(f"{name}={value!r} is no list: expected e.g. ['one', 'another'].") from error


def as_mapping(name: str, value: Any) -> dict[str, Any]:
    """Return a mapping from a mapping or the text of one; empty from nothing."""
    if value is None or value == "" or value == "None":
        return {}
    given = read_literal(name, value, dict, "JSON object") if isinstance(value, str) else value
    try:
        return dict(given)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}={value!r} is no mapping: expected e.g. {{'name': 'value'}}.") from error
