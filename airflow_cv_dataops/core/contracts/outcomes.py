"""What came of each expectation of a suite, in our words: it holds, it does not, it had nothing to look at, it could not be evaluated."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.expectation_names import DOMAIN, NAMED_COLUMNS, columns_of, given_name

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

PASSED, FAILED, NOTHING, BROKEN = "passed", "failed", "nothing_to_check", "not_evaluated"
SEVERITY_OF = {"critical": "error", "warning": "warning", "info": "info"}

_NOT_ARGUMENTS = frozenset((*DOMAIN, "batch_id", "result_format", "catch_exceptions", "condition_parser"))
# They look at what is not there, or at the table: an empty column tells them something.
_LOOK_AT_NULLS = re.compile(r"expect_table_|expect_column_to_exist|expect_.*null|expect_.*missing|.*_completeness")
_LONGEST_TEXT, _EXAMPLES, _LONGEST_EXAMPLE = 500, 3, 60


@dataclass(frozen=True)
class Outcome:
    """One expectation, and what came of it.

    :param check: its name in findings, metrics and lineage, unique in the suite.
    :param columns: those that it is about; none: the table.
    :param severity: ``error``, ``warning`` or ``info``: GX's ``critical``, ``warning`` or ``info``; ``error`` where it was not evaluated.
    :param status: ``passed``, ``failed``, ``nothing_to_check`` or ``not_evaluated``.
    :param expected: its arguments, and the condition on rows.
    :param actual: what was found, or why it could not be evaluated.
    :param unexpected: how many of ``looked_at`` values (or rows) are not as expected; ``None``: it does not count.
    :param rows: the first rows that are not as expected: position in the frame, and their values in ``columns``.
    :param is_named: its author has named it.
    """

    check: str
    kind: str
    columns: tuple[str, ...]
    severity: str
    status: str
    expected: str
    actual: str
    description: str | None = None
    unexpected: int | None = None
    looked_at: int | None = None
    rows: tuple[tuple[int, str], ...] = ()
    is_named: bool = False

    @property
    def is_bad(self) -> bool:
        return self.status in (FAILED, BROKEN)

    @property
    def title(self) -> str:
        """What is expected: as its author describes it, in the words of its class, or by its type and columns."""
        of = f" of {', '.join(self.columns)}" if self.columns and len(self.columns) <= NAMED_COLUMNS else ""
        words = self.description or f"{self.kind.removeprefix('expect_').replace('_', ' ')}{of}"
        return f"{self.check}: {words}" if self.is_named else words

    @property
    def whole_title(self) -> str:
        """The same with its arguments."""
        return self.title + (f" ({self.expected})" if self.expected else "")

    @property
    def message(self) -> str:
        """Say in one sentence what is wrong."""
        verb = "could not be evaluated" if self.status == BROKEN else "does not hold"
        return _cut(f"{self.whole_title} {verb}: {self.actual}", 2 * _LONGEST_TEXT)


def outcome_of(check: str, expectation: Expectation, result: ExpectationValidationResult, frame: pd.DataFrame, most_rows: int) -> Outcome:
    """Return what came of an expectation.

    :param frame: what it was evaluated on.
    :param most_rows: how many rows are named at most.
    """
    found = result.result or {}
    broken = _exception(result.exception_info)
    told = _outcome(check, expectation, result.expectation_config.kwargs if result.expectation_config else None)
    if broken is not None:
        return Outcome(**{**told, "severity": "error"}, status=BROKEN, actual=_cut(broken))  # whatever it matters: nobody knows
    looked_at, unexpected = _looked_at(found), _whole(found.get("unexpected_count"))
    if _saw_nothing(told["kind"], told["columns"], found, looked_at, bool(result.success), lambda: _records(frame, expectation, result)):
        return Outcome(**told, status=NOTHING, actual="nothing to look at", looked_at=looked_at)
    rows = _rows(found, told["columns"], most_rows) if not result.success else ()
    return Outcome(
        **told,
        status=PASSED if result.success else FAILED,
        actual=_actual(found, unexpected, looked_at),
        unexpected=unexpected,
        looked_at=looked_at,
        rows=rows,
    )


def not_looked(check: str, expectation: Expectation) -> Outcome:
    """Return the outcome of an expectation for which there was no row."""
    return Outcome(**_outcome(check, expectation), status=NOTHING, actual="there is no row", looked_at=0)


def needs_rows(expectation: Expectation) -> bool:
    """Whether it can say nothing of a table without rows."""
    return re.match(r"expect_table_|expect_column_to_exist", expectation.expectation_type) is None


def _outcome(check: str, expectation: Expectation, evaluated: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """:param evaluated: the arguments with the values of parameters in their places."""
    given = expectation.configuration.kwargs if evaluated is None else evaluated
    kwargs = {name: value for name, value in given.items() if name not in _NOT_ARGUMENTS and value is not None}
    kwargs.pop("row_condition", None)
    expected = [", ".join(f"{name}={_json(value)}" for name, value in kwargs.items()), _where(getattr(expectation, "row_condition", None))]
    severity = getattr(expectation.severity, "value", expectation.severity)
    description = expectation.description if isinstance(expectation.description, str) else None
    return {
        "check": check,
        "is_named": given_name(expectation) is not None,
        "kind": expectation.expectation_type,
        "columns": columns_of(expectation),
        "severity": SEVERITY_OF.get(str(severity), "error"),
        "expected": _cut(" ".join(part for part in expected if part)),
        "description": _cut(description or _sentence(expectation)) or None,
    }


def _sentence(expectation: Expectation) -> str:
    """Return the words that a class of ours has for what must hold; empty where it has none."""
    sentence = getattr(expectation, "sentence", None)
    if not callable(sentence):
        return ""
    template, values = sentence()
    return Template(template).safe_substitute({name: _shown(value) for name, value in values.items()})


def _exception(info: Any) -> str | None:
    """Return what was raised; GX puts it either at the top or below the id of a metric."""
    if not isinstance(info, Mapping):
        return None
    for one in [info, *(value for value in info.values() if isinstance(value, Mapping))]:
        if one.get("raised_exception"):
            return " ".join(str(one.get("exception_message") or "an exception without message").split())
    return None


def _looked_at(found: Mapping[str, Any]) -> int | None:
    elements, missing = _whole(found.get("element_count")), _whole(found.get("missing_count"))
    return elements if elements is None or missing is None else elements - missing


def _saw_nothing(
    kind: str, columns: Sequence[str], found: Mapping[str, Any], looked_at: int | None, success: bool, records: Callable[[], pd.DataFrame]
) -> bool:
    """Whether it looked at no value: what holds of nothing says nothing.

    :param records: gives the rows that its condition takes.
    """
    if looked_at is not None:
        return looked_at == 0 and success  # some say themselves that nothing is not enough
    if _LOOK_AT_NULLS.match(kind):
        return False
    rows = records()
    if any(rows[name].notna().any() for name in columns if name in rows.columns) or not (columns or rows.empty):
        return False
    # Of no value a mean is none, and fails; a sum is 0, and may hold or not.
    observed = found.get("observed_value", 0)
    return success or observed is None or (isinstance(observed, float) and math.isnan(observed))


def _records(frame: pd.DataFrame, expectation: Expectation, result: ExpectationValidationResult) -> pd.DataFrame:
    """Return the rows that the expectation's condition takes; all of them without one."""
    kwargs = result.expectation_config.kwargs if result.expectation_config else {}
    condition = kwargs.get("row_condition") or getattr(expectation, "row_condition", None)
    if not condition:
        return frame
    from great_expectations.execution_engine import PandasExecutionEngine

    engine = PandasExecutionEngine(batch_data_dict={"rows": frame})
    domain = {"row_condition": condition, "condition_parser": kwargs.get("condition_parser", "pandas")}
    records: pd.DataFrame = engine.get_domain_records({"batch_id": "rows", **domain})
    return records


def _rows(found: Mapping[str, Any], columns: Sequence[str], most: int) -> tuple[tuple[int, str], ...]:
    """Return the first rows that are not as expected, which GX hands over as a frame."""
    rows = found.get("unexpected_rows")
    if rows is None or not hasattr(rows, "index") or isinstance(rows, list):
        return ()
    first = rows.iloc[:most]
    shown = [name for name in columns if name in first.columns]
    values = zip(*(first[name].tolist() for name in shown), strict=True) if shown else [()] * len(first)
    told = [", ".join(f"{name} {_shown(value)}" for name, value in zip(shown, one, strict=True)) for one in values]
    return tuple((int(position), text) for position, text in zip(first.index.tolist(), told, strict=True))


def _where(condition: Any) -> str:
    if not condition:
        return ""
    return f"where {_condition(condition)}"


def _condition(condition: Any) -> str:
    """Return a condition as people would write it; GX's objects print as what they are made of."""
    parts, column = getattr(condition, "conditions", None), getattr(condition, "column", None)
    if parts is not None:
        joint = " or " if type(condition).__name__.startswith("Or") else " and "
        return joint.join(f"({_condition(part)})" for part in parts)
    if column is None:
        return str(getattr(condition, "pass_through_filter", None) or condition)
    name, operator = getattr(column, "name", column), getattr(condition, "operator", None)
    if operator is None:
        return f"{name} is {'null' if getattr(condition, 'is_null', False) else 'not null'}"
    return f"{name} {getattr(operator, 'value', operator)} {_json(getattr(condition, 'parameter', None))}"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(map(_shown, value.values()))})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "nothing"
    return f"{value:.6g}" if isinstance(value, float) else _cut(_json(value), _LONGEST_EXAMPLE)


def _actual(found: Mapping[str, Any], unexpected: int | None, looked_at: int | None) -> str:
    if unexpected is None or looked_at is None:
        details = found.get("details")
        problems = details.get("problems") if isinstance(details, Mapping) else None
        said = [f"{_shown(name)} {what}" for name, what in problems.items()] if isinstance(problems, Mapping) else []
        return _cut("; ".join(said) or f"observed {_json(found.get('observed_value'))}")
    share = f" ({unexpected / looked_at:.2%})" if looked_at else ""
    told = f"{unexpected:,} of {looked_at:,}{share}"
    examples = list(dict.fromkeys(_shown(value) for value in (found.get("partial_unexpected_list") or ())[:20]))
    return told + (f", such as {', '.join(examples[:_EXAMPLES])}" if unexpected and examples else "")


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _json(value: Any) -> str:
    """Return a value as JSON, as far as it is one."""
    try:
        return json.dumps(value, ensure_ascii=False, default=lambda one: one.item() if hasattr(one, "item") else str(one))
    except (TypeError, ValueError):
        return str(value)


def _cut(text: str, longest: int = _LONGEST_TEXT) -> str:
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text that a table takes
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
