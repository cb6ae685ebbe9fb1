"""What a contract may be asked for; without Great Expectations, so that a DAG's file may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from airflow_cv_dataops.core.arguments import check_whole_number
from airflow_cv_dataops.core.errors import ConfigurationError

SEVERITIES = ("critical", "warning", "info")

_MOST_ROWS = 10_000
_LONGEST = 200
_FILES = (".json", ".yaml", ".yml")
# What GX writes, today or before 1.0; `name` beside a `type` is ours: how findings, metrics and lineage call it.
_OLDER = ("expectation_suite_name", "ge_cloud_id", "data_asset_type", "evaluation_parameters", "expectation_type", "expectation_context")
_OF_A_SUITE = {"name", "expectations", "meta", "notes", "id", "suite_parameters", *_OLDER}
_OF_AN_EXPECTATION = {"type", "name", "kwargs", "meta", "notes", "description", "id", "severity", "rendered_content", *_OLDER}


def check_contract_name(contract: Any, table: str) -> None:
    """:raises ConfigurationError: it is no name, and not ``None``."""
    if contract is not None and (
        not isinstance(contract, str) or not contract.strip() or not contract.isprintable() or len(contract) > _LONGEST
    ):
        raise ConfigurationError(
            f"contract={contract!r} cannot be used: expected a name such as {table!r}, of at most {_LONGEST} characters."
        )


def check_max_rows(max_rows: Any) -> None:
    """:raises ConfigurationError: it is no whole number, or more than a page can show."""
    check_whole_number("max_rows", max_rows, 0, _MOST_ROWS)


def check_suite(suite: Any, context_root_dir: Any, categories: Sequence[str] | None) -> None:
    """:raises ConfigurationError: it is no suite, as far as that can be told without opening a file and without Great Expectations."""
    check_categories(categories, is_default_suite=suite is None and context_root_dir is None)
    if context_root_dir is not None:
        check_suite_in_project(suite)
    elif isinstance(suite, (str, PathLike)):
        check_suite_place(suite)
    elif isinstance(suite, Mapping):
        entries_of(suite, "value")


def check_suite_place(suite: str | PathLike[str]) -> str:
    """Return the path or URI of a suite. :raises ConfigurationError: no such file is a suite."""
    place = fspath(suite)
    if not place.lower().endswith(_FILES):
        raise ConfigurationError(
            f"suite={place!r} is no suite: expected a path or URI that ends in {', '.join(_FILES)}, or, with context_root_dir, "
            "the name of a suite there."
        )
    return place


def check_suite_in_project(suite: Any) -> str:
    """Return the name of a suite of a project. :raises ConfigurationError: it is none."""
    if not isinstance(suite, str) or not suite:
        raise ConfigurationError(f"suite={suite!r} cannot be used with context_root_dir: expected the name of a suite of that project.")
    return suite


def check_categories(categories: Sequence[str] | None, *, is_default_suite: bool) -> None:
    """:raises ConfigurationError: names of categories are given with a suite that says itself which it expects."""
    if categories is not None and not is_default_suite:
        raise ConfigurationError("categories are those of the default suite: a suite of your own says itself which it expects.")


def entries_of(document: Mapping[str, Any], source: str) -> list[Any]:
    """Return the expectations of a suite as a file, or a dictionary of the same form, says it.

    :param source: what messages call it.
    :raises ConfigurationError: a key is unknown, or one that it has is of another kind.
    """
    if unknown := sorted(map(str, set(document) - _OF_A_SUITE)):
        raise ConfigurationError(f"Suite ({source}) has unknown keys {', '.join(unknown)}: expected `name` and `expectations`.")
    entries = document.get("expectations")
    if not isinstance(entries, list):
        raise ConfigurationError(f"Suite ({source}): `expectations` is {type(entries).__name__}: expected a list.")
    parameters = suite_parameters_of(document)
    if parameters is not None and not isinstance(parameters, dict):
        raise ConfigurationError(f"Suite ({source}): `suite_parameters` is {type(parameters).__name__}: expected a mapping.")
    for number, entry in enumerate(entries, 1):
        _check_entry(entry, f"Suite ({source}), expectation {number}")
    return entries


def suite_parameters_of(document: Mapping[str, Any]) -> Any:
    """Return what ``$PARAMETER`` stands for, as a suite's document says it, under either of its names."""
    return document.get("suite_parameters") or document.get("evaluation_parameters")


def type_of(entry: Any) -> Any:
    """Return the type of an expectation, under either of its names."""
    return entry.get("type") or entry.get("expectation_type") if isinstance(entry, dict) else None


def _check_entry(entry: Any, where: str) -> None:
    kind = type_of(entry)
    if not isinstance(kind, str):
        raise ConfigurationError(f"{where} has no `type`: expected e.g. {{type: expect_column_values_to_not_be_null, kwargs: {{…}}}}.")
    where = f"{where} ({kind[:100]})"
    if unknown := sorted(map(str, set(entry) - _OF_AN_EXPECTATION)):
        raise ConfigurationError(f"{where} has unknown keys {', '.join(unknown)}: arguments stand below `kwargs`.")
    kwargs, meta = entry.get("kwargs") or {}, entry.get("meta") or {}
    if not isinstance(kwargs, dict) or not isinstance(meta, dict):
        raise ConfigurationError(f"{where}: `kwargs` and `meta` are mappings, or absent.")
    _check_texts(kwargs, where)
    severity = entry.get("severity") or "critical"
    if severity not in SEVERITIES:
        raise ConfigurationError(f"{where}: severity {severity!r} is unknown: expected critical (findings: error), warning or info.")


def _check_texts(value: Any, where: str) -> None:
    """:raises ConfigurationError: among texts there is a yes or no: what YAML makes of a text ``no``, ``on`` or ``yes`` without quotes."""
    if isinstance(value, dict):
        for one in value.values():
            _check_texts(one, where)
    elif isinstance(value, list):
        kinds = {type(one) for one in value}
        if bool in kinds and str in kinds:
            raise ConfigurationError(f"{where}: {value!r} has texts and truth values: in YAML, quote 'yes', 'no', 'on' and 'off'.")
        for one in value:
            _check_texts(one, where)
