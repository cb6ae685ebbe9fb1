"""How far a share may be from the one that was counted."""

from __future__ import annotations

import math

# The 97.5 % quantile of the normal distribution: 95 % lie within that many standard deviations of the mean.
_Z = 1.959963984540054


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
