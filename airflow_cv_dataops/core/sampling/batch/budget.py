"""What a batch may cost, and what each image costs: whole millionths, so that sums are exact whatever their order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

BUDGET_UNITS = ("images", "boxes", "minutes", "money")
COSTS = ("image", "box")
_PARTS = 1_000_000  # of a unit
_LARGEST = 1e9
_FIXED: Mapping[str, Mapping[str, float]] = {"images": {"image": 1.0, "box": 0.0}, "boxes": {"image": 0.0, "box": 1.0}}


@dataclass(frozen=True)
class Budget:
    """How much may be spent on a batch, and on what.

    An image costs ``per_image + per_box x its expected boxes``; the expected boxes are the sum of the confidences of the boxes that
    the model predicts in it, which is their number if the confidences are calibrated. Below one they count as one: somebody has to look,
    and images without a cost would make a batch without end.

    :param amount: in the unit. :param unit: ``images``, ``boxes``, ``minutes`` or ``money``.
    """

    amount: float
    unit: str = "images"
    per_image: float = 1.0
    per_box: float = 0.0

    @property
    def parts(self) -> int:
        """The amount in millionths."""
        return math.floor(round(self.amount * _PARTS, 3))

    def costs(self, expected_boxes: np.ndarray) -> np.ndarray:
        """Return what each image costs, (N,) int64 in millionths of the unit, at least 0."""
        import numpy as np

        costs = (self.per_image + self.per_box * np.maximum(expected_boxes, 1)) * _PARTS
        return np.rint(np.minimum(costs, 2.0**62)).astype(np.int64)

    def spent(self, parts: int) -> float:
        """Return millionths as an amount."""
        return parts / _PARTS

    def in_words(self) -> str:
        """Say it: ``120 minutes, at 0.1 an image and 0.25 a box``."""
        if self.unit in _FIXED:
            return self.amount_in_words
        return f"{self.amount_in_words}, at {self.per_image:g} an image and {self.per_box:g} a box"

    @property
    def amount_in_words(self) -> str:
        """Say how much: ``120 minutes``, ``500 boxes``; of money the number alone."""
        return f"{self.amount:,g}" if self.unit == "money" else f"{self.amount:,g} {self.unit}"


def budget_of(amount: Any, unit: Any = "images", cost: Mapping[str, Any] | None = None) -> Budget:
    """Return a budget.

    :param cost: of ``minutes`` or ``money``: what an ``image`` and a ``box`` cost, in the unit.
    :raises ConfigurationError: an amount or a cost cannot be used, or the unit has its costs already, or has none.
    """
    check_choice("budget_unit", unit, BUDGET_UNITS)
    whole = unit in _FIXED
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 < amount <= _LARGEST or (whole and amount != int(amount)):
        wanted = "a whole number of at least 1" if whole else f"a number above 0, at most {_LARGEST:,.0f}"
        raise ConfigurationError(f"budget={amount!r} cannot be used: expected {wanted}.")
    if whole:
        if cost:
            raise ConfigurationError(f"cost={dict(cost)!r} has no use with a budget in {unit}: give budget_unit='minutes' or 'money'.")
        fixed = _FIXED[unit]
        return Budget(float(amount), unit, fixed["image"], fixed["box"])
    if not cost or set(cost) - set(COSTS):
        raise ConfigurationError(
            f"cost={cost!r} does not say what labelling costs: expected {unit} by image and box, e.g. {{'image': 0.1, 'box': 0.25}}."
        )
    costs = {name: _cost(name, cost.get(name, 0)) for name in COSTS}
    if not any(costs.values()):
        raise ConfigurationError(f"cost={dict(cost)!r} makes every image free: a budget of {amount:g} {unit} would be without end.")
    return Budget(float(amount), unit, costs["image"], costs["box"])


def _cost(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not (number == 0 or 1 / _PARTS <= number <= _LARGEST):
        raise ConfigurationError(
            f"cost[{name!r}]={value!r} cannot be used: expected 0, or a number from {1 / _PARTS:f} to {_LARGEST:,.0f}."
        )
    return number
