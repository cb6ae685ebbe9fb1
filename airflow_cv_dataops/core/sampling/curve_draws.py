"""All power laws that could have made some points, weighed by how well they fit.

With ``l`` the value at the smallest count and r how many times as many labels there are, the law ``a - b n^-c`` is
``a (1 - r^-c) + l r^-c``: linear in ``a`` and ``l`` once ``c`` is given. So ``c`` and the noise are on a grid, and there ``a`` and ``l``
follow a normal distribution that is known in full. (From the smallest count on ``r^-c`` is 1 at most, however far apart counts are.)

What is taken for granted before any point is seen:

- ``m <= a <= best``, ``m`` being the value at the largest count, each value as likely as another;
- ``c`` from 0.05 to 2, each order of magnitude as likely as another (deep models: 0.07 to 0.35, Hestness et al. 2017; linear: up to 1);
- noise of one evaluation: where standard errors are given, those times 1 (log-normal, 95 % from 0.4 to 2.7), for trainings differ beside
  test sets; else 5 % of the way from the worst value to the best (log-normal, 95 % from 0.5 to 50 %). Many points outvote it.
  Chosen on simulated curves of other seeds than those that ``benchmarks/learning_curve.py`` reports.

Where the points say more of ``c`` than the grid's steps can tell (standard errors far below the curve's rise), the grid is made anew around
those that carry weight, until several do.

Nothing is drawn by lot: the weighed curves are thinned out at even steps of their weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_EXPONENTS = (0.05, 2.0, 40)
_NOISE = 0.05
_NOISE_SPREAD, _KNOWN_NOISE_SPREAD = 1.2, 0.5
_NOISES = 24
_ASYMPTOTES = 40
_REACH = 4.0  # standard deviations
_LEVELS = 9
_DRAWS = 4_000
_LEAST_EXPONENTS, _CARRIES = 4, 0.01
_MOST_REFINEMENTS = 20


@dataclass(frozen=True, eq=False)
class Draws:
    """Curves, each as likely as another; arrays of one length. Values are higher where they are better.

    :param labels: the smallest label count. :param level: the value there.
    :param noise: the standard deviation of one evaluation, of the one whose standard error is in the middle.
    """

    labels: int
    asymptote: np.ndarray
    level: np.ndarray
    exponent: np.ndarray
    noise: np.ndarray

    def values(self, labels: int) -> np.ndarray:
        """Return each curve's value at so many labels."""
        return self.asymptote - (self.asymptote - self.level) * (labels / self.labels) ** -self.exponent

    def measured(self, labels: int) -> np.ndarray:
        """Return what evaluations there would show: each value at the steps of its noise."""
        import numpy as np

        return (self.values(labels)[:, None] + self.noise[:, None] * _normal_steps(21)[None, :]).ravel() if len(self.level) else np.empty(0)

    def labels_for(self, target: float) -> np.ndarray:
        """Return how many labels it takes each curve to reach a value; infinite where it never does."""
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            needed = self.labels * ((self.asymptote - self.level) / (self.asymptote - target)) ** (1 / self.exponent)
        return np.where(self.asymptote > target, needed, np.inf)


def weigh_curves(labels: Sequence[int], values: Sequence[float], errors: Sequence[float | None], *, best: float) -> Draws | None:
    """Return the curves that points allow; ``None`` where they allow none, all being too far from them for their noise.

    :param values: higher is better. :param errors: standard errors; ``None`` where one is not known.
    """
    import numpy as np

    counts, seen = np.asarray(labels, float), np.asarray(values, float)
    noise = _noise(seen, errors, best)
    exponents = np.geomspace(*_EXPONENTS)
    # Far outside of what models reach numbers may overflow: then there is no weight that is finite, and nothing is told.
    with np.errstate(all="ignore"):
        for _ in range(_MOST_REFINEMENTS):
            curves = _weighed(exponents, counts, seen, noise, best)
            weight = curves.weights.sum(axis=(1, 2, 3))
            if not 0 < weight.sum() < math.inf:
                return None
            finer = _finer(exponents, weight)
            if finer is None:
                break
            exponents = finer
    chosen = _thinned(curves.weights.ravel())
    at_exponent, at_noise, at_a, at_level = np.unravel_index(chosen, curves.weights.shape)
    return Draws(
        labels=int(counts.min()),
        asymptote=curves.asymptote[at_exponent, at_noise, at_a],
        level=curves.level[at_exponent, at_noise, at_a, at_level],
        exponent=curves.exponents[at_exponent],
        noise=noise.steps[at_noise] * float(np.median(noise.unit)),
    )


@dataclass(frozen=True, eq=False)
class _Noise:
    """:param unit: of each point. :param steps: how many units the noise may be. :param prior: logarithm of how likely each step is."""

    unit: np.ndarray
    steps: np.ndarray
    prior: np.ndarray


@dataclass(frozen=True, eq=False)
class _Weighed:
    """A grid of curves: of exponents, noises, asymptotes, and (``level``, ``weights``) values at the smallest count."""

    exponents: np.ndarray
    asymptote: np.ndarray
    level: np.ndarray
    weights: np.ndarray


def _weighed(exponents: np.ndarray, counts: np.ndarray, seen: np.ndarray, noise: _Noise, best: float) -> _Weighed:
    import numpy as np

    weight = noise.unit**-2
    reach = (counts / counts.min())[None, :] ** -exponents[:, None]  # (exponents, points): r^-c, 1 at the smallest count, then falling
    of_asymptote, of_level = 1 - reach, reach
    # Weighted least squares, one for each exponent, as a line in r^-c around its middle; the noise only scales the inverse.
    s_al, s_ll = (weight * of_asymptote * of_level).sum(1), (weight * of_level**2).sum(1)
    middle_reach, middle_seen = (weight * reach).sum(1) / weight.sum(), (weight * seen).sum() / weight.sum()
    off = reach - middle_reach[:, None]
    spread = (weight * off**2).sum(1)
    slope = (weight * off * (seen - middle_seen)).sum(1) / spread
    # Of the normal equations, but by what they come to: of their difference rounding leaves nothing where counts lie far apart.
    determinant = weight.sum() * spread
    a_hat = middle_seen - slope * middle_reach
    level_hat = a_hat + slope
    misfit = (weight * (seen - middle_seen - slope[:, None] * off) ** 2).sum(1)

    sd_a = np.sqrt(s_ll / determinant)[:, None] * noise.steps[None, :]
    low = np.maximum(a_hat[:, None] - _REACH * sd_a, seen.min())
    high = np.minimum(a_hat[:, None] + _REACH * sd_a, best)
    step = np.maximum(high - low, 0) / _ASYMPTOTES
    a = low[..., None] + (np.arange(_ASYMPTOTES) + 0.5) * step[..., None]  # (exponents, noises, asymptotes)
    # The level given a: another normal distribution, whose middle moves with a.
    middle = level_hat[:, None, None] - (s_al / s_ll)[:, None, None] * (a - a_hat[:, None, None])
    sd_level = (1 / np.sqrt(s_ll))[:, None] * noise.steps[None, :]
    level = middle[..., None] + sd_level[..., None, None] * _normal_steps(_LEVELS)
    # A step of the level is a smaller one of m, by r^-c there.
    log_weight = (
        -len(seen) * np.log(noise.steps)[None, :]
        - misfit[:, None] / (2 * noise.steps**2)[None, :]
        + np.log(sd_level)
        - (exponents * math.log(counts.max() / counts.min()))[:, None]
        + noise.prior[None, :]
        + np.log(np.maximum(step, 1e-300))
    )[..., None] - ((a - a_hat[:, None, None]) / sd_a[..., None]) ** 2 / 2
    is_allowed = (level <= a[..., None]) & (step > 0)[..., None, None]
    # Of those that are allowed the best has the weight 1: what is not may fit better, by more than numbers can hold.
    highest = np.max(log_weight, where=is_allowed.any(-1), initial=-math.inf)
    weights = np.where(is_allowed, np.exp(np.minimum(log_weight - highest, 0))[..., None], 0.0)
    return _Weighed(exponents, a, level, weights)


def _finer(exponents: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
    """Return exponents between those next to the ones that carry weight; ``None`` where enough of them do."""
    import numpy as np

    carry = np.flatnonzero(weight > _CARRIES * weight.max())
    if len(carry) >= _LEAST_EXPONENTS:
        return None
    low, high = exponents[max(carry[0] - 1, 0)], exponents[min(carry[-1] + 1, len(exponents) - 1)]
    return np.geomspace(low, high, len(exponents))


def _noise(seen: np.ndarray, errors: Sequence[float | None], best: float) -> _Noise:
    import numpy as np

    known = [error for error in errors if error is not None]
    if len(known) < len(errors):  # of which some nobody knows how far they are off: all count alike
        unit, median, spread = np.ones(len(seen)), _NOISE * max(best - float(seen.min()), 1e-9), _NOISE_SPREAD
    else:
        unit, median, spread = np.asarray(known, float), 1.0, _KNOWN_NOISE_SPREAD
    sure = np.linspace(-2.5, 2.5, _NOISES)
    return _Noise(unit, median * np.exp(spread * sure), -(sure**2) / 2)


def _thinned(weights: np.ndarray) -> np.ndarray:
    """Return places at even steps of the weight: of systematic resampling, with the offset in the middle of a step."""
    import numpy as np

    cumulated = np.cumsum(weights)
    steps = (np.arange(_DRAWS) + 0.5) / _DRAWS * cumulated[-1]
    return np.minimum(np.searchsorted(cumulated, steps, side="right"), len(weights) - 1)


def _normal_steps(count: int) -> np.ndarray:
    """Return the quantiles of the standard normal distribution in the middle of so many equal shares, at a standard deviation of 1."""
    from statistics import NormalDist

    import numpy as np

    steps = np.array([NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)])
    return steps / math.sqrt(float((steps**2).mean()))
