"""Conditions on metrics that a release must meet."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.gates.gate_findings import NOT_FINITE, OPERATORS, UNAUDITED, Comparison, Finding, Metrics, look
from airflow_cv_dataops.core.release.gates.metric_names import PLAIN, QUOTED, SLICED, WARN, name_of, name_text, sliced

SEVERITIES = ("error", "warning")

_EXPRESSION = re.compile(
    rf"\s*(?P<warn>{WARN})?+\s*+(?P<metric>{SLICED}|{QUOTED}|{PLAIN})\s*(?P<op><=|>=|==|!=|<|>)\s*(?P<value>[^<>=!\s](?:[^<>=!]*[^<>=!\s])?)\s*",
    re.DOTALL,
)
_RELATIVE = re.compile(r"(?:(?P<factor>[^\s*]+)\s*\*\s*)?previous(?:\s*(?P<sign>[*+-])\s*(?P<number>\S+))?")


@dataclass(frozen=True)
class Gate:
    """A metric, a comparison and a value: ``Gate("label_error_rate", "<=", 0.05)``.

    :param metric: a metric of the candidate (docs/operators/dataset_promotion.md lists them), of the whole or of a slice
        (``annotations[category=stop]``; ``annotations[category=*]``: of every category that there is, or was in the previous release),
        ``<step>/<metric>`` of the ``metrics`` table, or one that the caller hands in.
    :param op: one of ``<=``, ``<``, ``>=``, ``>``, ``==``, ``!=``.
    :param value: what the metric is compared with.
    :param relative: ``None``: with ``value`` itself; ``*``: with ``value`` times what the release has that the stage holds; ``+``: with
        ``value`` more than that.
    :param severity: ``error``, or ``warning``: it is reported, and stops nothing.
    :raises ConfigurationError: unknown comparison, or a value that is not a finite number.
    """

    metric: str
    op: str
    value: float
    relative: str | None = None
    severity: str = "error"

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ConfigurationError(f"Gate on {self.metric!r}: comparison {self.op!r} is unknown: expected one of {', '.join(OPERATORS)}.")
        if not _is_finite(self.value):
            raise ConfigurationError(f"Gate on {self.metric!r}: value {self.value!r} is not a finite number.")
        if self.relative not in (None, "*", "+"):
            raise ConfigurationError(f"Gate on {self.metric!r}: relative={self.relative!r} is unknown: expected '*', '+' or None.")
        if self.severity not in SEVERITIES:
            raise ConfigurationError(f"Gate on {self.metric!r}: severity {self.severity!r} is unknown: expected error or warning.")

    def __str__(self) -> str:
        """Return the text that :func:`parse_gates` reads as this gate."""
        warn = "warn: " if self.severity == "warning" else ""
        return f"{warn}{name_text(self.metric)} {self.op} {self.wanted_text()}"

    def wanted_text(self) -> str:
        """Return what is wanted, as it is written: ``0.05``, ``0.95 * previous``, ``previous - 10``."""
        if self.relative is None:
            return number_text(self.value)
        if self.relative == "*":
            return "previous" if self.value == 1 else f"{number_text(self.value)} * previous"
        return f"previous {'-' if math.copysign(1, self.value) < 0 else '+'} {number_text(abs(self.value))}"

    def check(self, metrics: Metrics, previous: Metrics | None = None) -> GateOutcome:
        """Compare. A metric with several values (one a partition) must hold for each; the worst is what was found.

        A metric that is absent, or not finite, fails the gate. Of a metric with several values the worst is compared with the worst before.

        :param metrics: by name, slices included.
        :param previous: those of the release that the stage holds; ``None``: it holds none, and a gate relative to it is met.
        """
        return GateOutcome.of(self, look(Comparison(self.op, self.value, self.relative), self.metric, metrics, previous))


@dataclass(frozen=True)
class GateOutcome:
    """A gate and what was found.

    :param found: in the worst slice, where the gate asks for each; ``None``: the metric is absent.
    :param passed: the condition holds.
    :param wanted: the number that ``found`` was compared with; ``None``: there was no previous release, or not this metric in it.
    :param previous: the metric in the release that the stage holds, of a gate relative to it.
    :param slice: the slice that ``found`` is of, where the gate asks for each; ``slices``: how many there are.
    :param note: what else is to be said, e.g. why there is nothing to compare with.
    """

    gate: Gate
    found: float | None
    passed: bool
    wanted: float | None = None
    previous: float | None = None
    slice: str | None = None
    slices: int = 0
    failed_slices: int = 0
    note: str = ""

    @classmethod
    def of(cls, gate: Gate, finding: Finding) -> GateOutcome:
        return cls(gate, **vars(finding))

    @property
    def stops(self) -> bool:
        """Whether the release must not be made."""
        return not self.passed and self.gate.severity == "error"

    def __str__(self) -> str:
        wanted = self.gate.wanted_text()
        if self.gate.relative is not None and self.wanted is not None:
            wanted = f"{_short(self.wanted)} ({wanted}, which was {_short(self.previous)})"
        found = _short(self.found) if self.found is not None else "no finite number" if self.note == NOT_FINITE else "no such metric"
        if self.slice is not None:
            found += f" in {self.slice!r}" + (f" ({self.failed_slices} of {self.slices} fail)" if self.failed_slices else "")
        # Why what audits find is unknown is said once, for all gates.
        note = f"; {self.note}" if self.note and self.note not in (UNAUDITED, NOT_FINITE) else ""
        return f"{name_text(self.gate.metric)}: wanted {self.gate.op} {wanted}, found {found}{note}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the summary and the ``releases`` table; what there is nothing to say of is left out."""
        outcome: dict[str, Any] = {
            "metric": self.gate.metric,
            "op": self.gate.op,
            "wanted": self.wanted,
            "found": self.found,
            "passed": self.passed,
        }
        if self.gate.relative is not None:
            outcome |= {"gate": str(self.gate), "previous": self.previous}
        if self.gate.severity != "error":
            outcome["severity"] = self.gate.severity
        if self.slice is not None:
            outcome |= {"slice": self.slice, "slices": self.slices, "failed_slices": self.failed_slices}
        if self.note:
            outcome["note"] = self.note
        return outcome


def parse_gates(gates: Sequence[Gate | str | Mapping[str, Any]]) -> tuple[Gate, ...]:
    """Return gates from values, expressions or mappings.

    An expression is ``"[warn:] <metric> <op> <value>"``; the metric may be followed by a slice (``[category=stop]``, ``[category=*]``),
    names with odd characters are quoted as in JSON, and the value is a number, ``previous``, ``<number> * previous``,
    ``previous * <number>``, ``previous + <number>`` or ``previous - <number>``. A mapping has ``metric``, ``op``, ``value`` (as in an
    expression) and, if wanted, ``slice`` (``{"category": "stop"}``), ``relative`` and ``severity``.

    :raises ConfigurationError: an entry is none of them.
    """
    check_list("gates", gates)
    return tuple(_parse(gate) for gate in gates)


def number_text(value: float) -> str:
    """Return a number as short as it can be said without being another one."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _parse(gate: Gate | str | Mapping[str, Any]) -> Gate:
    if isinstance(gate, Gate):
        return gate
    if isinstance(gate, str):
        match = _EXPRESSION.fullmatch(gate)
        if not match:
            raise ConfigurationError(
                f"Gate {gate!r} cannot be read: expected e.g. 'label_error_rate <= 0.05' or 'images >= 0.95 * previous', "
                f"with one of {', '.join(OPERATORS)}; several gates are a list of texts."
            )
        value, relative = _wanted(match["value"], gate)
        return Gate(name_of(match["metric"]), match["op"], value, relative, "warning" if match["warn"] else "error")
    try:
        metric, (value, relative) = str(gate["metric"]), _wanted(gate["value"], gate)
        if (given := gate.get("slice")) is not None:
            metric = _slice_of(metric, given, gate)
        if gate.get("relative") is not None:
            if relative is not None:
                raise ConfigurationError(f"Gate {gate!r} says twice what its value is relative to.")
            relative = str(gate["relative"])
        return Gate(metric, str(gate["op"]), value, relative, str(gate.get("severity") or "error"))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"Gate {gate!r} cannot be read: expected the keys metric, op and value.") from error


def _slice_of(metric: str, given: Any, gate: Any) -> str:
    """Return the name of a slice. :param given: dimension and value; ``*``, or null: every value."""
    if not isinstance(given, Mapping) or len(given) != 1:
        raise ConfigurationError(f"Gate {gate!r}: slice {given!r} cannot be used: expected one dimension, e.g. {{'category': 'stop'}}.")
    [(dimension, value)] = given.items()
    if not isinstance(dimension, str) or not re.fullmatch(r"[^\W\d]\w*", dimension) or not (value is None or isinstance(value, str)):
        raise ConfigurationError(f"Gate {gate!r}: slice {given!r} cannot be used: expected a name and a text.")
    return sliced(metric, dimension, None if value == "*" else value)


def _wanted(value: Any, gate: Any) -> tuple[float, str | None]:
    """Return value and relation of what is on the right of a comparison."""
    match = _RELATIVE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return _number(value, gate), None
    if match["factor"] is not None and match["sign"] is not None:
        raise ConfigurationError(f"Gate {gate!r}: {value!r} is more than one number and previous: expected e.g. 0.95 * previous.")
    if match["sign"] in ("+", "-"):
        number = _number(match["number"], gate)
        return -number if match["sign"] == "-" else number, "+"
    factor = match["factor"] or match["number"]
    return 1.0 if factor is None else _number(factor, gate), "*"


def _number(value: Any, gate: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError("a truth value")
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        hint = f"; write {value.strip().rstrip('%')} % as a share of 1" if isinstance(value, str) and value.strip().endswith("%") else ""
        raise ConfigurationError(f"Gate {gate!r}: {value!r} is not a number{hint}.") from error


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(float(value))
    except OverflowError:
        return False


def _short(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
