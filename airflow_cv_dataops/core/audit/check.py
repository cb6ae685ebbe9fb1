"""What a check is, and which checks run how severely."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import expected
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.schema import SEVERITIES, TABLES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")
_READABLE_TABLES = ("images", "annotations", "predictions")
_NOTHING: Mapping[str, Any] = {}
# Checks that go on where another ends: (check, its threshold) takes the value of (other check, its threshold) where it is given none.
_FOLLOWS = {("disputed_label", "mode"): ("suspect_label", "mode"), ("near_duplicate_bbox", "duplicate_iou"): ("duplicate_bbox", "iou")}


@dataclass(frozen=True)
class Check:
    """One question that is asked of a partition's labels. Made from a function by :func:`check`; calling it calls the function.

    :param id: stable name in findings, metrics and lineage: lower-case letters, digits and ``_``.
    :param default_severity: ``error``, ``warning`` or ``info``; users override it by id.
    :param meaning: what a finding says, one sentence for people.
    :param fix: what to do about it, one sentence for people.
    :param run: a pure function of the input; returns findings rows (see ``finding_rows.annotation_rows``) or ``None`` for none. Its
        keyword-only arguments are the check's thresholds, their defaults the default ones; users override them by id.
    :param column: the annotations column that the check is about, for lineage's data-quality assertions.
    :param reads: columns beyond ``audit_input.BASE_COLUMNS`` that ``run`` needs, as ``table.column``; nothing else is read from storage.
    :param suspects: a finding says that the label is probably wrong: it counts in ``label_error_rate`` whatever its severity.
    :param compares: given the input, the rows of the images on which the check can compare what is labelled with what models predict; where
        there is none, it does not run. ``None``: those with predictions of the kinds that it ``reads``.
    :param choices: the values that a threshold may have, by its name, where it is a choice: another is refused before any work.
    :param shares: thresholds that are shares, at most 1, each with whether 0 is one: another number is refused before any work.
    :param looks_at: given the input, and those of the check's thresholds that it names, how many things the check has to look at; where
        there is none, that nothing is found says nothing. ``None``: the images that it compares, else by ``column``: see ``looked_at``.
    :raises ConfigurationError: id, severity or a column does not exist or cannot be used.
    """

    id: str
    default_severity: str
    meaning: str
    fix: str
    run: Callable[..., pa.Table | None]
    column: str | None = None
    reads: tuple[str, ...] = ()
    suspects: bool = False
    compares: Callable[[AuditInput], np.ndarray] | None = None
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shares: Mapping[str, bool] = field(default_factory=dict)
    looks_at: Callable[..., int] | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ConfigurationError(f"Check id {self.id!r} cannot be used: expected lower-case letters, digits and _, first a letter.")
        if self.default_severity not in SEVERITIES:
            raise ConfigurationError(f"Check {self.id!r} has severity {self.default_severity!r}: expected one of {', '.join(SEVERITIES)}.")
        for name in self.reads:
            table, _, column = name.partition(".")
            if table not in _READABLE_TABLES or column not in TABLES[table].column_names:
                raise ConfigurationError(
                    f"Check {self.id!r} reads {name!r}: expected <table>.<column> of a column of {', '.join(_READABLE_TABLES)}."
                )

    def __call__(self, data: AuditInput, **thresholds: Any) -> pa.Table | None:
        """Ask the question. :raises ConfigurationError: a threshold that is to be a share is none."""
        self.check_shares(thresholds)
        return self.run(data, **thresholds)

    def compared_images(self, data: AuditInput) -> np.ndarray | None:
        """Return the rows of the images on which there is something to compare, each once; ``None``: it goes by no predictions.

        Where a check goes by predictions and has nothing to compare, nobody knows what it would find: it must not run.
        """
        if not any(name.startswith("predictions.") for name in self.reads):
            return None
        predicted = data.predicted_images(self.reads)
        return predicted if self.compares is None or not len(predicted) else self.compares(data)

    @property
    def thresholds(self) -> dict[str, float | str]:
        """The numbers (or choices) that the check compares with, by name, at their defaults."""
        parameters = inspect.signature(self.run).parameters.values()
        return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}

    def with_thresholds(self, given: Mapping[str, Any]) -> dict[str, float | str]:
        """Return given thresholds in the types of their defaults; numbers may come as text, out of a template.

        :raises ConfigurationError: the check has no such threshold, or the value is not a finite number of at least 0, no share where it is
            to be one, or none of the choices.
        """
        defaults = self.thresholds
        if unknown := sorted(set(given) - set(defaults)):
            known = ", ".join(defaults) or "none"
            raise ConfigurationError(f"Check {self.id!r} has no threshold {', '.join(unknown)}; it has {known}.")
        read = {name: _like(f"thresholds[{self.id!r}][{name!r}]", value, defaults[name]) for name, value in given.items()}
        for name, value in read.items():
            if name in self.choices and value not in self.choices[name]:
                allowed = ", ".join(self.choices[name])
                raise ConfigurationError(f"thresholds[{self.id!r}]: {name}={value!r} is unknown: expected one of {allowed}.")
        self.check_shares(read)
        return read

    def check_shares(self, thresholds: Mapping[str, Any]) -> None:
        """:raises ConfigurationError: a threshold that is to be a share is below 0, above 1, or 0 where that is none."""
        for name in self.shares.keys() & thresholds.keys():
            value, with_zero = thresholds[name], self.shares[name]
            if not 0 <= value <= 1 or (value == 0 and not with_zero):
                expected = "from 0 to 1" if with_zero else "above 0 and at most 1"
                raise ConfigurationError(f"thresholds[{self.id!r}][{name!r}]={value!r} cannot be used: expected a number {expected}.")


def check(
    default_severity: str,
    *,
    meaning: str,
    fix: str,
    column: str | None = None,
    reads: tuple[str, ...] = (),
    suspects: bool = False,
    compares: Callable[[AuditInput], np.ndarray] | None = None,
    choices: Mapping[str, Sequence[str]] = _NOTHING,
    shares: Mapping[str, bool] = _NOTHING,
    looks_at: Callable[..., int] | None = None,
) -> Callable[[Callable[..., pa.Table | None]], Check]:
    """Make a :class:`Check` of a function, under the function's name.

    :param default_severity: ``error``, ``warning`` or ``info``; users override it by id.
    :param meaning: what a finding says, one sentence for people.
    :param fix: what to do about it, one sentence for people.
    :param column: the annotations column that the check is about, for lineage's data-quality assertions.
    :param reads: columns that it needs beyond the ones that are always read, as ``table.column``.
    :param suspects: a finding says that the label is probably wrong: it counts in ``label_error_rate`` whatever its severity.
    :param compares: given the input, the rows of the images on which the check can compare labels with predictions: see :class:`Check`.
    :param choices: the values that a threshold may have, by its name, where it is a choice.
    :param shares: thresholds that are shares, each with whether 0 is one.
    :param looks_at: given the input, and those of the check's thresholds that it names, how many things there are to look at: where there
        are none, lineage hears nothing of the check. ``None``: labels with a value in ``column``, all labels where there is no column.
    :raises ConfigurationError: id, severity or a column does not exist or cannot be used.
    """
    return lambda run: Check(
        run.__name__, default_severity, meaning, fix, run, column, reads, suspects, compares, choices, shares, looks_at
    )


@dataclass(frozen=True)
class EnabledCheck:
    """A check that is to run, and how. :param thresholds: those that differ from their defaults."""

    check: Check
    severity: str
    thresholds: Mapping[str, float | str]

    def run(self, data: AuditInput) -> pa.Table | None:
        """Ask the question."""
        return self.check.run(data, **self.thresholds)


def enabled_checks(
    checks: Sequence[Check],
    *,
    disabled: Collection[str] = (),
    severities: Mapping[str, str] = _NOTHING,
    thresholds: Mapping[str, Mapping[str, Any]] = _NOTHING,
) -> list[EnabledCheck]:
    """Return the checks that are to run, in the given order.

    :param thresholds: by check id, then by name. What is given to ``suspect_label`` (``mode``) and ``duplicate_bbox`` (``iou``) holds for
        ``disputed_label`` and ``near_duplicate_bbox`` (``duplicate_iou``) too, unless these are given their own.
    :raises ConfigurationError: an id is there twice, or an argument names an unknown check, severity or threshold.
    """
    known = [check.id for check in checks]
    if repeated := sorted({name for name in known if known.count(name) > 1}):
        raise ConfigurationError(f"Checks {repeated} are given twice: each id must be unique.")
    if isinstance(disabled, str):
        raise ConfigurationError(f"disabled={disabled!r} is a string: expected a list of check ids, e.g. [{disabled!r}].")
    if unknown := sorted({*disabled, *severities, *thresholds} - set(known)):
        raise ConfigurationError(f"Checks {unknown} do not exist: {expected(unknown[0], sorted(known), 'some of')}.")
    if wrong := {name: severity for name, severity in severities.items() if severity not in SEVERITIES}:
        raise ConfigurationError(f"Severities {wrong} are unknown: expected one of {', '.join(SEVERITIES)} for each.")
    if flat := sorted(name for name, values in thresholds.items() if not isinstance(values, Mapping)):
        raise ConfigurationError(f"thresholds of {flat} are no mapping: expected e.g. {{{flat[0]!r}: {{'name': 1.0}}}}.")
    thresholds = _followed(thresholds, known)
    return [
        EnabledCheck(check, severities.get(check.id, check.default_severity), check.with_thresholds(thresholds.get(check.id, {})))
        for check in checks
        if check.id not in disabled
    ]


def _followed(thresholds: Mapping[str, Mapping[str, Any]], known: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return the thresholds with those that checks take over from others."""
    complete = {name: dict(values) for name, values in thresholds.items()}
    for (follower, name), (leader, leading) in _FOLLOWS.items():
        if follower in known and leading in complete.get(leader, {}):
            complete.setdefault(follower, {}).setdefault(name, complete[leader][leading])
    return complete


def _like(name: str, value: Any, default: float | str) -> float | str:
    if isinstance(default, str):
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name}={value!r} is not a number.") from error
    if not math.isfinite(number) or number < 0 or (isinstance(default, int) and not number.is_integer()):
        kind = "a whole number" if isinstance(default, int) else "a finite number"
        raise ConfigurationError(f"{name}={value!r} cannot be used: expected {kind} of at least 0.")
    return int(number) if isinstance(default, int) else number
