"""How far a number may be from the one that was counted or estimated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# The 97.5 % quantile of the normal distribution: 95 % lie within that many standard deviations of the mean.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """A number and its 95 % interval; NaN, all three, where nobody knows."""

    expected: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.expected)

    @staticmethod
    def of_draws(draws: np.ndarray) -> Interval:
        """Return median and 95 % interval of draws, each as likely as another; infinite ones are above all others."""
        import numpy as np

        ordered = np.sort(draws)
        low, expected, high = (float(ordered[min(int(share * len(ordered)), len(ordered) - 1)]) for share in (0.025, 0.5, 0.975))
        return Interval(expected, low, high)


def wilson_interval(hits: float, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share, both ends 0 to 1 (Wilson, JASA 1927); NaN and NaN where nothing was tried.

    Unlike the textbook interval it is of use for few trials and for shares of 0 and 1, which are the rule for rare categories.
    """
    if not trials:
        return math.nan, math.nan
    share, square = hits / trials, _Z**2 / trials
    centre = share + square / 2
    reach = _Z * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    low, high = (centre - reach) / (1 + square), (centre + reach) / (1 + square)
    # At the ends exactly 0 and 1, not what rounding leaves of them.
    return (0.0 if hits == 0 else low), (1.0 if hits == trials else high)


def difference_interval(hits: int, trials: int, other_hits: int, other_trials: int) -> Interval:
    """Return the first share less the second, -1 to 1, of two groups that have no member in common; NaN where one is empty.

    The interval is Newcombe's hybrid score interval without continuity correction (Statistics in Medicine 1998, 17:873-890, method 10).
    """
    if not trials or not other_trials:
        return Interval(math.nan, math.nan, math.nan)
    share, other = hits / trials, other_hits / other_trials
    (low, high), (other_low, other_high) = wilson_interval(hits, trials), wilson_interval(other_hits, other_trials)
    difference = share - other
    return Interval(
        difference,
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


@dataclass(frozen=True)
class Counted:
    """What was counted at several places, such as the model's errors on each of some images.

    :param places: how many. :param mean: of the counts, at least 0. :param variance: of the counts, by ``places - 1``; NaN at fewer than 2.
    """

    places: int
    mean: float
    variance: float

    def interval(self) -> Interval:
        """Return the mean with its 95 % interval; NaN at fewer than two places, for then nobody knows how far they differ."""
        if self.places < 2:
            return Interval(math.nan, math.nan, math.nan)
        return Interval(self.mean, *_mean_interval(self, _dispersion([self])))


def mean_difference_interval(counted: Counted, other: Counted) -> Interval:
    """Return the first mean less the second, of counts at places that have none in common; NaN where one of them has fewer than two.

    As in :func:`difference_interval` the intervals of both means are combined, each by the side that looks at the other (Zou and Donner,
    Statistics in Medicine 2008, 27:1693-1702). Those are score intervals of a mean count whose variance is ``dispersion x mean`` (quasi-
    Poisson; McCullagh and Nelder 1989, 6.2.3) at Student's quantile, which lean upward as counts do. The dispersion is that of the
    group's own counts, that of both groups, or 1 (Poisson), whichever is largest: a few counts that happen to lie close together,
    all zeros above all, do not make sure of anything.
    """
    if counted.places < 2 or other.places < 2:
        return Interval(math.nan, math.nan, math.nan)
    both = _dispersion([counted, other])
    (low, high), (other_low, other_high) = (_mean_interval(one, max(both, _dispersion([one]))) for one in (counted, other))
    difference = counted.mean - other.mean
    return Interval(
        difference,
        difference - math.hypot(counted.mean - low, other_high - other.mean),
        difference + math.hypot(high - counted.mean, other.mean - other_low),
    )


def _dispersion(groups: Sequence[Counted]) -> float:
    """Return by how much the variance of counts within groups is larger than their mean; at least 1."""
    variance = sum((group.places - 1) * group.variance for group in groups)
    mean = sum((group.places - 1) * group.mean for group in groups)
    return max(1.0, variance / mean) if mean else 1.0


def _mean_interval(counted: Counted, dispersion: float) -> tuple[float, float]:
    square = _student(counted.places - 1) ** 2 * dispersion / counted.places
    reach = math.sqrt(square * counted.mean + square**2 / 4)
    return max(0.0, counted.mean + square / 2 - reach), counted.mean + square / 2 + reach


def _student(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t (Abramowitz and Stegun 26.7.5, right to 1 % from 3 degrees of freedom on)."""
    if freedom < 3:
        return {1: 12.706, 2: 4.303}[freedom]
    terms = (
        (_Z**3 + _Z) / 4,
        (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96,
        (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384,
    )
    return _Z + sum(term / freedom**power for power, term in enumerate(terms, 1))
