"""Where a contract's suite comes from: a file, a project of Great Expectations, a value, a function, or the default of its table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.arguments import check_categories, check_suite_in_project, check_suite_place
from airflow_cv_dataops.core.contracts.default_suites import default_suite
from airflow_cv_dataops.core.contracts.quiet import quiet
from airflow_cv_dataops.core.contracts.registration import register
from airflow_cv_dataops.core.contracts.suite_documents import read_document, suite_of
from airflow_cv_dataops.core.contracts.suite_projects import suite_file
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

    from airflow_cv_dataops.core.store.dataset import Dataset

SuiteSource = str | PathLike[str] | Mapping[str, Any] | Callable[..., Any] | None
"""A path or URI, a name (with a project), a suite as JSON has it, a suite, a function that returns one, or nothing: the default suite."""


@dataclass(frozen=True)
class ContractSuite:
    """A suite, and where it is from.

    :param expectations: each as Great Expectations' own object; none of them says how much of a result it wants.
    :param source: ``default``, the URI of a file, ``function <name>`` or ``value``.
    """

    name: str
    expectations: tuple[Expectation, ...]
    parameters: Mapping[str, Any]
    source: str


def load_suite(
    suite: SuiteSource | ExpectationSuite | Sequence[Expectation],
    dataset: Dataset,
    partition_key: str,
    *,
    table: str,
    context_root_dir: str | PathLike[str] | None = None,
    categories: Sequence[str] | None = None,
    may_be_empty: bool = False,
    options: Mapping[str, Any] | None = None,
) -> ContractSuite:
    """Return the suite that is asked for.

    :param suite: a path or URI that ends in ``.json``, ``.yaml`` or ``.yml``; the name of a suite in ``context_root_dir``; a dictionary as
        such a file has it; an ``ExpectationSuite``; a list of expectations; a function of nothing, or of dataset and partition key, that
        returns one of these; ``None``: the table's default suite.
    :param context_root_dir: a file project of Great Expectations, of which nothing but the suite's file is read, and nothing is written.
    :param categories: with the default suite of annotations or predictions: the names that a label may have.
    :param may_be_empty: whether it may have no expectation, and so hold of anything.
    :param options: of the object store, for a URI.
    :raises ConfigurationError: there is no such suite, or it cannot be used; the message says where and why.
    """
    with quiet():
        register()
        if suite is None and context_root_dir is None:
            return _checked(default_suite(table, categories=categories), "default", table)
        check_categories(categories, is_default_suite=False)
        found, source = _value(suite, dataset, partition_key, context_root_dir, options or {})
        if isinstance(found, Mapping):
            found = suite_of(found, source, name=table)
        return _checked(found, source, table, may_be_empty=may_be_empty)


def _value(
    suite: Any, dataset: Dataset, partition_key: str, context_root_dir: str | PathLike[str] | None, options: Mapping[str, Any]
) -> tuple[Any, str]:
    """Return a suite, a list or a dictionary, and where it is from."""
    if context_root_dir is not None:
        place = suite_file(fspath(context_root_dir), check_suite_in_project(suite))
        return read_document(place, {}), place
    if isinstance(suite, (str, PathLike)):
        place = check_suite_place(suite)
        return read_document(place, options), _without_credentials(place)
    if not callable(suite):
        return suite, "value"
    return _called(suite, dataset, partition_key), f"function {getattr(suite, '__qualname__', type(suite).__name__)}"


def _called(function: Callable[..., Any], dataset: Dataset, partition_key: str) -> Any:
    """Call with as much as it takes."""
    try:
        inspect.signature(function).bind(dataset, partition_key)
    except TypeError:
        return function()
    return function(dataset, partition_key)


def _checked(found: Any, source: str, table: str, *, may_be_empty: bool = False) -> ContractSuite:
    """:raises ConfigurationError: it is no suite, or holds nothing."""
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

    parameters: Mapping[str, Any] = {}
    name, expectations = table, found
    if isinstance(found, ExpectationSuite):
        name, expectations, parameters = found.name, found.expectations, found.suite_parameters or {}
    if isinstance(expectations, Expectation):
        expectations = [expectations]
    if not isinstance(expectations, (list, tuple)) or not all(isinstance(one, Expectation) for one in expectations):
        raise ConfigurationError(
            f"Suite ({source}): {type(found).__name__} is no suite: expected an ExpectationSuite, a list of expectations, "
            "or a dictionary with `expectations`."
        )
    if not expectations and not may_be_empty:
        raise ConfigurationError(f"Suite {name!r} ({source}) has no expectation: it would hold of anything.")
    return ContractSuite(name, tuple(map(_plain, expectations)), parameters, source)


def _plain(expectation: Expectation) -> Expectation:
    """Return it without what an older run, or the suite's author, wanted to have of its result: the run decides that."""
    wanted = {"batch_id": None, "result_format": "BASIC", "catch_exceptions": True}
    return expectation.copy(update={name: value for name, value in wanted.items() if name in expectation.__fields__})


def _without_credentials(place: str) -> str:
    from airflow_cv_dataops.core.store.objects import without_credentials

    return without_credentials(place)
