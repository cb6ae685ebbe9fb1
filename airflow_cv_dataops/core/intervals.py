"""How far a number may be from the one that was counted or estimated."""

from __future__ import annotations

import math
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
