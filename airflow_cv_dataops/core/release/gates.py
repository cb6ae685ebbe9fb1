"""Conditions on metrics that a release must meet."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from airflow_cv_dataops.core.arguments import check_list
from airflow_cv_dataops.core.errors import ConfigurationError

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<=": le, "<": lt, ">=": ge, ">": gt, "==": eq, "!=": ne}
_EXPRESSION = re.compile(r"\s*(?P<metric>[^<>=!\s](?:[^<>=!]*[^<>=!\s])?)\s*(?P<op><=|>=|==|!=|<|>)\s*(?P<value>[^<>=!\s]+)\s*")


@dataclass(frozen=True)
class Gate:
    """A metric, a comparison and a value: ``Gate("label_error_rate", "<=", 0.05)``.

    :param metric: a metric of the candidate (docs/operators/dataset_promotion.md lists them), ``<step>/<metric>`` of the
        ``metrics`` table, or one that the caller hands in.
    :param op: one of ``<=``, ``<``, ``>=``, ``>``, ``==``, ``!=``.
    :param value: what the metric is compared with.
    :raises ConfigurationError: unknown comparison, or a value that is not a finite number.
    """

    metric: str
    op: str
    value: float

    def __post_init__(self) -> None:
        if self.op not in _OPERATORS:
            raise ConfigurationError(
                f"Gate on {self.metric!r}: comparison {self.op!r} is unknown: expected one of {', '.join(_OPERATORS)}."
            )
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)) or not math.isfinite(self.value):
            raise ConfigurationError(f"Gate on {self.metric!r}: value {self.value!r} is not a finite number.")

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.value:g}"

    def check(self, metrics: Mapping[str, float | Sequence[float]]) -> GateOutcome:
        """Compare. A metric with several values (one a partition) must hold for each; the worst is what was found.

        A metric that is absent, or not finite, fails the gate.
        """
        values = metrics.get(self.metric)
        found = [values] if isinstance(values, (int, float)) else list(values or ())
        if not found or not all(math.isfinite(value) for value in found):
            return GateOutcome(self, None, False)
        failed = [value for value in found if not _OPERATORS[self.op](value, self.value)]
        worst = max if self.op in ("<=", "<") else min
        return GateOutcome(self, worst(failed or found), not failed)


@dataclass(frozen=True)
class GateOutcome:
    """A gate and what was found; ``found`` is ``None`` where the metric is absent."""

    gate: Gate
    found: float | None
    passed: bool

    def __str__(self) -> str:
        found = "no such metric" if self.found is None else f"{self.found:g}"
        return f"{self.gate.metric}: wanted {self.gate.op} {self.gate.value:g}, found {found}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for the summary and the ``releases`` table."""
        return {"metric": self.gate.metric, "op": self.gate.op, "wanted": self.gate.value, "found": self.found, "passed": self.passed}


def parse_gates(gates: Sequence[Gate | str | Mapping[str, Any]]) -> tuple[Gate, ...]:
    """Return gates from values, expressions (``"images >= 100"``) or mappings with ``metric``, ``op`` and ``value``.

    :raises ConfigurationError: an entry is none of them.
    """
    check_list("gates", gates)
    return tuple(_parse(gate) for gate in gates)


def _parse(gate: Gate | str | Mapping[str, Any]) -> Gate:
    if isinstance(gate, Gate):
        return gate
    if isinstance(gate, str):
        match = _EXPRESSION.fullmatch(gate)
        if not match:
            raise ConfigurationError(f"Gate {gate!r} cannot be read: expected e.g. 'label_error_rate <= 0.05'.")
        return Gate(match["metric"], match["op"], _number(match["value"], gate))
    try:
        return Gate(str(gate["metric"]), str(gate["op"]), _number(gate["value"], gate))
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"Gate {gate!r} cannot be read: expected the keys metric, op and value.") from error


def _number(value: Any, gate: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError("a truth value")
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"Gate {gate!r}: {value!r} is not a number.") from error
