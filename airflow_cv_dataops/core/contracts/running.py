"""Runs a suite on a frame with Great Expectations, in a context that lives in memory and tells nobody of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.expectation_names import check_names
from airflow_cv_dataops.core.contracts.outcomes import Outcome, needs_rows, not_looked, outcome_of
from airflow_cv_dataops.core.contracts.quiet import quiet
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.expectations.expectation import Expectation

    from airflow_cv_dataops.core.contracts.suites import ContractSuite

_TAG = "check"
_FEWEST_VALUES = 20


@dataclass(frozen=True)
class Ran:
    """:param outcomes: one for each expectation, in the suite's order. :param result: GX's own; ``None``: nothing was evaluated."""

    outcomes: tuple[Outcome, ...]
    result: ExpectationSuiteValidationResult | None


def run_suite(frame: pd.DataFrame, suite: ContractSuite, parameters: Mapping[str, Any], *, max_rows: int) -> Ran:
    """Evaluate every expectation of a suite.

    Of a result, counts and the first values and rows are kept, never all of them. One that raises is ``not_evaluated``, and hinders no
    other. On no rows only what is about the table itself is evaluated.

    :param parameters: values of ``$PARAMETER``, over those of the suite.
    :param max_rows: rows that are named for each expectation at most.
    """
    names = check_names(suite.expectations)
    tagged = {name: _tagged(one, name) for name, one in zip(names, suite.expectations, strict=True)}
    to_run = {name: one for name, one in tagged.items() if len(frame) or not needs_rows(one)}
    result = _validated(frame, suite, list(to_run.values()), {**suite.parameters, **parameters}, max_rows) if to_run else None
    by_name = {one.expectation_config.meta[_TAG]: one for one in (result.results if result else ()) if one.expectation_config}
    if lost := sorted(set(to_run) - set(by_name)):
        raise RuntimeError(f"Great Expectations returned no result of {', '.join(lost)}.")
    outcomes = tuple(
        outcome_of(name, one, by_name[name], frame, max_rows) if name in to_run else not_looked(name, one) for name, one in tagged.items()
    )
    for one in by_name.values():
        one.result.pop("unexpected_rows", None)  # a frame: what pages and JSON cannot show
    return Ran(outcomes, result)


def _validated(
    frame: pd.DataFrame, suite: ContractSuite, expectations: Sequence[Expectation], parameters: Mapping[str, Any], max_rows: int
) -> ExpectationSuiteValidationResult:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    whole = gx.ExpectationSuite(name=suite.name)
    whole.expectations = list(expectations)
    if missing := sorted(set(whole.suite_parameter_options) - set(parameters)):
        raise ConfigurationError(f"Suite {suite.name!r} ({suite.source}) takes parameters that have no value: {', '.join(missing)}.")
    with quiet():
        context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(), progress_bars=ProgressBarsConfig(globally=False)
            ),
        )
        asset = context.data_sources.add_pandas("dataset").add_dataframe_asset(suite.name)
        batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
        wanted = {
            "result_format": "BASIC",
            "partial_unexpected_count": max(max_rows, _FEWEST_VALUES),
            "include_unexpected_rows": True,
        }
        return batch.validate(whole, result_format=wanted, expectation_parameters=dict(parameters))


def _tagged(expectation: Expectation, name: str) -> Expectation:
    """Return it with its name in its ``meta``: GX returns results in an order of its own."""
    return expectation.copy(update={"meta": {**(expectation.meta or {}), _TAG: name}})
