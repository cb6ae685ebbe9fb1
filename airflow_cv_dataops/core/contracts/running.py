"""Runs a suite on a frame with Great Expectations, in a context that lives in memory and tells nobody of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.expectation_names import check_names
from airflow_cv_dataops.core.contracts.named_columns import columns_named
from airflow_cv_dataops.core.contracts.outcomes import Outcome, needs_rows, not_looked, outcome_of
from airflow_cv_dataops.core.contracts.quiet import no_fingerprint, quiet
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

    from airflow_cv_dataops.core.contracts.frame import ContractRows
    from airflow_cv_dataops.core.contracts.suites import ContractSuite

_TAG = "cv_dataops_check"
_FEWEST_VALUES = 20


@dataclass(frozen=True)
class Ran:
    """:param outcomes: one for each expectation, in the suite's order. :param result: GX's own; ``None``: nothing was evaluated.
    :param row_count: rows that were looked at.
    """

    outcomes: tuple[Outcome, ...]
    result: ExpectationSuiteValidationResult | None
    row_count: int


def run_suite(rows: ContractRows, suite: ContractSuite, parameters: Mapping[str, Any], *, max_rows: int) -> Ran:
    """Evaluate every expectation of a suite.

    Of a result, counts and the first values and rows are kept, never all of them. One that raises is ``not_evaluated``, and hinders no
    other. On no rows only what is about the table itself is evaluated.

    Great Expectations copies the whole frame for each expectation. So expectations on many rows are evaluated in groups, each on a frame
    of its own that has no more columns than the group names.

    :param parameters: values of ``$PARAMETER``, over those of the suite.
    :param max_rows: rows that are named for each expectation at most.
    """
    names = check_names(suite.expectations)
    tagged = {name: _tagged(one, name) for name, one in zip(names, suite.expectations, strict=True)}
    values = {**suite.parameters, **parameters}
    _check_parameters(suite, values)
    found: dict[str, tuple[Outcome, ExpectationValidationResult | None]] = {}
    counts, result = [], None
    for columns, group in _groups(tagged, rows, values):
        frame = rows.frame(columns)
        counts.append(len(frame))
        to_run = [name for name in group if len(frame) or not needs_rows(tagged[name])]
        found |= {name: (not_looked(name, tagged[name]), None) for name in group if name not in to_run}
        if to_run:
            result = _validated(frame, suite, [tagged[name] for name in to_run], values, max_rows)
            _plain_numbers(result)
            by_name = {one.expectation_config.meta[_TAG]: one for one in result.results if one.expectation_config}
            found |= {name: (outcome_of(name, tagged[name], by_name[name], frame, max_rows), by_name[name]) for name in to_run}
            for one in by_name.values():
                one.result.pop("unexpected_rows", None)  # a frame: what pages and JSON cannot show
    if len(set(counts)) > 1:
        raise RuntimeError(f"Frames of one snapshot differ in their rows: {counts}.")
    return Ran(tuple(found[name][0] for name in names), _merged(result, [found[name][1] for name in names]), counts[0])


def _plain_numbers(result: ExpectationSuiteValidationResult) -> None:
    """Make Python's numbers of numpy's, which GX's own pages cannot show."""
    for one in result.results:
        observed = one.result.get("observed_value")
        if observed is not None and getattr(observed, "shape", None) == ():
            one.result["observed_value"] = observed.item()


def _groups(
    expectations: Mapping[str, Expectation], rows: ContractRows, parameters: Mapping[str, Any]
) -> list[tuple[Sequence[str], list[str]]]:
    """Return columns, and the names of the expectations that name no others; on few rows one group, as each costs a fixed time."""
    if not expectations:
        return [(rows.names[:1], [])]
    groups: list[tuple[set[str], list[str]]] = []
    needs: dict[str, set[str]] = {}
    for name, one in expectations.items():
        named = columns_named([one], rows.names, parameters)
        needs[name] = set(rows.names if named is None else named or rows.names[:1])  # of no column, nobody knows how many rows there are
    if not rows.are_many:
        groups = [(set().union(*needs.values()), list(needs))]
        needs = {}
    for name, columns in sorted(needs.items(), key=lambda item: -len(item[1])):
        home = next((group for group in groups if columns <= group[0]), None)
        if home is None:
            groups.append((columns, [name]))
        else:
            home[1].append(name)
    return [([name for name in rows.names if name in columns], group) for columns, group in groups]


def _check_parameters(suite: ContractSuite, values: Mapping[str, Any]) -> None:
    wanted = {name for one in suite.expectations for name in one.suite_parameter_options}
    if missing := sorted(wanted - set(values)):
        raise ConfigurationError(f"Suite {suite.name!r} ({suite.source}) takes parameters that have no value: {', '.join(missing)}.")


def _merged(
    result: ExpectationSuiteValidationResult | None, found: Sequence[ExpectationValidationResult | None]
) -> ExpectationSuiteValidationResult | None:
    """Return one result of all groups, in the suite's order."""
    if result is None:
        return None
    result.results = [one for one in found if one is not None]
    met, evaluated = sum(bool(one.success) for one in result.results), len(result.results)
    result.success = met == evaluated
    result.statistics = {
        "evaluated_expectations": evaluated,
        "successful_expectations": met,
        "unsuccessful_expectations": evaluated - met,
        "success_percent": 100 * met / evaluated,
    }
    return result


def _validated(
    frame: pd.DataFrame, suite: ContractSuite, expectations: Sequence[Expectation], parameters: Mapping[str, Any], max_rows: int
) -> ExpectationSuiteValidationResult:
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    whole = gx.ExpectationSuite(name=suite.name)
    whole.expectations = list(expectations)
    with quiet(), no_fingerprint():
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
        try:
            return batch.validate(whole, result_format=wanted, expectation_parameters=dict(parameters))
        except ValueError as error:  # pydantic's among them: a parameter's value does not fit
            raise ConfigurationError(
                f"Suite {suite.name!r} ({suite.source}) cannot be used: {' '.join(str(error).split())[:500]}"
            ) from error


def _tagged(expectation: Expectation, name: str) -> Expectation:
    """Return it with its name in its ``meta``: GX returns results in an order of its own."""
    return expectation.copy(update={"meta": {**(expectation.meta or {}), _TAG: name}})
