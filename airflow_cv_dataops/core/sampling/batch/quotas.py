"""How many images of a group may, and must, be in a batch: of a category, a source, a camera, a partition, a capture day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_choice
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.batch.groups import Groups

if TYPE_CHECKING:
    import numpy as np

GROUPINGS = ("category", "source", "camera", "partition", "capture_day")

Amount = int | float
"""A number of images (int), or a share of the budget (float, above 0, at most 1)."""


@dataclass(frozen=True, eq=False)
class Quota:
    """The groups of one grouping, and their limits.

    :param groups: over the images that may be chosen; G groups, those that are named in a limit and have no image included. An image of
        several groups counts for each of them.
    :param most: (G,) int64, how many at most; a very large number for no limit. :param least: (G,) int64, how many at least.
    """

    grouping: str
    groups: Groups
    most: np.ndarray
    least: np.ndarray

    @property
    def without_image(self) -> list[int]:
        """Groups that have a limit and no image, by their numbers: a slip of the pen, or what is not there today."""
        return [group for group, images in enumerate(self.groups.sizes().tolist()) if not images]


UNLIMITED = 2**62


def quota_of(
    grouping: str,
    groups: Groups,
    most: Amount | Mapping[str, Amount] | None,
    least: Amount | Mapping[str, Amount] | None,
    budget: int | None,
) -> Quota:
    """Return the quota of a grouping over images.

    :param groups: of the images that may be chosen; groups without an image are left out, unless a limit names them.
    :param most: for every group, or by name with ``*`` for all others. :param least: likewise.
    :param budget: how many images a share is of; ``None``: the budget is in something else, and a share is refused.
    :raises ConfigurationError: a share without a budget in images.
    """
    import numpy as np

    groups = groups.only_named(sorted({name for given in (most, least) if isinstance(given, Mapping) for name in given} - {"*"}))

    def limits(given: Amount | Mapping[str, Amount] | None, of_none: int, share: Any) -> np.ndarray:
        by_name: Mapping[str, Amount] = given if isinstance(given, Mapping) else {} if given is None else {"*": given}
        amounts = [by_name.get(name, by_name.get("*")) for name in groups.names]
        return np.array([of_none if amount is None else share(grouping, amount, budget) for amount in amounts], dtype=np.int64)

    return Quota(grouping, groups, limits(most, UNLIMITED, _at_most), limits(least, 0, _at_least))


def check_quotas(name: str, given: Any) -> None:
    """:raises ConfigurationError: a grouping is unknown, or an amount is no number of images and no share."""
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{name}={given!r} cannot be used: expected e.g. {{'source': 20}} or {{'category': {{'dog': 5}}}}.")
    for grouping, amounts in given.items():
        check_choice(f"{name}: a grouping", grouping, GROUPINGS)
        for group, amount in amounts.items() if isinstance(amounts, Mapping) else (("*", amounts),):
            check_amount(f"{name}[{grouping!r}]" + (f"[{group!r}]" if isinstance(amounts, Mapping) else ""), amount)


def check_shares(budget_unit: Any, **given: Any) -> None:
    """:raises ConfigurationError: an amount is a share, and the budget is in something else than images.

    :param given: ``max_per_class``, ``max_per``, ``min_per``, each as it may be.
    """
    if budget_unit == "images":
        return
    for name, amounts in given.items():
        if share := next(_shares(amounts), None):
            raise ConfigurationError(
                f"{name}: a share of {share!r} is of a budget in images, and budget_unit is {budget_unit!r}: give a number of images."
            )


def _shares(amounts: Any) -> Iterator[float]:
    if isinstance(amounts, Mapping):
        for amount in amounts.values():
            yield from _shares(amount)
    elif isinstance(amounts, float) and amounts <= 1:
        yield amounts


def check_amount(name: str, amount: Any) -> None:
    """:raises ConfigurationError: it is neither a number of images nor a share of the budget."""
    is_number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
    is_count = is_number and amount >= 1 and float(amount).is_integer() and amount < UNLIMITED
    if not (is_count or (is_number and 0 < amount <= 1)):
        raise ConfigurationError(
            f"{name}={amount!r} cannot be used: expected a number of images (int, at least 1) or a share of the budget (float, above 0, "
            "at most 1)."
        )


def _at_most(grouping: str, amount: Amount, budget: int | None) -> int:
    """Return a number of images; of a share rounded down, at least 1."""
    return max(1, math.floor(_of_budget(grouping, amount, budget)))


def _at_least(grouping: str, amount: Amount, budget: int | None) -> int:
    """Return a number of images; of a share rounded up."""
    return math.ceil(_of_budget(grouping, amount, budget))


def _of_budget(grouping: str, amount: Amount, budget: int | None) -> float:
    if isinstance(amount, int) or amount > 1:
        return amount
    if budget is None:
        raise ConfigurationError(f"A share of {amount!r} for {grouping} needs a budget in images: give a number of images.")
    # 0.29 x 100 is 28.999999999999996
    return round(amount * budget, 9)
