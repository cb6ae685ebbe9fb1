"""Suites as files: the JSON of Great Expectations, the same as YAML, and a short form of both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.arguments import entries_of, suite_parameters_of, type_of
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import read_uri
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

_MAX_BYTES = 20 * 2**20


def read_document(place: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a file of a suite says.

    :param place: a path or URI that ends in ``.json``, ``.yaml`` or ``.yml``.
    :raises ConfigurationError: it is not there, or no JSON or YAML with a suite.
    :raises SourceError: it cannot be read.
    """
    where = f"Suite {told_uri(place)}"
    try:
        text = read_uri(place, options, max_bytes=_MAX_BYTES).decode()
    except FileNotFoundError as error:
        raise ConfigurationError(f"{where} is not there.") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where} is no UTF-8 text.") from error
    except OSError as error:
        raise SourceError(f"{where} cannot be read: {error}") from error
    document = _parsed(text, where, is_json=place.lower().endswith(".json"))
    if isinstance(document, list):
        document = {"expectations": document}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{where} holds {type(document).__name__}: expected a mapping with `expectations`.")
    return document


def suite_of(document: Mapping[str, Any], source: str, *, name: str) -> ExpectationSuite:
    """Return a suite from what a file says, or a dictionary of the same form.

    :param source: what messages call it.
    :param name: of a suite that has none.
    :raises ConfigurationError: an entry cannot be used; the message says which, and why. None is left out in silence, as Great Expectations
        itself would.
    """
    from great_expectations import ExpectationSuite

    entries, parameters = entries_of(document, source), suite_parameters_of(document)
    suite = ExpectationSuite(name=str(document.get("name") or document.get("expectation_suite_name") or name), suite_parameters=parameters)
    suite.expectations = [_expectation(entry, f"Suite ({source}), expectation {number}") for number, entry in enumerate(entries, 1)]
    return suite


def _parsed(text: str, where: str, *, is_json: bool) -> Any:
    import yaml

    try:
        return json.loads(text, object_pairs_hook=_pairs) if is_json else yaml.load(text, _loader())  # noqa: S506 (a SafeLoader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        kind = "JSON" if is_json else "YAML"
        raise ConfigurationError(f"{where} is no {kind}: {' '.join(str(error).split())[:300]}") from error


def _pairs(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a mapping. :raises ValueError: a key stands there twice: one of the two would be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [str(name) for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one mapping")
    return found


@cache
def _loader() -> type:
    """Return PyYAML's safe loader that refuses a key that stands twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            own = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
            _pairs([(str(key), None) for key in own])
            return super().construct_mapping(node, deep=deep)

    return Loader


def _expectation(entry: Any, where: str) -> Expectation:
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    kind = type_of(entry)
    where = f"{where} ({kind[:100]})"
    _check_known(kind, where)
    kwargs, meta = entry.get("kwargs") or {}, entry.get("meta") or {}
    severity = entry.get("severity") or "critical"
    if entry.get("name"):
        meta = {**meta, "name": str(entry["name"])}
    told = {key: entry[key] for key in ("notes", "description", "id") if entry.get(key)}
    try:
        return ExpectationConfiguration(
            type=kind, kwargs=dict(kwargs), meta=meta, severity=FailureSeverity(severity), **told
        ).to_domain_obj()
    except (ValueError, TypeError, KeyError, GreatExpectationsError) as error:  # pydantic's are ValueErrors
        raise ConfigurationError(f"{where} cannot be used: {' '.join(str(error).split())[:500]}") from error


def _check_known(kind: str, where: str) -> None:
    from difflib import get_close_matches

    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = list_registered_expectation_implementations()
    if kind in known:
        return
    closest = get_close_matches(kind, known, n=1)
    meant = f"Did you mean {closest[0]}? " if closest else ""
    raise ConfigurationError(f"{where} is of an unknown type. {meant}One of your own has to be imported before: give a function as suite.")
